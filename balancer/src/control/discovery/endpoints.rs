//! The servers of a group after an answer, and when to query again. No clock and no network.
//!
//! - A server that a complete answer does not contain is removed immediately.
//! - An empty or incomplete answer removes nothing at first: a missing server is removed when it has been missing for
//!   [`Rules::hold`].
//! - A failed query changes nothing, however long it lasts.

use std::time::Duration;

use tokio::time::Instant;

use super::answer::{Answer, AskError, Found};
use crate::config::Rules;
use crate::core::pool::Outcome;

#[derive(Debug, Clone)]
struct Endpoint {
    found: Found,
    /// Since when answers do not contain it.
    missing: Option<Instant>,
}

/// The servers of a group.
#[derive(Debug, Clone)]
pub(super) struct Endpoints {
    endpoints: Vec<Endpoint>,
    next: Instant,
    last: Option<Outcome>,
    named: Instant,
    ever_named: bool,
    failures: u32,
    /// Consecutive queries without servers, for any reason: the interval grows with them.
    fruitless: u32,
    problem: Option<String>,
    failed_query: Option<&'static str>,
    outcomes: [u64; Outcome::ALL.len()],
}

/// The effect of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Taken {
    /// What it was.
    pub(super) outcome: Outcome,
    /// Whether the outcome is another one than before.
    pub(super) outcome_changed: bool,
    /// Whether the members, or their parts, are others now.
    pub(super) changed: bool,
    /// Whether these are the first servers that were named.
    pub(super) first: bool,
}

impl Endpoints {
    /// No servers yet; to be queried immediately.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            endpoints: Vec::new(),
            next: now,
            last: None,
            named: now,
            ever_named: false,
            failures: 0,
            fruitless: 0,
            problem: None,
            failed_query: None,
            outcomes: [0; Outcome::ALL.len()],
        }
    }

    /// For another query: the servers stay until it is answered, as nothing says yet that they are wrong.
    pub(super) fn ask_anew(&mut self, now: Instant) {
        for endpoint in &mut self.endpoints {
            endpoint.missing = None;
        }
        (self.next, self.last) = (now, None);
        (self.problem, self.failed_query) = (None, None);
        (self.failures, self.fruitless) = (0, 0);
    }

    /// Processes the result of a query.
    pub(super) fn take(
        &mut self,
        answer: Result<Answer, AskError>,
        rules: &Rules,
        now: Instant,
    ) -> Taken {
        let found = answer.as_ref().map_or_else(|_| Vec::new(), Answer::usable);
        let outcome = match &answer {
            Err(_) => Outcome::Failed,
            // Whether there is nobody, or whether those who are were not told, is not known.
            Ok(answer) if found.is_empty() && answer.missing.is_some() => Outcome::Failed,
            Ok(_) if found.is_empty() => Outcome::Empty,
            Ok(answer) if answer.missing.is_some() => Outcome::Partial,
            Ok(_) => Outcome::Answered,
        };
        let first = !found.is_empty() && !self.ever_named;
        let before: Vec<Found> = self.found();
        if outcome != Outcome::Failed {
            self.merge(found, outcome, rules, now);
        }
        self.count(outcome, now);
        let ttl = answer.as_ref().map_or(Duration::ZERO, |answer| answer.ttl);
        self.next = now + self.pause(outcome, ttl, rules);
        if let Some(ends) = self.hold_ends(rules) {
            // Not sooner than one may ask: whoever is still missing then, leaves with that answer.
            self.next = self.next.min(ends.max(now + rules.min_interval));
        }
        self.failed_query = match &answer {
            Err(error) => error.family(),
            Ok(answer) => answer.missing.as_ref().and_then(AskError::family),
        };
        self.problem = match answer {
            Err(error) => Some(error.to_string()),
            Ok(Answer {
                missing: Some(error),
                ..
            }) => Some(error.to_string()),
            Ok(_) if outcome == Outcome::Empty => Some("the name has no addresses".to_owned()),
            Ok(_) => None,
        };
        let outcome_changed = self.last.replace(outcome) != Some(outcome);
        Taken {
            outcome,
            outcome_changed,
            changed: self.found() != before,
            first,
        }
    }

    /// The current servers, in order.
    pub(super) fn found(&self) -> Vec<Found> {
        self.endpoints
            .iter()
            .map(|endpoint| endpoint.found)
            .collect()
    }

    /// When to query next.
    pub(super) fn next(&self) -> Instant {
        self.next
    }

    pub(super) fn last(&self) -> Option<Outcome> {
        self.last
    }

    pub(super) fn named(&self) -> Instant {
        self.named
    }

    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    pub(super) fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    pub(super) fn failed_query(&self) -> Option<&'static str> {
        self.failed_query
    }

    pub(super) fn outcomes(&self) -> [u64; Outcome::ALL.len()] {
        self.outcomes
    }

    fn merge(&mut self, found: Vec<Found>, outcome: Outcome, rules: &Rules, now: Instant) {
        let mut merged: Vec<Endpoint> = found
            .into_iter()
            .map(|found| Endpoint {
                found,
                missing: None,
            })
            .collect();
        if outcome != Outcome::Answered {
            let named: Vec<_> = merged
                .iter()
                .map(|endpoint| endpoint.found.address)
                .collect();
            let missing = self.endpoints.drain(..).filter_map(|mut endpoint| {
                let since = *endpoint.missing.get_or_insert(now);
                let kept = !named.contains(&endpoint.found.address) && now < since + rules.hold;
                kept.then_some(endpoint)
            });
            merged.extend(missing);
            merged.sort_by_key(|endpoint| {
                let found = endpoint.found;
                (found.service.map(|service| service.priority), found.address)
            });
        }
        self.endpoints = merged;
    }

    fn count(&mut self, outcome: Outcome, now: Instant) {
        if let Some(count) = self.outcomes.get_mut(outcome as usize) {
            *count += 1;
        }
        self.failures = match outcome {
            Outcome::Failed => self.failures.saturating_add(1),
            _ => 0,
        };
        match outcome {
            Outcome::Failed | Outcome::Empty => self.fruitless = self.fruitless.saturating_add(1),
            Outcome::Answered | Outcome::Partial => {
                self.fruitless = 0;
                self.named = now;
                self.ever_named = true;
            }
        }
    }

    /// As long as the answer is valid; without an answer the minimum interval first, then twice as long each time.
    fn pause(&self, outcome: Outcome, ttl: Duration, rules: &Rules) -> Duration {
        let wished = match outcome {
            Outcome::Answered => ttl,
            Outcome::Partial => rules.min_interval,
            Outcome::Empty | Outcome::Failed => {
                let doublings = self.fruitless.saturating_sub(1).min(20);
                rules.min_interval.saturating_mul(1 << doublings)
            }
        };
        wished.clamp(rules.min_interval, rules.max_interval)
    }

    /// When the first of those who are missing has been so for long enough.
    fn hold_ends(&self, rules: &Rules) -> Option<Instant> {
        let since = self
            .endpoints
            .iter()
            .filter_map(|endpoint| endpoint.missing);
        since.min().map(|since| since + rules.hold)
    }
}

#[cfg(test)]
mod tests;
