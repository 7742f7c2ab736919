//! What `ctl` prints of settings: what was changed, and what differs.

use std::fmt::Write as _;

use super::answer::{Differences, Reloaded};
use super::table::printable;

/// What a balancer without a settings file was started with.
pub(super) const WITHOUT_FILE: &str = "its flags and environment (it has no settings file)";

/// What a reload did: a line for each kind of change.
pub(super) fn reloaded(it: &Reloaded) -> String {
    changes("reloaded", it)
}

/// The same of a change that was asked for.
pub(super) fn applied(it: &Reloaded) -> String {
    changes("applied", it)
}

fn changes(done: &str, reloaded: &Reloaded) -> String {
    let backends = &reloaded.backends;
    let kinds = [
        ("changed", &reloaded.changed),
        ("added", &backends.added),
        ("removed", &backends.removed),
        ("altered", &backends.altered),
        ("needs restart", &reloaded.needs_restart),
    ];
    let mut text = format!("{done}, generation {}\n", reloaded.generation);
    for service in &reloaded.services {
        let _ = writeln!(text, "{}", printable(service));
    }
    for (what, names) in kinds.iter().filter(|(_, names)| !names.is_empty()) {
        let _ = writeln!(text, "{what:<14}{}", printable(&names.join(", ")));
    }
    if reloaded.cut > 0 {
        let _ = writeln!(text, "{:<14}{}", "sessions cut", reloaded.cut);
    }
    for warning in &reloaded.warnings {
        let _ = writeln!(text, "warning: {}", printable(warning));
    }
    text
}

/// How the running settings differ from those that a reload would read: a line each.
pub(super) fn differences(it: &Differences) -> String {
    let lines = it.differences.iter();
    let mut text: String = lines.map(|line| printable(line) + "\n").collect();
    if text.is_empty() {
        let those = match &it.settings_file {
            Some(file) => printable(file),
            None => WITHOUT_FILE.to_owned(),
        };
        text = format!("the running settings are those of {those}\n");
    }
    if it.states_set {
        text.push_str("weights and drains set by ctl are not compared\n");
    }
    text
}
