//! Limits of settings that decisions depend on as well.

/// The largest weight, the same as HAProxy's.
pub const MAX_WEIGHT: u32 = 256;
