//! Counters of requests, answers and refusals.
//!
//! Requests are counted where their log line is written (`service::access_log`), so the two always agree.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// The result of a successful request; a failed one has the label of its error.
pub(crate) const OK: &str = "ok";

/// The commands with a label of their own: first words of requests in the access log.
const COMMANDS: [&str; 17] = [
    "archive",
    "directories",
    "dirlist",
    "find",
    "get",
    "head",
    "list",
    "options",
    "port",
    "propfind",
    "quitc",
    "resume",
    "w24fda",
    "w24fdb",
    "w24fn",
    "w24ft",
    "w24fz",
];

/// The label for all other commands: a client can send any word, and must not be able to create labels.
pub(crate) const OTHER: &str = "other";

/// The command of a request that is told in these words.
pub(crate) fn command(told: &str) -> &'static str {
    let word = told.split([' ', '\\']).next().unwrap_or_default();
    let command = COMMANDS.into_iter().find(|command| *command == word);
    command.unwrap_or(OTHER)
}

/// Finished requests.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    tallies: Mutex<BTreeMap<(&'static str, &'static str), Tally>>,
    /// By wire, and by the status of an answer over HTTP.
    wires: Mutex<BTreeMap<(&'static str, Option<u16>), u64>>,
}

/// Totals of the requests with one command and one result.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Tally {
    pub(crate) requests: u64,
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    pub(crate) seconds: f64,
}

impl Requests {
    /// Counts a request with a command that [`command`] returned.
    pub(crate) fn count(
        &self,
        command: &'static str,
        result: &'static str,
        files: u64,
        bytes: u64,
        seconds: f64,
    ) {
        let key = (command, result);
        let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        let tally = tallies.entry(key).or_default();
        tally.requests += 1;
        tally.files += files;
        tally.bytes += bytes;
        tally.seconds += seconds;
    }

    /// Counts a request by its wire, and by the status of its answer, if that is HTTP.
    pub(crate) fn count_wire(&self, wire: &'static str, status: Option<u16>) {
        let mut wires = self.wires.lock().unwrap_or_else(PoisonError::into_inner);
        *wires.entry((wire, status)).or_default() += 1;
    }

    /// Requests by wire and status.
    pub(crate) fn by_wire(&self) -> Vec<((&'static str, Option<u16>), u64)> {
        let wires = self.wires.lock().unwrap_or_else(PoisonError::into_inner);
        wires.iter().map(|(key, count)| (*key, *count)).collect()
    }

    /// All totals, by command and result.
    pub(crate) fn all(&self) -> Vec<((&'static str, &'static str), Tally)> {
        let tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        tallies.iter().map(|(key, tally)| (*key, *tally)).collect()
    }
}

/// Where answers came from.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    index: AtomicU64,
    walk: AtomicU64,
}

impl Answers {
    /// Counts one.
    pub(crate) fn count(&self, from_index: bool) {
        let count = if from_index { &self.index } else { &self.walk };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// From the index, from walks.
    pub(crate) fn both(&self) -> [(&'static str, u64); 2] {
        [
            ("index", self.index.load(Ordering::Relaxed)),
            ("walk", self.walk.load(Ordering::Relaxed)),
        ]
    }
}

/// Counts events by a fixed set of reasons.
#[derive(Debug)]
pub(crate) struct Reasons<const N: usize> {
    words: [&'static str; N],
    counts: [AtomicU64; N],
}

impl<const N: usize> Reasons<N> {
    pub(crate) fn new(words: [&'static str; N]) -> Self {
        Self {
            words,
            counts: [const { AtomicU64::new(0) }; N],
        }
    }

    /// Counts one.
    pub(crate) fn count(&self, word: &str) {
        let mut counts = self.words.iter().zip(&self.counts);
        if let Some((_, count)) = counts.find(|(known, _)| **known == word) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The count of each reason.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self
            .counts
            .iter()
            .map(|count| count.load(Ordering::Relaxed));
        self.words.into_iter().zip(counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_cannot_make_labels() {
        let requests = Requests::default();
        for told in [
            "find name=x limit=1",
            "find",
            "finder",
            "",
            "w24fn a b",
            "x\\n",
        ] {
            requests.count(command(told), OK, 1, 10, 0.5);
        }
        requests.count(command("find"), "busy", 0, 0, 0.0);
        let counts: Vec<_> = requests
            .all()
            .iter()
            .map(|(key, t)| (*key, t.requests))
            .collect();
        assert_eq!(
            counts,
            [
                (("find", "busy"), 1),
                (("find", "ok"), 2),
                (("other", "ok"), 3),
                (("w24fn", "ok"), 1)
            ]
        );
    }
}
