//! Consecutive failures of sessions, counted by the workers without a lock while the backend works.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use super::signal::{SessionSignal, Signal};
use crate::core::connect_failure::ConnectFailure;
use crate::core::side::Side;

/// Beyond this many in a row, only every hundredth failure wakes the evaluation: a last backend that refuses thousands of
/// connects a second must not keep the control side busy.
const ALL_UP_TO: u32 = 100;

/// Which task a signal wakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wake {
    /// None.
    Nobody,
    /// The evaluation of health: the counts have grown.
    Evaluator,
    /// Only the check task: an early check would tell more.
    Checker,
}

/// The counts of one backend.
#[derive(Debug, Default)]
pub(crate) struct Streak {
    connects: AtomicU32,
    resets: AtomicU32,
    last: Mutex<Option<ConnectFailure>>,
}

impl Streak {
    /// Counts a signal. Where all is well this reads one number and changes nothing.
    pub(crate) fn count(&self, signal: SessionSignal) -> Wake {
        match signal {
            SessionSignal::Connected => clear(&self.connects),
            SessionSignal::Answered => clear(&self.resets),
            SessionSignal::ConnectFailed(failure) if failure.side() == Side::Internal => {
                Wake::Nobody
            }
            SessionSignal::ConnectFailed(failure) => {
                *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
                one_more(&self.connects)
            }
            SessionSignal::EarlyReset { client_sent: false } => one_more(&self.resets),
            SessionSignal::EarlyReset { client_sent: true } => Wake::Checker,
        }
    }

    /// The counts as signals, where there are any.
    pub(crate) fn signals(&self) -> impl Iterator<Item = Signal> {
        let last = || *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let connects = match self.connects.load(Relaxed) {
            0 => None,
            count => last().map(|failure| Signal::ConnectsFailed(count, failure)),
        };
        let resets = match self.resets.load(Relaxed) {
            0 => None,
            count => Some(Signal::EarlyResets(count)),
        };
        connects.into_iter().chain(resets)
    }

    /// Begins anew, after a decision.
    pub(crate) fn clear(&self) {
        self.connects.store(0, Relaxed);
        self.resets.store(0, Relaxed);
    }
}

fn clear(count: &AtomicU32) -> Wake {
    // A store takes the cache line from all other workers: only where there is something to clear.
    if count.load(Relaxed) != 0 {
        count.store(0, Relaxed);
    }
    Wake::Nobody
}

fn one_more(count: &AtomicU32) -> Wake {
    match count.fetch_add(1, Relaxed).wrapping_add(1) {
        in_a_row if in_a_row <= ALL_UP_TO || in_a_row % ALL_UP_TO == 0 => Wake::Evaluator,
        _ => Wake::Nobody,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSED: SessionSignal = SessionSignal::ConnectFailed(ConnectFailure::Refused);

    fn signals(streak: &Streak) -> Vec<Signal> {
        streak.signals().collect()
    }

    #[test]
    fn a_success_ends_a_row_of_its_kind() {
        let streak = Streak::default();
        let reset = SessionSignal::EarlyReset { client_sent: false };
        for signal in [REFUSED, REFUSED, reset] {
            assert_eq!(streak.count(signal), Wake::Evaluator);
        }
        let failed = Signal::ConnectsFailed(2, ConnectFailure::Refused);
        assert_eq!(signals(&streak), [failed.clone(), Signal::EarlyResets(1)]);
        streak.count(SessionSignal::Answered);
        assert_eq!(signals(&streak), [failed]);
        streak.count(SessionSignal::Connected);
        assert_eq!(signals(&streak), []);
    }

    #[test]
    fn neither_our_own_faults_nor_what_a_client_can_provoke_counts() {
        let streak = Streak::default();
        let own = SessionSignal::ConnectFailed(ConnectFailure::NoDescriptor);
        assert_eq!(streak.count(own), Wake::Nobody);
        let provoked = SessionSignal::EarlyReset { client_sent: true };
        assert_eq!(streak.count(provoked), Wake::Checker);
        assert_eq!(signals(&streak), []);
    }

    #[test]
    fn a_long_row_wakes_seldom() {
        let streak = Streak::default();
        let woken = (0..1600)
            .filter(|_| streak.count(REFUSED) == Wake::Evaluator)
            .count();
        assert_eq!(woken, 100 + 15);
    }
}
