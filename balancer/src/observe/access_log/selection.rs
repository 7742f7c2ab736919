//! Which sessions have a line.

use std::num::NonZeroU32;

use super::line::Line;

/// What is written at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scope {
    /// Every session.
    #[default]
    All,
    /// Those that are not [normal](Line::is_normal).
    Errors,
}

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Selection {
    /// What is written at all.
    pub scope: Scope,
    /// Of sessions that went as they should, and of refusals, one in so many: these are the ones that come in masses.
    /// Other errors are never left out. Each worker counts by itself.
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
