//! The check that turns raw entries into validated values.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use crate::duration::parse_duration;
use crate::problem::{Problem, Problems};
use crate::scalar::Scalar;
use crate::size::parse_size;
use crate::sources::Sources;

/// Validates raw entries one by one and collects every problem, so that all are reported at once.
///
/// # Examples
///
/// ```
/// use netsocket_settings::{Key, Layers, Scalar, load};
///
/// #[derive(Debug, serde::Deserialize)]
/// struct Raw {
///     port: Option<Scalar>,
///     size: Option<Scalar>,
/// }
/// const KEYS: [Key; 2] = [
///     Key { name: "port", env: Some("PORT"), flag: None },
///     Key { name: "size", env: Some("SIZE"), flag: None },
/// ];
///
/// let wrong = |_: &str| Some("many".to_owned());
/// let (raw, mut check) = load::<Raw>(&KEYS, &Layers::default(), wrong)?.into_check();
/// // A wrong value is a problem, and the default stands in for it until the end.
/// assert_eq!(check.parse("port", raw.port.as_ref(), 80_u16, "a port"), 80);
/// check.problem("size", "many", "a size");
/// assert_eq!(check.finish(()).unwrap_err().0.len(), 2);
/// # Ok::<(), netsocket_settings::Problems>(())
/// ```
#[derive(Debug, Default)]
pub struct Check {
    sources: Sources,
    /// What stands before every key, see [`Self::within`].
    prefix: String,
    problems: Vec<Problem>,
}

impl Check {
    /// With the problems that there are so far.
    pub(crate) fn new(sources: Sources, problems: Vec<Problem>) -> Self {
        Self {
            sources,
            prefix: String::new(),
            problems,
        }
    }

    /// Reads an entry of a list of tables, which is called `entry`, such as `services[1]`: every key in `read` is one below
    /// it. An entry may inherit values from the top of the file: a value that was wrong there is not reported again here.
    pub fn within<T>(&mut self, entry: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.problems.len();
        let prefix = format!("{}{entry}.", self.prefix);
        let outer = std::mem::replace(&mut self.prefix, prefix);
        let value = read(self);
        let prefix = std::mem::replace(&mut self.prefix, outer);
        for problem in self.problems.split_off(before) {
            let bare = problem.key.strip_prefix(&prefix);
            let is_known = |known: &Problem| {
                Some(known.key.as_str()) == bare
                    && !known.given.is_empty()
                    && known.given == problem.given
            };
            if !self.problems.iter().any(is_known) {
                self.problems.push(problem);
            }
        }
        value
    }

    /// How many problems there are so far.
    #[must_use]
    pub fn count_problems(&self) -> usize {
        self.problems.len()
    }

    /// Records that the entry under `key` is wrong. `key` may be a path below a top-level key: `backends[1].address`.
    pub fn problem(&mut self, key: &str, given: impl Display, allowed: impl Display) {
        let key = format!("{}{key}", self.prefix);
        self.problems.push(Problem {
            origin: self.sources.origin(&key),
            key,
            given: given.to_string(),
            allowed: allowed.to_string(),
        });
    }

    /// The entry as parsed by `read`, or the default if it is absent or wrong (a wrong one is recorded as a problem).
    pub fn read_with<T>(
        &mut self,
        key: &str,
        entry: Option<&Scalar>,
        default: T,
        allowed: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> T {
        let Some(entry) = entry else { return default };
        match read(entry.as_str()) {
            Some(value) => value,
            None => {
                self.problem(key, entry.as_str(), allowed);
                default
            }
        }
    }

    /// An entry of any type that parses itself from text.
    pub fn parse<T: FromStr>(
        &mut self,
        key: &str,
        entry: Option<&Scalar>,
        default: T,
        allowed: &str,
    ) -> T {
        self.read_with(key, entry, default, allowed, |text| text.parse().ok())
    }

    /// A duration such as `500ms` or `10m`, within the bounds given (both included).
    pub fn duration(
        &mut self,
        key: &str,
        entry: Option<&Scalar>,
        default: Duration,
        bounds: std::ops::RangeInclusive<Duration>,
    ) -> Duration {
        let allowed = format!(
            "a duration from {:?} to {:?}, such as 500ms, 2s or 10m",
            bounds.start(),
            bounds.end()
        );
        self.read_with(key, entry, default, &allowed, |text| {
            parse_duration(text)
                .ok()
                .filter(|value| bounds.contains(value))
        })
    }

    /// A whole number within the bounds given (both included).
    pub fn count(
        &mut self,
        key: &str,
        entry: Option<&Scalar>,
        default: u64,
        bounds: std::ops::RangeInclusive<u64>,
    ) -> u64 {
        let allowed = format!("a whole number from {} to {}", bounds.start(), bounds.end());
        self.read_with(key, entry, default, &allowed, |text| {
            text.parse().ok().filter(|value| bounds.contains(value))
        })
    }

    /// A size in bytes such as `64k` or `2G`, within the bounds given (both included).
    pub fn size(
        &mut self,
        key: &str,
        entry: Option<&Scalar>,
        default: u64,
        bounds: std::ops::RangeInclusive<u64>,
    ) -> u64 {
        let allowed = format!(
            "a size from {} to {} bytes, such as 4096, 64k or 2G",
            bounds.start(),
            bounds.end()
        );
        self.read_with(key, entry, default, &allowed, |text| {
            parse_size(text).ok().filter(|value| bounds.contains(value))
        })
    }

    /// The validated settings, or every problem found.
    ///
    /// # Errors
    /// All problems, in the order in which they were found.
    pub fn finish<T>(self, value: T) -> Result<T, Problems> {
        if self.problems.is_empty() {
            Ok(value)
        } else {
            Err(Problems(self.problems))
        }
    }
}
