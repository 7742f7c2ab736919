//! The alerts of settings that were refused: by a reload, or by the new process of a restart.

use super::{Alert, Facts, Severity};
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

    /// The first problem, and how many there are.
    fn summary(&self) -> String {
        let first = self.problems.first().map_or("", String::as_str);
        match self.problems.len().saturating_sub(1) {
            0 => first.to_owned(),
            more => format!("{first}, and {more} more"),
        }
    }
}

pub(super) fn alerts(facts: &Facts<'_>) -> impl Iterator<Item = Alert> {
    let reload = facts.refused.map(|refused| Alert {
        severity: Severity::Warning,
        what: format!("The last reload was refused: {}", refused.summary()),
        clients: "are served with the settings of before".to_owned(),
        since: Some(refused.at.clone()),
        todo: vec![correct(facts, &facts.commands.ctl(&["reload"]))],
    });
    let restart = facts.failed_restart.map(|failed| Alert {
        severity: Severity::Warning,
        what: format!("The last restart failed: {}", failed.summary()),
        clients: "are served by the process of before".to_owned(),
        since: Some(failed.at.clone()),
        todo: vec![correct(facts, "restart again")],
    });
    reload.into_iter().chain(restart)
}

fn correct(facts: &Facts<'_>, then: &str) -> String {
    match facts.commands.check() {
        Some(check) => format!("Correct the settings until {check} says OK, then {then}."),
        None => format!("Correct the settings, then {then}."),
    }
}
