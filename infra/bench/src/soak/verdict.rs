//! Whether the soak has found anything.

use std::time::Duration;

use super::record::Record;
use super::sample::{Descriptors, Sample};

/// How much the memory may grow: the larger of both.
const GROWTH_SHARE: f64 = 0.05;
const GROWTH_BYTES: f64 = 1_048_576.0;
/// How many descriptors more or less there may be at the end than before the load.
const DESCRIPTORS: usize = 2;
/// Pipes that each thread of the balancer keeps for flows to come, two descriptors each.
const KEPT: usize = 2 * 16;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) what: &'static str,
    pub(super) measured: String,
    pub(super) limit: String,
    pub(super) holds: bool,
}

/// The descriptors before the load and after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ends {
    pub(super) before: Descriptors,
    pub(super) after: Descriptors,
    /// Threads that may keep pipes.
    pub(super) workers: usize,
}

/// Judges everything.
pub(super) fn judge(record: &Record, ends: Option<Ends>) -> Vec<Verdict> {
    let none = |what, wrong: u64, right: u64| Verdict {
        what,
        measured: format!("{wrong} of {}", wrong + right),
        limit: "0 of at least 1".to_owned(),
        holds: wrong == 0 && right > 0,
    };
    let count = |all: &[String]| all.len() as u64;
    let wrong = count(&record.wrong);
    let mut all = vec![
        none("digests wrong", wrong, record.downloads - wrong),
        none(
            "downloads given up for no reason",
            count(&record.given_up),
            record.downloads,
        ),
        none("flows wrong", count(&record.flows_wrong), record.flows),
        none("new connections failed", record.undialed, record.dialed),
        exactly_none("idle sessions lost", record.lost),
        exactly_none("other faults", count(&record.faults)),
        memory(&record.samples),
    ];
    all.extend(ends.map(descriptors).into_iter().flatten());
    all
}

fn exactly_none(what: &'static str, count: u64) -> Verdict {
    Verdict {
        what,
        measured: count.to_string(),
        limit: "0".to_owned(),
        holds: count == 0,
    }
}

/// Compares the maxima of the second and of the last quarter: in the first one, buffers and tables are still filled.
fn memory(samples: &[Sample]) -> Verdict {
    let end = samples.last().map_or(Duration::ZERO, |last| last.at);
    let peak = |quarter: u32| {
        let within = (end / 4 * (quarter - 1), end / 4 * quarter);
        let quarter = samples
            .iter()
            .filter(|sample| within.0 < sample.at && sample.at <= within.1);
        quarter.map(|sample| sample.memory).max()
    };
    let what = "memory, second and last quarter, MiB";
    let Some((early, late)) = peak(2).zip(peak(4)) else {
        return Verdict {
            what,
            measured: "–".to_owned(),
            limit: "a longer run".to_owned(),
            holds: false,
        };
    };
    let limit = early as f64 + (early as f64 * GROWTH_SHARE).max(GROWTH_BYTES);
    Verdict {
        what,
        measured: format!("{:.1}, {:.1}", mib(early as f64), mib(late as f64)),
        limit: format!("<= {:.1}", mib(limit)),
        holds: late as f64 <= limit,
    }
}

fn descriptors(ends: Ends) -> [Verdict; 2] {
    let Ends {
        before,
        after,
        workers,
    } = ends;
    let most = KEPT * workers;
    [
        Verdict {
            what: "descriptors but for pipes, before and after",
            measured: format!("{}, {}", before.others, after.others),
            limit: format!("+-{DESCRIPTORS}"),
            holds: before.others.abs_diff(after.others) <= DESCRIPTORS,
        },
        Verdict {
            what: "pipes kept for later",
            measured: after.pipes.to_string(),
            limit: format!("<= {most}"),
            holds: after.pipes <= before.pipes + most,
        },
    ]
}

pub(super) fn mib(bytes: f64) -> f64 {
    bytes / GROWTH_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn samples(memory: &[u64]) -> Vec<Sample> {
        let at = |(number, memory): (usize, &u64)| Sample {
            at: Duration::from_secs(15 * (number as u64 + 1)),
            memory: *memory,
            ..Sample::default()
        };
        memory.iter().enumerate().map(at).collect()
    }

    fn good() -> Record {
        Record {
            samples: samples(&[7 * MIB; 8]),
            downloads: 9,
            flows: 5,
            dialed: 100,
            ..Record::default()
        }
    }

    fn ends(others: usize, pipes: usize) -> Option<Ends> {
        let before = Descriptors {
            pipes: 4,
            others: 40,
        };
        Some(Ends {
            before,
            after: Descriptors { pipes, others },
            workers: 2,
        })
    }

    fn missed(record: &Record, ends: Option<Ends>) -> Vec<&'static str> {
        let all = judge(record, ends);
        let missed = all.iter().filter(|verdict| !verdict.holds);
        missed.map(|verdict| verdict.what).collect()
    }

    #[test]
    fn a_good_run_holds_and_each_fault_is_a_miss() {
        assert_eq!(missed(&good(), ends(41, 68)), [""; 0]);
        let said = || vec!["x".to_owned()];
        let faults: [fn(&mut Record, Vec<String>); 8] = [
            |record, said| record.wrong = said,
            |record, said| record.given_up = said,
            |record, said| record.flows_wrong = said,
            |record, said| record.faults = said,
            |record, _| record.undialed = 1,
            |record, _| record.lost = 1,
            |record, _| record.downloads = 0,
            |record, _| record.samples.clear(),
        ];
        for (number, break_it) in faults.into_iter().enumerate() {
            let mut record = good();
            break_it(&mut record, said());
            assert!(!missed(&record, ends(40, 4)).is_empty(), "{number}");
        }
    }

    #[test]
    fn memory_may_grow_by_a_little_and_only_at_first_by_more() {
        let verdict = |mib: [u64; 8]| memory(&samples(&mib.map(|mib| mib * MIB))).holds;
        assert!(verdict([1, 9, 20, 20, 20, 20, 20, 21]));
        assert!(!verdict([20, 20, 20, 20, 20, 20, 20, 22]));
        // A peak of the second quarter is what the last one is compared with.
        assert!(verdict([100, 100, 120, 100, 100, 100, 120, 126]));
        assert!(!verdict([100, 100, 120, 100, 100, 100, 120, 127]));
    }

    #[test]
    fn descriptors_return_to_where_they_were() {
        assert_eq!(missed(&good(), ends(43, 4)).len(), 1);
        assert_eq!(missed(&good(), ends(37, 4)).len(), 1);
        assert_eq!(missed(&good(), ends(42, 69)).len(), 1);
        assert_eq!(missed(&good(), ends(38, 0)), [""; 0]);
    }
}
