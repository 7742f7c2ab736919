//! The memory limit of a control group and what the group uses of it.

use std::fs;
use std::path::Path;

use super::hierarchy::{Hierarchy, Version};

/// Groups that may have a limit.
#[derive(Debug)]
pub(in crate::sampler) struct MemoryLimit {
    groups: Hierarchy,
}

/// The tightest limit, and what is used of it, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sampler) struct MemoryReading {
    pub(in crate::sampler) limit: u64,
    /// Without file pages that the kernel takes back when memory is needed: counting the page cache would show a file
    /// server of large files as full.
    pub(in crate::sampler) used: u64,
}

impl MemoryLimit {
    /// None if the kernel has no control groups for memory.
    pub(in crate::sampler) fn of_this_process() -> Option<Self> {
        let groups = Hierarchy::of_this_process("memory")?;
        Some(Self { groups })
    }

    /// None while no limit is set.
    pub(in crate::sampler) fn read(&self) -> Option<MemoryReading> {
        let readings = self
            .groups
            .dirs
            .iter()
            .filter_map(|dir| match self.groups.version {
                Version::One => read_version_1(dir),
                Version::Two => read_version_2(dir),
            });
        readings.min_by_key(|reading| reading.limit)
    }
}

/// Without a limit the number is larger than any memory.
fn read_version_1(dir: &Path) -> Option<MemoryReading> {
    reading(
        number(&dir.join("memory.limit_in_bytes"))?,
        number(&dir.join("memory.usage_in_bytes"))?,
        dir,
        "total_inactive_file",
    )
}

/// `memory.max` is `max` without a limit, and missing at the root.
fn read_version_2(dir: &Path) -> Option<MemoryReading> {
    reading(
        number(&dir.join("memory.max"))?,
        number(&dir.join("memory.current"))?,
        dir,
        "inactive_file",
    )
}

fn reading(limit: u64, usage: u64, dir: &Path, reclaimable: &str) -> Option<MemoryReading> {
    let stat = fs::read_to_string(dir.join("memory.stat")).ok()?;
    let reclaimable = stat.lines().find_map(|line| {
        let (name, bytes) = line.split_once(' ')?;
        (name == reclaimable).then(|| bytes.trim().parse::<u64>().ok())?
    });
    Some(MemoryReading {
        limit,
        used: usage.saturating_sub(reclaimable.unwrap_or_default()),
    })
}

fn number(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(dir: &Path, files: &[(&str, &str)]) {
        fs::create_dir_all(dir).unwrap();
        for (name, text) in files {
            fs::write(dir.join(name), text).unwrap();
        }
    }

    fn read(version: Version, dirs: &[&Path]) -> Option<MemoryReading> {
        let dirs = dirs.iter().map(|dir| dir.to_path_buf()).collect();
        let groups = Hierarchy { version, dirs };
        MemoryLimit { groups }.read()
    }

    #[test]
    fn the_page_cache_is_not_in_use() {
        let dir = tempfile::tempdir().unwrap();
        let two = dir.path().join("two");
        let stat = "anon 5000000\nfile 300000000\ninactive_file 290000000\nactive_file 9\n";
        group(
            &two,
            &[
                ("memory.max", "314572800\n"),
                ("memory.current", "300000000\n"),
                ("memory.stat", stat),
            ],
        );
        let expected = MemoryReading {
            limit: 314_572_800,
            used: 10_000_000,
        };
        assert_eq!(read(Version::Two, &[&two]), Some(expected));
        // Version 1 counts the groups below in figures of their own.
        let one = dir.path().join("one");
        let stat = "inactive_file 1\ntotal_inactive_file 290000000\n";
        group(
            &one,
            &[
                ("memory.limit_in_bytes", "314572800\n"),
                ("memory.usage_in_bytes", "300000000\n"),
                ("memory.stat", stat),
            ],
        );
        assert_eq!(read(Version::One, &[&one]), Some(expected));
    }

    #[test]
    fn the_tightest_limit_of_the_path_counts() {
        let dir = tempfile::tempdir().unwrap();
        let (own, above) = (dir.path().join("a/b"), dir.path().join("a"));
        let files = |max, current| {
            [
                ("memory.max", max),
                ("memory.current", current),
                ("memory.stat", "inactive_file 10\n"),
            ]
        };
        group(&above, &files("1000", "700"));
        group(&own, &files("max", "300"));
        let dirs = [&*own, &*above, dir.path()];
        let limit = |limit, used| Some(MemoryReading { limit, used });
        assert_eq!(read(Version::Two, &dirs), limit(1_000, 690));
        group(&own, &files("500", "5"));
        assert_eq!(read(Version::Two, &dirs), limit(500, 0));
        group(&above, &files("max", "1"));
        group(&own, &files("max", "1"));
        assert_eq!(read(Version::Two, &dirs), None);
    }
}
