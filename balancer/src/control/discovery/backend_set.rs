//! All backends together: fixed ones and those of groups. Decides which groups to query when, and which backends the pool
//! has. No clock and no network.

use tokio::time::Instant;
use tracing::{info, warn};

use super::answer::{Answer, AskError, backends};
use super::endpoints::{Endpoints, Taken};
use crate::config::{Group, Question, Rules};
use crate::core::backend::BackendSpec;
use crate::core::pool::{GroupReport, Outcome};

/// Identifies a pending query, so that an outdated answer can be told from the others.
pub(super) type Ticket = u64;

/// The new backends of the pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// All backends, fixed ones first, then group by group.
    pub backends: Vec<BackendSpec>,
    /// Whether new backends ramp up their weight: not those that the balancer starts with.
    pub eased: bool,
}

/// The fixed backends, and the groups with their servers.
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
    /// The state at the start of the balancer, before the first query.
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

    /// Applies new settings. A group that was there before keeps its servers, also where it asks something else now: until
    /// the first answer, nobody knows better. Returns the new backends, unless no group is or was there: the pool has
    /// those of the settings already.
    pub fn set(
        &mut self,
        fixed: Vec<BackendSpec>,
        groups: Vec<Group>,
        rules: Rules,
        now: Instant,
    ) -> Option<Change> {
        let had_groups = !self.groups.is_empty();
        let before = std::mem::take(&mut self.groups);
        let old: Vec<&Group> = before.iter().map(|entry| &entry.group).collect();
        for group in &groups {
            let known = group.before(&old, &groups);
            let entry = match known.and_then(|at| before.get(at)) {
                Some(entry) => entry.with(group.clone(), now),
                None => Entry::new(group.clone(), true, now),
            };
            self.groups.push(entry);
        }
        (self.fixed, self.rules) = (fixed, rules);
        (had_groups || !self.groups.is_empty()).then(|| self.change(true))
    }

    /// The queries that are due now. Each is returned once, until its ticket is passed to [`Self::take`].
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

    /// Begins anew, with the servers that are known: pending queries are returned by [`Self::ask`] again, because their
    /// answers will not come. Returns the backends, of which the pool may have missed the latest change.
    pub fn resume(&mut self) -> Change {
        for entry in &mut self.groups {
            entry.asked = None;
        }
        self.change(true)
    }

    /// When the next query is due, not counting pending ones.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        let waiting = self.groups.iter().filter(|entry| entry.asked.is_none());
        waiting.map(|entry| entry.endpoints.next()).min()
    }

    /// Processes the result of a query. Returns the new backends if they changed.
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

    /// The state of each group.
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

    /// The same with other settings.
    fn with(&self, group: Group, now: Instant) -> Self {
        let same = self.group.name == group.name && self.group.question == group.question;
        let mut endpoints = self.endpoints.clone();
        if self.group.question != group.question {
            endpoints.ask_anew(now);
        }
        Self {
            endpoints,
            // An answer that is under way is one to the question of before, or may be that of another group.
            asked: self.asked.filter(|_| same),
            late: self.late || !same,
            group,
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
            failed_query: endpoints.failed_query(),
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
