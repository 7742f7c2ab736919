//! Limits of settings that decisions depend on as well.

/// The largest weight, the same as HAProxy's.
pub const MAX_WEIGHT: u32 = 256;

/// Said of a backend that is up and has a weight of 0.
pub(crate) const WEIGHTLESS: &str = "weight 0: takes no new sessions";
