//! Settings of the access log.

use std::num::NonZeroU32;

use netsocket_settings::Check;

use super::keys::{Entries, Entry};
use crate::observe::access_log::{Format, Options, Scope, Selection, Target, TargetError, Wanted};

/// Default target of the access log.
pub const DEFAULT_ACCESS_LOG_TARGET: &str = "stderr";

const MAX_SAMPLED: u64 = 1_000_000_000;

/// Where the access log is written, and in which format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessLogRules {
    /// Where lines are written; `None`: nowhere.
    pub target: Option<Target>,
    /// Their format, and which sessions are logged.
    pub options: Options,
}

impl AccessLogRules {
    /// The log that they ask for, if any.
    pub(crate) fn wanted(&self) -> Option<Wanted> {
        Some((self.target.clone()?, self.options))
    }
}

pub(super) fn default_access_log() -> AccessLogRules {
    AccessLogRules {
        target: Some(Target::Stderr),
        options: Options::default(),
    }
}

pub(super) fn access_log(check: &mut Check, entries: &Entries) -> AccessLogRules {
    let Entry { key, value } = entries.get("access_log_target");
    let target = check.read_with(
        &key,
        value,
        Some(Target::Stderr),
        &format!("off, {TargetError}"),
        |text| match text {
            "off" => Some(None),
            _ => text.parse().ok().map(Some),
        },
    );
    match (value, &target) {
        (Some(given), Some(Target::File(path))) => {
            check.appended_file_place(&key, given.as_str(), path);
        }
        (Some(given), Some(Target::Syslog(path))) if check.looks_at_files() && path.is_dir() => {
            check.problem(&key, given.as_str(), "is a directory, a socket is needed");
        }
        _ => {}
    }
    let Entry { key, value } = entries.get("access_log_format");
    let format = check.read_with(
        &key,
        value,
        Format::Text,
        "text or json",
        |text| match text {
            "text" => Some(Format::Text),
            "json" => Some(Format::Json),
            _ => None,
        },
    );
    let Entry { key, value } = entries.get("access_log_scope");
    let scope = check.read_with(
        &key,
        value,
        Scope::All,
        "all or errors",
        |text| match text {
            "all" => Some(Scope::All),
            "errors" => Some(Scope::Errors),
            _ => None,
        },
    );
    let Entry { key, value } = entries.get("access_log_sample");
    let sample = check.count(&key, value, 1, 1..=MAX_SAMPLED);
    let sample = u32::try_from(sample).ok().and_then(NonZeroU32::new);
    AccessLogRules {
        target,
        options: Options {
            format,
            selection: Selection {
                scope,
                sample: sample.unwrap_or(NonZeroU32::MIN),
            },
            ..Options::default()
        },
    }
}
