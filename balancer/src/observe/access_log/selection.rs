//! Which sessions are logged.

use std::num::NonZeroU32;

use super::line::Line;

/// Which sessions are logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scope {
    /// Every session.
    #[default]
    All,
    /// Sessions that are not [normal](Line::is_normal).
    Errors,
}

/// Which sessions are logged, and how many of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Selection {
    /// Which sessions are logged.
    pub scope: Scope,
    /// Log one in this many normal sessions and refusals, which can be numerous. Other errors are always logged. Each worker
    /// counts for itself.
    pub sample: NonZeroU32,
}

impl Default for Selection {
    /// Every session.
    fn default() -> Self {
        Self {
            scope: Scope::All,
            sample: NonZeroU32::MIN,
        }
    }
}

/// A selection at work.
#[derive(Debug)]
pub(super) struct Sampler {
    selection: Selection,
    normal: OneIn,
    refused: OneIn,
}

/// Counts up to a number, and begins anew.
#[derive(Debug, Default)]
struct OneIn(u32);

impl OneIn {
    fn take(&mut self, sample: NonZeroU32) -> bool {
        let first = self.0 == 0;
        self.0 += 1;
        if self.0 >= sample.get() {
            self.0 = 0;
        }
        first
    }
}

impl Sampler {
    pub(super) fn new(selection: Selection) -> Self {
        Self {
            selection,
            normal: OneIn::default(),
            refused: OneIn::default(),
        }
    }

    /// Whether this one is written. To be asked once for each session.
    pub(super) fn wants(&mut self, line: &Line<'_>) -> bool {
        let Selection { scope, sample } = self.selection;
        if line.is_normal() {
            scope == Scope::All && self.normal.take(sample)
        } else {
            !line.termination.is_refusal() || self.refused.take(sample)
        }
    }
}
