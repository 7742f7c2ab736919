//! Which log lines are written: a level, also for parts of a program apart.
//!
//! Owns: what such a text may say. Does not own: how lines are filtered, which `tracing-subscriber` does; there a word that is
//! no level is the name of a target, so that `warning` would silence a program.

use std::fmt;
use std::str::FromStr;

use crate::check::Check;
use crate::nearest::nearest;
use crate::scalar::Scalar;

const FORM: &str = "error, warn, info, debug, trace or off, also for a part of the program alone, as in info,rskafka=off";
const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];
/// Words of syslog, HAProxy, nginx and others, and the levels that they mean.
const OTHER_WORDS: [(&str, &str); 16] = [
    ("warning", "warn"),
    ("notice", "info"),
    ("information", "info"),
    ("normal", "info"),
    ("emerg", "error"),
    ("emergency", "error"),
    ("alert", "error"),
    ("crit", "error"),
    ("critical", "error"),
    ("fatal", "error"),
    ("verbose", "debug"),
    ("all", "trace"),
    ("none", "off"),
    ("quiet", "off"),
    ("silent", "off"),
    ("false", "off"),
];
/// The parts of our own programs, by the names that log lines have.
const OWN: [&str; 10] = [
    "netsocket",
    "netsocket_balancer",
    "netsocket_client",
    "netsocket_collector",
    "netsocket_credentials",
    "netsocket_fileserver",
    "netsocket_protocol",
    "netsocket_proxy_protocol",
    "netsocket_settings",
    "netsocket_telemetry",
];

/// Which lines are logged: a level for everything, and levels for targets, with commas between.
///
/// # Examples
///
/// ```
/// use netsocket_settings::LogFilter;
///
/// let filter: LogFilter = "info,rskafka=off".parse()?;
/// assert_eq!(filter.as_str(), "info,rskafka=off");
/// let said = "warning".parse::<LogFilter>().unwrap_err().to_string();
/// assert!(said.ends_with("; did you mean warn?"), "{said}");
/// # Ok::<(), netsocket_settings::LogFilterError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFilter(String);

/// A text that is no log filter; displays as what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{FORM}{}", meant(.0.as_deref()))]
pub struct LogFilterError(Option<String>);

fn meant(word: Option<&str>) -> String {
    word.map_or_else(String::new, |word| format!("; did you mean {word}?"))
}

impl LogFilter {
    /// The one that a program has where nothing is said. It is not judged.
    #[must_use]
    pub fn by_default(text: &'static str) -> Self {
        Self(text.to_owned())
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// With a directive before, which those of the filter may overrule.
    #[must_use]
    pub fn after(&self, directive: &str) -> Self {
        Self(format!("{directive},{self}"))
    }
}

impl fmt::Display for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for LogFilter {
    type Err = LogFilterError;

    fn from_str(text: &str) -> Result<Self, LogFilterError> {
        text.split(',').try_for_each(directive)?;
        Ok(Self(text.to_owned()))
    }
}

impl Check {
    /// The entry of the key `log`.
    pub fn log_filter(&mut self, entry: Option<&Scalar>, default: LogFilter) -> LogFilter {
        let Some(entry) = entry else { return default };
        entry.as_str().parse().unwrap_or_else(|error| {
            self.problem("log", entry.as_str(), error);
            default
        })
    }
}

/// One of those between the commas: `LEVEL` or `TARGET=LEVEL`.
fn directive(text: &str) -> Result<(), LogFilterError> {
    let text = text.trim();
    let Some((target, level)) = text.split_once('=') else {
        return level_of(text);
    };
    level_of(level)?;
    let is_path = |target: &str| {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':');
        !target.is_empty() && target.bytes().all(is_part)
    };
    let part = target.split("::").next().unwrap_or_default();
    let is_ours = part.starts_with("netsocket");
    if is_path(target) && (!is_ours || OWN.contains(&part)) {
        return Ok(());
    }
    let nearest = if is_ours {
        nearest(&part.replace('-', "_"), OWN)
    } else {
        None
    };
    Err(LogFilterError(nearest.map(|it| format!("{it}={level}"))))
}

fn level_of(word: &str) -> Result<(), LogFilterError> {
    let small = word.to_ascii_lowercase();
    if LEVELS.contains(&small.as_str()) {
        return Ok(());
    }
    if let Some(own) = OWN.iter().find(|own| **own == small) {
        return Err(LogFilterError(Some(format!("{own}=debug"))));
    }
    let other = OTHER_WORDS.iter().find(|(other, _)| *other == small);
    let meant = other.map(|(_, level)| (*level).to_owned());
    Err(LogFilterError(
        meant.or_else(|| nearest(&small, LEVELS).map(str::to_owned)),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_alone_and_for_targets_are_filters() {
        for text in [
            "warn",
            "INFO",
            "off",
            "info,rskafka=off",
            "warn, netsocket_balancer=debug",
            "error,netsocket_balancer::core::health=trace,hyper=info",
        ] {
            assert_eq!(text.parse(), Ok(LogFilter(text.to_owned())));
        }
        let filter: LogFilter = "info".parse().unwrap();
        assert_eq!(filter.after("h2=error").as_str(), "h2=error,info");
    }

    #[test]
    fn what_would_silence_a_program_is_refused() {
        for (text, meant) in [
            ("warning", "; did you mean warn?"),
            ("Notice", "; did you mean info?"),
            ("verbose", "; did you mean debug?"),
            ("inof", "; did you mean info?"),
            ("info,rskafka=none", "; did you mean off?"),
            (
                "netsocket_balancer",
                "; did you mean netsocket_balancer=debug?",
            ),
            (
                "netsocket-balancer=debug",
                "; did you mean netsocket_balancer=debug?",
            ),
            (
                "netsocket_balncer::core=trace",
                "; did you mean netsocket_balancer=trace?",
            ),
            ("loud", ""),
            ("hyper", ""),
            ("", ""),
            ("info,,,==", ""),
            ("[[", ""),
            ("=info", ""),
            ("[span]=info", ""),
        ] {
            let said = text.parse::<LogFilter>().unwrap_err().to_string();
            assert_eq!(said, format!("{FORM}{meant}"), "{text}");
        }
    }
}
