//! The health of all backends of a pool: what one backend alone cannot decide. The last usable one is never ejected, nor
//! more than a share of all. Backups serve when no primary is usable. When no backend is healthy, all are used (fail
//! open); before that is known, unhealthy ones are the last resort for sessions that no healthy backend takes.

use std::collections::{BTreeMap, HashMap};

use tokio::time::Instant;

use super::agent::AgentWish;
use super::due::earlier;
use super::machine::{FULL_SHARE, Health};
use super::reason::{AdminState, State, Transition};
use super::rules::{HealthRules, Thresholds};
use super::signal::Signal;
use crate::core::balance::BackendId;
use crate::core::limits::MAX_WEIGHT;

/// The role of a backend in its pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Its weight; 0: no new sessions.
    pub weight: u32,
    /// Whether it serves only when no primary is usable.
    pub backup: bool,
    /// How much of the weight counts, in percent: its agent says so.
    pub percent: u32,
    /// Its own, instead of those of the pool.
    pub thresholds: Option<Thresholds>,
}

impl Share {
    /// One that has nothing of its own.
    #[must_use]
    pub fn new(weight: u32, backup: bool) -> Self {
        Self {
            weight,
            backup,
            percent: 100,
            thresholds: None,
        }
    }

    fn is_nothing(self) -> bool {
        self.weight == 0 || self.percent == 0
    }

    /// The effective weight where so many tenths of it count, in tenths.
    fn tenths(self, tenths: u32) -> u32 {
        let hundredths = u64::from(self.weight.saturating_mul(tenths)) * u64::from(self.percent);
        let most = u64::from(MAX_WEIGHT * FULL_SHARE);
        u32::try_from(((hundredths + 50) / 100).clamp(1, most)).unwrap_or(1)
    }
}

#[derive(Debug, Clone)]
struct Entry {
    id: BackendId,
    share: Share,
    health: Health,
}

impl Entry {
    /// Whether it is in service, healthy or not: not drained, not in maintenance and with a weight above zero.
    fn in_service(&self) -> bool {
        !self.share.is_nothing() && self.health.is_wanted()
    }

    fn is_usable(&self) -> bool {
        !self.share.is_nothing() && self.health.state() == State::Up
    }

    /// Whether it is in service but was checked and found unhealthy.
    fn is_last_resort(&self) -> bool {
        self.in_service() && !self.is_usable() && self.health.is_known()
    }

    /// Where one is that takes no sessions.
    fn place(&self) -> &'static str {
        match self.health.state() {
            State::Maintenance => "in maintenance",
            State::Up => "of weight 0",
            state => state.label(),
        }
    }

    fn is_ejected(&self) -> bool {
        !self.share.is_nothing() && self.health.state() == State::Ejected
    }
}

/// State changes, in order.
pub type Changes = Vec<(BackendId, Transition)>;

/// The backends that may be picked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EligibleBackends {
    /// Candidates with their effective weights, in tenths.
    pub first: Vec<(BackendId, u32)>,
    /// Backups, for sessions that have tried all of the above.
    pub backups: Vec<(BackendId, u32)>,
    /// Backends in service that are down or ejected, for sessions that none of the above takes. Each has been checked at
    /// least once. Empty if the pool does not fail open.
    pub last_resort: Vec<(BackendId, u32)>,
    /// Number of usable backends.
    pub usable: usize,
    /// Whether no backend is usable, so that all backends in service are candidates.
    pub failing_open: bool,
}

/// Who takes sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Supply {
    /// At least one healthy backend.
    Usable,
    /// Every backend in service, healthy or not.
    FailingOpen,
    /// There are no backends.
    Empty,
    /// Nobody, until all have been checked.
    Unchecked,
    /// Nobody, and in words where the backends are.
    None(String),
}

/// The health of all backends of a pool.
#[derive(Debug)]
pub struct HealthRegistry {
    rules: HealthRules,
    entries: Vec<Entry>,
    failing_open: bool,
}

impl HealthRegistry {
    /// A registry without backends.
    #[must_use]
    pub fn new(rules: HealthRules) -> Self {
        Self {
            rules,
            entries: Vec::new(),
            failing_open: false,
        }
    }

    /// Replaces the backends, in this order. Those that stay keep their health; with `eased`, new ones ramp up their weight.
    pub fn set_backends(
        &mut self,
        entries: &[(BackendId, Share)],
        eased: bool,
        now: Instant,
    ) -> Changes {
        let before = std::mem::take(&mut self.entries);
        let mut before: HashMap<BackendId, Health> = before
            .into_iter()
            .map(|entry| (entry.id, entry.health))
            .collect();
        for &(id, share) in entries {
            let health = before.remove(&id).unwrap_or_else(|| Health::new(eased));
            self.entries.push(Entry { id, share, health });
        }
        let mut changes = Changes::new();
        self.settle(&mut changes, now);
        changes
    }

    /// The health of a backend.
    #[must_use]
    pub fn health(&self, id: BackendId) -> Option<&Health> {
        let entry = self.entries.iter().find(|entry| entry.id == id);
        entry.map(|entry| &entry.health)
    }

    /// Changes the rules. Call [`Self::set_backends`] afterwards.
    pub fn set_rules(&mut self, rules: HealthRules) {
        self.rules = rules;
    }

    /// The rules.
    #[must_use]
    pub fn rules(&self) -> &HealthRules {
        &self.rules
    }

    /// Processes a signal about a backend.
    pub fn observe(&mut self, id: BackendId, signal: Signal, now: Instant) -> Changes {
        let rules = self.rules_of(id);
        self.change(id, now, |registry, at| {
            let may_eject = registry.may_eject(at);
            let health = &mut registry.entries.get_mut(at)?.health;
            match signal {
                Signal::CheckPassed => health.check(Ok(()), &rules, now),
                Signal::CheckFailed(failure) => health.check(Err(failure), &rules, now),
                sessions if may_eject && health.asks_ejection(&sessions, &rules) => {
                    health.eject(&sessions, &rules, now)
                }
                Signal::ConnectsFailed(..) | Signal::EarlyResets(_) => None,
            }
        })
    }

    /// The rules, with what a backend has of its own.
    #[must_use]
    pub fn rules_of(&self, id: BackendId) -> HealthRules {
        let entry = self.entries.iter().find(|entry| entry.id == id);
        let own = entry.and_then(|entry| entry.share.thresholds);
        HealthRules {
            thresholds: own.unwrap_or(self.rules.thresholds),
            ..self.rules
        }
    }

    /// Takes in what the agent of a backend wants. Its weight is said by [`Self::set_backends`].
    pub fn set_agent(&mut self, id: BackendId, wish: &AgentWish, now: Instant) -> Changes {
        let rules = self.rules;
        self.change(id, now, |registry, at| {
            let health = &mut registry.entries.get_mut(at)?.health;
            health.set_agent(wish, &rules, now)
        })
    }

    /// Sets the admin state of a backend.
    pub fn set_admin(
        &mut self,
        id: BackendId,
        state: AdminState,
        who: &str,
        now: Instant,
    ) -> Changes {
        let rules = self.rules;
        self.change(id, now, |registry, at| {
            let health = &mut registry.entries.get_mut(at)?.health;
            health.set_admin(state, who, &rules, now)
        })
    }

    /// Applies the passing of time.
    pub fn tick(&mut self, now: Instant) -> Changes {
        let mut changes = Changes::new();
        for Entry { id, health, .. } in &mut self.entries {
            changes.extend(
                health
                    .tick(&self.rules, now)
                    .map(|transition| (*id, transition)),
            );
        }
        self.settle(&mut changes, now);
        changes
    }

    /// When time alone will change something next.
    #[must_use]
    pub fn due(&self, now: Instant) -> Option<Instant> {
        let each = self
            .entries
            .iter()
            .map(|entry| entry.health.due(&self.rules, now));
        each.fold(None, earlier)
    }

    /// The backends that may be picked now.
    #[must_use]
    pub fn eligible(&self, now: Instant) -> EligibleBackends {
        let candidates = |fits: &dyn Fn(&Entry) -> bool| -> Vec<(BackendId, u32)> {
            let fitting = self.entries.iter().filter(|entry| fits(entry));
            let weighed = fitting.map(|entry| {
                let tenths = entry.health.share(&self.rules, now);
                (entry.id, entry.share.tenths(tenths))
            });
            weighed.collect()
        };
        let primaries = candidates(&|entry| entry.is_usable() && !entry.share.backup);
        let backups = candidates(&|entry| entry.is_usable() && entry.share.backup);
        let usable = primaries.len() + backups.len();
        let (first, backups) = match (self.failing_open, primaries.is_empty()) {
            (true, _) => (candidates(&|entry| entry.in_service()), Vec::new()),
            (false, true) => (backups, Vec::new()),
            (false, false) => (primaries, backups),
        };
        let last_resort = match (self.rules.fail_open, self.failing_open) {
            (true, false) => candidates(&|entry| entry.is_last_resort()),
            // Nobody; or everybody, who comes first already.
            _ => Vec::new(),
        };
        EligibleBackends {
            first,
            backups,
            last_resort,
            usable,
            failing_open: self.failing_open,
        }
    }

    /// Who takes sessions now.
    pub(crate) fn supply(&self) -> Supply {
        let mut in_service = self.entries.iter().filter(|entry| entry.in_service());
        if self.entries.iter().any(Entry::is_usable) {
            Supply::Usable
        } else if self.failing_open {
            Supply::FailingOpen
        } else if self.entries.is_empty() {
            Supply::Empty
        } else if in_service.any(|entry| !entry.health.is_known()) {
            Supply::Unchecked
        } else {
            let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
            for entry in &self.entries {
                *counts.entry(entry.place()).or_default() += 1;
            }
            let counts = counts
                .into_iter()
                .map(|(place, count)| format!("{count} {place}"));
            Supply::None(counts.collect::<Vec<_>>().join(", "))
        }
    }

    /// Whether this backend may be ejected: another one is usable, and the ejection limit is not exceeded or nothing else is
    /// ejected.
    fn may_eject(&self, at: usize) -> bool {
        let others = self
            .entries
            .iter()
            .enumerate()
            .filter(|&(index, _)| index != at);
        let someone_else = others.clone().any(|(_, entry)| entry.is_usable());
        let ejected = others.filter(|(_, entry)| entry.is_ejected()).count();
        let in_service = self
            .entries
            .iter()
            .filter(|entry| entry.in_service())
            .count();
        let limit = in_service * self.rules.ejection.max_percent as usize / 100;
        someone_else && ejected < limit.max(1)
    }

    fn change(
        &mut self,
        id: BackendId,
        now: Instant,
        act: impl FnOnce(&mut Self, usize) -> Option<Transition>,
    ) -> Changes {
        let at = self.entries.iter().position(|entry| entry.id == id);
        let transition = at.and_then(|at| act(self, at));
        let mut changes: Changes = transition
            .map(|transition| (id, transition))
            .into_iter()
            .collect();
        self.settle(&mut changes, now);
        changes
    }

    /// Readmits ejected backends if no other is usable, and starts or ends fail-open.
    fn settle(&mut self, changes: &mut Changes, now: Instant) {
        if !self.entries.iter().any(Entry::is_usable) {
            for entry in self.entries.iter_mut().filter(|entry| entry.is_ejected()) {
                let transition = entry.health.readmit(&self.rules, now);
                changes.extend(transition.map(|transition| (entry.id, transition)));
            }
        }
        let usable = self.entries.iter().any(Entry::is_usable);
        let mut in_service = self
            .entries
            .iter()
            .filter(|entry| entry.in_service())
            .peekable();
        // At the start no backend is healthy because none has been checked: that is no reason to use them unchecked.
        self.failing_open = self.rules.fail_open
            && !usable
            && in_service.peek().is_some()
            && (self.failing_open || in_service.all(|entry| entry.health.is_known()));
    }
}

#[cfg(test)]
mod tests;
