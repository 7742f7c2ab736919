//! The rules of the health state machine.

use std::num::NonZeroU32;
use std::time::Duration;

use super::penalty::Growth;

/// How many consecutive checks change the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// Passed checks after which a backend is up again.
    pub rise: NonZeroU32,
    /// Failed checks after which a backend is down.
    pub fall: NonZeroU32,
}

/// When sessions, rather than checks, take a backend out for a while (passive health checks).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EjectionRules {
    /// Consecutive failed connects of sessions; `None`: never.
    pub connects: Option<NonZeroU32>,
    /// Consecutive sessions that it reset early and unprovoked; `None`: never.
    pub early_resets: Option<NonZeroU32>,
    /// How long: longer each time.
    pub time: Growth,
    /// Maximum percentage of backends that may be ejected at the same time; one always may while another is usable.
    pub max_percent: u32,
}

/// All rules of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HealthRules {
    /// For checks.
    pub thresholds: Thresholds,
    /// For sessions.
    pub ejection: EjectionRules,
    /// How long a backend that goes down repeatedly must stay down: zero the first time, then longer each time.
    pub hold_down: Growth,
    /// Time from recovery to the full weight; zero: immediately.
    pub slow_start: Duration,
    /// Whether to use all backends when none is healthy.
    pub fail_open: bool,
}
