//! How many descriptors this process may have, and what they are for. Plain arithmetic.

use std::num::NonZeroUsize;

use rustix::process::{Resource, getrlimit};

/// Kept for everything that is no session: log, admin HTTP, checks, telemetry.
const RESERVE: u64 = 64;
/// What each worker needs for itself: its poller, alarm and mailbox, and two to spare.
const PER_WORKER: u64 = 5;
/// A socket to the client and one to the backend.
const PER_SESSION: u64 = 2;
/// Listening sockets that [`RESERVE`] is large enough for.
const FEW_LISTENERS: u64 = 8;
/// The two ends of a pipe.
const PER_PIPE: u64 = 2;
/// The part of all descriptors that pipes may take.
const PIPE_SHARE: u64 = 8;
/// Pipes that the sessions of a worker need at the most; more only hold memory.
const MAX_PIPES: u64 = 256;

/// What the limit of the process allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Budget {
    /// Descriptors in all.
    pub(crate) limit: u64,
    /// Sessions at a time.
    pub(crate) sessions: u64,
    /// Pipes of each worker at a time.
    pub(crate) pipes: usize,
    workers: u64,
    /// Descriptors for everything but sessions and pipes.
    others: u64,
}

impl Budget {
    /// The budget under the present limit of the process.
    pub(crate) fn of_process(workers: NonZeroUsize, listeners: usize) -> Self {
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        // The reserve has room for a few.
        let more = (listeners as u64).saturating_sub(FEW_LISTENERS);
        let budget = Self::new(limit.saturating_sub(more), workers.get() as u64);
        Self {
            limit,
            others: budget.others + more,
            ..budget
        }
    }

    fn new(limit: u64, workers: u64) -> Self {
        let pipes = (limit / PIPE_SHARE / PER_PIPE / workers).min(MAX_PIPES);
        let others = RESERVE + workers * PER_WORKER;
        let taken = others + workers * pipes * PER_PIPE;
        Self {
            limit,
            // Under an absurd limit one at a time is better than none.
            sessions: (limit.saturating_sub(taken) / PER_SESSION).max(1),
            pipes: usize::try_from(pipes).unwrap_or_default(),
            workers,
            others,
        }
    }

    /// The limit that has room for so many sessions.
    pub(crate) fn needed_for(&self, sessions: u64) -> u64 {
        let without_pipes = self.others + sessions * PER_SESSION;
        let pipes = without_pipes.div_ceil(PIPE_SHARE - 1);
        without_pipes + pipes.min(self.workers * MAX_PIPES * PER_PIPE)
    }

    /// Whether there is not even room for what is no session: checks and admin HTTP may find no descriptor.
    pub(crate) fn is_starved(&self) -> bool {
        self.limit < self.needed_for(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_fits_below_the_limit() {
        for limit in [256, 1024, 4096, 1 << 20] {
            for workers in [1, 2, 8] {
                let Budget {
                    sessions, pipes, ..
                } = Budget::new(limit, workers);
                let used = sessions * 2 + workers * (5 + 2 * pipes as u64) + RESERVE;
                assert!(used <= limit && used + 2 > limit, "{limit} {workers}");
            }
        }
        assert_eq!(Budget::new(1024, 2).sessions, 411);
        assert_eq!(Budget::new(16, 2).sessions, 1);
    }

    #[test]
    fn what_is_needed_is_enough() {
        for workers in [1, 2, 8] {
            for sessions in [1, 10, 100, 10_000, 1_000_000] {
                let needed = Budget::new(1024, workers).needed_for(sessions);
                let budget = Budget::new(needed, workers);
                assert!(budget.sessions >= sessions && !budget.is_starved());
                assert!(budget.sessions <= sessions * 2 + 20, "{budget:?}");
            }
        }
        assert!(Budget::new(20, 2).is_starved());
    }
}
