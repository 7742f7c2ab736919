//! What really was on the topic: Kafka's own consumer in Java, which reads everything as it comes, committed or not.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};

use super::node::java;
use super::{Kafka, TOPIC};
use crate::process::Process;
use crate::scratch::Scratch;

const SOURCE: &str = include_str!("../../kafka/Witness.java");

/// Partition and offset.
pub type Place = (i32, i64);

/// A running one.
#[derive(Debug)]
pub struct Witness {
    process: Process,
    output: BufReader<File>,
    /// The beginning of a line that is not all there.
    begun: String,
    seen: BTreeMap<Place, String>,
    _dir: Scratch,
}

impl Witness {
    /// Starts one on [`TOPIC`], which must be there.
    ///
    /// # Panics
    /// Where it does not start.
    #[must_use]
    pub fn start(kafka: &Kafka) -> Self {
        let dir = Scratch::new("witness");
        let source = dir.write("Witness.java", SOURCE);
        let path = dir.path().join("records");
        let output = File::create(&path).expect("a file for records");
        let mut command = java(&kafka.jars);
        command.arg(source).args([&kafka.brokers(), TOPIC]);
        Self {
            process: Process::start_with_output("witness", command, output.into()),
            output: BufReader::new(File::open(path).expect("the same file")),
            begun: String::new(),
            seen: BTreeMap::new(),
            _dir: dir,
        }
    }

    /// Every record so far, also those that are deleted by now.
    ///
    /// # Panics
    /// Where the consumer has ended, or says something else.
    pub fn seen(&mut self) -> &BTreeMap<Place, String> {
        assert!(!self.process.has_ended(), "{}", self.process.log());
        while self.output.read_line(&mut self.begun).expect("its records") > 0 {
            let Some(line) = self.begun.strip_suffix('\n') else {
                break;
            };
            let mut words = line.splitn(3, ' ');
            let mut word = || words.next().unwrap_or_default();
            let (partition, offset, value) = (word(), word(), word());
            let place = partition.parse().ok().zip(offset.parse().ok());
            let place = place.unwrap_or_else(|| panic!("no record: {line}"));
            self.seen.insert(place, value.to_owned());
            self.begun.clear();
        }
        &self.seen
    }

    /// The last offset of a partition so far; -1 for none.
    pub fn last(&mut self, partition: i32) -> i64 {
        let of = (partition, 0)..=(partition, i64::MAX);
        let last = self.seen().range(of).next_back();
        last.map_or(-1, |((_, offset), _)| *offset)
    }
}
