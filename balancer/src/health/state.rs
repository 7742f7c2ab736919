//! The health of one backend as a state machine: signals in, transitions out, each with its reason.
//!
//! A backend begins down and is up after the first check that passes, so that a start is quick. Later it takes
//! `fall` failures in a row to go down and `rise` successes in a row to come back, so that one lost packet or one
//! lucky connect changes nothing.

use std::fmt;
use std::num::NonZeroU32;

use crate::connect::ConnectFailure;

/// How many signals in a row change the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// Successes in a row that bring a backend back.
    pub rise: NonZeroU32,
    /// Failures in a row that take a backend out.
    pub fall: NonZeroU32,
}

/// Whether a backend is given sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// It takes sessions.
    Up,
    /// It takes none.
    Down,
}

impl State {
    /// `up` or `down`, as in the API, the metrics and the log.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

/// Something that was learnt about a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// An active check passed.
    CheckPassed,
    /// An active check failed.
    CheckFailed(ConnectFailure),
}

/// Why a backend is in its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Nothing is known yet.
    NotChecked,
    /// It has never been up, and the latest check failed.
    NeverUp(ConnectFailure),
    /// The first check that passed.
    FirstCheckPassed,
    /// So many checks in a row passed.
    ChecksPassed(u32),
    /// So many checks in a row failed, the last one in this way.
    ChecksFailed(u32, ConnectFailure),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotChecked => f.write_str("not checked yet"),
            Self::NeverUp(failure) => write!(f, "never up: {failure}"),
            Self::FirstCheckPassed => f.write_str("first check passed"),
            Self::ChecksPassed(count) => write!(f, "{count} checks passed"),
            Self::ChecksFailed(count, failure) => write!(f, "{count} checks failed: {failure}"),
        }
    }
}

/// A change of state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transition {
    /// The state that begins.
    pub to: State,
    /// What brought it about.
    pub reason: Reason,
}

/// The health of one backend.
#[derive(Debug, Clone)]
pub struct Health {
    thresholds: Thresholds,
    state: State,
    reason: Reason,
    /// Signals in a row that speak against the present state.
    against: u32,
    was_up: bool,
}

impl Health {
    /// Down, and nothing known.
    #[must_use]
    pub fn new(thresholds: Thresholds) -> Self {
        Self {
            thresholds,
            state: State::Down,
            reason: Reason::NotChecked,
            against: 0,
            was_up: false,
        }
    }

    /// The present state.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// Why it is in this state.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// Takes in one signal; a transition where it changed the state.
    pub fn observe(&mut self, signal: Signal) -> Option<Transition> {
        match (self.state, signal) {
            (State::Up, Signal::CheckPassed) => self.against = 0,
            (State::Down, Signal::CheckFailed(failure)) => {
                self.against = 0;
                if !self.was_up {
                    self.reason = Reason::NeverUp(failure);
                }
            }
            (State::Down, Signal::CheckPassed) => {
                self.against += 1;
                if !self.was_up {
                    return Some(self.become_state(State::Up, Reason::FirstCheckPassed));
                }
                if self.against >= self.thresholds.rise.get() {
                    return Some(self.become_state(State::Up, Reason::ChecksPassed(self.against)));
                }
            }
            (State::Up, Signal::CheckFailed(failure)) => {
                self.against += 1;
                if self.against >= self.thresholds.fall.get() {
                    let reason = Reason::ChecksFailed(self.against, failure);
                    return Some(self.become_state(State::Down, reason));
                }
            }
        }
        None
    }

    fn become_state(&mut self, to: State, reason: Reason) -> Transition {
        self.state = to;
        self.reason = reason;
        self.against = 0;
        self.was_up |= to == State::Up;
        Transition { to, reason }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PASS: Signal = Signal::CheckPassed;
    const FAIL: Signal = Signal::CheckFailed(ConnectFailure::Refused);

    fn health(rise: u32, fall: u32) -> Health {
        let count = |n| NonZeroU32::new(n).unwrap();
        Health::new(Thresholds {
            rise: count(rise),
            fall: count(fall),
        })
    }

    #[test]
    fn up_after_the_first_success_however_late() {
        let mut health = health(2, 3);
        assert_eq!(
            (health.state(), health.reason()),
            (State::Down, Reason::NotChecked)
        );
        assert_eq!(health.observe(FAIL), None);
        assert_eq!(health.reason(), Reason::NeverUp(ConnectFailure::Refused));
        let up = Transition {
            to: State::Up,
            reason: Reason::FirstCheckPassed,
        };
        assert_eq!(health.observe(PASS), Some(up));
    }

    #[test]
    fn falls_after_three_failures_in_a_row_and_rises_after_two_successes() {
        let mut health = health(2, 3);
        health.observe(PASS);
        for signal in [FAIL, FAIL, PASS, FAIL, FAIL] {
            assert_eq!(health.observe(signal), None);
        }
        let reason = Reason::ChecksFailed(3, ConnectFailure::Refused);
        assert_eq!(
            health.observe(FAIL),
            Some(Transition {
                to: State::Down,
                reason
            })
        );
        assert_eq!(reason.to_string(), "3 checks failed: connection refused");
        for signal in [PASS, FAIL, PASS] {
            assert_eq!(health.observe(signal), None);
        }
        let reason = Reason::ChecksPassed(2);
        assert_eq!(
            health.observe(PASS),
            Some(Transition {
                to: State::Up,
                reason
            })
        );
    }

    proptest! {
        /// The definition, told the slow way: look at the whole past for a run of the right length.
        #[test]
        fn agrees_with_its_definition(
            rise in 1u32..5, fall in 1u32..5, passes in prop::collection::vec(any::<bool>(), 0..200),
        ) {
            let mut health = health(rise, fall);
            let (mut up, mut was_up, mut since) = (false, false, 0);
            for (index, &pass) in passes.iter().enumerate() {
                let transition = health.observe(if pass { PASS } else { FAIL });
                let needed = if up { fall } else if was_up { rise } else { 1 } as usize;
                let tail = &passes[since..=index];
                let run = tail.iter().rev().take_while(|&&p| p != up).count();
                let changes = run >= needed;
                prop_assert_eq!(transition.is_some(), changes);
                if changes {
                    up = !up;
                    was_up |= up;
                    since = index + 1;
                }
                prop_assert_eq!(health.state() == State::Up, up);
            }
        }
    }
}
