//! Where the files of this process's control groups are.

use std::fs;
use std::path::{Path, PathBuf};

/// Where the kernel says to which groups this process belongs.
const OWN_GROUPS: &str = "/proc/self/cgroup";
/// Where the kernel says what is mounted where.
const MOUNTS: &str = "/proc/self/mountinfo";

/// The two interfaces have other files for the same things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    One,
    Two,
}

/// The groups of this process that one controller governs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hierarchy {
    pub(super) version: Version,
    /// The process's own group first, then those above it up to the mount.
    pub(super) dirs: Vec<PathBuf>,
}

impl Hierarchy {
    /// None if the kernel has no such controller, or its files cannot be reached from here.
    pub(super) fn of_this_process(controller: &str) -> Option<Self> {
        let mounts = fs::read_to_string(MOUNTS).ok()?;
        let groups = fs::read_to_string(OWN_GROUPS).ok()?;
        Self::find(&mounts, &groups, controller)
    }

    /// A controller belongs to version 1 if that has it mounted, otherwise to version 2.
    fn find(mounts: &str, groups: &str, controller: &str) -> Option<Self> {
        let mut mounts = mounts.lines().filter_map(Mount::parse);
        let named = |list: &str| list.split(',').any(|name| name == controller);
        let (version, group) = groups
            .lines()
            .find_map(|line| {
                let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
                named(controllers).then_some((Version::One, path))
            })
            .or_else(|| {
                let path = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
                Some((Version::Two, path))
            })?;
        let mount = mounts.find(|mount| match version {
            Version::One => mount.kind == "cgroup" && named(mount.options),
            Version::Two => mount.kind == "cgroup2",
        })?;
        Some(Self {
            version,
            dirs: mount.dirs(group)?,
        })
    }
}

/// One line of `mountinfo`.
struct Mount<'a> {
    root: &'a str,
    point: &'a str,
    kind: &'a str,
    options: &'a str,
}

impl<'a> Mount<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (mount, system) = line.split_once(" - ")?;
        let mut mount = mount.split(' ').skip(3);
        let mut system = system.split(' ');
        Some(Self {
            root: mount.next()?,
            point: mount.next()?,
            kind: system.next()?,
            options: system.nth(1)?,
        })
    }

    /// The directories of a group and of those above it. A group outside of the mounted part is shown as `/../x` or as a
    /// path elsewhere, and cannot be read from here.
    fn dirs(&self, group: &str) -> Option<Vec<PathBuf>> {
        let below = Path::new(group).strip_prefix(self.root).ok()?;
        if below.components().any(|part| part.as_os_str() == "..") {
            return None;
        }
        let point = Path::new(self.point);
        Some(below.ancestors().map(|path| point.join(path)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 /docker/x /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
";
    const UNIFIED: &str = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";
    const GROUPS: &str = "4:memory:/docker/x/inner\n2:cpu,cpuacct:/a/b\n0::/u\n";

    fn dirs(mounts: &str, groups: &str, controller: &str) -> Option<(Version, Vec<String>)> {
        let found = Hierarchy::find(mounts, groups, controller)?;
        let dirs = found.dirs.iter().map(|dir| dir.display().to_string());
        Some((
            found.version,
            dirs.map(|dir| dir.trim_end_matches('/').to_owned())
                .collect(),
        ))
    }

    fn found(version: Version, dirs: &[&str]) -> Option<(Version, Vec<String>)> {
        Some((version, dirs.iter().map(|dir| (*dir).to_owned()).collect()))
    }

    #[test]
    fn groups_are_found_with_those_above_them() {
        let base = "/sys/fs/cgroup";
        let cpu = ["cpu,cpuacct/a/b", "cpu,cpuacct/a", "cpu,cpuacct"];
        let cpu = cpu.map(|dir| format!("{base}/{dir}"));
        let cpu = cpu.each_ref().map(String::as_str);
        assert_eq!(dirs(HYBRID, GROUPS, "cpu"), found(Version::One, &cpu));
        assert_eq!(dirs(HYBRID, GROUPS, "cpuacct"), found(Version::One, &cpu));
        // A container sees its own group as the root of the mount.
        let memory = ["/sys/fs/cgroup/memory/inner", "/sys/fs/cgroup/memory"];
        assert_eq!(dirs(HYBRID, GROUPS, "memory"), found(Version::One, &memory));
        let unified = [
            "/sys/fs/cgroup/s.slice/n.service",
            "/sys/fs/cgroup/s.slice",
            base,
        ];
        let groups = "0::/s.slice/n.service\n";
        assert_eq!(dirs(UNIFIED, groups, "cpu"), found(Version::Two, &unified));
        assert_eq!(dirs(UNIFIED, "0::/\n", "cpu"), found(Version::Two, &[base]));
    }

    #[test]
    fn groups_that_cannot_be_reached_are_none() {
        assert_eq!(dirs(UNIFIED, "0::/../other\n", "cpu"), None);
        assert_eq!(dirs(HYBRID, "4:memory:/elsewhere\n", "memory"), None);
        assert_eq!(dirs("", GROUPS, "cpu"), None);
        assert_eq!(dirs(UNIFIED, "", "cpu"), None);
    }
}
