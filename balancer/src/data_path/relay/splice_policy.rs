//! Whether a direction moves so much that splice(2) is worth its extra system calls. Plain code.

use std::sync::atomic::{AtomicU8, Ordering};

use crate::config::RelayMode;

/// A read of so many bytes counts as one of a busy direction.
const LARGE: usize = 16 << 10;
/// A read of fewer bytes is copied faster than spliced.
const SMALL: usize = 4 << 10;
/// Bytes of large reads in a row that make a direction busy.
const BUSY_AFTER: u32 = 64 << 10;
/// Small reads in a row that make it quiet again.
const QUIET_AFTER: u8 = 8;

/// The mode that all sessions follow from their next read on; changed while they run.
#[derive(Debug, Default)]
pub(crate) struct RelaySwitch(AtomicU8);

impl RelaySwitch {
    pub(crate) fn new(mode: RelayMode) -> Self {
        let switch = Self::default();
        switch.set(mode);
        switch
    }

    pub(crate) fn set(&self, mode: RelayMode) {
        self.0.store(mode as u8, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> RelayMode {
        let number = usize::from(self.0.load(Ordering::Relaxed));
        RelayMode::ALL.get(number).copied().unwrap_or_default()
    }
}

/// How busy one direction is, from the sizes of its reads.
#[derive(Debug, Default)]
pub(super) struct Busyness {
    large: u32,
    small: u8,
}

impl Busyness {
    /// A read brought so many bytes.
    pub(super) fn read(&mut self, count: usize) {
        if count >= LARGE {
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            self.large = self.large.saturating_add(count);
            self.small = 0;
        } else if count < SMALL {
            self.small = self.small.saturating_add(1);
            if !self.is_busy() || self.small >= QUIET_AFTER {
                self.large = 0;
            }
        }
    }

    /// Whether the next read should be a splice.
    pub(super) fn is_busy(&self) -> bool {
        self.large >= BUSY_AFTER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_reads_make_a_direction_busy_and_small_ones_quiet() {
        let mut busyness = Busyness::default();
        for _ in 0..1000 {
            busyness.read(100);
            busyness.read(LARGE);
            assert!(!busyness.is_busy(), "requests with bodies are not bulk");
        }
        busyness.read(BUSY_AFTER as usize);
        assert!(busyness.is_busy());
        for _ in 1..QUIET_AFTER {
            busyness.read(1);
            assert!(busyness.is_busy(), "one short read is no quiet");
        }
        busyness.read(1);
        assert!(!busyness.is_busy());
    }

    #[test]
    fn each_mode_is_kept_by_the_switch_and_known_by_its_word() {
        let switch = RelaySwitch::default();
        assert_eq!(switch.get(), RelayMode::Auto);
        for mode in RelayMode::ALL {
            switch.set(mode);
            assert_eq!(switch.get(), mode);
            assert_eq!(mode.as_str().parse(), Ok(mode));
        }
        assert_eq!("fast".parse::<RelayMode>(), Err(()));
    }
}
