use std::time::Duration;

use super::super::failure::CheckFailure;
use super::*;
use crate::config::Config;
use crate::core::connect_failure::ConnectFailure;

const CONNECTS: Signal = Signal::ConnectsFailed(3, ConnectFailure::Refused);
const FAILED: Signal = Signal::CheckFailed(CheckFailure::Connect(ConnectFailure::Refused));

struct Watched {
    registry: HealthRegistry,
    now: Instant,
}

impl Watched {
    /// Backends with these weights, of which those below zero are backups; all up.
    fn up(weights: &[i32]) -> Self {
        let mut watched = Self::unknown(weights);
        (0..weights.len()).for_each(|id| drop(watched.tell(id, Signal::CheckPassed)));
        watched
    }

    fn unknown(weights: &[i32]) -> Self {
        let now = Instant::now();
        let mut registry = HealthRegistry::new(Config::default().health);
        let share = |&weight: &i32| Share::new(weight.unsigned_abs(), weight < 0);
        let entries: Vec<_> = weights
            .iter()
            .enumerate()
            .map(|(id, weight)| (BackendId(id), share(weight)))
            .collect();
        assert_eq!(registry.set_backends(&entries, false, now), []);
        Self { registry, now }
    }

    fn tell(&mut self, id: usize, signal: Signal) -> Vec<(usize, State)> {
        states(self.registry.observe(BackendId(id), signal, self.now))
    }

    fn fall(&mut self, id: usize) -> Vec<(usize, State)> {
        (0..3).flat_map(|_| self.tell(id, FAILED)).collect()
    }

    fn first(&self) -> Vec<usize> {
        self.registry
            .eligible(self.now)
            .first
            .iter()
            .map(|&(id, _)| id.0)
            .collect()
    }

    fn last(&self) -> Vec<usize> {
        let last = self.registry.eligible(self.now).last_resort;
        last.iter().map(|&(id, _)| id.0).collect()
    }

    fn fails_open(&self) -> bool {
        self.registry.eligible(self.now).failing_open
    }
}

fn states(changes: Changes) -> Vec<(usize, State)> {
    changes
        .into_iter()
        .map(|(id, transition)| (id.0, transition.to))
        .collect()
}

#[test]
fn never_more_than_a_part_is_ejected() {
    let mut watched = Watched::up(&[1, 1, 1, 1]);
    assert_eq!(watched.tell(0, CONNECTS), [(0, State::Ejected)]);
    assert_eq!(watched.tell(1, CONNECTS), [(1, State::Ejected)]);
    assert_eq!(watched.tell(2, CONNECTS), []);
    assert_eq!(watched.first(), [2, 3]);
}

#[test]
fn never_the_last_one() {
    let mut watched = Watched::up(&[1]);
    assert_eq!(watched.tell(0, CONNECTS), []);
    // Weight 0 serves nobody, so the other one is the last.
    let mut watched = Watched::up(&[1, 0]);
    assert_eq!(watched.tell(0, CONNECTS), []);
    // One of two may, though it is more than the part.
    let mut watched = Watched::up(&[1, 1]);
    watched.registry.rules.ejection.max_percent = 10;
    assert_eq!(watched.tell(0, CONNECTS), [(0, State::Ejected)]);
    assert_eq!(watched.tell(1, CONNECTS), []);
}

#[test]
fn the_ejected_come_back_when_nobody_else_is_left() {
    let mut watched = Watched::up(&[1, 1]);
    watched.tell(0, CONNECTS);
    assert_eq!(watched.fall(1), [(1, State::Down), (0, State::Up)]);
    assert_eq!((watched.first(), watched.fails_open()), (vec![0], false));
    let mut watched = Watched::up(&[1, 1]);
    watched.tell(0, CONNECTS);
    let drained = watched
        .registry
        .set_admin(BackendId(1), AdminState::Drain, "x", watched.now);
    assert_eq!(states(drained), [(1, State::Draining), (0, State::Up)]);
}

#[test]
fn backups_serve_when_no_primary_does() {
    let mut watched = Watched::up(&[1, 1, -1]);
    let eligible = watched.registry.eligible(watched.now);
    assert_eq!(
        (eligible.first.len(), eligible.backups.as_slice()),
        (2, [(BackendId(2), 10)].as_slice())
    );
    watched.fall(0);
    watched.fall(1);
    assert_eq!(watched.first(), [2]);
    assert_eq!(watched.registry.eligible(watched.now).usable, 1);
    assert!(!watched.fails_open());
}

#[test]
fn with_no_healthy_backend_all_in_service_are_used() {
    let mut watched = Watched::up(&[1, 1, 1, -1, 0]);
    watched
        .registry
        .set_admin(BackendId(0), AdminState::Maintenance, "x", watched.now);
    // The last one is up, but has no weight to serve with.
    for id in 1..4 {
        assert!(!watched.fails_open());
        watched.fall(id);
    }
    assert_eq!(
        (watched.first(), watched.fails_open()),
        (vec![1, 2, 3], true)
    );
    assert_eq!(watched.registry.eligible(watched.now).usable, 0);
    watched.tell(2, Signal::CheckPassed);
    watched.tell(2, Signal::CheckPassed);
    assert_eq!((watched.first(), watched.fails_open()), (vec![2], false));
}

#[test]
fn not_before_everybody_was_asked_and_not_against_the_settings() {
    let mut watched = Watched::unknown(&[1, 1]);
    watched.tell(0, FAILED);
    assert_eq!((watched.first(), watched.fails_open()), (vec![], false));
    watched.tell(1, FAILED);
    assert!(watched.fails_open());
    watched.registry.rules.fail_open = false;
    watched.tell(1, FAILED);
    assert_eq!((watched.first(), watched.fails_open()), (vec![], false));
}

#[test]
fn the_unhealthy_in_service_are_the_last_resort() {
    let mut watched = Watched::up(&[1, 1, 1, 0, 1, 1, -1]);
    assert_eq!(watched.last(), [0; 0]);
    watched.tell(0, CONNECTS);
    watched.fall(1);
    watched.fall(3);
    for (id, state) in [(4, AdminState::Drain), (5, AdminState::Maintenance)] {
        watched.fall(id);
        watched
            .registry
            .set_admin(BackendId(id), state, "x", watched.now);
    }
    watched.fall(6);
    assert_eq!((watched.first(), watched.last()), (vec![2], vec![0, 1, 6]));
    // Once nobody is healthy they are among the first.
    watched.fall(2);
    watched.fall(0);
    assert!(watched.fails_open());
    assert_eq!(
        (watched.first(), watched.last()),
        (vec![0, 1, 2, 6], vec![])
    );
}

#[test]
fn a_backend_held_down_is_a_last_resort_one_never_asked_is_not() {
    let mut watched = Watched::unknown(&[1, 1, 1]);
    watched.tell(0, Signal::CheckPassed);
    watched.tell(1, Signal::CheckPassed);
    watched.fall(1);
    assert_eq!(watched.tell(1, Signal::CheckPassed), []);
    assert_eq!(
        watched.tell(1, Signal::CheckPassed),
        [(1, State::Up)],
        "the first time is free"
    );
    watched.fall(1);
    for _ in 0..4 {
        assert_eq!(watched.tell(1, Signal::CheckPassed), []);
    }
    let health = watched.registry.health(BackendId(1)).unwrap();
    assert_eq!(health.reason().label(), "held-down");
    assert_eq!((watched.first(), watched.last()), (vec![0], vec![1]));
    watched.registry.rules.fail_open = false;
    assert_eq!((watched.first(), watched.last()), (vec![0], vec![]));
}

#[test]
fn a_backend_that_stays_keeps_its_health_and_a_new_one_ramps_up() {
    let mut watched = Watched::up(&[1, 1]);
    watched.registry.rules.slow_start = Duration::from_secs(10);
    let share = |weight| Share::new(weight, false);
    let entries = [(BackendId(1), share(5)), (BackendId(7), share(1))];
    assert_eq!(
        watched.registry.set_backends(&entries, true, watched.now),
        []
    );
    assert_eq!(watched.first(), [1]);
    watched.tell(7, Signal::CheckPassed);
    let weights = watched.registry.eligible(watched.now).first;
    assert_eq!(weights, [(BackendId(1), 50), (BackendId(7), 1)]);
    assert_eq!(watched.tell(0, FAILED), []);
}

#[test]
fn nobody_takes_sessions_only_once_that_is_known() {
    let mut watched = Watched::unknown(&[1, 0]);
    assert_eq!(watched.registry.supply(), Supply::Unchecked);
    watched.tell(0, Signal::CheckPassed);
    watched.tell(1, Signal::CheckPassed);
    assert_eq!(watched.registry.supply(), Supply::Usable);
    let mut set = |state| {
        let set = watched
            .registry
            .set_admin(BackendId(0), state, "ops", watched.now);
        drop(set);
        watched.registry.supply()
    };
    let out = |why: &str| Supply::None(why.to_owned());
    assert_eq!(set(AdminState::Drain), out("1 draining, 1 of weight 0"));
    assert_eq!(
        set(AdminState::Maintenance),
        out("1 in maintenance, 1 of weight 0")
    );
    assert_eq!(set(AdminState::Ready), Supply::Unchecked);
    watched.tell(0, Signal::CheckPassed);
    watched.fall(0);
    assert_eq!(watched.registry.supply(), Supply::FailingOpen);
    let closed = HealthRules {
        fail_open: false,
        ..*watched.registry.rules()
    };
    watched.registry.set_rules(closed);
    watched.registry.tick(watched.now);
    assert_eq!(watched.registry.supply(), out("1 down, 1 of weight 0"));
    let none = watched.registry.set_backends(&[], false, watched.now);
    assert_eq!(
        (none, watched.registry.supply()),
        (Changes::new(), Supply::Empty)
    );
}
