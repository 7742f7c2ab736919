//! The alerts of settings that were refused: by a reload, or by the new process of a restart.

use super::alert::{Alert, Severity, listed};
use crate::admin::commands::Commands;
use crate::admin::time::rfc3339;
use crate::control::handover::RestartCause;
use crate::control::reload::{FailedRestart, LatestReload, ReloadError};

/// A reload that changed nothing.
#[derive(Debug, Default)]
pub(in crate::admin) struct Refused {
    pub(super) at: String,
    /// One at least.
    pub(super) problems: Vec<String>,
    /// Hosts without an address, where that is all that is wrong.
    pub(super) unresolved: Vec<String>,
}

impl Refused {
    pub(in crate::admin) fn of(latest: &LatestReload) -> Option<Self> {
        let error = latest.outcome.as_ref().err()?;
        Some(Self {
            at: rfc3339(latest.at),
            problems: error.problems(),
            unresolved: match error {
                ReloadError::Unresolved(hosts) => hosts.iter().map(|it| it.host.clone()).collect(),
                _ => Vec::new(),
            },
        })
    }

    pub(super) fn alert(&self, commands: &Commands) -> Alert {
        Alert {
            severity: Severity::Warning,
            what: format!("The last reload was refused: {}", self.summary()),
            clients: "are served with the settings of before".to_owned(),
            since: Some(self.at.clone()),
            todo: vec![self.todo(&commands.ctl(&["reload"]), commands)],
        }
    }

    fn todo(&self, reload: &str, commands: &Commands) -> String {
        match self.unresolved.as_slice() {
            [] => correct(commands, reload),
            [host] => format!(
                "Correct the name {host}, or see to it that it has an address on this machine (`getent hosts {host}`), then {reload}."
            ),
            hosts => format!(
                "Correct the names {}, or see to it that each has an address on this machine (`getent hosts NAME`), then {reload}.",
                listed(hosts.iter().cloned())
            ),
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

/// A restart after which this process went on.
#[derive(Debug)]
pub(in crate::admin) struct NotRestarted {
    pub(super) at: String,
    pub(super) problem: String,
    pub(super) cause: RestartCause,
}

impl NotRestarted {
    pub(in crate::admin) fn of(failed: &FailedRestart) -> Self {
        Self {
            at: rfc3339(failed.at),
            problem: failed.problem.clone(),
            cause: failed.cause.clone(),
        }
    }

    pub(super) fn alert(&self, commands: &Commands) -> Alert {
        Alert {
            severity: Severity::Warning,
            what: format!("The last restart failed: {}", self.problem),
            clients: "are served by the process of before".to_owned(),
            since: Some(self.at.clone()),
            todo: vec![self.todo(commands)],
        }
    }

    fn todo(&self, commands: &Commands) -> String {
        const THEN: &str = "restart again";
        match &self.cause {
            RestartCause::Settings => correct(commands, THEN),
            RestartCause::Program(path) => {
                let version = Commands::version(path);
                format!("See to it that {version} works, then {THEN}.")
            }
            RestartCause::Time => format!(
                "See in the log what the new process waited for; mend that, or set a longer `restart_timeout` and {}. \
                 Then {THEN}.",
                commands.ctl(&["reload"])
            ),
            RestartCause::Room => {
                format!("See to it that the system has room for another process, then {THEN}.")
            }
            RestartCause::Unknown => "Stop the balancer and start it.".to_owned(),
            RestartCause::Internal => format!("See the log of the balancer, then {THEN}."),
        }
    }
}

fn correct(commands: &Commands, then: &str) -> String {
    match commands.check() {
        Some(check) => format!("Correct the settings until {check} says OK, then {then}."),
        None => format!("Correct the settings, then {then}."),
    }
}
