//! The CPU quota of a control group (version 2), which sysinfo does not read, and what the group has used of it.
//!
//! Only this process's own group is asked, not those above: container runtimes and systemd set the quota there. Version 1
//! is not read; there the machine's figures stand.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the kernel says to which groups this process belongs.
const OWN_GROUPS: &str = "/proc/self/cgroup";
/// Where version 2 is mounted on every system in use.
const MOUNT: &str = "/sys/fs/cgroup";

/// A group that may have a quota.
#[derive(Debug)]
pub(super) struct CpuQuota {
    dir: PathBuf,
}

/// What a group may use, and has used since it was made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct CpuReading {
    /// Cores that it may use together.
    pub(super) cores: f64,
    used_us: u64,
}

impl CpuQuota {
    /// None where the kernel has no control groups of version 2.
    pub(super) fn of_this_process() -> Option<Self> {
        let groups = fs::read_to_string(OWN_GROUPS).ok()?;
        let dir = Path::new(MOUNT).join(own_group(&groups)?);
        dir.join("cpu.stat").is_file().then_some(Self { dir })
    }

    /// None while no quota is set.
    pub(super) fn read(&self) -> Option<CpuReading> {
        let cores = quota(&fs::read_to_string(self.dir.join("cpu.max")).ok()?)?;
        let used_us = usage(&fs::read_to_string(self.dir.join("cpu.stat")).ok()?)?;
        Some(CpuReading { cores, used_us })
    }
}

impl CpuReading {
    /// The share of the quota that was used since an earlier reading.
    pub(super) fn percent_since(&self, before: &Self, elapsed: Duration) -> f64 {
        let used = self.used_us.saturating_sub(before.used_us) as f64;
        used / (elapsed.as_micros() as f64 * self.cores) * 100.0
    }
}

/// The path of the group below the mount, from lines `0::/path` (version 2) and `N:controllers:/path` (version 1).
fn own_group(groups: &str) -> Option<&Path> {
    let path = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    // A group outside of our namespace is shown as `/../x`, and cannot be read from here.
    (!path.split('/').any(|part| part == "..")).then(|| Path::new(path))
}

/// `cpu.max`: microseconds of CPU, or `max`, in a period of microseconds.
fn quota(text: &str) -> Option<f64> {
    let mut words = text.split_ascii_whitespace();
    let quota: u64 = words.next()?.parse().ok()?;
    let period: u64 = words.next()?.parse().ok()?;
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
    use super::*;

    #[test]
    fn the_own_group_is_that_of_version_2() {
        let both = "9:memory:/docker/x\n0::/system.slice/netsocket.service\n";
        assert_eq!(
            own_group(both),
            Some(Path::new("system.slice/netsocket.service"))
        );
        assert_eq!(own_group("0::/\n"), Some(Path::new("")));
        assert_eq!(own_group("0::/../other\n"), None);
        assert_eq!(own_group("3:cpu:/x\n"), None);
    }

    #[test]
    fn a_quota_is_a_share_of_its_period() {
        assert_eq!(quota("150000 100000\n"), Some(1.5));
        for none in [
            "max 100000\n",
            "",
            "0 100000",
            "100000 0",
            "100000",
            "-1 100000",
        ] {
            assert_eq!(quota(none), None, "{none}");
        }
    }

    #[test]
    fn a_group_is_read_and_measured() {
        let dir = tempfile::tempdir().unwrap();
        let group = CpuQuota {
            dir: dir.path().to_owned(),
        };
        assert_eq!(group.read(), None);
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
        write("cpu.max", "50000 100000\n");
        write(
            "cpu.stat",
            "usage_usec 1000000\nuser_usec 1\nsystem_usec 2\n",
        );
        let before = group.read().unwrap();
        assert_eq!(before.cores, 0.5);
        write("cpu.stat", "usage_usec 1250000\n");
        let now = group.read().unwrap();
        assert_eq!(now.percent_since(&before, Duration::from_secs(1)), 50.0);
        assert_eq!(before.percent_since(&now, Duration::from_secs(1)), 0.0);
        write("cpu.max", "max 100000\n");
        assert_eq!(group.read(), None);
    }
}
