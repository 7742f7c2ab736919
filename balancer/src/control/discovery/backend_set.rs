//! All that is set together: fixed backends and the members of groups. Says whom to ask about and when, and who the
//! backends of the pool are. Knows no clock and no network.

use tokio::time::Instant;
use tracing::{info, warn};

use super::answer::{Answer, AskError, backends};
use super::endpoints::{Endpoints, Taken};
use crate::config::{Group, Question, Rules};
use crate::core::backend::BackendSpec;
use crate::core::pool::{GroupReport, Outcome};

/// Names a question that is on its way, so that the answer to one that nobody waits for any more is told from others.
pub(super) type Ticket = u64;

/// The backends from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// All of them, fixed ones first, then group by group.
    pub backends: Vec<BackendSpec>,
    /// Whether those that come are to be eased in: not those with which the balancer starts.
    pub eased: bool,
}

/// The fixed backends, and the groups with their members.
#[derive(Debug)]
pub struct BackendSet {
    fixed: Vec<BackendSpec>,
    groups: Vec<Entry>,
    rules: Rules,
    next_ticket: Ticket,
}

#[derive(Debug)]
struct Entry {
    group: Group,
    endpoints: Endpoints,
    asked: Option<Ticket>,
    /// Whether it came to a running balancer, so that even its first members are to be eased in.
    late: bool,
}

impl BackendSet {
    /// At the start of the balancer. Nobody was asked yet.
    #[must_use]
    pub fn new(fixed: Vec<BackendSpec>, groups: Vec<Group>, rules: Rules, now: Instant) -> Self {
        let mut backend_set = Self {
            fixed,
            groups: Vec::new(),
            rules,
            next_ticket: 0,
        };
        backend_set.groups = groups
            .into_iter()
            .map(|group| Entry::new(group, false, now))
            .collect();
        backend_set
    }

    /// Takes on other settings. A group that stays, by name and question, keeps its members.
    pub fn set(
        &mut self,
        fixed: Vec<BackendSpec>,
        groups: Vec<Group>,
        rules: Rules,
        now: Instant,
    ) -> Change {
        let mut before = std::mem::take(&mut self.groups);
        for group in groups {
            let same = |entry: &Entry| {
                entry.group.name == group.name && entry.group.question == group.question
            };
            let entry = match before.iter().position(same) {
                Some(at) => Entry {
                    group,
                    ..before.swap_remove(at)
                },
                None => Entry::new(group, true, now),
            };
            self.groups.push(entry);
        }
        (self.fixed, self.rules) = (fixed, rules);
        self.change(true)
    }

    /// The questions that are due now. Each is asked once, until its ticket is given back to [`Self::take`].
    pub fn ask(&mut self, now: Instant) -> Vec<(Ticket, Question)> {
        let mut questions = Vec::new();
        for entry in &mut self.groups {
            if entry.asked.is_none() && entry.endpoints.next() <= now {
                entry.asked = Some(self.next_ticket);
                questions.push((self.next_ticket, entry.group.question.clone()));
                self.next_ticket += 1;
            }
        }
        questions
    }

    /// When a question is due the next time, answers that are still to come aside.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        let waiting = self.groups.iter().filter(|entry| entry.asked.is_none());
        waiting.map(|entry| entry.endpoints.next()).min()
    }

    /// Takes in what came of a question; the backends from now on, if they are others.
    pub fn take(
        &mut self,
        ticket: Ticket,
        answer: Result<Answer, AskError>,
        now: Instant,
    ) -> Option<Change> {
        let entry = self
            .groups
            .iter_mut()
            .find(|entry| entry.asked == Some(ticket))?;
        entry.asked = None;
        let taken = entry.endpoints.take(answer, &self.rules, now);
        entry.announce(taken);
        let eased = !taken.first || entry.late;
        taken.changed.then(|| self.change(eased))
    }

    /// The groups as they are.
    #[must_use]
    pub fn reports(&self) -> Vec<GroupReport> {
        self.groups.iter().map(Entry::report).collect()
    }

    fn change(&self, eased: bool) -> Change {
        let members = self
            .groups
            .iter()
            .flat_map(|entry| backends(&entry.group, &entry.endpoints.found()));
        Change {
            backends: self.fixed.iter().cloned().chain(members).collect(),
            eased,
        }
    }
}

impl Entry {
    fn new(group: Group, late: bool, now: Instant) -> Self {
        Self {
            group,
            endpoints: Endpoints::new(now),
            asked: None,
            late,
        }
    }

    fn report(&self) -> GroupReport {
        let (group, endpoints) = (&self.group, &self.endpoints);
        GroupReport {
            name: group.name.clone(),
            resolve: group.question.label(),
            question: group.question.to_string(),
            members: endpoints.found().len(),
            last: endpoints.last(),
            named: endpoints.named(),
            failures: endpoints.failures(),
            problem: endpoints.problem().map(str::to_owned),
            outcomes: endpoints.outcomes(),
        }
    }

    /// One line when something begins or ends, none while it lasts.
    fn announce(&self, taken: Taken) {
        let group = self.group.name.as_str();
        let question = &self.group.question;
        let members = self.endpoints.found().len();
        let problem = self.endpoints.problem().unwrap_or_default();
        match taken.outcome {
            _ if !taken.outcome_changed && !taken.changed => {}
            Outcome::Answered => info!(group, %question, members, "backends resolved"),
            Outcome::Partial => {
                warn!(group, %question, members, problem, "backends partly resolved");
            }
            Outcome::Empty => {
                warn!(group, %question, members, problem, "no backends in DNS");
            }
            Outcome::Failed => {
                warn!(group, %question, kept = members, problem, "DNS lookup of backends failed");
            }
        }
    }
}

#[cfg(test)]
mod tests;
