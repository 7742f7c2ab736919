//! What a round of a case is given, and what it gives back.

use crate::figure::Figures;

/// The name of the part of a case that has no others.
pub const ONLY_PART: &str = "";

/// What a round is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// How long the load of one part goes on.
    pub seconds: u64,
    /// What random numbers start from.
    pub seed: u64,
}

/// The figures of each part of a case, by its name.
pub type Parts = Vec<(&'static str, Figures)>;
