//! The group `files`: what file servers and file tools do on the same trees, in rounds that take turns.
//!
//! Owns: the rounds, the server under test, the table. Does not own: the work ([`crate::case::archive`],
//! [`crate::case::download`], [`crate::case::query`]) and the trees ([`crate::sources`], [`crate::million`]).

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use clap::ValueEnum;
use tokio::task::spawn_blocking;

use crate::case::archive::{MAKERS, Maker};
use crate::case::download::SENDERS;
use crate::case::{archive, download, query};
use crate::cpu;
use crate::failure::{Explain as _, Failure, Outcome};
use crate::host::Host;
use crate::port::listening;
use crate::process::Process;
use crate::sources::Sources;
use crate::stats::Summary;
use netsocket_protocol::message::Compression;

/// The program under test, beside this one.
const FILESERVER: &str = "netsocket-fileserver";

/// The words on the command line that choose this group.
pub const SUBCOMMAND: &str = "files";

/// What one contestant did in one round.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lap {
    /// By the clock.
    pub seconds: f64,
    /// CPU time of the contestant's processes.
    pub cpu: f64,
    /// Bytes that came.
    pub bytes: u64,
    /// Seconds to the first of these, where that can be told.
    pub first_byte: Option<f64>,
    /// Bytes of memory at most, above those of the idle process.
    pub memory: Option<u64>,
}

/// A server that files are asked of. Dropping it ends it.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    process: Process,
    idle: u64,
}

impl Server {
    /// Starts the file server over a directory.
    ///
    /// # Errors
    /// Where it is not built, or does not listen in time.
    pub async fn start(host: &Host, root: &Path) -> Outcome<Self> {
        Self::start_at(host, root, host.ports.free()?).await
    }

    /// The same at an address that is known before.
    ///
    /// # Errors
    /// Where it is not built, or does not listen in time.
    pub async fn start_at(host: &Host, root: &Path, listen: SocketAddr) -> Outcome<Self> {
        let program = host.launcher.bench().with_file_name(FILESERVER);
        if !program.is_file() {
            return Err(Failure::new(format!("{} is not built", program.display())));
        }
        let address = listen.to_string();
        let arguments = [
            "--listen".as_ref(),
            address.as_ref(),
            "--root".as_ref(),
            root.as_os_str(),
        ];
        let process = host.launcher.start(FILESERVER, &program, arguments)?;
        Self::listening(process, listen).await
    }

    /// A server that was started, once it listens.
    ///
    /// # Errors
    /// Where it does not in time.
    pub async fn listening(mut process: Process, address: SocketAddr) -> Outcome<Self> {
        listening(address, &mut process).await?;
        let idle = memory(process.id(), "VmRSS:")?;
        Ok(Self {
            address,
            process,
            idle,
        })
    }

    /// CPU time of its processes so far, in seconds.
    ///
    /// # Errors
    /// Where it is gone.
    pub fn cpu(&mut self) -> Outcome<f64> {
        self.process.check_alive()?;
        cpu::of_tree(self.process.id())
    }

    /// The most memory that it has had, in bytes, above what it had when nobody had asked it for anything.
    ///
    /// # Errors
    /// Where it is gone.
    pub fn peak_above_idle(&self) -> Outcome<u64> {
        let peak = memory(self.process.id(), "VmHWM:")?;
        Ok(peak.saturating_sub(self.idle))
    }
}

/// A line of `/proc/PID/status` in bytes.
fn memory(id: u32, field: &str) -> Outcome<u64> {
    let path = format!("/proc/{id}/status");
    let text = fs::read_to_string(&path).explain(&path)?;
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kib.map(|kib| kib * 1024)
        .ok_or_else(|| Failure::new(format!("{path} has no {field}")))
}

/// Does work that blocks beside the runtime.
///
/// # Errors
/// Its own.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Outcome<T> + Send + 'static,
) -> Outcome<T> {
    spawn_blocking(work).await.explain("a thread")?
}

/// A part of the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Queries over a million files
    Queries,
    /// Archives of source code
    Archives,
    /// One plain file
    Downloads,
    /// The memory that an archive of 20 GB takes
    Large,
}

/// Runs these parts of the group, or all; the tables, and whether everything was measured.
///
/// # Errors
/// Where the trees cannot be made.
pub async fn run(host: &Host, rounds: usize, parts: &[Part]) -> Outcome<(String, bool)> {
    let wanted = |part| parts.is_empty() || parts.contains(&part);
    let (mut text, mut whole) = (String::new(), true);
    if wanted(Part::Queries) {
        match query::run(host, rounds).await {
            Ok(tables) => text += &tables,
            Err(failure) => {
                text += &format!("\nqueries failed: {failure}\n");
                whole = false;
            }
        }
    }
    if parts == [Part::Queries] {
        return Ok((text, whole));
    }
    let sources = Sources::prepare(host.launcher.bench())?;
    let mut archives = Contest::new("archive of source code", MAKERS.map(|(name, _)| name));
    let mut downloads = Contest::new("plain file, 4 times 1 GiB", SENDERS.map(|(name, _)| name));
    for round in 0..rounds {
        for at in archives.in_turn(round).filter(|_| wanted(Part::Archives)) {
            let lap = archive::run(host, &sources.code, MAKERS[at].1).await;
            archives.record(at, lap);
        }
        for at in downloads.in_turn(round).filter(|_| wanted(Part::Downloads)) {
            let lap = download::run(host, &sources.plain, SENDERS[at].1).await;
            downloads.record(at, lap);
        }
    }
    let mut large = Contest::new("archive of 20 GB of holes", ["netsocket gzip"]);
    if wanted(Part::Large) {
        let lap = archive::run(host, &sources.sparse, Maker::Server(Compression::Gzip)).await;
        large.record(0, lap);
    }
    for (part, contest) in [
        (Part::Archives, archives),
        (Part::Downloads, downloads),
        (Part::Large, large),
    ] {
        if wanted(part) {
            text += &contest.table();
            whole &= contest.is_whole();
        }
    }
    Ok((text, whole))
}

/// Contestants at the same work.
struct Contest {
    title: &'static str,
    rows: Vec<(&'static str, Vec<Lap>, Vec<Failure>)>,
}

impl Contest {
    fn new<const N: usize>(title: &'static str, names: [&'static str; N]) -> Self {
        let rows = names.map(|name| (name, Vec::new(), Vec::new()));
        Self {
            title,
            rows: rows.into(),
        }
    }

    /// The order of a round: everyone is first once.
    fn in_turn(&self, round: usize) -> impl Iterator<Item = usize> + use<> {
        let count = self.rows.len();
        (0..count).map(move |at| (at + round) % count)
    }

    fn record(&mut self, at: usize, lap: Outcome<Lap>) {
        let (name, laps, failures) = &mut self.rows[at];
        eprintln!("{}: {name}", self.title);
        match lap {
            Ok(lap) => laps.push(lap),
            Err(failure) => failures.push(failure),
        }
    }

    fn is_whole(&self) -> bool {
        self.rows.iter().all(|(_, _, failures)| failures.is_empty())
    }

    fn table(&self) -> String {
        let mut text = format!(
            "\n{}\n{:<20}{:>18}{:>9}{:>10}{:>11}{:>10}{:>12}\n",
            self.title, "", "seconds", "CPU s", "CPU s/GB", "MB", "first ms", "memory MiB"
        );
        for (name, laps, failures) in &self.rows {
            let all =
                |figure: &dyn Fn(&Lap) -> Option<f64>| Summary::of(laps.iter().filter_map(figure));
            if let Some(seconds) = all(&|lap| Some(lap.seconds)) {
                let shown = |figure: &dyn Fn(&Lap) -> Option<f64>, digits: usize| {
                    all(figure).map_or_else(|| "-".to_owned(), |s| format!("{:.digits$}", s.median))
                };
                let gb = |lap: &Lap| lap.bytes as f64 / 1e9;
                text += &format!(
                    "{name:<20}{:>18}{:>9}{:>10}{:>11}{:>10}{:>12}\n",
                    format!(
                        "{:.2} ({:.2}-{:.2})",
                        seconds.median, seconds.min, seconds.max
                    ),
                    shown(&|lap| Some(lap.cpu), 2),
                    shown(&|lap| Some(lap.cpu / gb(lap)), 3),
                    shown(&|lap| Some(gb(lap) * 1e3), 1),
                    shown(&|lap| lap.first_byte.map(|s| s * 1e3), 0),
                    shown(&|lap| lap.memory.map(|bytes| bytes as f64 / 1_048_576.0), 1),
                );
            }
            for failure in failures {
                text += &format!("{name:<20}failed: {failure}\n");
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lap(seconds: f64) -> Lap {
        Lap {
            seconds,
            cpu: 1.0,
            bytes: 500_000_000,
            first_byte: Some(0.012),
            memory: None,
        }
    }

    #[test]
    fn a_table_has_medians_and_failures() {
        let mut contest = Contest::new("work", ["a", "b"]);
        for seconds in [1.0, 5.0, 2.0] {
            contest.record(0, Ok(lap(seconds)));
        }
        assert!(contest.is_whole());
        contest.record(1, Err(Failure::new("no such tool")));
        assert!(!contest.is_whole());
        let table = contest.table();
        let lines: Vec<&str> = table.lines().collect();
        let words: Vec<&str> = lines[3].split_whitespace().collect();
        assert_eq!(
            words,
            [
                "a",
                "2.00",
                "(1.00-5.00)",
                "1.00",
                "2.000",
                "500.0",
                "12",
                "-"
            ]
        );
        assert_eq!(
            lines[4].split_whitespace().collect::<Vec<_>>().join(" "),
            "b failed: no such tool"
        );
        assert_eq!(contest.in_turn(1).collect::<Vec<_>>(), [1, 0]);
    }

    #[test]
    fn our_own_memory_is_told() {
        let own = std::process::id();
        assert!(memory(own, "VmHWM:").unwrap() >= 1 << 20);
        assert!(memory(own, "VmNone:").is_err());
    }
}
