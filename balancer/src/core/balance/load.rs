//! The open sessions of a backend and their limit, as all threads share them.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed, Ordering::SeqCst};

/// For backends that take any number of sessions.
const UNLIMITED: u64 = u64::MAX;

/// Sessions and their limit.
#[derive(Debug)]
pub(crate) struct Load {
    active: AtomicU64,
    /// [`UNLIMITED`] for none.
    most: AtomicU64,
}

impl Default for Load {
    fn default() -> Self {
        Self {
            active: AtomicU64::new(0),
            most: AtomicU64::new(UNLIMITED),
        }
    }
}

impl Load {
    pub(crate) fn active(&self) -> u64 {
        self.active.load(SeqCst)
    }

    pub(crate) fn set_most(&self, most: Option<u64>) {
        self.most.store(most.unwrap_or(UNLIMITED), SeqCst);
    }

    pub(crate) fn is_full(&self) -> bool {
        let most = self.most.load(Relaxed);
        most != UNLIMITED && self.active.load(Relaxed) >= most
    }

    /// Takes a place for a session; never more than there are.
    pub(crate) fn acquire(&self) -> bool {
        let most = self.most.load(Relaxed);
        if most == UNLIMITED {
            self.active.fetch_add(1, SeqCst);
            return true;
        }
        let one_more = |active| (active < most).then_some(active + 1);
        self.active.fetch_update(SeqCst, SeqCst, one_more).is_ok()
    }

    /// Gives a place back.
    pub(crate) fn release(&self) {
        self.active.fetch_sub(1, SeqCst);
    }
}
