//! The model that the pool is compared with: written from the description, in another way. It keeps whole pasts where
//! the code keeps counters, and asks all backends anew where the code remembers.

use std::collections::BTreeMap;
use std::time::Duration;

use netsocket_balancer::backend::{Backend, BackendSpec};
use netsocket_balancer::health::{AdminState, Growth, HealthRules, State};
use tokio::time::Instant;

/// The truth about a backend, and what is known of it.
#[derive(Debug, Clone)]
pub struct Shadow {
    pub spec: BackendSpec,
    pub alive: bool,
    pub admin: AdminState,
    pub connects_failed: u32,
    pub resets: u32,
    /// Whether checks have it up; `None`: nothing is known.
    up: Option<bool>,
    was_up: bool,
    /// The checks since the last change of that.
    seen: Vec<bool>,
    ejected_until: Option<Instant>,
    ejections: Offences,
    downs: Offences,
    held_until: Option<Instant>,
    ramps_next: bool,
    ramp_since: Option<Instant>,
}

/// What counted against a backend, and what was forgiven.
#[derive(Debug, Clone, Default)]
struct Offences {
    count: u64,
    good_since: Option<Instant>,
}

impl Offences {
    fn settle(&mut self, growth: Growth, now: Instant) {
        if let Some(since) = self.good_since.take() {
            let mut good = now - since;
            while self.count > 0 && good >= growth.forgive {
                self.count -= 1;
                good -= growth.forgive;
            }
        }
    }

    fn good(&mut self, now: Instant) {
        if self.good_since.is_none() {
            self.good_since = Some(now);
        }
    }

    /// One more; the time for all that count but the first `free`.
    fn add(&mut self, growth: Growth, now: Instant, free: u64) -> Duration {
        self.settle(growth, now);
        self.count += 1;
        let mut time = Duration::ZERO;
        for _ in free..self.count {
            time = (time + growth.base).min(growth.cap);
        }
        time
    }
}

impl Shadow {
    fn new(spec: BackendSpec, joins: bool) -> Self {
        Self {
            spec,
            alive: true,
            admin: AdminState::Ready,
            connects_failed: 0,
            resets: 0,
            up: None,
            was_up: false,
            seen: Vec::new(),
            ejected_until: None,
            ejections: Offences::default(),
            downs: Offences::default(),
            held_until: None,
            ramps_next: joins,
            ramp_since: None,
        }
    }

    pub fn state(&self) -> State {
        match self.admin {
            AdminState::Maintenance => State::Maintenance,
            AdminState::Drain => State::Draining,
            AdminState::Ready if self.up != Some(true) => State::Down,
            AdminState::Ready if self.ejected_until.is_some() => State::Ejected,
            AdminState::Ready => State::Up,
        }
    }

    pub fn is_usable(&self) -> bool {
        self.state() == State::Up && self.spec.attributes.weight > 0
    }

    pub fn in_service(&self) -> bool {
        self.admin == AdminState::Ready && self.spec.attributes.weight > 0
    }

    fn fresh(&mut self) {
        self.connects_failed = 0;
        self.resets = 0;
    }

    fn fit_again(&mut self, rules: &HealthRules, now: Instant) {
        self.downs.good(now);
        self.ejections.good(now);
        if self.ramps_next && rules.slow_start > Duration::ZERO {
            self.ramp_since = Some(now);
        }
        self.ramps_next = false;
    }

    /// Its weight in tenths.
    fn weight(&self, rules: &HealthRules, now: Instant) -> u32 {
        let tenths = self.ramp_since.map_or(10, |since| {
            let step = rules.slow_start / 10;
            (1..=10)
                .rev()
                .find(|&n| now - since >= step * n)
                .unwrap_or(1)
        });
        self.spec.attributes.weight * tenths
    }
}

/// All backends of the pool.
pub struct Shadows {
    pub rules: HealthRules,
    pub all: Vec<Shadow>,
    pub failing_open: bool,
}

impl Shadows {
    pub fn new(rules: HealthRules) -> Self {
        Self {
            rules,
            all: Vec::new(),
            failing_open: false,
        }
    }

    pub fn at(&self, name: &str) -> usize {
        self.all
            .iter()
            .position(|shadow| shadow.spec.name == name)
            .unwrap()
    }

    pub fn find(&mut self, backend: &Backend) -> Option<&mut Shadow> {
        self.all
            .iter_mut()
            .find(|shadow| shadow.spec.name == backend.name())
    }

    pub fn set(&mut self, specs: &[BackendSpec], join: bool) {
        let before = std::mem::take(&mut self.all);
        for spec in specs {
            let old = before
                .iter()
                .find(|shadow| shadow.spec.name == spec.name)
                .cloned();
            let mut shadow = old.unwrap_or_else(|| Shadow::new(spec.clone(), join));
            shadow.spec = spec.clone();
            self.all.push(shadow);
        }
    }

    pub fn candidates(&self, now: Instant) -> BTreeMap<String, u32> {
        let primaries = self
            .all
            .iter()
            .any(|s| s.is_usable() && !s.spec.attributes.backup);
        let fits = |s: &&Shadow| match self.failing_open {
            true => s.in_service(),
            false => s.is_usable() && s.spec.attributes.backup != primaries,
        };
        let weight = |s: &Shadow| (s.spec.name.clone(), s.weight(&self.rules, now));
        self.all.iter().filter(fits).map(weight).collect()
    }

    /// Whether this one is tried when nobody usable can be had.
    pub fn is_last_resort(&self, s: &Shadow) -> bool {
        let open = self.rules.fail_open && !self.failing_open;
        open && s.in_service() && s.up.is_some() && s.state() != State::Up
    }

    pub fn check(&mut self, at: usize, passed: bool, now: Instant) {
        let rules = self.rules;
        let s = &mut self.all[at];
        s.seen.push(passed);
        let state = s.state();
        let needed = match (s.up, s.was_up) {
            (Some(true), _) => rules.thresholds.fall.get(),
            (_, true) => rules.thresholds.rise.get(),
            (_, false) => 1,
        };
        let is_up = s.up == Some(true);
        let run = s
            .seen
            .iter()
            .rev()
            .take_while(|&&passed| passed != is_up)
            .count();
        let turns = run >= needed as usize;
        if s.up.is_none() && !passed {
            s.up = Some(false);
            s.seen.clear();
            if s.admin == AdminState::Ready {
                s.fresh();
            }
        } else if is_up && turns {
            s.up = Some(false);
            s.seen.clear();
            s.ejected_until = None;
            s.ejections.settle(rules.ejection.time, now);
            s.held_until = Some(now + s.downs.add(rules.hold_down, now, 1));
            s.ramps_next = true;
            s.ramp_since = None;
        } else if !is_up && turns && s.held_until.is_none_or(|until| until <= now) {
            s.up = Some(true);
            s.was_up = true;
            s.seen.clear();
            s.held_until = None;
            s.fit_again(&rules, now);
        }
        if s.state() != state {
            s.fresh();
        }
        self.settle(now);
    }

    pub fn set_admin(&mut self, at: usize, admin: AdminState, now: Instant) {
        let rules = self.rules;
        let s = &mut self.all[at];
        if s.admin == admin {
            return;
        }
        s.fresh();
        if [s.admin, admin].contains(&AdminState::Maintenance) {
            s.downs.settle(rules.hold_down, now);
            s.ejections.settle(rules.ejection.time, now);
            s.ramps_next |= s.was_up;
            (s.up, s.was_up, s.ejected_until, s.held_until, s.ramp_since) =
                (None, false, None, None, None);
            s.seen.clear();
        }
        s.admin = admin;
        self.settle(now);
    }

    /// What time has ended, and what sessions have met.
    pub fn attend(&mut self, now: Instant) {
        let rules = self.rules;
        for s in &mut self.all {
            if s.ramp_since
                .is_some_and(|since| now - since >= rules.slow_start)
            {
                s.ramp_since = None;
            }
            if s.ejected_until.is_some_and(|until| until <= now) {
                let state = s.state();
                s.ejected_until = None;
                s.fit_again(&rules, now);
                if s.state() != state {
                    s.fresh();
                }
            }
        }
        self.settle(now);
        for at in 0..self.all.len() {
            let s = &self.all[at];
            let reached = |count: u32, limit: Option<std::num::NonZeroU32>| {
                limit.is_some_and(|limit| count >= limit.get())
            };
            let bad = reached(s.connects_failed, rules.ejection.connects)
                || reached(s.resets, rules.ejection.early_resets);
            if bad && s.state() == State::Up && self.may_eject(at) {
                let s = &mut self.all[at];
                s.ejected_until = Some(now + s.ejections.add(rules.ejection.time, now, 0));
                s.downs.settle(rules.hold_down, now);
                s.ramps_next = true;
                s.ramp_since = None;
                s.fresh();
            }
            self.settle(now);
        }
    }

    fn may_eject(&self, at: usize) -> bool {
        let other = |(index, _): &(usize, &Shadow)| *index != at;
        let others = || self.all.iter().enumerate().filter(other).map(|(_, s)| s);
        let out = others()
            .filter(|s| s.state() == State::Ejected && s.spec.attributes.weight > 0)
            .count();
        let in_service = self.all.iter().filter(|s| s.in_service()).count();
        let fits = (out + 1) * 100 <= in_service * self.rules.ejection.max_percent as usize;
        others().any(Shadow::is_usable) && (fits || out == 0)
    }

    /// What follows for all from a change of one.
    pub fn settle(&mut self, now: Instant) {
        if !self.all.iter().any(Shadow::is_usable) {
            for s in &mut self.all {
                if s.state() == State::Ejected && s.spec.attributes.weight > 0 {
                    s.ejected_until = None;
                    s.ramps_next = false;
                    s.fit_again(&self.rules, now);
                    s.fresh();
                }
            }
        }
        let usable = self.all.iter().any(Shadow::is_usable);
        let in_service: Vec<&Shadow> = self.all.iter().filter(|s| s.in_service()).collect();
        let known = in_service.iter().all(|s| s.up.is_some());
        self.failing_open = self.rules.fail_open
            && !usable
            && !in_service.is_empty()
            && (self.failing_open || known);
    }
}
