//! Selection and health together, without sockets: random faults, a shadow model that knows the truth, thousands of
//! steps, some of which change the pool itself. A failure names its seed and step; `NETSOCKET_SIM_SEED=… cargo test
//! simulation` replays it.

mod shadow;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use netsocket_balancer::backend::{Assigned, Attributes, Backend, BackendSpec, CheckReport};
use netsocket_balancer::balance::{BackendId, Policy};
use netsocket_balancer::connect::ConnectFailure;
use netsocket_balancer::health::{
    AdminState, EjectionRules, Growth, HealthRules, SessionSignal, State, Thresholds,
};
use netsocket_balancer::pool::{NoBackend, Pool};
use tokio::time::Instant;

use self::shadow::{Shadow, Shadows};
use crate::random::Random;

const SEEDS: u64 = 64;
const STEPS: usize = 3000;
/// The most backends that a pool has.
const MOST: usize = 8;

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
    next_port: u16,
}

fn rules(random: &mut Random) -> HealthRules {
    let mut count = |range| NonZeroU32::new(u32::try_from(random.below(range)).unwrap());
    let thresholds = Thresholds {
        rise: count(1..4).unwrap(),
        fall: count(1..5).unwrap(),
    };
    let (connects, early_resets) = (count(0..5), count(0..5));
    let mut growth = |least| Growth {
        base: Duration::from_secs(random.below(least..10) as u64),
        cap: Duration::from_secs(random.below(10..30) as u64),
        forgive: Duration::from_secs(random.below(1..60) as u64),
    };
    HealthRules {
        thresholds,
        ejection: EjectionRules {
            connects,
            early_resets,
            time: growth(1),
            max_percent: 0,
        },
        hold_down: growth(0),
        slow_start: Duration::ZERO,
        fail_open: true,
    }
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

    fn session(&mut self) {
        let client = IpAddr::V4(Ipv4Addr::from(
            u32::try_from(self.random.below(0..50)).unwrap(),
        ));
        let first = self.candidates.clone();
        let mut tried: Vec<BackendId> = Vec::new();
        loop {
            let hold = match self.pool.pick(client, &tried) {
                Ok(hold) => hold,
                Err(why) => return self.nobody(why, &tried, &first),
            };
            let backend = Arc::clone(hold.backend());
            assert!(!tried.contains(&backend.id()), "tried twice");
            self.may_serve(&backend, &tried, &first);
            let at = self.shadows.at(backend.name());
            if self.shadows.all[at].alive {
                backend.observe_session(SessionSignal::Connected);
                self.shadows.all[at].connects_failed = 0;
                if tried.is_empty() {
                    self.served(&backend, client);
                }
                self.open.push(hold);
                return;
            }
            drop(hold);
            self.turns.clear();
            tried.push(backend.id());
            backend.observe_session(SessionSignal::ConnectFailed(ConnectFailure::Refused));
            self.shadows.all[at].connects_failed += 1;
            // The control side may be slow: workers go on with what they know.
            if self.random.chance(70) {
                self.attend();
            }
        }
    }

    fn may_serve(&self, backend: &Backend, tried: &[BackendId], first: &BTreeMap<String, u32>) {
        let shadow = &self.shadows.all[self.shadows.at(backend.name())];
        let limit = backend
            .attributes()
            .max_connections
            .map_or(u64::MAX, |most| most.get().into());
        assert!(backend.figures().active <= limit, "over its limit");
        assert_ne!(shadow.spec.attributes.weight, 0, "no weight");
        assert_eq!(shadow.admin, AdminState::Ready);
        if tried.is_empty() {
            assert!(
                first.contains_key(backend.name()),
                "not a candidate: {shadow:?}"
            );
        } else {
            let reserve = shadow.is_usable() && shadow.spec.attributes.backup;
            let now = self.shadows.candidates(self.now);
            assert!(
                now.contains_key(backend.name()) || reserve,
                "not a candidate: {shadow:?}"
            );
        }
    }

    fn nobody(&mut self, why: NoBackend, tried: &[BackendId], first: &BTreeMap<String, u32>) {
        self.turns.clear();
        let backends = self.pool.backends();
        let is_candidate = |backend: &&Arc<Backend>| {
            self.shadows
                .candidates(self.now)
                .contains_key(backend.name())
        };
        let mut left = backends
            .iter()
            .filter(is_candidate)
            .filter(|backend| !tried.contains(&backend.id()));
        match why {
            NoBackend::NoneUp => {
                assert!(tried.is_empty() && first.is_empty() || self.candidates_now() == 0)
            }
            NoBackend::AllTried => assert!(left.next().is_none()),
            NoBackend::AllFull => {
                let full = |backend: &Arc<Backend>| {
                    let most = backend.attributes().max_connections;
                    most.is_some_and(|most| backend.figures().active >= u64::from(most.get()))
                };
                let reserve: Vec<_> = backends.iter().filter(|b| b.attributes().backup).collect();
                assert!(left.all(full) || reserve.into_iter().any(full));
            }
        }
    }

    fn candidates_now(&self) -> usize {
        self.shadows.candidates(self.now).len()
    }

    /// Shares are what the policy promises.
    fn served(&mut self, backend: &Backend, client: IpAddr) {
        let unlimited = self
            .shadows
            .all
            .iter()
            .all(|s| s.spec.attributes.max_connections.is_none());
        let name = backend.name().to_owned();
        match self.policy {
            Policy::RoundRobin if unlimited => {
                *self.turns.entry(name).or_default() += 1;
                let sum: u32 = self.candidates.values().sum();
                let turns: u32 = self.turns.values().sum();
                let most = self.candidates.len() as f64 + 1.0;
                for (name, weight) in &self.candidates {
                    let due = f64::from(turns) * f64::from(*weight) / f64::from(sum);
                    let got = f64::from(self.turns.get(name).copied().unwrap_or(0));
                    assert!((got - due).abs() <= most, "{name} had {got} of {due}");
                }
            }
            Policy::LeastConnections => {
                let after = |backend: &Backend, more: u64| {
                    let weight = f64::from(self.candidates[backend.name()]);
                    (backend.figures().active + more) as f64 / weight
                };
                let mine = after(backend, 0);
                for other in self.pool.backends() {
                    let most = other
                        .attributes()
                        .max_connections
                        .map_or(u64::MAX, |most| most.get().into());
                    let open = other.figures().active < most;
                    if open
                        && other.id() != backend.id()
                        && self.candidates.contains_key(other.name())
                    {
                        assert!(mine <= after(&other, 1) + 1e-9, "{name} was not the least");
                    }
                }
            }
            Policy::Source | Policy::Maglev if unlimited => {
                let before = self.clients.entry(client).or_insert(name.clone());
                assert_eq!(*before, name, "a client moved although nothing changed");
            }
            _ => {}
        }
    }

    fn end_session(&mut self) {
        if !self.open.is_empty() {
            let at = self.random.below(0..self.open.len());
            let hold = self.open.swap_remove(at);
            hold.backend().observe_session(SessionSignal::Answered);
            if let Some(shadow) = self.shadows.find(hold.backend()) {
                shadow.resets = 0;
            }
        }
    }

    fn early_reset(&mut self) {
        for _ in 0..self.random.below(1..6) {
            if self.open.is_empty() {
                return;
            }
            let at = self.random.below(0..self.open.len());
            let hold = self.open.swap_remove(at);
            let client_sent = self.random.chance(30);
            hold.backend()
                .observe_session(SessionSignal::EarlyReset { client_sent });
            if let Some(shadow) = self.shadows.find(hold.backend()) {
                shadow.resets += u32::from(!client_sent);
            }
        }
        self.attend();
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

fn spec(random: &mut Random, next_port: &mut u16) -> BackendSpec {
    *next_port += 1;
    BackendSpec {
        name: format!("b{next_port}"),
        address: SocketAddr::from(([127, 0, 0, 1], *next_port)),
        attributes: attributes(random),
    }
}

fn attributes(random: &mut Random) -> Attributes {
    let weights = [0, 1, 1, 1, 1, 2, 5];
    Attributes {
        weight: weights[random.below(0..weights.len())],
        backup: random.chance(15),
        max_connections: if random.chance(10) {
            NonZeroU32::new(3)
        } else {
            None
        },
        check_port: None,
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
    let mut seen = BTreeMap::new();
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
