//! The alerts of settings that were refused: by a reload, or by the new process of a restart.

use super::alert::{Alert, Severity};
use crate::admin::commands::Commands;
use crate::admin::time::rfc3339;
use crate::control::reload::{FailedRestart, LatestReload};

/// Something that changed nothing.
#[derive(Debug, Default)]
pub(in crate::admin) struct Refused {
    pub(super) at: String,
    /// One at least.
    pub(super) problems: Vec<String>,
}

impl Refused {
    pub(in crate::admin) fn reload(latest: &LatestReload) -> Option<Self> {
        let said = latest.outcome.as_ref().err()?.to_string();
        Some(Self {
            at: rfc3339(latest.at),
            problems: said.lines().map(str::to_owned).collect(),
        })
    }

    pub(in crate::admin) fn restart(failed: &FailedRestart) -> Self {
        Self {
            at: rfc3339(failed.at),
            problems: failed.problem.lines().map(str::to_owned).collect(),
        }
    }

    /// The alert of a reload.
    pub(super) fn of_reload(&self, commands: &Commands) -> Alert {
        Alert {
            severity: Severity::Warning,
            what: format!("The last reload was refused: {}", self.summary()),
            clients: "are served with the settings of before".to_owned(),
            since: Some(self.at.clone()),
            todo: vec![correct(commands, &commands.ctl(&["reload"]))],
        }
    }

    /// The alert of a restart.
    pub(super) fn of_restart(&self, commands: &Commands) -> Alert {
        Alert {
            severity: Severity::Warning,
            what: format!("The last restart failed: {}", self.summary()),
            clients: "are served by the process of before".to_owned(),
            since: Some(self.at.clone()),
            todo: vec![correct(commands, "restart again")],
        }
    }

    /// The first problem, and how many there are.
    fn summary(&self) -> String {
        let first = self.problems.first().map_or("", String::as_str);
        match self.problems.len().saturating_sub(1) {
            0 => first.to_owned(),
            more => format!("{first}, and {more} more"),
        }
    }
}

fn correct(commands: &Commands, then: &str) -> String {
    match commands.check() {
        Some(check) => format!("Correct the settings until {check} says OK, then {then}."),
        None => format!("Correct the settings, then {then}."),
    }
}
