//! What became of every record that was in Kafka, and whether the collector's counters and lines say the same.

use std::collections::BTreeMap;
use std::ops::Range;

use e2e::access_log;
use e2e::kafka::witness::Place;
use e2e::metrics::Metrics;
use e2e::process::Process;
use serde_json::Value;

use super::others::{Done, HEADERS, INSTANCE, LEFT};
use crate::exactly_once::{admin, metrics};
use crate::influxdb::point_key;

/// Of a record: the key of its point, and its figure.
pub(super) struct Record {
    key: String,
    figure: String,
}

/// What a witness has seen, read.
pub(super) fn records(seen: &BTreeMap<Place, String>) -> BTreeMap<Place, Record> {
    let read = |(place, text): (&Place, &String)| {
        let record: Value = serde_json::from_str(text).expect("nobody sends anything else");
        let figure = record["client_count"].to_string();
        let key = point_key(&record);
        (*place, Record { key, figure })
    };
    seen.iter().map(read).collect()
}

/// The points that our producers' records make.
pub(super) fn ours(records: &BTreeMap<Place, Record>) -> BTreeMap<String, String> {
    let ours = records
        .values()
        .filter(|record| !record.key.contains(INSTANCE));
    ours.map(|record| (record.key.clone(), record.figure.clone()))
        .collect()
}

/// What collectors have counted and said.
#[derive(Debug, Default, Clone)]
pub(super) struct Counted {
    collectors: u64,
    missed: u64,
    aborted: u64,
    /// Of a partition: what was deleted before it was read.
    deleted: Vec<(i32, Range<i64>)>,
}

impl Counted {
    /// Adds what a collector has counted, and ends it.
    pub(super) fn add(&mut self, collector: &mut Process, end: impl FnOnce(&mut Process)) {
        let last = metrics(admin(collector));
        end(collector);
        *self = self.with(collector, &last);
    }

    /// The same with what one more has counted.
    pub(super) fn with(&self, collector: &Process, metrics: &Metrics) -> Self {
        let count = |name: &str| {
            let sum = metrics.sum(&format!("netsocket_collector_{name}"), &[]);
            sum.to_string().parse::<u64>().expect("a whole number")
        };
        for name in ["bad_total", "refused_total", "rewound_total"] {
            assert_eq!(count(name), 0, "{name}");
        }
        let line = "offset is not in the log; continuing from its beginning";
        let lines = access_log::events(&collector.log(), line);
        let deleted = lines.iter().map(|line| {
            let number = |name: &str| line[name].as_i64().expect("a number");
            let partition = i32::try_from(number("partition")).expect("a partition");
            (partition, number("wanted")..number("earliest"))
        });
        Self {
            collectors: self.collectors + 1,
            missed: self.missed + count("missed_total"),
            aborted: self.aborted + count("aborted_total"),
            deleted: self.deleted.iter().cloned().chain(deleted).collect(),
        }
    }

    fn is_deleted(&self, (partition, offset): &Place) -> bool {
        let mut deleted = self.deleted.iter();
        deleted.any(|(of, range)| of == partition && range.contains(offset))
    }
}

/// How many records were in Kafka, by what became of them: each has one place.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) stored: u64,
    /// Deleted before they were read.
    pub(super) deleted: u64,
    /// In transactions that were aborted.
    pub(super) aborted: u64,
    /// Offsets without a record.
    pub(super) marks: u64,
    /// Records that have no place, or two.
    wrong: Vec<String>,
}

impl Ledger {
    /// From what a witness has seen, what is stored, and what the collectors say that they have not read.
    pub(super) fn of(
        seen: &BTreeMap<Place, Record>,
        stored: &BTreeMap<String, String>,
        counted: &Counted,
    ) -> Self {
        let mut ledger = Self::default();
        // A producer that gets no acknowledgement sends a record again: it may be there twice.
        let mut records: BTreeMap<&str, Vec<(&Place, &Record)>> = BTreeMap::new();
        for (place, record) in seen {
            let same = records.entry(&record.key).or_default();
            same.push((place, record));
        }
        for (key, places) in &records {
            let is_deleted = places.iter().all(|(place, _)| counted.is_deleted(place));
            let is_left = key.ends_with(LEFT);
            let same = |figure: &String| places.iter().all(|(_, record)| record.figure == *figure);
            match stored.get(*key) {
                Some(figure) if same(figure) && !is_deleted && !is_left => ledger.stored += 1,
                None if is_deleted => ledger.deleted += 1,
                None if is_left => ledger.aborted += places.len() as u64,
                found => ledger.wrong.push(format!(
                    "{key}: stored as {found:?}, counted as deleted: {is_deleted}"
                )),
            }
        }
        let strangers = stored.keys().filter(|key| !records.contains_key(&***key));
        let strangers = strangers.map(|key| format!("{key}: stored, and was never in Kafka"));
        ledger.wrong.extend(strangers);
        let mut ends: BTreeMap<i32, u64> = BTreeMap::new();
        for (partition, offset) in seen.keys() {
            ends.insert(*partition, offset.unsigned_abs() + 1);
        }
        ledger.marks = ends.values().sum::<u64>() - seen.len() as u64;
        ledger
    }

    /// Whether each record has one place.
    pub(super) fn is_settled(&self) -> bool {
        self.wrong.is_empty()
    }

    /// Every record has one place, and the counters say the same.
    pub(super) fn judge(&self, counted: &Counted, others: Done) {
        let first: Vec<&String> = self.wrong.iter().take(20).collect();
        assert!(first.is_empty(), "{} such as {first:#?}", self.wrong.len());
        let lengths = counted
            .deleted
            .iter()
            .map(|(_, range)| range.end - range.start);
        assert_eq!(counted.missed, lengths.sum::<i64>().unsigned_abs());
        // One that is killed has not yet said how far it was: the next one may count two records again.
        let aborted = self.aborted..=self.aborted + 2 * counted.collectors;
        assert!(aborted.contains(&counted.aborted), "{self:?} {counted:?}");
        // A transaction ends with one mark.
        assert!(self.marks <= others.transactions, "{self:?} {others:?}");
        assert!(others.left > 0 && others.headers > 0, "{others:?}");
    }
}

/// Whether the other program's records are among those that were seen: all that Kafka has acknowledged.
pub(super) fn has_all_of(records: &BTreeMap<Place, Record>, others: Done) -> bool {
    let number = |instance: &str| {
        let theirs = records
            .values()
            .filter(|record| record.key.ends_with(instance));
        theirs.count()
    };
    number(HEADERS) >= others.headers && number(LEFT) >= others.left
}
