//! What `bench soak` prints.

use std::time::Duration;

use super::record::Record;
use super::sample::Sample;
use super::size::Size;
use super::verdict::{Verdict, mib};
use crate::figure::gigabytes;
use crate::table::grid;

/// What a line of the table is about.
const LINE: Duration = Duration::from_secs(5 * 60);
/// Of each kind of fault; the rest is counted.
const NAMED: usize = 5;

/// The whole report.
pub(super) fn render(size: Size, record: &Record, verdicts: &[Verdict]) -> String {
    let Size {
        minutes,
        pace,
        idle,
        rate,
    } = size;
    let mut text = format!(
        "\n{minutes} min at {pace} MB/s, {idle} idle sessions, {rate} new connections a second\n\n"
    );
    let heads = [
        "minutes",
        "memory MiB",
        "descriptors",
        "of these pipes",
        "threads",
        "sessions",
        "downloads",
        "wrong",
        "kills",
        "GB moved",
    ];
    text += &grid(heads.map(str::to_owned).to_vec(), lines(&record.samples));
    text += &format!(
        "\ndownloads lost {} connections to kills and went on by themselves; {} runs gave up while a server was killed, and were repeated\n",
        record.resumed, record.excused
    );
    for said in [
        &record.wrong,
        &record.given_up,
        &record.flows_wrong,
        &record.faults,
    ] {
        for line in said.iter().take(NAMED) {
            text += &format!("{line}\n");
        }
    }
    text += "\n";
    let heads = ["what", "measured", "limit", "verdict"];
    let rows = verdicts.iter().map(|verdict| {
        vec![
            verdict.what.to_owned(),
            verdict.measured.clone(),
            verdict.limit.clone(),
            if verdict.holds { "holds" } else { "MISSED" }.to_owned(),
        ]
    });
    text + &grid(heads.map(str::to_owned).to_vec(), rows.collect())
}

/// A line for every five minutes: the least and the most of what was seen, and what was done in that time.
fn lines(samples: &[Sample]) -> Vec<Vec<String>> {
    let number = |sample: &Sample| {
        // A sample at the very end of five minutes belongs to these.
        (sample.at.as_secs_f64() / LINE.as_secs_f64()).ceil()
    };
    let mut before = Sample::default();
    let mut all = Vec::new();
    for of_line in samples.chunk_by(|one, next| number(one) == number(next)) {
        let Some(last) = of_line.last() else { continue };
        all.push(line(of_line, &before, last));
        before = *last;
    }
    all
}

fn line(samples: &[Sample], before: &Sample, last: &Sample) -> Vec<String> {
    let range = |of: &dyn Fn(&Sample) -> f64, digits: usize| {
        let values = samples.iter().map(of);
        let least = values.clone().fold(f64::INFINITY, f64::min);
        let most = values.fold(f64::NEG_INFINITY, f64::max);
        format!("{least:.digits$}–{most:.digits$}")
    };
    let minutes = |at: Duration| at.as_secs_f64() / 60.0;
    vec![
        format!("{:.0}–{:.0}", minutes(before.at), minutes(last.at)),
        range(&|sample| mib(sample.memory as f64), 1),
        range(&|sample| sample.open.all() as f64, 0),
        range(&|sample| sample.open.pipes as f64, 0),
        range(&|sample| sample.threads as f64, 0),
        range(&|sample| sample.sessions as f64, 0),
        (last.downloads - before.downloads).to_string(),
        (last.wrong - before.wrong).to_string(),
        (last.kills - before.kills).to_string(),
        format!("{:.2}", gigabytes(last.bytes - before.bytes)),
    ]
}

/// One line that says how far it is.
pub(super) fn progress(sample: &Sample) -> String {
    format!(
        "{:.0} min: {:.1} MiB, {} descriptors, {} sessions; {} downloads, {} wrong, {} kills, {:.2} GB",
        sample.at.as_secs_f64() / 60.0,
        mib(sample.memory as f64),
        sample.open.all(),
        sample.sessions,
        sample.downloads,
        sample.wrong,
        sample.kills,
        gigabytes(sample.bytes),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soak::sample::Descriptors;

    fn sample(seconds: u64, memory: u64, downloads: u64) -> Sample {
        Sample {
            at: Duration::from_secs(seconds),
            memory: memory << 20,
            open: Descriptors {
                pipes: 4,
                others: 30,
            },
            threads: 5,
            sessions: 300,
            downloads,
            bytes: downloads * 1_000_000_000,
            ..Sample::default()
        }
    }

    #[test]
    fn each_line_has_what_was_done_in_its_five_minutes() {
        let samples = [
            sample(150, 7, 1),
            sample(300, 9, 3),
            sample(301, 8, 3),
            sample(600, 8, 10),
        ];
        let lines = lines(&samples);
        let first = [
            "0–5",
            "7.0–9.0",
            "34–34",
            "4–4",
            "5–5",
            "300–300",
            "3",
            "0",
            "0",
            "3.00",
        ];
        assert_eq!(lines[0], first);
        assert_eq!((&*lines[1][0], &*lines[1][1]), ("5–10", "8.0–8.0"));
        assert_eq!((&*lines[1][6], &*lines[1][9]), ("7", "7.00"));
        assert_eq!(lines.len(), 2);
        assert!(progress(&samples[3]).starts_with("10 min: 8.0 MiB, 34 descriptors"));
    }

    #[test]
    fn a_report_says_what_is_wrong() {
        let record = Record {
            downloads: 1,
            wrong: vec!["x came wrong".to_owned()],
            samples: vec![sample(60, 7, 1)],
            ..Record::default()
        };
        let size = Size {
            minutes: 1,
            pace: 20,
            idle: 300,
            rate: 10,
        };
        let text = render(size, &record, &super::super::verdict::judge(&record, None));
        assert!(text.contains("\nx came wrong\n"), "{text}");
        assert!(text.contains("| digests wrong"), "{text}");
        assert!(text.contains("MISSED"), "{text}");
    }
}
