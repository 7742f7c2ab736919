//! The check that turns raw entries into validated values.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use crate::duration::{duration_text, parse_duration};
use crate::judged::Judged;
use crate::meant_value::{meant_duration, meant_size, meant_word};
use crate::problem::{Problem, Problems};
use crate::scalar::Scalar;
use crate::size::parse_size;
use crate::sources::Sources;

/// In characters.
const LONGEST_SHOWN: usize = 200;

/// Validates raw entries one by one and collects every problem, so that all are reported at once.
///
/// # Examples
///
/// ```
/// use netsocket_settings::{COLLECTOR, Key, Layers, Scalar, load};
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
/// let (raw, mut check) = load::<Raw>(&KEYS, &COLLECTOR, &Layers::default(), wrong)?.into_check();
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
    doubts: Vec<Problem>,
    /// See [`Self::look_at_files`].
    looks_at_files: bool,
}

impl Check {
    /// With the problems that there are so far.
    pub(crate) fn new(sources: Sources, problems: Vec<Problem>) -> Self {
        Self {
            sources,
            prefix: String::new(),
            problems,
            doubts: Vec::new(),
            looks_at_files: false,
        }
    }

    /// From now on, what this machine does not have is a problem too: for a program that is going to start here.
    pub fn look_at_files(&mut self) {
        self.looks_at_files = true;
    }

    /// Whether files of this machine are to be looked at.
    #[must_use]
    pub fn looks_at_files(&self) -> bool {
        self.looks_at_files
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
            let bare = problem.key.strip_prefix(&prefix).unwrap_or_default();
            let value = |problem: &Problem| problem.given.trim_matches('"').to_owned();
            let outer = &self.prefix;
            let is_known = |known: &Problem| {
                let key = known.key.strip_prefix(outer).unwrap_or(&known.key);
                !known.given.is_empty()
                    && full_name(key) == full_name(bare)
                    && value(known) == value(&problem)
            };
            if !self.problems.iter().any(is_known) {
                self.problems.push(problem);
            }
        }
        value
    }

    /// Whether a key of this name was found in a table where it does not belong: what is said of that is enough.
    #[must_use]
    pub fn is_misplaced(&self, name: &str) -> bool {
        let own = self.full(name);
        let is_it = |problem: &Problem| {
            problem.key != own
                && problem
                    .key
                    .rsplit_once('.')
                    .is_some_and(|(_, last)| last == name)
        };
        self.problems.iter().any(is_it)
    }

    /// How many problems there are so far.
    #[must_use]
    pub fn count_problems(&self) -> usize {
        self.problems.len()
    }

    /// Where the entry under `key` comes from: a flag, an environment variable, or `FILE:LINE:COLUMN`. For what can only be
    /// found wrong later.
    #[must_use]
    pub fn origin(&self, key: &str) -> String {
        self.sources.origin(&self.full(key))
    }

    /// The key, with what it is in.
    fn full(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// Records that the entry under `key` is wrong. `key` may be a path below a top-level key: `backends[1].address`.
    pub fn problem(&mut self, key: &str, given: impl Display, allowed: impl Display) {
        let problem = self.told(key, given, allowed);
        self.problems.push(problem);
    }

    /// Records that the entry under `key` is allowed, and most likely not what is wanted: the program starts and warns, and so
    /// does `--check-config`.
    pub fn doubt(&mut self, key: &str, given: impl Display, said: impl Display) {
        let doubt = self.told(key, given, said);
        self.doubts.push(doubt);
    }

    /// The same where the value is a secret.
    pub fn doubt_at(&mut self, key: &str, said: impl Display) {
        let doubt = self.told_at(key, said);
        self.doubts.push(doubt);
    }

    fn told(&self, key: &str, given: impl Display, said: impl Display) -> Problem {
        let key = self.full(key);
        let given = match self.sources.written(&key) {
            Some(written) => shown(written),
            None => format!("{:?}", shown(&given.to_string())),
        };
        Problem {
            origin: self.sources.origin(&key),
            key,
            given,
            allowed: said.to_string(),
        }
    }

    /// The same where there is no value to show: there is none, or it is a secret, or a list or a table.
    pub fn problem_at(&mut self, key: &str, allowed: impl Display) {
        let problem = self.told_at(key, allowed);
        self.problems.push(problem);
    }

    fn told_at(&self, key: &str, said: impl Display) -> Problem {
        let key = self.full(key);
        Problem {
            origin: self.sources.origin(&key),
            key,
            given: String::new(),
            allowed: said.to_string(),
        }
    }

    /// Records that `key` is missing beside another, which is set: that is the place to look at.
    pub fn missing_beside(&mut self, beside: &str, key: &str, said: impl Display) {
        self.problems.push(Problem {
            origin: self.sources.origin(&self.full(beside)),
            key: self.full(key),
            given: String::new(),
            allowed: said.to_string(),
        });
    }

    /// The entry under `key` may be a number, or true or false, without quotes. Every other entry is a text: one that is not
    /// is a problem, as `name = 5` most likely was meant in another way. If it is a list, that goes for all in it. The methods
    /// for numbers know this themselves.
    pub fn not_text(&mut self, key: &str) {
        let key = self.full(key);
        self.sources.places.others_mut().want(&key);
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
                let meant = meant_word(entry.as_str(), allowed);
                self.problem(key, entry.as_str(), with_meant(allowed, meant));
                default
            }
        }
    }

    /// The same of an entry with commas between its parts, or a list in the file: the parts that are wrong by themselves are
    /// named one by one.
    pub fn read_list<T>(
        &mut self,
        key: &str,
        entry: Option<&Scalar>,
        default: T,
        allowed: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> T {
        let Some(Scalar(text)) = entry else {
            return default;
        };
        if let Some(value) = read(text) {
            return value;
        }
        let parts = text.split(',').map(str::trim).enumerate();
        let wrong: Vec<_> = parts.filter(|(_, part)| read(part).is_none()).collect();
        if wrong.is_empty() {
            self.problem(key, text, allowed);
        }
        for (index, part) in wrong {
            let element = self.sources.element(&self.full(key), index);
            match element {
                None if part == text.trim() => self.problem(key, text, allowed),
                element => {
                    let index = element.unwrap_or(index);
                    self.problem(&format!("{key}[{index}]"), part, allowed);
                }
            }
        }
        default
    }

    /// An entry of any type that parses itself from text. Whether it may be a number, or true or false, in a file is seen
    /// from what its type can parse.
    pub fn parse<T: FromStr>(
        &mut self,
        key: &str,
        entry: Option<&Scalar>,
        default: T,
        allowed: &str,
    ) -> T {
        // Most keys are not given: nothing is written for them.
        if entry.is_none() {
            return default;
        }
        let takes = |text: &str| text.parse::<T>().is_ok();
        if ["true", "0", "1", "200"].into_iter().any(takes) && !takes("\u{1}") {
            self.not_text(key);
        }
        self.read_with(key, entry, default, allowed, |text| text.parse().ok())
    }

    /// A duration such as `500ms` or `10m`, within the bounds given (both included).
    pub fn duration(
        &mut self,
        key: &str,
        entry: Option<&Scalar>,
        default: Duration,
        bounds: RangeInclusive<Duration>,
    ) -> Duration {
        let (least, most) = (bounds.start(), bounds.end());
        let read = |text: &str| parse_duration(text).ok().filter(|it| bounds.contains(it));
        self.number(key, entry, default, read, |text, needs_quotes| {
            let unit = without_unit(text, needs_quotes, &bounds);
            let (least, most) = (duration_text(*least), duration_text(*most));
            let said = format!("a duration from {least} to {most}, such as 500ms, 2s or 10m{unit}");
            with_meant(&said, meant_duration(text, &bounds).as_deref())
        })
    }

    /// A whole number within the bounds given (both included).
    pub fn count(
        &mut self,
        key: &str,
        entry: Option<&Scalar>,
        default: u64,
        bounds: RangeInclusive<u64>,
    ) -> u64 {
        let (least, most) = (bounds.start(), bounds.end());
        let read = |text: &str| text.parse().ok().filter(|it| bounds.contains(it));
        self.number(key, entry, default, read, |_, _| {
            format!("a whole number from {least} to {most}")
        })
    }

    /// A size in bytes such as `64k` or `2G`, within the bounds given (both included).
    pub fn size(
        &mut self,
        key: &str,
        entry: Option<&Scalar>,
        default: u64,
        bounds: RangeInclusive<u64>,
    ) -> u64 {
        let (least, most) = (bounds.start(), bounds.end());
        let read = |text: &str| parse_size(text).ok().filter(|it| bounds.contains(it));
        self.number(key, entry, default, read, |text, _| {
            let said = format!("a size from {least} to {most} bytes, such as 4096, 64k or 2G");
            with_meant(&said, meant_size(text, &bounds).as_deref())
        })
    }

    /// An entry that may stand in a file without quotes. Most are not given, and most of the others are right: `allowed` is
    /// only called for a wrong one, with its text and whether it needs quotes.
    fn number<T>(
        &mut self,
        key: &str,
        entry: Option<&Scalar>,
        default: T,
        read: impl FnOnce(&str) -> Option<T>,
        allowed: impl FnOnce(&str, bool) -> String,
    ) -> T {
        let Some(Scalar(text)) = entry else {
            return default;
        };
        self.not_text(key);
        if let Some(value) = read(text) {
            return value;
        }
        let needs_quotes = self.sources.written(&self.full(key)).is_some();
        self.problem(key, text, allowed(text, needs_quotes));
        default
    }

    /// What was wrong so far, for a program that is not going to judge the values.
    ///
    /// # Errors
    /// All of it.
    pub fn so_far(self) -> Result<(), Problems> {
        Judged::new((), self.problems, self.doubts).finish()
    }

    /// The validated settings, or every problem found.
    ///
    /// # Errors
    /// All problems, in the order of the file.
    pub fn finish<T>(self, value: T) -> Result<T, Problems> {
        self.judged(value).finish()
    }

    /// The settings as far as they could be judged, with every problem found.
    #[must_use]
    pub fn judged<T>(mut self, value: T) -> Judged<T> {
        self.refuse_others();
        Judged::new(value, self.problems, self.doubts)
    }

    /// Numbers and the like where a text belongs.
    fn refuse_others(&mut self) {
        for (key, kind) in self.sources.unwanted() {
            let key = key.as_str();
            let said = format!("a text in quotes, not {kind}");
            // What holds it may be wrong as a whole, or what it was taken for.
            let below = |whole: &str, part: &str| {
                let rest = part.strip_prefix(whole);
                rest.is_some_and(|rest| rest.starts_with(['.', '[']))
            };
            let is_it = |problem: &Problem| problem.key == key || below(key, &problem.key);
            let is_told = self.problems.iter().any(|it| below(&it.key, key));
            match self.problems.iter_mut().find(|it| is_it(it)) {
                Some(problem) if problem.given.is_empty() => {}
                Some(problem) if problem.allowed.ends_with('?') => {
                    problem.allowed += &format!(" It is {said}");
                }
                Some(problem) => problem.allowed += &format!("; {said}"),
                None if is_told => {}
                None => {
                    let given = self.sources.written(key).filter(|_| !may_be_secret(key));
                    self.problems.push(Problem {
                        origin: self.sources.origin(key),
                        key: key.to_owned(),
                        given: given.unwrap_or_default().to_owned(),
                        allowed: said,
                    });
                }
            }
        }
    }
}

/// The key of the list that an element is in; else the key itself.
fn list_of(key: &str) -> &str {
    let element = key.strip_suffix(']').and_then(|it| it.rsplit_once('['));
    element.map_or(key, |(list, _)| list)
}

/// What a key is called outside of its table, without the place in a list.
fn full_name(key: &str) -> String {
    list_of(key).replace('.', "_")
}

/// Whether the value under a key is better not shown.
fn may_be_secret(key: &str) -> bool {
    let name = key.rsplit('.').next().unwrap_or(key);
    let words = ["password", "token", "secret", "send"];
    words.iter().any(|word| name.contains(word))
}

/// What is allowed, and what was probably meant.
fn with_meant(allowed: &str, meant: Option<&str>) -> String {
    match meant {
        Some(meant) => format!("{allowed}; did you mean {meant}?"),
        None => allowed.to_owned(),
    }
}

/// A value that is long is shown by its beginning.
fn shown(given: &str) -> String {
    match given.char_indices().nth(LONGEST_SHOWN) {
        Some((end, _)) => format!("{}…", &given[..end]),
        None => given.to_owned(),
    }
}

/// What is said of a duration that is a number alone.
fn without_unit(text: &str, needs_quotes: bool, bounds: &RangeInclusive<Duration>) -> String {
    let text = text.trim();
    if text.is_empty() || text == "0" || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return String::new();
    }
    let quote = if needs_quotes { "\"" } else { "" };
    let fits = |unit: &&'static str| {
        let value = parse_duration(&format!("{text}{unit}"));
        value.is_ok_and(|value| bounds.contains(&value))
    };
    let missing = if needs_quotes {
        "a unit and quotes"
    } else {
        "a unit"
    };
    // HAProxy takes a bare number for milliseconds, others for seconds.
    let fitting = ["s", "ms"].into_iter().filter(fits);
    let fitting: Vec<_> = fitting
        .map(|unit| format!("{quote}{text}{unit}{quote}"))
        .collect();
    match fitting.is_empty() {
        false => format!("; it needs {missing}: {}", fitting.join(" or ")),
        true => format!("; it needs {missing}"),
    }
}

#[cfg(test)]
mod tests;
