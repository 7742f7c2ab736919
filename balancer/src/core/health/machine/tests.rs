use proptest::prelude::*;

use super::super::penalty::Growth;
use super::super::rules::{EjectionRules, Thresholds};
use super::*;
use crate::core::connect_failure::ConnectFailure;

const REFUSED: CheckFailure = CheckFailure::Connect(ConnectFailure::Refused);
const CONNECTS: Signal = Signal::ConnectsFailed(3, ConnectFailure::TimedOut);

fn rules(rise: u32, fall: u32) -> HealthRules {
    let count = |n| NonZeroU32::new(n).unwrap();
    let seconds = Duration::from_secs;
    HealthRules {
        thresholds: Thresholds {
            rise: count(rise),
            fall: count(fall),
        },
        ejection: EjectionRules {
            connects: Some(count(3)),
            early_resets: Some(count(5)),
            time: Growth {
                base: seconds(5),
                cap: seconds(12),
                forgive: seconds(60),
            },
            max_percent: 50,
        },
        hold_down: Growth {
            base: seconds(10),
            cap: seconds(15),
            forgive: seconds(60),
        },
        slow_start: seconds(20),
        fail_open: true,
    }
}

/// A machine with its rules and a clock.
struct Watched {
    health: Health,
    rules: HealthRules,
    now: Instant,
}

impl Watched {
    fn new() -> Self {
        Self {
            health: Health::new(false),
            rules: rules(2, 3),
            now: Instant::now(),
        }
    }

    fn up() -> Self {
        let mut watched = Self::new();
        assert_eq!(
            watched.passed(),
            Some((State::Up, "first check passed".into()))
        );
        watched
    }

    fn told(transition: Option<Transition>) -> Option<(State, String)> {
        transition.map(|transition| (transition.to, transition.reason.to_string()))
    }

    fn passed(&mut self) -> Option<(State, String)> {
        Self::told(self.health.check(Ok(()), &self.rules, self.now))
    }

    fn failed(&mut self) -> Option<(State, String)> {
        Self::told(self.health.check(Err(REFUSED), &self.rules, self.now))
    }

    fn fall(&mut self) -> String {
        assert_eq!([self.failed(), self.failed()], [None, None]);
        let (to, reason) = self.failed().unwrap();
        assert_eq!(to, State::Down);
        reason
    }

    fn eject(&mut self) -> Option<(State, String)> {
        assert!(self.health.asks_ejection(&CONNECTS, &self.rules));
        Self::told(self.health.eject(&CONNECTS, &self.rules, self.now))
    }

    fn tick(&mut self) -> Option<(State, String)> {
        Self::told(self.health.tick(&self.rules, self.now))
    }

    fn set(&mut self, admin: AdminState) -> Option<(State, String)> {
        Self::told(
            self.health
                .set_admin(admin, "by ops", &self.rules, self.now),
        )
    }

    fn pass_time(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    fn share(&self) -> u32 {
        self.health.share(&self.rules, self.now)
    }
}

#[test]
fn up_after_the_first_success_however_late() {
    let mut watched = Watched::new();
    assert_eq!(
        (watched.health.state(), watched.health.reason()),
        (State::Down, Reason::NotChecked)
    );
    let told = Some((State::Down, "not up yet: connection refused".into()));
    assert_eq!([watched.failed(), watched.failed()], [told, None]);
    assert_eq!(watched.passed().unwrap().0, State::Up);
    assert_eq!(watched.share(), FULL_SHARE, "no slow start at the start");
}

#[test]
fn falls_after_three_failures_in_a_row_and_rises_after_two_successes() {
    let mut watched = Watched::up();
    watched.failed();
    watched.failed();
    assert_eq!(watched.health.progress(&watched.rules).0, 2);
    watched.passed();
    assert_eq!(watched.fall(), "3 checks failed: connection refused");
    assert_eq!(
        [watched.passed(), watched.failed(), watched.passed()],
        [None, None, None]
    );
    assert_eq!(
        watched.passed(),
        Some((State::Up, "2 checks passed".into()))
    );
}

#[test]
fn checks_come_faster_while_something_changes() {
    let mut watched = Watched::up();
    let mut paces = vec![watched.health.pace()];
    for passes in [false, true, false, false, false, true, false] {
        if passes {
            watched.passed()
        } else {
            watched.failed()
        };
        paces.push(watched.health.pace());
    }
    use Pace::{Down, Fast, Normal};
    assert_eq!(paces, [Normal, Fast, Normal, Fast, Fast, Down, Fast, Down]);
}

#[test]
fn an_ejection_ends_by_itself_and_the_next_one_is_longer() {
    let mut watched = Watched::up();
    for time in [5, 10, 12, 12] {
        let (state, reason) = watched.eject().unwrap();
        assert_eq!(state, State::Ejected);
        assert_eq!(
            reason,
            format!("3 sessions could not connect: no answer in time; ejected for {time}s")
        );
        assert!(
            !watched.health.asks_ejection(&CONNECTS, &watched.rules),
            "it is out"
        );
        assert_eq!(
            watched.health.due(&watched.rules, watched.now),
            Some(watched.now + Duration::from_secs(time))
        );
        watched.pass_time(time - 1);
        assert_eq!(watched.tick(), None);
        watched.pass_time(1);
        assert_eq!(
            watched.tick(),
            Some((State::Up, format!("ejection of {time}s ended")))
        );
    }
    // Two of four are forgiven.
    watched.pass_time(125);
    assert!(watched.eject().unwrap().1.ends_with("ejected for 12s"));
    watched.pass_time(12);
    watched.tick();
    watched.pass_time(10 * 60);
    assert!(watched.eject().unwrap().1.ends_with("ejected for 5s"));
}

#[test]
fn fewer_failures_than_the_threshold_ask_for_nothing() {
    let watched = Watched::up();
    let asks = |signal| watched.health.asks_ejection(&signal, &watched.rules);
    assert!(!asks(Signal::ConnectsFailed(2, ConnectFailure::Refused)));
    assert!(!asks(Signal::EarlyResets(4)));
    assert!(asks(Signal::EarlyResets(5)));
}

#[test]
fn what_checks_say_ends_an_ejection() {
    let mut watched = Watched::up();
    watched.eject();
    assert_eq!(watched.fall(), "3 checks failed: connection refused");
    watched.passed();
    assert_eq!(watched.passed().unwrap().0, State::Up);
    watched.pass_time(100);
    assert_eq!(watched.tick(), None);
}

#[test]
fn one_that_flaps_is_held_down_for_longer_each_time() {
    let mut watched = Watched::up();
    for held in [0, 10, 15] {
        watched.fall();
        watched.passed();
        if held > 0 {
            assert_eq!(watched.passed(), None);
            let reason = watched.health.reason().to_string();
            assert!(
                reason.starts_with(&format!("checks pass, held down for {held}s")),
                "{reason}"
            );
            watched.pass_time(held - 1);
            assert_eq!(watched.passed(), None);
            watched.pass_time(1);
        }
        assert_eq!(watched.passed().unwrap().0, State::Up);
    }
    // A check that fails meanwhile is told, and the hold goes on.
    watched.fall();
    watched.passed();
    watched.passed();
    assert!(
        watched
            .health
            .reason()
            .to_string()
            .starts_with("checks pass, held")
    );
    watched.failed();
    assert_eq!(
        watched.health.reason().to_string(),
        "1 check failed: connection refused"
    );
    watched.pass_time(15);
    watched.passed();
    assert_eq!(watched.passed().unwrap().0, State::Up);
    // Good conduct is rewarded.
    watched.pass_time(4 * 60);
    watched.fall();
    watched.passed();
    assert_eq!(watched.passed().unwrap().0, State::Up);
}

#[test]
fn the_weight_ramps_after_a_failure() {
    let mut watched = Watched::up();
    watched.fall();
    watched.passed();
    watched.passed();
    let mut shares = Vec::new();
    for _ in 0..11 {
        shares.push(watched.share());
        let due = watched.health.due(&watched.rules, watched.now);
        watched.pass_time(2);
        assert!(due.is_none_or(|due| due == watched.now));
        watched.tick();
    }
    assert_eq!(shares, [1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    assert_eq!(watched.health.due(&watched.rules, watched.now), None);
}

#[test]
fn drain_and_back_keeps_what_is_known() {
    let mut watched = Watched::up();
    assert_eq!(
        watched.set(AdminState::Drain),
        Some((State::Draining, "set to drain by ops".into()))
    );
    assert_eq!(watched.set(AdminState::Drain), None);
    for _ in 0..3 {
        assert_eq!(watched.failed(), None, "drained is drained");
    }
    assert_eq!(watched.health.reason().to_string(), "set to drain by ops");
    assert_eq!(
        watched.set(AdminState::Ready),
        Some((State::Down, "3 checks failed: connection refused".into()))
    );
    assert_eq!(
        watched.health.reason().to_string(),
        "3 checks failed: connection refused"
    );
}

#[test]
fn after_maintenance_it_is_checked_again_and_ramps_up() {
    let mut watched = Watched::up();
    assert_eq!(
        watched.set(AdminState::Maintenance).unwrap().0,
        State::Maintenance
    );
    assert_eq!([watched.failed(), watched.passed()], [None, None]);
    // Nothing speaks against it: it has not gone down.
    assert_eq!(watched.set(AdminState::Ready), None);
    assert_eq!(watched.health.state(), State::Down);
    assert_eq!(watched.health.reason(), Reason::NotChecked);
    assert_eq!(watched.passed().unwrap().0, State::Up);
    assert_eq!(watched.share(), 1);
}

#[test]
fn one_that_is_needed_comes_back_whole() {
    let mut watched = Watched::up();
    watched.eject();
    let back = watched.health.readmit(&watched.rules, watched.now);
    assert_eq!(
        Watched::told(back),
        Some((State::Up, "no other backend is usable".into()))
    );
    assert_eq!(watched.share(), FULL_SHARE);
}

proptest! {
    /// The definition, told the slow way: look at the whole past for a run of the right length.
    #[test]
    fn agrees_with_its_definition(
        rise in 1u32..5, fall in 1u32..5, passes in prop::collection::vec(any::<bool>(), 0..200),
    ) {
        let mut rules = rules(rise, fall);
        rules.hold_down.base = Duration::ZERO;
        let mut health = Health::new(false);
        let now = Instant::now();
        let (mut up, mut was_up, mut since) = (false, false, 0);
        for (index, &pass) in passes.iter().enumerate() {
            let outcome = if pass { Ok(()) } else { Err(REFUSED) };
            let transition = health.check(outcome, &rules, now);
            let needed = if up { fall } else if was_up { rise } else { 1 } as usize;
            let tail = &passes[since..=index];
            let run = tail.iter().rev().take_while(|&&p| p != up).count();
            let changes = run >= needed;
            // The first check of all is told in any case.
            prop_assert_eq!(transition.is_some(), changes || index == 0);
            if changes {
                up = !up;
                was_up |= up;
                since = index + 1;
            }
            prop_assert_eq!(health.state() == State::Up, up);
        }
    }
}

#[test]
fn a_first_failure_tells_nothing_of_a_backend_that_is_out_already() {
    let drained = AgentWish {
        state: AgentState::Drain,
        ..AgentWish::default()
    };
    let mut watched = Watched::new();
    let told = watched
        .health
        .set_agent(&drained, &watched.rules, watched.now);
    assert_eq!(told.map(|told| told.to), Some(State::Draining));
    assert_eq!(watched.failed(), None, "it drains before and after");
    // One that nobody has taken out was not known to be down.
    assert!(Watched::new().failed().is_some());
}

#[test]
fn a_backend_that_an_operator_has_put_back_says_so() {
    let mut watched = Watched::up();
    watched.set(AdminState::Drain);
    watched.set(AdminState::Ready);
    assert_eq!(watched.health.state(), State::Up);
    assert_eq!(watched.health.reason().to_string(), "set to ready by ops");
    // What it is down or ejected for, an operator does not change.
    let why = watched.fall();
    watched.set(AdminState::Drain);
    watched.set(AdminState::Ready);
    assert_eq!(watched.health.reason().to_string(), why);

    // After a maintenance it is a check that has it up.
    let mut watched = Watched::up();
    watched.set(AdminState::Maintenance);
    watched.set(AdminState::Ready);
    watched.passed();
    assert_eq!(watched.health.reason().to_string(), "first check passed");

    let mut watched = Watched::up();
    let drain = AgentWish {
        state: AgentState::Drain,
        ..AgentWish::default()
    };
    for wish in [drain, AgentWish::default()] {
        watched.health.set_agent(&wish, &watched.rules, watched.now);
    }
    let reason = watched.health.reason().to_string();
    assert!(reason.starts_with("its agent says "), "{reason}");
}
