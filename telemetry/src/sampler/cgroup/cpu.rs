//! The CPU quota of a control group, which sysinfo does not read, and what the group has used of it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::hierarchy::{Hierarchy, Version};

/// Groups that may have a quota.
#[derive(Debug)]
pub(in crate::sampler) struct CpuQuota {
    groups: Hierarchy,
    /// The groups that count CPU time; version 1 may have them elsewhere.
    accounting: Option<Hierarchy>,
}

/// The tightest quota, and what its group has used since it was made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::sampler) struct CpuReading {
    /// Cores that it may use together.
    pub(in crate::sampler) cores: f64,
    used_us: u64,
    /// Which group it is, from the process's own upwards.
    level: usize,
}

impl CpuQuota {
    /// None if the kernel has no control groups for CPU.
    pub(in crate::sampler) fn of_this_process() -> Option<Self> {
        let groups = Hierarchy::of_this_process("cpu")?;
        let accounting = match groups.version {
            Version::One => Hierarchy::of_this_process("cpuacct"),
            Version::Two => None,
        };
        Some(Self { groups, accounting })
    }

    /// None while no quota is set. `process` is the CPU time of this process: where a quota's group counts none of its own,
    /// as with version 1's CPU time in another hierarchy, it stands for the group's.
    pub(in crate::sampler) fn read(&self, process: Duration) -> Option<CpuReading> {
        let quotas = self.groups.dirs.iter().enumerate();
        let quotas = quotas.filter_map(|(level, dir)| Some((level, dir, self.quota(dir)?)));
        let (level, dir, cores) = quotas.min_by(|one, other| one.2.total_cmp(&other.2))?;
        let own = u64::try_from(process.as_micros()).unwrap_or(u64::MAX);
        Some(CpuReading {
            cores,
            used_us: self.used(dir).unwrap_or(own),
            level,
        })
    }

    /// Cores.
    fn quota(&self, dir: &Path) -> Option<f64> {
        let text = |name: &str| fs::read_to_string(dir.join(name)).ok();
        match self.groups.version {
            Version::One => {
                let quota = text("cpu.cfs_quota_us")?;
                ratio(&quota, &text("cpu.cfs_period_us")?)
            }
            Version::Two => {
                let both = text("cpu.max")?;
                let (quota, period) = both.split_once(' ')?;
                ratio(quota, period)
            }
        }
    }

    /// Microseconds.
    fn used(&self, dir: &Path) -> Option<u64> {
        match self.groups.version {
            Version::One => {
                let same = |accounting: &&Hierarchy| accounting.dirs.iter().any(|own| own == dir);
                self.accounting.as_ref().filter(same)?;
                let nanoseconds = fs::read_to_string(dir.join("cpuacct.usage")).ok()?;
                Some(nanoseconds.trim().parse::<u64>().ok()? / 1_000)
            }
            Version::Two => usage(&fs::read_to_string(dir.join("cpu.stat")).ok()?),
        }
    }
}

impl CpuReading {
    /// The share of the quota that was used since an earlier reading, in percent; None if that was of another group.
    pub(in crate::sampler) fn percent_since(
        &self,
        before: &Self,
        elapsed: Duration,
    ) -> Option<f64> {
        let used = self.used_us.saturating_sub(before.used_us) as f64;
        let percent = used / (elapsed.as_micros() as f64 * self.cores) * 100.0;
        (self.level == before.level).then_some(percent)
    }
}

/// Microseconds of CPU in a period of microseconds. Without a quota the first is `max` or -1.
fn ratio(quota: &str, period: &str) -> Option<f64> {
    let quota: u64 = quota.trim().parse().ok()?;
    let period: u64 = period.trim().parse().ok()?;
    (quota > 0 && period > 0).then(|| quota as f64 / period as f64)
}

fn usage(text: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("usage_usec "));
    line?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    const NOTHING: Duration = Duration::ZERO;
    const SECOND: Duration = Duration::from_secs(1);

    fn quota(version: Version, dirs: &[&Path]) -> CpuQuota {
        let dirs: Vec<PathBuf> = dirs.iter().map(|dir| dir.to_path_buf()).collect();
        let groups = Hierarchy { version, dirs };
        CpuQuota {
            accounting: (version == Version::One).then(|| groups.clone()),
            groups,
        }
    }

    fn write(dir: &Path, name: &str, text: &str) {
        fs::create_dir_all(dir).unwrap();
        fs::write(dir.join(name), text).unwrap();
    }

    #[test]
    fn a_quota_is_a_share_of_its_period() {
        assert_eq!(ratio("150000", "100000\n"), Some(1.5));
        for (quota, period) in [
            ("max", "100000"),
            ("", ""),
            ("0", "100000"),
            ("100000", "0"),
            ("100000", ""),
            ("-1", "100000"),
        ] {
            assert_eq!(ratio(quota, period), None, "{quota} {period}");
        }
    }

    #[test]
    fn a_group_is_read_and_measured() {
        let dir = tempfile::tempdir().unwrap();
        let group = quota(Version::Two, &[dir.path()]);
        assert_eq!(group.read(NOTHING), None);
        let write = |name: &str, text: &str| write(dir.path(), name, text);
        write("cpu.max", "50000 100000\n");
        write(
            "cpu.stat",
            "usage_usec 1000000\nuser_usec 1\nsystem_usec 2\n",
        );
        let before = group.read(NOTHING).unwrap();
        assert_eq!(before.cores, 0.5);
        write("cpu.stat", "usage_usec 1250000\n");
        let now = group.read(NOTHING).unwrap();
        assert_eq!(now.percent_since(&before, SECOND), Some(50.0));
        assert_eq!(before.percent_since(&now, SECOND), Some(0.0));
        write("cpu.max", "max 100000\n");
        assert_eq!(group.read(NOTHING), None);
    }

    #[test]
    fn the_tightest_quota_of_the_path_counts_with_its_own_usage() {
        let dir = tempfile::tempdir().unwrap();
        let (own, above) = (dir.path().join("a/b"), dir.path().join("a"));
        write(&own, "cpu.max", "max 100000\n");
        write(&own, "cpu.stat", "usage_usec 5\n");
        write(&above, "cpu.max", "50000 100000\n");
        write(&above, "cpu.stat", "usage_usec 1000000\n");
        let group = quota(Version::Two, &[&own, &above, dir.path()]);
        let before = group.read(NOTHING).unwrap();
        assert_eq!(before.cores, 0.5);
        write(&above, "cpu.stat", "usage_usec 1100000\n");
        let now = group.read(NOTHING).unwrap();
        assert_eq!(now.percent_since(&before, SECOND), Some(20.0));
        write(&own, "cpu.max", "25000 100000\n");
        let own_quota = group.read(NOTHING).unwrap();
        assert_eq!(own_quota.cores, 0.25);
        assert_eq!(own_quota.percent_since(&now, SECOND), None);
    }

    #[test]
    fn version_1_is_read_too() {
        let dir = tempfile::tempdir().unwrap();
        let own = dir.path().join("a");
        write(&own, "cpu.cfs_quota_us", "-1\n");
        write(&own, "cpu.cfs_period_us", "100000\n");
        write(dir.path(), "cpu.cfs_quota_us", "200000\n");
        write(dir.path(), "cpu.cfs_period_us", "100000\n");
        write(dir.path(), "cpuacct.usage", "1000000000\n");
        let mut group = quota(Version::One, &[&own, dir.path()]);
        let before = group.read(NOTHING).unwrap();
        assert_eq!(before.cores, 2.0);
        write(dir.path(), "cpuacct.usage", "2000000000\n");
        let now = group.read(NOTHING).unwrap();
        assert_eq!(now.percent_since(&before, SECOND), Some(50.0));
        // CPU time is counted in another hierarchy: the process's own has to do.
        group.accounting = None;
        let before = group.read(NOTHING).unwrap();
        let now = group.read(SECOND).unwrap();
        assert_eq!(now.percent_since(&before, SECOND), Some(50.0));
    }
}
