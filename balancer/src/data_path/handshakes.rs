//! The handshakes of a service: how many are under way, and what became of the others.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::core::log_limiter::LogLimiter;
use crate::core::tls::{HANDSHAKE_REASONS, HandshakeFailure};

/// Those of one service.
#[derive(Debug, Default)]
pub(crate) struct Handshakes {
    active: AtomicU64,
    full: AtomicU64,
    resumed: AtomicU64,
    failed: [AtomicU64; HANDSHAKE_REASONS.len()],
    /// Limits the log line about those with clients that failed.
    pub(crate) limiter: LogLimiter,
    /// The same for those with backends, which a flood of bad clients must not hide.
    pub(crate) backend_limiter: LogLimiter,
}

impl Handshakes {
    pub(crate) fn count_done(&self, resumed: bool) {
        let count = if resumed { &self.resumed } else { &self.full };
        count.fetch_add(1, Relaxed);
    }

    pub(crate) fn count_failed(&self, failure: &HandshakeFailure) {
        if let Some(count) = self.failed.get(failure.index()) {
            count.fetch_add(1, Relaxed);
        }
    }

    /// Complete ones, by kind.
    pub(crate) fn done(&self) -> [(&'static str, u64); 2] {
        [
            ("full", self.full.load(Relaxed)),
            ("resumed", self.resumed.load(Relaxed)),
        ]
    }

    /// Failed ones, in the order of [`HANDSHAKE_REASONS`].
    pub(crate) fn failed(&self) -> [u64; HANDSHAKE_REASONS.len()] {
        self.failed.each_ref().map(|count| count.load(Relaxed))
    }
}

/// One of the handshakes that a service may have at a time.
pub(crate) struct HandshakePermit(Arc<Handshakes>);

impl HandshakePermit {
    /// `None` where there are `most` already.
    pub(crate) fn take(handshakes: &Arc<Handshakes>, most: u32) -> Option<Self> {
        // Counted first, so that two workers cannot take the last one both.
        let before = handshakes.active.fetch_add(1, Relaxed);
        let permit = Self(Arc::clone(handshakes));
        (before < u64::from(most)).then_some(permit)
    }
}

impl Drop for HandshakePermit {
    fn drop(&mut self) {
        self.0.active.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_no_more_than_allowed_and_each_gives_its_place_back() {
        let handshakes = Arc::new(Handshakes::default());
        let take = || HandshakePermit::take(&handshakes, 2);
        let (first, second) = (take(), take());
        assert!(first.is_some() && second.is_some() && take().is_none());
        drop(first);
        assert!(take().is_some());
        drop(second);
        assert_eq!(handshakes.active.load(Relaxed), 0);
    }
}
