//! CPU and memory of the machine.
//!
//! CPU use is a difference between two readings of the same counters, so a [`Sampler`] lives as long as its process,
//! and its first reading is only a start.

use std::time::Duration;

use sysinfo::{MemoryRefreshKind, System};

/// Two samples closer than this have the same CPU figure: the system's counters are too coarse for less.
pub const MIN_SAMPLE_INTERVAL: Duration = sysinfo::MINIMUM_CPU_UPDATE_INTERVAL;

/// The state of the machine at one moment. Both are finite and from 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct HostSample {
    /// Busy share of all cores together since the sample before, in percent.
    pub cpu_percent: f64,
    /// Used share of the memory, in percent.
    pub memory_percent: f64,
}

/// Reads CPU and memory of the machine, again and again.
#[derive(Debug)]
pub struct Sampler {
    /// None only on a platform that sysinfo does not know.
    system: Option<System>,
}

impl Sampler {
    /// Takes the first reading, from which the first [`Sampler::sample`] measures. That one should come at least
    /// [`MIN_SAMPLE_INTERVAL`] later; if it comes earlier, it says 0 for the CPU.
    #[must_use]
    pub fn new() -> Self {
        let mut system = System::new().ok();
        if let Some(system) = &mut system {
            system.refresh_cpu_usage();
        }
        Self { system }
    }

    /// The machine now.
    pub fn sample(&mut self) -> HostSample {
        let Some(system) = &mut self.system else {
            return HostSample::default();
        };
        system.refresh_cpu_usage();
        system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
        HostSample {
            cpu_percent: percent(f64::from(system.global_cpu_usage())),
            memory_percent: share(system.used_memory(), system.total_memory()),
        }
    }
}

impl Default for Sampler {
    fn default() -> Self {
        Self::new()
    }
}

/// Finite and within 0 to 100, whatever the source said. One decimal is all the counters can tell.
fn percent(value: f64) -> f64 {
    if value.is_finite() {
        (value.clamp(0.0, 100.0) * 10.0).round() / 10.0
    } else {
        0.0
    }
}

fn share(part: u64, whole: u64) -> f64 {
    // Above 2^53 bytes the conversion rounds, which a percentage does not show; 0/0 is NaN, which `percent` catches.
    percent(part as f64 / whole as f64 * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_is_finite_and_in_range() {
        for (value, said) in [
            (f64::NAN, 0.0),
            (f64::INFINITY, 0.0),
            (f64::NEG_INFINITY, 0.0),
            (-3.0, 0.0),
            (100.001, 100.0),
            (12.34, 12.3),
        ] {
            assert_eq!(percent(value), said, "{value}");
        }
        assert_eq!(share(0, 0), 0.0);
        assert_eq!(share(1, 0), 0.0);
        assert_eq!(share(3, 4), 75.0);
        assert_eq!(share(5, 4), 100.0);
    }

    #[test]
    fn this_machine_uses_some_memory() {
        let sample = Sampler::new().sample();
        assert!(
            sample.memory_percent > 0.0 && sample.memory_percent <= 100.0,
            "{sample:?}"
        );
        assert!((0.0..=100.0).contains(&sample.cpu_percent), "{sample:?}");
    }
}
