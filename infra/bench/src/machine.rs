//! The machine that a report speaks of.

use std::fs;

use crate::date;
use crate::host::Host;

/// What someone who compares figures needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// When the run began.
    pub date: String,
    /// Model of the processor.
    pub cpu: String,
    /// Cores that the run may use.
    pub cores: usize,
    /// Whether a hypervisor shares the machine out.
    pub virtual_machine: bool,
    /// Memory, in MiB.
    pub memory_mib: u64,
    /// Release of the kernel.
    pub kernel: String,
    /// Load of the last 1, 5 and 15 minutes before the run: anything but idle makes figures doubtful.
    pub load: String,
    /// Version lines of the programs.
    pub versions: Vec<String>,
}

impl Description {
    /// Describes this machine. What the system does not tell is `unknown`.
    #[must_use]
    pub fn of(host: &Host) -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let cpuinfo = read("/proc/cpuinfo");
        let or_unknown = |found: Option<&str>| found.unwrap_or("unknown").trim().to_owned();
        let kernel = read("/proc/sys/kernel/osrelease");
        let load = read("/proc/loadavg");
        Self {
            date: date::now(),
            cpu: or_unknown(value_of(&cpuinfo, "model name")),
            cores: host.cores,
            virtual_machine: value_of(&cpuinfo, "flags")
                .is_some_and(|flags| flags.split(' ').any(|flag| flag == "hypervisor")),
            memory_mib: memory_mib(&read("/proc/meminfo")).unwrap_or(0),
            kernel: or_unknown(kernel.lines().next()),
            load: load.split(' ').take(3).collect::<Vec<_>>().join(" "),
            versions: host.tools.versions().map(str::to_owned).collect(),
        }
    }

    /// The lines of a report.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let kind = if self.virtual_machine {
            ", virtual machine"
        } else {
            ""
        };
        let mut lines = vec![
            format!("date: {}", self.date),
            format!("cpu: {} x {}{kind}", self.cores, self.cpu),
            format!("memory: {} MiB", self.memory_mib),
            format!("kernel: {}", self.kernel),
            format!("load before: {}", self.load),
        ];
        lines.extend(self.versions.iter().map(|line| format!("with: {line}")));
        lines
    }
}

/// The value of the first line `name : value`.
fn value_of<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim())
    })
}

fn memory_mib(meminfo: &str) -> Option<u64> {
    let kib: u64 = value_of(meminfo, "MemTotal")?
        .strip_suffix("kB")?
        .trim()
        .parse()
        .ok()?;
    Some(kib / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_proc_are_read() {
        let cpuinfo = "processor\t: 0\nmodel name\t: A: fast one\nflags\t\t: fpu hypervisor sse\n";
        assert_eq!(value_of(cpuinfo, "model name"), Some("A: fast one"));
        assert_eq!(value_of(cpuinfo, "model"), None);
        assert_eq!(
            memory_mib("MemTotal:       24576000 kB\nMemFree: 1 kB\n"),
            Some(24_000)
        );
    }
}
