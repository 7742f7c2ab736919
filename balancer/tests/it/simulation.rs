//! Selection and health together, without sockets: random faults, a shadow model that knows the truth, thousands of
//! steps, some of which change the pool itself. A failure names its seed and step; `NETSOCKET_SIM_SEED=… cargo test
//! simulation` replays it.

mod draw;
mod session;
mod shadow;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use netsocket_balancer::ConnectFailure;
use netsocket_balancer::backend::{Assigned, BackendSpec, CheckReport};
use netsocket_balancer::balance::Policy;
use netsocket_balancer::health::{AdminState, State};
use netsocket_balancer::pool::Pool;
use tokio::time::Instant;

use self::draw::{attributes, rules, spec};
use self::shadow::{Shadow, Shadows};
use crate::random::Random;

const SEEDS: u64 = 64;
const STEPS: usize = 3000;
/// The most backends that a pool has.
const MOST: usize = 8;

/// Sessions for which nobody usable could be had, and what became of them.
#[derive(Default)]
struct LastResorts {
    served: u64,
    refused: u64,
}

struct Simulation {
    random: Random,
    now: Instant,
    policy: Policy,
    pool: Pool,
    shadows: Shadows,
    open: Vec<Assigned>,
    /// Who served since the candidates last changed, while nothing was retried or refused.
    turns: BTreeMap<String, u32>,
    /// Who may serve: names and weights in tenths; and since when it has been so.
    candidates: BTreeMap<String, u32>,
    /// Where clients went since the candidates last changed.
    clients: BTreeMap<IpAddr, String>,
    last_resorts: LastResorts,
    next_port: u16,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut rules = rules(&mut random);
        rules.ejection.max_percent = u32::try_from(random.below(1..101)).unwrap();
        rules.slow_start = Duration::from_secs(random.below(0..2) as u64 * 20);
        rules.fail_open = random.chance(80);
        let policy = Policy::ALL[random.below(0..Policy::ALL.len())];
        let mut next_port = 1;
        let specs: Vec<_> = (0..random.below(1..MOST))
            .map(|_| spec(&mut random, &mut next_port))
            .collect();
        let mut shadows = Shadows::new(rules);
        shadows.set(&specs, false);
        Self {
            pool: Pool::new(specs, policy, rules, random.next()),
            policy,
            shadows,
            now: Instant::now(),
            open: Vec::new(),
            turns: BTreeMap::new(),
            candidates: BTreeMap::new(),
            clients: BTreeMap::new(),
            last_resorts: LastResorts::default(),
            next_port,
            random,
        }
    }

    fn step(&mut self) {
        match self.random.below(0..100) {
            0..45 => self.session(),
            45..60 => self.end_session(),
            60..85 => self.check(),
            85..93 => self.time_passes(),
            93..96 => {
                let at = self.random.below(0..self.shadows.all.len());
                self.shadows.all[at].alive ^= true;
            }
            96..98 => self.operator(),
            98 => self.early_reset(),
            _ => self.replace(),
        }
        self.compare();
    }

    /// What the pool shows must be what the model says.
    fn compare(&mut self) {
        let backends = self.pool.backends();
        assert_eq!(backends.len(), self.shadows.all.len());
        for (backend, shadow) in backends.iter().zip(&self.shadows.all) {
            let report = backend.report();
            let shown = (backend.name(), report.state, &report.reason);
            assert_eq!(
                (shown.0, shown.1),
                (shadow.spec.name.as_str(), shadow.state()),
                "{shown:?}"
            );
            let mine = self
                .open
                .iter()
                .filter(|hold| hold.backend().id() == backend.id())
                .count();
            assert_eq!(backend.figures().active, mine as u64);
        }
        assert_eq!(self.pool.is_failing_open(), self.shadows.failing_open);
        assert_eq!(
            self.pool.up_count(),
            self.shadows.all.iter().filter(|s| s.is_usable()).count()
        );
        let candidates = self.shadows.candidates(self.now);
        if candidates != self.candidates {
            self.candidates = candidates;
            self.turns.clear();
            self.clients.clear();
        }
    }

    fn check(&mut self) {
        let at = self.random.below(0..self.shadows.all.len());
        let Shadow { admin, alive, .. } = self.shadows.all[at];
        if admin == AdminState::Maintenance {
            return;
        }
        // A check may be lost although the backend is alive, never the other way round.
        let passed = alive && !self.random.chance(8);
        let outcome = if passed {
            Ok(())
        } else {
            Err(ConnectFailure::TimedOut.into())
        };
        let report = CheckReport::new(outcome, Duration::ZERO);
        self.pool
            .observe_check(&self.pool.backends()[at], report, self.now);
        self.shadows.check(at, passed, self.now);
    }

    fn time_passes(&mut self) {
        let millis = self.random.below(0..6000) as u64;
        let end = self.now + Duration::from_millis(millis);
        // As the watch does: look when something is due.
        loop {
            let due = self.attend();
            assert!(due.is_none_or(|due| due > self.now), "due, and not done");
            match due.filter(|&due| due <= end) {
                Some(due) => self.now = due,
                None => break,
            }
            self.attend();
            self.compare();
        }
        self.now = end;
        self.attend();
    }

    fn attend(&mut self) -> Option<Instant> {
        let before: Vec<State> = self.shadows.all.iter().map(Shadow::state).collect();
        let due = self.pool.attend(self.now);
        self.shadows.attend(self.now);
        self.ejection_is_bounded(&before);
        due
    }

    /// Looked at from outside, besides the model: who was ejected now left somebody, and not too many are.
    fn ejection_is_bounded(&self, before: &[State]) {
        let after: Vec<State> = self
            .pool
            .backends()
            .iter()
            .map(|b| b.report().state)
            .collect();
        let new = before
            .iter()
            .zip(&after)
            .any(|(&before, &after)| before == State::Up && after == State::Ejected);
        if new {
            assert!(self.pool.up_count() > 0, "the last one was ejected");
            let part = self.shadows.all.iter().filter(|s| s.in_service()).count()
                * self.shadows.rules.ejection.max_percent as usize
                / 100;
            let serving = |s: &&Shadow| s.state() == State::Ejected && s.spec.attributes.weight > 0;
            let ejected = self.shadows.all.iter().filter(serving).count();
            assert!(
                ejected <= part.max(1),
                "{ejected} ejected of {}",
                after.len()
            );
        }
    }

    fn operator(&mut self) {
        let at = self.random.below(0..self.shadows.all.len());
        let states = [
            AdminState::Ready,
            AdminState::Ready,
            AdminState::Drain,
            AdminState::Maintenance,
        ];
        let state = states[self.random.below(0..4)];
        let id = self.pool.backends()[at].id();
        self.pool
            .set_admin_state_at(id, state, "model", self.now)
            .unwrap();
        self.shadows.set_admin(at, state, self.now);
    }

    fn replace(&mut self) {
        let random = &mut self.random;
        let mut specs: Vec<BackendSpec> = Vec::new();
        for shadow in &self.shadows.all {
            if random.chance(85) {
                let mut spec = shadow.spec.clone();
                if random.chance(20) {
                    spec.attributes = attributes(random);
                }
                specs.push(spec);
            }
        }
        while specs.is_empty() || (specs.len() < MOST && random.chance(30)) {
            specs.push(spec(random, &mut self.next_port));
        }
        self.pool.replace_at(specs.clone(), self.now);
        self.shadows.set(&specs, true);
        self.shadows.settle(self.now);
    }
}

fn simulate(seed: u64) -> BTreeMap<&'static str, u64> {
    struct Replay(u64, usize);
    impl Drop for Replay {
        fn drop(&mut self) {
            if std::thread::panicking() {
                println!(
                    "failed at step {}; replay with NETSOCKET_SIM_SEED={}",
                    self.1, self.0
                );
            }
        }
    }
    let mut replay = Replay(seed, 0);
    let mut simulation = Simulation::new(seed);
    for step in 0..STEPS {
        replay.1 = step;
        simulation.step();
    }
    let LastResorts { served, refused } = simulation.last_resorts;
    let mut seen = BTreeMap::from([
        ("last-resort-served", served),
        ("last-resort-refused", refused),
    ]);
    for past in simulation.pool.transitions() {
        *seen.entry(past.transition.reason.label()).or_insert(0) += 1;
    }
    seen
}

#[test]
fn simulation() {
    if let Ok(seed) = std::env::var("NETSOCKET_SIM_SEED") {
        simulate(seed.parse().unwrap());
        return;
    }
    let mut seen = BTreeMap::new();
    for seed in 0..SEEDS {
        for (reason, count) in simulate(seed) {
            *seen.entry(reason).or_insert(0) += count;
        }
    }
    // A simulation in which something never happens says nothing about it.
    let reasons = [
        "admin",
        "checks-failed",
        "checks-passed",
        "connects-failed",
        "early-resets",
        "ejection-over",
        "first-check-passed",
        "last-resort-refused",
        "last-resort-served",
        "nobody-else",
        "not-up-yet",
    ];
    for reason in reasons {
        assert!(
            seen.get(reason).is_some_and(|&count| count >= 20),
            "{reason} is rare: {seen:?}"
        );
    }
}
