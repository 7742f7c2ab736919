//! The group `files`: what file servers and file tools do on the same trees, in rounds that take turns.
//!
//! Owns: the rounds, the table. Does not own: the work ([`crate::case::archive`], [`crate::case::download`],
//! [`crate::case::unpack`], [`crate::case::query`]), the server under test ([`crate::file_server`]) and the trees ([`crate::sources`], [`crate::million`]).

use clap::ValueEnum;

use crate::case::archive::{MAKERS, Maker};
use crate::case::download::SENDERS;
use crate::case::unpack::COPIERS;
use crate::case::{archive, download, query, unpack};
use crate::failure::{Failure, Outcome};
use crate::file_server::Lap;
use crate::host::Host;
use crate::sources::Sources;
use crate::stats::Summary;
use netsocket_protocol::message::Compression;

/// The words on the command line that choose this group.
pub const SUBCOMMAND: &str = "files";

/// A part of the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Queries over a million files
    Queries,
    /// Archives of source code
    Archives,
    /// One plain file
    Downloads,
    /// A tree of 10,000 files, unpacked as it arrives
    Unpacking,
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
    let mut copies = Contest::new("10,000 files unpacked", COPIERS.map(|(name, _)| name));
    for round in 0..rounds {
        for at in archives.in_turn(round).filter(|_| wanted(Part::Archives)) {
            let lap = archive::run(host, &sources.code, MAKERS[at].1).await;
            archives.record(at, lap);
        }
        for at in downloads.in_turn(round).filter(|_| wanted(Part::Downloads)) {
            let lap = download::run(host, &sources.plain, SENDERS[at].1).await;
            downloads.record(at, lap);
        }
        for at in copies.in_turn(round).filter(|_| wanted(Part::Unpacking)) {
            let lap = unpack::run(host, &sources.code, COPIERS[at].1).await;
            copies.record(at, lap);
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
        (Part::Unpacking, copies),
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
}
