//! Measures the machine and the process itself, once per sample.
//!
//! CPU usage is the difference between two readings of the same counters, so a [`Sampler`] lives as long as its process,
//! and its first reading is only a baseline. If a control group limits CPU or memory, percentages refer to these limits: 100
//! percent is what the process may use, not what the hardware has.

mod cgroup;

use std::time::Duration;

use serde::Serialize;
use sysinfo::{
    MemoryRefreshKind, Networks, Pid, ProcessRefreshKind, ProcessesToUpdate, System,
    get_current_pid,
};
use tokio::time::Instant;

use cgroup::{CpuQuota, CpuReading, MemoryLimit, MemoryReading};

/// Two samples closer together than this have the same CPU figure: the system's counters are too coarse.
pub const MIN_SAMPLE_INTERVAL: Duration = sysinfo::MINIMUM_CPU_UPDATE_INTERVAL;

/// Traffic on this interface never leaves the machine.
const LOOPBACK: &str = "lo";

/// The state of machine and process at one moment. Every float is finite; the two of the machine are from 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct HostSample {
    /// Busy share of the CPU that the process may use, since the sample before, in percent.
    pub cpu_percent: f64,
    /// Used share of the memory that the process may use, in percent.
    pub memory_percent: f64,
    /// Cores that the process may use.
    pub cores: f64,
    /// Load average of one minute.
    pub load1: f64,
    /// Load average of five minutes.
    pub load5: f64,
    /// Load average of fifteen minutes.
    pub load15: f64,
    /// Bytes of memory in use.
    pub memory_used_bytes: u64,
    /// Bytes of memory that may be used.
    pub memory_total_bytes: u64,
    /// Bytes received by all interfaces but loopback since the machine's start.
    pub net_rx_bytes: u64,
    /// Bytes sent by all interfaces but loopback since the machine's start.
    pub net_tx_bytes: u64,
    /// CPU of this process since the sample before, in percent of one core.
    pub process_cpu_percent: f64,
    /// Resident memory of this process in bytes.
    pub process_memory_bytes: u64,
    /// Open descriptors of this process.
    pub process_open_files: u64,
}

/// Measures the machine and this process.
///
/// # Examples
///
/// ```
/// use netsocket_telemetry::Sampler;
///
/// let sample = Sampler::new().sample();
/// assert!(sample.cores > 0.0 && sample.process_memory_bytes > 0);
/// assert!(sample.memory_used_bytes <= sample.memory_total_bytes);
/// assert!((0.0..=100.0).contains(&sample.cpu_percent));
/// ```
#[derive(Debug)]
pub struct Sampler {
    /// None only on a platform that sysinfo does not support.
    system: Option<System>,
    networks: Option<Networks>,
    pid: Option<Pid>,
    quota: Option<CpuQuota>,
    memory_limit: Option<MemoryLimit>,
    before: Option<Reading>,
    /// A sample came late enough after the baseline to measure CPU usage.
    measured: bool,
}

/// The counters from which percentages are computed as differences.
#[derive(Debug, Clone, Copy)]
struct Reading {
    at: Instant,
    process_cpu_ms: u64,
    group: Option<CpuReading>,
}

impl Sampler {
    /// Takes the baseline from which the first [`Sampler::sample`] measures. That one should come at least
    /// [`MIN_SAMPLE_INTERVAL`] later; until then samples say 0 for the CPU.
    #[must_use]
    pub fn new() -> Self {
        let mut sampler = Self {
            system: System::new().ok(),
            networks: Networks::new_with_refreshed_list().ok(),
            pid: get_current_pid().ok(),
            quota: CpuQuota::of_this_process(),
            memory_limit: MemoryLimit::of_this_process(),
            before: None,
            measured: false,
        };
        // Thrown away: sysinfo's first figure for all CPUs together is the average since boot.
        sampler.sample();
        sampler
    }

    /// Machine and process now.
    pub fn sample(&mut self) -> HostSample {
        let mut sample = HostSample::default();
        let Some(system) = &mut self.system else {
            return sample;
        };
        system.refresh_cpu_usage();
        system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
        sample.cpu_percent = percent(f64::from(system.global_cpu_usage()));
        sample.cores = system.cpus().len() as f64;
        (sample.memory_used_bytes, sample.memory_total_bytes) =
            (system.used_memory(), system.total_memory());
        if let Ok(load) = System::load_average() {
            [sample.load1, sample.load5, sample.load15] =
                [load.one, load.five, load.fifteen].map(hundredths);
        }
        let mut now = Reading {
            at: Instant::now(),
            process_cpu_ms: 0,
            group: None,
        };
        if let Some(process) = self.pid.and_then(|pid| {
            let what = ProcessRefreshKind::nothing().with_cpu().with_memory();
            system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, what);
            system.process(pid)
        }) {
            now.process_cpu_ms = process.accumulated_cpu_time();
            sample.process_memory_bytes = process.memory();
            sample.process_open_files = process.open_files().unwrap_or_default() as u64;
        }
        let process_cpu = Duration::from_millis(now.process_cpu_ms);
        now.group = self
            .quota
            .as_ref()
            .and_then(|quota| quota.read(process_cpu));
        let limit = self.memory_limit.as_ref().and_then(MemoryLimit::read);
        limit_memory(&mut sample, limit);
        sample.memory_percent = share(sample.memory_used_bytes, sample.memory_total_bytes);
        self.differences(&mut sample, now);
        self.count_network(&mut sample);
        sample
    }

    /// The percentages that are differences, from the reading before to `now`.
    fn differences(&mut self, sample: &mut HostSample, now: Reading) {
        if let Some(group) = now.group {
            sample.cores = sample.cores.min(group.cores);
        }
        let Some(before) = self.before else {
            self.before = Some(now);
            return;
        };
        let elapsed = now.at.duration_since(before.at);
        if elapsed < MIN_SAMPLE_INTERVAL {
            // The first figure of sysinfo 0.40 for all CPUs together is the average since boot.
            if !self.measured {
                sample.cpu_percent = 0.0;
            }
            return;
        }
        self.before = Some(now);
        self.measured = true;
        let used = now.process_cpu_ms.saturating_sub(before.process_cpu_ms) as f64;
        sample.process_cpu_percent = tenths(used / elapsed.as_millis() as f64 * 100.0);
        if let (Some(before), Some(now)) = (before.group, now.group)
            && let Some(used) = now.percent_since(&before, elapsed)
        {
            sample.cpu_percent = percent(used);
        }
    }

    fn count_network(&mut self, sample: &mut HostSample) {
        let Some(networks) = &mut self.networks else {
            return;
        };
        networks.refresh(true);
        for (name, interface) in networks.iter() {
            if name != LOOPBACK {
                sample.net_rx_bytes += interface.total_received();
                sample.net_tx_bytes += interface.total_transmitted();
            }
        }
    }
}

impl Default for Sampler {
    fn default() -> Self {
        Self::new()
    }
}

/// A limit of the control groups replaces the machine's memory if it is the tighter one.
fn limit_memory(sample: &mut HostSample, limit: Option<MemoryReading>) {
    if let Some(MemoryReading { limit, used }) = limit
        && limit > 0
        && limit < sample.memory_total_bytes
    {
        sample.memory_total_bytes = limit;
        sample.memory_used_bytes = used.min(limit);
    }
}

/// Finite and within 0 to 100, whatever the source said. One decimal is all the counters can tell.
fn percent(value: f64) -> f64 {
    tenths(value).clamp(0.0, 100.0)
}

fn tenths(value: f64) -> f64 {
    if value.is_finite() {
        (value * 10.0).round() / 10.0
    } else {
        0.0
    }
}

/// As the kernel tells load averages.
fn hundredths(value: f64) -> f64 {
    tenths(value * 10.0) / 10.0
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
        assert_eq!(hundredths(0.128), 0.13);
    }

    #[test]
    fn a_limit_of_the_control_group_is_the_machine() {
        let machine = HostSample {
            memory_used_bytes: 600,
            memory_total_bytes: 1_000,
            ..HostSample::default()
        };
        let limits = |limit, used| Some(MemoryReading { limit, used });
        for (given, used, total) in [
            (None, 600, 1_000),
            (limits(200, 50), 50, 200),
            (limits(200, 900), 200, 200),
            (limits(1_000, 10), 600, 1_000),
            (limits(u64::MAX, 10), 600, 1_000),
            (limits(0, 0), 600, 1_000),
        ] {
            let mut sample = machine;
            limit_memory(&mut sample, given);
            assert_eq!(
                (sample.memory_used_bytes, sample.memory_total_bytes),
                (used, total)
            );
        }
    }

    #[test]
    fn a_sample_that_comes_too_early_says_nothing_about_cpu() {
        let mut sampler = Sampler::new();
        let early = sampler.sample();
        assert_eq!((early.cpu_percent, early.process_cpu_percent), (0.0, 0.0));
    }

    #[test]
    fn this_machine_and_this_process_are_seen() {
        let sample = Sampler::new().sample();
        assert!(
            sample.memory_percent > 0.0 && sample.memory_percent <= 100.0,
            "{sample:?}"
        );
        assert!((0.0..=100.0).contains(&sample.cpu_percent), "{sample:?}");
        assert!(sample.cores > 0.0 && sample.memory_total_bytes > sample.memory_used_bytes);
        assert!(sample.process_memory_bytes > 1 << 20, "{sample:?}");
        let open = std::fs::read_dir("/proc/self/fd").unwrap().count() as u64;
        assert!(
            sample.process_open_files.abs_diff(open) < 20,
            "{sample:?} {open}"
        );
    }

    /// The traps of process CPU figures are many; the kernel's own counters are the witness.
    #[test]
    fn the_cpu_of_the_process_is_what_the_kernel_counts() {
        let ticks = || {
            let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
            let after_name = stat.rsplit_once(") ").unwrap().1.to_owned();
            let number = |index: usize| -> u64 {
                after_name.split(' ').nth(index).unwrap().parse().unwrap()
            };
            // utime and stime, in hundredths of a second.
            (number(11) + number(12)) as f64 * 10.0
        };
        let mut sampler = Sampler::new();
        let (cpu, began) = (ticks(), Instant::now());
        let mut spun = 0_u64;
        while began.elapsed() < Duration::from_millis(600) {
            spun = std::hint::black_box(spun.wrapping_add(1));
        }
        let sample = sampler.sample();
        let expected = (ticks() - cpu) / began.elapsed().as_millis() as f64 * 100.0;
        assert!(
            expected > 5.0,
            "the machine gave this test no time: {expected}"
        );
        // Other tests of this process run meanwhile, so both ends move.
        assert!(
            (sample.process_cpu_percent - expected).abs() < 0.2 * expected + 10.0,
            "{sample:?} {expected}"
        );
    }
}
