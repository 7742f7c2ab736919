//! Settings of reload, restart and the pid file.

use std::path::PathBuf;
use std::time::Duration;

use netsocket_settings::{Check, Scalar};

use super::bounds::{HOUR, SHORTEST};
use super::keys::{Entries, Entry};

/// How long a new process may take to be ready in a restart.
pub const DEFAULT_RESTART_TIMEOUT: Duration = Duration::from_secs(30);

/// What happens to the sessions of a backend that a reload removes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Removed {
    /// They go on until they end.
    #[default]
    Drain,
    /// They are closed immediately.
    Cut,
}

impl Removed {
    /// Its value in the settings.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Drain => "drain",
            Self::Cut => "cut",
        }
    }
}

/// How a running balancer is reloaded and restarted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifecycleRules {
    /// What happens to the sessions of backends that a reload removes.
    pub removed: Removed,
    /// How long a new process may take to be ready in a restart.
    pub restart_timeout: Duration,
    /// File that contains the number of the serving process; `None`: no file.
    pub pid_file: Option<PathBuf>,
}

pub(super) fn default_lifecycle() -> LifecycleRules {
    LifecycleRules {
        removed: Removed::default(),
        restart_timeout: DEFAULT_RESTART_TIMEOUT,
        pid_file: None,
    }
}

pub(super) fn lifecycle(check: &mut Check, entries: &Entries) -> LifecycleRules {
    let defaults = default_lifecycle();
    let Entry { key, value } = entries.get("reload_removed");
    let removed = check.read_with(
        &key,
        value,
        defaults.removed,
        "drain or cut",
        |text| match text {
            "drain" => Some(Removed::Drain),
            "cut" => Some(Removed::Cut),
            _ => None,
        },
    );
    let Entry { key, value } = entries.get("restart_timeout");
    let restart_timeout =
        check.duration(&key, value, defaults.restart_timeout, 100 * SHORTEST..=HOUR);
    let pid_file = entries.get("pid_file").value;
    if let Some(path) = pid_file.map(Scalar::as_str) {
        check.file_place("pid_file", path, path.as_ref());
    }
    LifecycleRules {
        removed,
        restart_timeout,
        pid_file: pid_file.map(|entry| entry.as_str().into()),
    }
}
