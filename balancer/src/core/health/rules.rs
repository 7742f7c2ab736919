//! What the state machine goes by.

use std::num::NonZeroU32;
use std::time::Duration;

use super::penalty::Growth;

/// How many checks in a row change the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// Passed checks that bring a backend back.
    pub rise: NonZeroU32,
    /// Failed checks that take a backend out.
    pub fall: NonZeroU32,
}

/// When sessions, and not checks, take a backend out for a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EjectionRules {
    /// Failed connects of sessions in a row; `None`: never.
    pub connects: Option<NonZeroU32>,
    /// Sessions in a row that it reset early and unasked; `None`: never.
    pub early_resets: Option<NonZeroU32>,
    /// For how long: so much more each time.
    pub time: Growth,
    /// How many of a hundred backends may be ejected at a time; one always may while another is usable.
    pub max_percent: u32,
}

/// All rules of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HealthRules {
    /// For checks.
    pub thresholds: Thresholds,
    /// For sessions.
    pub ejection: EjectionRules,
    /// How long a backend that went down again soon has to stay down: nothing the first time, then so much more each
    /// time.
    pub hold_down: Growth,
    /// From the first session after a failure to the full weight; zero: at once.
    pub slow_start: Duration,
    /// Whether all backends are used when none is healthy.
    pub fail_open: bool,
}
