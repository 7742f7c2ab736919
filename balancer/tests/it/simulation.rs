//! Selection and health together, without sockets: random faults, a shadow model that knows the truth, thousands of
//! steps. A failure names its seed and step; `NETSOCKET_SIM_SEED=… cargo test simulation` replays it.

use std::time::Duration;

use netsocket_balancer::balance::{BackendId, RoundRobin};
use netsocket_balancer::connect::ConnectFailure;
use netsocket_balancer::health::{Health, Schedule, Signal, State, Thresholds};
use tokio::time::Instant;

use crate::random::Random;

const SEEDS: u64 = 64;
const STEPS: usize = 3000;
const INTERVAL: Duration = Duration::from_secs(2);
const RISE: usize = 2;
const FALL: usize = 3;

/// The truth about a backend, and what its checks have seen since the last transition.
struct Shadow {
    alive: bool,
    seen: Vec<bool>,
    up: bool,
    was_up: bool,
    checks: usize,
}

struct Simulation {
    random: Random,
    now: Instant,
    start: Instant,
    backends: Vec<(Health, Schedule)>,
    shadows: Vec<Shadow>,
    order: RoundRobin,
    /// Turns since the set of those that are up last changed, while nothing was retried.
    turns: Vec<usize>,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let start = Instant::now();
        let count = random.below(1..9);
        let number = |n: usize| u32::try_from(n).unwrap().try_into().unwrap();
        let thresholds = Thresholds {
            rise: number(RISE),
            fall: number(FALL),
        };
        let backend = |index| {
            (
                Health::new(thresholds),
                Schedule::new(start, INTERVAL, index, count),
            )
        };
        let shadow = |alive| Shadow {
            alive,
            seen: Vec::new(),
            up: false,
            was_up: false,
            checks: 0,
        };
        Self {
            backends: (0..count).map(backend).collect(),
            shadows: (0..count).map(|_| shadow(random.chance(80))).collect(),
            order: RoundRobin::starting_at(random.next() as usize),
            turns: vec![0; count],
            now: start,
            start,
            random,
        }
    }

    fn step(&mut self) {
        match self.random.below(0..100) {
            0..60 => self.session(),
            60..95 => self.time_passes(),
            _ => {
                let index = self.random.below(0..self.shadows.len());
                self.shadows[index].alive ^= true;
            }
        }
    }

    /// Who is up, by the machine, which must be who is up by the model.
    fn up(&self) -> Vec<BackendId> {
        let by = |up: &dyn Fn(usize) -> bool| -> Vec<BackendId> {
            (0..self.backends.len())
                .filter(|&index| up(index))
                .map(BackendId)
                .collect()
        };
        let machine = by(&|index| self.backends[index].0.state() == State::Up);
        assert_eq!(machine, by(&|index| self.shadows[index].up));
        machine
    }

    fn session(&mut self) {
        let up = self.up();
        let mut tried = Vec::new();
        let served = loop {
            let Some(id) = self.order.pick(&up, &tried) else {
                break None;
            };
            assert!(up.contains(&id), "picked one that is down");
            assert!(!tried.contains(&id), "tried twice");
            if self.shadows[id.0].alive {
                break Some(id);
            }
            tried.push(id);
        };
        match served {
            None => assert!(
                up.iter().all(|id| !self.shadows[id.0].alive),
                "a session was lost"
            ),
            Some(id) if tried.is_empty() => self.count_turn(&up, id),
            Some(_) => self.turns.fill(0),
        }
    }

    fn count_turn(&mut self, up: &[BackendId], id: BackendId) {
        self.turns[id.0] += 1;
        let turns: Vec<usize> = up.iter().map(|id| self.turns[id.0]).collect();
        let (least, most) = (turns.iter().min().unwrap(), turns.iter().max().unwrap());
        assert!(most - least <= 1, "unfair: {turns:?}");
    }

    fn time_passes(&mut self) {
        self.now += Duration::from_millis(self.random.below(0..1500) as u64);
        for index in 0..self.backends.len() {
            while self.backends[index].1.next() <= self.now {
                self.check(index);
            }
            let shadow = &self.shadows[index];
            let due = 1 + ((self.now - self.start).as_nanos() / INTERVAL.as_nanos()) as usize;
            assert!(
                shadow.checks <= due + 1 && shadow.checks + 1 >= due,
                "checks {} of {due}",
                shadow.checks
            );
        }
    }

    fn check(&mut self, index: usize) {
        let (health, schedule) = &mut self.backends[index];
        let at = schedule.next();
        let shadow = &mut self.shadows[index];
        // A check may be lost although the backend is alive, never the other way round.
        let passed = shadow.alive && !self.random.chance(5);
        let signal = match passed {
            true => Signal::CheckPassed,
            false => Signal::CheckFailed(ConnectFailure::TimedOut),
        };
        let transition = health.observe(signal);
        schedule.done(at + Duration::from_millis(self.random.below(0..1000) as u64));

        shadow.checks += 1;
        shadow.seen.push(passed);
        let needed = match (shadow.up, shadow.was_up) {
            (true, _) => FALL,
            (false, true) => RISE,
            (false, false) => 1,
        };
        let against = shadow
            .seen
            .iter()
            .rev()
            .take_while(|&&passed| passed != shadow.up)
            .count();
        assert_eq!(transition.is_some(), against >= needed);
        if against >= needed {
            shadow.up ^= true;
            shadow.was_up |= shadow.up;
            shadow.seen.clear();
            self.turns.fill(0);
        }
    }
}

fn simulate(seed: u64) {
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
}

#[test]
fn simulation() {
    match std::env::var("NETSOCKET_SIM_SEED") {
        Ok(seed) => simulate(seed.parse().unwrap()),
        Err(_) => (0..SEEDS).for_each(simulate),
    }
}
