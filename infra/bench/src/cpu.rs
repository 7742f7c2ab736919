//! CPU time of a process with its descendants, and of the whole machine, as `/proc` counts it (proc(5)).
//!
//! The kernel scales `utime + stime` of a process to the exact run time of its threads, so the sum is good to one
//! clock tick. Work done in interrupts is in the figure of the machine only.

use std::collections::BTreeMap;
use std::fs;

use crate::failure::{Explain as _, Failure, Outcome};

/// One process, as its line `/proc/PID/stat` tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stat {
    parent: u32,
    /// User and system time of all its threads and of the children that it has waited for, in ticks.
    ticks: u64,
}

/// CPU time since the start of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine {
    /// Ticks of all cores in which something ran.
    busy: u64,
    /// Ticks that a hypervisor gave to others.
    stolen: u64,
}

impl Machine {
    /// Reads the counters of the machine.
    ///
    /// # Errors
    /// Where `/proc/stat` has another form.
    pub fn now() -> Outcome<Self> {
        let text = fs::read_to_string("/proc/stat").explain("/proc/stat")?;
        parse_machine(&text)
            .ok_or_else(|| Failure::new("/proc/stat has no line of the form `cpu …`"))
    }

    /// Seconds of work on all cores since `before`.
    #[must_use]
    pub fn busy_since(self, before: Self) -> f64 {
        seconds(self.busy.saturating_sub(before.busy))
    }

    /// Seconds since `before` in which a hypervisor let this machine wait.
    #[must_use]
    pub fn stolen_since(self, before: Self) -> f64 {
        seconds(self.stolen.saturating_sub(before.stolen))
    }
}

/// The CPU time, in seconds, that the process `root` and all its descendants have used so far.
///
/// # Errors
/// Where `root` is gone.
pub fn of_tree(root: u32) -> Outcome<f64> {
    let stats = all_processes();
    if !stats.contains_key(&root) {
        return Err(Failure::new(format!("process {root} is gone")));
    }
    let ticks = tree(&stats, root).iter().map(|id| stats[id].ticks).sum();
    Ok(seconds(ticks))
}

/// The same to the nanosecond, as the scheduler counts it (`/proc/PID/task/TID/schedstat`); threads and processes that
/// have ended are not in it.
///
/// # Errors
/// Where `root` is gone.
pub fn exact_of_tree(root: u32) -> Outcome<f64> {
    let times: Vec<u64> = tree_of(root).into_iter().filter_map(exact).collect();
    if times.is_empty() {
        return Err(Failure::new(format!("process {root} is gone")));
    }
    Ok(times.into_iter().sum::<u64>() as f64 / 1e9)
}

fn exact(id: u32) -> Option<u64> {
    let threads = fs::read_dir(format!("/proc/{id}/task")).ok()?;
    let times = threads.filter_map(|thread| {
        // A thread may end between the listing and this.
        let text = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    Some(times.sum())
}

/// The process `root` and its descendants, as they are now.
#[must_use]
pub fn tree_of(root: u32) -> Vec<u32> {
    tree(&all_processes(), root)
}

fn tree(stats: &BTreeMap<u32, Stat>, root: u32) -> Vec<u32> {
    let mut found = vec![root];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        next += 1;
        let children = stats.iter().filter(|(_, stat)| stat.parent == parent);
        found.extend(children.map(|(id, _)| *id));
    }
    found
}

fn all_processes() -> BTreeMap<u32, Stat> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return BTreeMap::new();
    };
    entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let id: u32 = entry.file_name().to_str()?.parse().ok()?;
            // A process may end between the listing and this.
            let text = fs::read_to_string(entry.path().join("stat")).ok()?;
            Some((id, parse_process(&text)?))
        })
        .collect()
}

/// Fields are counted behind the name in parentheses, which may itself hold spaces and parentheses.
fn parse_process(stat: &str) -> Option<Stat> {
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    // proc(5) counts from 1, and the state behind the name is its field 3.
    let field = |number: usize| fields.get(number - 3);
    let parent = field(4)?.parse().ok()?;
    let mut ticks = 0u64;
    // utime, stime, cutime, cstime
    for number in 14..=17 {
        // The times of children are signed in the kernel, and never negative.
        ticks += field(number)?.parse::<u64>().ok()?;
    }
    Some(Stat { parent, ticks })
}

fn parse_machine(stat: &str) -> Option<Machine> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let ticks: Vec<u64> = line
        .split_whitespace()
        .map(str::parse)
        .collect::<Result<_, _>>()
        .ok()?;
    // user nice system idle iowait irq softirq steal guest guest_nice; the guest times are also in user and nice.
    let at = |index: usize| ticks.get(index).copied();
    Some(Machine {
        busy: at(0)? + at(1)? + at(2)? + at(5)? + at(6)?,
        stolen: at(7).unwrap_or(0),
    })
}

fn seconds(ticks: u64) -> f64 {
    ticks as f64 / rustix::param::clock_ticks_per_second() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_read_whatever_its_name() {
        let line = "42 (a) b (c) S 7 42 42 0 -1 4194560 1 2 3 4 100 20 3 4 20 0 9 0 5 6 7 8";
        let stat = parse_process(line).unwrap();
        assert_eq!(
            stat,
            Stat {
                parent: 7,
                ticks: 127
            }
        );
        assert_eq!(parse_process("42 (cut short) S 7 42"), None);
        assert_eq!(parse_process(""), None);
    }

    #[test]
    fn idle_and_stolen_time_is_not_work() {
        let stat = "cpu  10 20 30 4000 500 6 7 80 9 1\ncpu0 1 2 3 4 5 6 7 8 9 1\n";
        let machine = parse_machine(stat).unwrap();
        assert_eq!(machine.busy, 10 + 20 + 30 + 6 + 7);
        assert_eq!(machine.stolen, 80);
        assert_eq!(parse_machine("intr 1 2 3"), None);
    }

    #[test]
    fn a_tree_is_the_root_and_all_below() {
        let stat = |parent| Stat { parent, ticks: 1 };
        let stats = [(1, 0), (2, 1), (3, 2), (4, 2), (5, 1), (6, 4)].map(|(id, p)| (id, stat(p)));
        let mut found = tree(&BTreeMap::from(stats), 2);
        found.sort_unstable();
        assert_eq!(found, [2, 3, 4, 6]);
    }

    #[test]
    fn our_own_time_grows_with_work() {
        let own = std::process::id();
        let before = of_tree(own).unwrap();
        let mut rng = fastrand::Rng::with_seed(1);
        let mut sum = 0u64;
        while of_tree(own).unwrap() < before + 0.05 {
            sum = (0..1_000_000).fold(sum, |sum, _| sum ^ rng.u64(..));
        }
        std::hint::black_box(sum);
        // Threads of other tests that have ended are in the first only.
        let exact = exact_of_tree(own).unwrap();
        assert!(exact > 0.0 && exact < of_tree(own).unwrap() + 0.05);
        assert!(exact_of_tree(u32::MAX).is_err());
        assert!(of_tree(u32::MAX).is_err());
    }
}
