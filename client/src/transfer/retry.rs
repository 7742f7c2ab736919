//! Decides whether and when a failed transfer is retried, without I/O and without a clock.
//!
//! The first retry is immediate: behind a balancer another server is ready. Later ones wait, twice as long each time,
//! until the deadline passes without a block. Every block resets all of this.

use std::time::Duration;

use netsocket_protocol::message::ErrorKind;
use tokio::time::Instant;

use crate::connection::dial::MAX_INITIAL_ATTEMPTS;
use crate::outcome::damage::Damage;
use crate::outcome::error::Error;

/// The delay before the second retry; the first has none. Short, as the first one may have reached a server that was just
/// being killed.
pub(crate) const FIRST_PAUSE: Duration = Duration::from_millis(25);
/// The longest delay between two attempts.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How often a transfer restarts because its source changed, and how often it rewinds because of a wrong
/// digest.
pub(crate) const MAX_RESTARTS: u32 = 3;

/// What to do after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Retry from the current position after a delay.
    Retry(Duration),
    /// Restart: the source has changed.
    Restart,
    /// Request the last answer again: one of its blocks is wrong, and nobody knows which.
    Rewind,
    /// Retrying cannot help.
    Fail,
    /// The deadline has passed.
    GiveUp {
        /// How long there was no progress.
        waited: Duration,
    },
}

/// The retry state of one transfer.
#[derive(Debug, Clone)]
pub(crate) struct Retry {
    deadline: Duration,
    /// When the first of these failures happened; a slow block is not a failure.
    since: Instant,
    /// Failures since the last block.
    failures: u32,
    /// How many of these were timeouts.
    silences: u32,
    /// Whether a server was reached.
    met: bool,
    /// Whether an answer has begun in this run.
    begun: bool,
    /// Whether an earlier run has left the beginning.
    goes_on: bool,
    restarts: u32,
    rewinds: u32,
}

impl Retry {
    /// A transfer begins.
    #[must_use]
    pub(crate) fn new(now: Instant, deadline: Duration) -> Self {
        Self {
            deadline,
            since: now,
            failures: 0,
            silences: 0,
            met: false,
            begun: false,
            goes_on: false,
            restarts: 0,
            rewinds: 0,
        }
    }

    /// A valid answer has begun.
    pub(crate) fn begun(&mut self) {
        self.met = true;
        self.begun = true;
    }

    /// The transfer was started by an earlier run. That says nothing of the servers of today.
    pub(crate) fn goes_on(&mut self) {
        self.goes_on = true;
    }

    /// A block was received.
    pub(crate) fn progressed(&mut self) {
        self.failures = 0;
        self.silences = 0;
    }

    /// How many rounds the next attempt may make to connect: the first answer is worth a few at once, and a transfer
    /// that has begun is tried again with pauses.
    #[must_use]
    pub(crate) fn rounds(&self) -> u32 {
        match self.begun {
            true => 1,
            false => MAX_INITIAL_ATTEMPTS.saturating_sub(self.failures),
        }
    }

    /// The read timeout: doubled with each consecutive timeout, so that a server that needs longer
    /// than `stall` for a block is not asked for it forever.
    #[must_use]
    pub(crate) fn patience(&self, stall: Duration, most: Duration) -> Duration {
        let doubled = stall.saturating_mul(1_u32 << self.silences.min(16));
        doubled.min(most.max(stall))
    }

    /// An attempt has failed; `random` is a number from 0 to 1.
    pub(crate) fn failed(&mut self, error: &Error, now: Instant, random: f64) -> Decision {
        self.met |= !error.is_unreachable();
        if self.begun || self.goes_on {
            match error {
                Error::Server(reply) if reply.kind == ErrorKind::Changed => {
                    return self.restart();
                }
                Error::SourceChanged => return self.restart(),
                Error::Damaged(Damage::Digest | Damage::Bytes { .. }) => {
                    self.rewinds += 1;
                    return if self.rewinds > MAX_RESTARTS || self.deadline.is_zero() {
                        Decision::Fail
                    } else {
                        Decision::Rewind
                    };
                }
                _ => {}
            }
        }
        if !self.may_pass(error) {
            return Decision::Fail;
        }
        if self.failures == 0 {
            self.since = now;
        }
        self.failures += 1;
        self.silences += u32::from(matches!(error, Error::Stalled(_)));
        if !self.begun && self.failures >= MAX_INITIAL_ATTEMPTS {
            return Decision::Fail;
        }
        let pause = pause(self.failures, random);
        let waited = now.saturating_duration_since(self.since);
        if waited < self.deadline {
            // The last attempt is made at the deadline.
            return Decision::Retry(pause.min(self.deadline - waited));
        }
        // Without a retry there is nothing to give up.
        if self.failures == 1 {
            Decision::Fail
        } else {
            Decision::GiveUp { waited }
        }
    }

    fn restart(&mut self) -> Decision {
        self.restarts += 1;
        if self.restarts > MAX_RESTARTS {
            Decision::Fail
        } else {
            Decision::Restart
        }
    }

    /// Whether another attempt may succeed.
    fn may_pass(&self, error: &Error) -> bool {
        match error {
            // If no server was reachable in the first place, fail immediately.
            error if error.is_unreachable() => self.met,
            Error::Lost(_) | Error::Stalled(_) => true,
            // Before its first block, a transfer can be refused like any other command.
            Error::Damaged(_) | Error::Protocol(_) => self.begun,
            Error::Server(reply) => {
                self.begun && matches!(reply.kind, ErrorKind::Busy | ErrorKind::Internal)
            }
            _ => false,
        }
    }
}

/// The delay before retry number `failures`, counted from 1: half to all of the doubled delay, at random.
fn pause(failures: u32, random: f64) -> Duration {
    let Some(doublings) = failures.checked_sub(2) else {
        return Duration::ZERO;
    };
    let full = FIRST_PAUSE
        .saturating_mul(1 << doublings.min(16))
        .min(LONGEST_PAUSE);
    full.mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use netsocket_protocol::message::ErrorReply;
    use proptest::prelude::*;

    use super::*;

    const DEADLINE: Duration = Duration::from_secs(60);

    fn lost() -> Error {
        Error::Lost(String::new())
    }

    fn unreachable() -> Error {
        Error::Connect {
            server: "a:1".to_owned(),
            reason: String::new(),
        }
    }

    fn server(kind: ErrorKind) -> Error {
        Error::Server(ErrorReply::new(kind, ""))
    }

    fn begun(now: Instant) -> Retry {
        let mut retry = Retry::new(now, DEADLINE);
        retry.begun();
        retry
    }

    #[test]
    fn the_first_retry_is_at_once_and_the_others_wait_longer_and_longer() {
        let now = Instant::now();
        let mut retry = begun(now);
        let pauses: Vec<u128> = (0..10)
            .map(|_| match retry.failed(&lost(), now, 1.0) {
                Decision::Retry(pause) => pause.as_millis(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(pauses, [0, 25, 50, 100, 200, 400, 800, 1600, 3200, 5000]);
        retry.progressed();
        assert_eq!(
            retry.failed(&lost(), now, 1.0),
            Decision::Retry(Duration::ZERO)
        );
    }

    #[test]
    fn it_gives_up_when_no_block_has_come_for_the_deadline() {
        let now = Instant::now();
        let mut retry = begun(now);
        let late = now + DEADLINE;
        retry.failed(&lost(), now, 0.5);
        assert_eq!(
            retry.failed(&unreachable(), late, 0.5),
            Decision::GiveUp { waited: DEADLINE }
        );
        retry.progressed();
        assert_eq!(
            retry.failed(&unreachable(), late, 0.5),
            Decision::Retry(Duration::ZERO)
        );
    }

    #[test]
    fn a_block_that_took_long_is_no_reason_to_give_up() {
        let now = Instant::now();
        let mut retry = begun(now);
        let late = now + 10 * DEADLINE;
        assert_eq!(
            retry.failed(&lost(), late, 0.0),
            Decision::Retry(Duration::ZERO)
        );
    }

    #[test]
    fn without_a_deadline_nothing_is_tried_again() {
        let now = Instant::now();
        let mut retry = Retry::new(now, Duration::ZERO);
        retry.begun();
        assert_eq!(retry.failed(&lost(), now, 0.0), Decision::Fail);
        let digest = Error::Damaged(Damage::Digest);
        assert_eq!(retry.failed(&digest, now, 0.0), Decision::Fail);
    }

    #[test]
    fn nothing_there_is_said_at_once_unless_a_server_was_met() {
        let now = Instant::now();
        let mut retry = Retry::new(now, DEADLINE);
        assert_eq!(retry.failed(&unreachable(), now, 0.0), Decision::Fail);
        assert!(matches!(
            retry.failed(&lost(), now, 0.0),
            Decision::Retry(_)
        ));
        assert!(matches!(
            retry.failed(&unreachable(), now, 0.0),
            Decision::Retry(_)
        ));
    }

    #[test]
    fn a_request_that_ends_servers_meets_only_some() {
        let now = Instant::now();
        let mut retry = Retry::new(now, DEADLINE);
        let mut of_earlier_run = retry.clone();
        of_earlier_run.goes_on();
        for retry in [&mut retry, &mut of_earlier_run] {
            let attempts = (1..).take_while(|_| retry.failed(&lost(), now, 0.0) != Decision::Fail);
            assert_eq!(attempts.count() + 1, MAX_INITIAL_ATTEMPTS as usize);
        }
    }

    #[test]
    fn connections_that_serve_nobody_count_among_the_first_attempts_once() {
        let now = Instant::now();
        let closed = Error::ClosedAtOnce("a:1".to_owned());
        let mut retry = Retry::new(now, DEADLINE);
        assert_eq!(retry.rounds(), MAX_INITIAL_ATTEMPTS);
        assert_eq!(retry.failed(&closed, now, 0.0), Decision::Fail);
        let mut retry = Retry::new(now, DEADLINE);
        retry.failed(&lost(), now, 0.0);
        assert_eq!(retry.rounds(), MAX_INITIAL_ATTEMPTS - 1);
        retry.begun();
        assert_eq!(retry.rounds(), 1);
        assert_ne!(retry.failed(&closed, now, 0.0), Decision::Fail);
    }

    #[test]
    fn what_an_earlier_run_began_may_have_changed_and_is_refused_like_the_rest() {
        let now = Instant::now();
        let mut retry = Retry::new(now, DEADLINE);
        retry.goes_on();
        let changed = server(ErrorKind::Changed);
        assert_eq!(retry.failed(&changed, now, 0.0), Decision::Restart);
        for error in [unreachable(), server(ErrorKind::Busy)] {
            let mut retry = Retry::new(now, DEADLINE);
            retry.goes_on();
            assert_eq!(retry.failed(&error, now, 0.0), Decision::Fail, "{error}");
        }
    }

    #[test]
    fn a_refusal_is_final_before_the_first_block_and_may_pass_behind_it() {
        let now = Instant::now();
        for kind in [ErrorKind::Busy, ErrorKind::Internal] {
            let mut fresh = Retry::new(now, DEADLINE);
            assert_eq!(fresh.failed(&server(kind), now, 0.0), Decision::Fail);
            let verdict = begun(now).failed(&server(kind), now, 0.0);
            assert!(matches!(verdict, Decision::Retry(_)), "{kind:?}");
        }
        for kind in [
            ErrorKind::Denied,
            ErrorKind::BadRequest,
            ErrorKind::TooLarge,
            ErrorKind::NotFound,
        ] {
            let verdict = begun(now).failed(&server(kind), now, 0.0);
            assert_eq!(verdict, Decision::Fail, "{kind:?}");
        }
        let full = Error::target("x", &std::io::Error::from_raw_os_error(28));
        assert_eq!(begun(now).failed(&full, now, 0.0), Decision::Fail);
    }

    #[test]
    fn another_source_and_a_wrong_digest_are_met_a_bounded_number_of_times() {
        let now = Instant::now();
        for (error, verdict) in [
            (server(ErrorKind::Changed), Decision::Restart),
            (Error::Damaged(Damage::Digest), Decision::Rewind),
        ] {
            let mut retry = begun(now);
            for _ in 0..MAX_RESTARTS {
                assert_eq!(retry.failed(&error, now, 0.0), verdict);
                retry.progressed();
            }
            assert_eq!(retry.failed(&error, now, 0.0), Decision::Fail);
        }
    }

    #[test]
    fn each_silence_doubles_the_patience_until_a_block_comes() {
        let (stall, most) = (Duration::from_secs(5), Duration::from_secs(30));
        let now = Instant::now();
        let mut retry = begun(now);
        let mut patience = Vec::new();
        for _ in 0..5 {
            patience.push(retry.patience(stall, most).as_secs());
            retry.failed(&Error::Stalled(stall), now, 0.0);
        }
        assert_eq!(patience, [5, 10, 20, 30, 30]);
        retry.progressed();
        assert_eq!(retry.patience(stall, most), stall);
        assert_eq!(
            retry.patience(most, stall),
            most,
            "never shorter than asked for"
        );
    }

    proptest! {
        #[test]
        fn failures_alone_always_come_to_an_end(random in 0.0_f64..=1.0, kinds in proptest::collection::vec(0..4, 1..400)) {
            let mut now = Instant::now();
            let mut retry = begun(now);
            let begin = now;
            for kind in kinds {
                let error = match kind {
                    0 => lost(),
                    1 => unreachable(),
                    2 => Error::Stalled(DEADLINE),
                    _ => server(ErrorKind::Busy),
                };
                match retry.failed(&error, now, random) {
                    Decision::Retry(pause) => now += pause + Duration::from_millis(1),
                    other => {
                        prop_assert_eq!(other, Decision::GiveUp { waited: now - begin });
                        return Ok(());
                    }
                }
                prop_assert!(now - begin < DEADLINE + LONGEST_PAUSE);
            }
        }
    }
}
