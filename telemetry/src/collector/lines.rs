//! Points on their way to the database: their text, and which record each belongs to.

use std::collections::BTreeSet;
use std::ops::Range;

use bytes::Bytes;

use super::points::write_points;
use super::received::Received;

/// The points of some records, in the order of the log.
#[derive(Debug, Default)]
pub(super) struct Lines {
    text: Vec<u8>,
    lines: Vec<Line>,
}

/// One point.
#[derive(Debug, Clone, Copy)]
struct Line {
    /// Of its record.
    offset: i64,
    measurement: &'static str,
    millis: i64,
    /// Behind its newline.
    end: usize,
}

impl Lines {
    /// How many points there are.
    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    /// Adds the points of a record.
    pub(super) fn push(&mut self, offset: i64, record: &Received) {
        let millis = record.ts.timestamp_millis();
        let lines = &mut self.lines;
        write_points(record, &mut self.text, |measurement, end| {
            lines.push(Line {
                offset,
                measurement,
                millis,
                end,
            });
        });
    }

    /// No more will be added.
    pub(super) fn finish(self) -> Finished {
        Finished {
            text: self.text.into(),
            lines: self.lines,
        }
    }
}

/// Points that are written together.
#[derive(Debug)]
pub(super) struct Finished {
    text: Bytes,
    lines: Vec<Line>,
}

impl Finished {
    /// How many points there are.
    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    /// The text of some of them.
    pub(super) fn text(&self, part: &Range<usize>) -> Bytes {
        let before = |index: usize| match index.checked_sub(1) {
            None => 0,
            Some(last) => self
                .lines
                .get(last)
                .map_or(self.text.len(), |line| line.end),
        };
        self.text.slice(before(part.start)..before(part.end))
    }

    /// Where the record of the first of them stands.
    pub(super) fn offset(&self, part: &Range<usize>) -> Option<i64> {
        self.lines.get(part.start).map(|line| line.offset)
    }

    /// These points alone, ordered so that those stand together that InfluxDB judges alike: of one measurement, the oldest
    /// first.
    pub(super) fn by_kind(&self, part: &Range<usize>) -> Self {
        let mut order: Vec<usize> = part.clone().collect();
        order.sort_by_key(|&index| {
            let line = self.lines.get(index);
            line.map(|line| (line.measurement, line.millis))
        });
        let (mut text, mut lines) = (Vec::new(), Vec::with_capacity(order.len()));
        for index in order {
            text.extend_from_slice(&self.text(&(index..index + 1)));
            let end = text.len();
            lines.extend(self.lines.get(index).map(|line| Line { end, ..*line }));
        }
        Self {
            text: text.into(),
            lines,
        }
    }

    /// Notes the records of these points, without those of the `oldest`.
    pub(super) fn note_records(
        &self,
        part: &Range<usize>,
        oldest: usize,
        into: &mut BTreeSet<i64>,
    ) {
        let lines = self.lines.get(part.clone()).unwrap_or_default();
        if oldest == 0 {
            into.extend(lines.iter().map(|line| line.offset));
            return;
        }
        let mut by_age: Vec<&Line> = lines.iter().collect();
        by_age.sort_by_key(|line| line.millis);
        into.extend(by_age.iter().skip(oldest).map(|line| line.offset));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(second: i64) -> Received {
        let time = chrono::DateTime::from_timestamp(1_785_844_800 + second, 0).unwrap();
        let json = r#"{"cpu_percent":1,"memory_percent":2,"client_count":3,"commands":[{"name":"a","requests":1}]}"#;
        Received::parse(Some(json.as_bytes()), time, time).unwrap()
    }

    #[test]
    fn parts_have_their_text_and_their_records() {
        let mut lines = Lines::default();
        for (offset, second) in [(7, 3), (9, 1), (10, 2)] {
            lines.push(offset, &record(second));
        }
        assert_eq!(lines.len(), 6, "two points of each record");
        let lines = lines.finish();
        let whole = lines.text(&(0..6));
        assert_eq!([lines.text(&(0..3)), lines.text(&(3..6))].concat(), whole);
        assert_eq!(whole.iter().filter(|byte| **byte == b'\n').count(), 6);
        assert!(lines.text(&(2..3)).starts_with(b"system_stats,"));
        assert_eq!(
            (lines.offset(&(2..6)), lines.offset(&(6..6))),
            (Some(9), None)
        );

        let records = |part, oldest| {
            let mut noted = BTreeSet::new();
            lines.note_records(&part, oldest, &mut noted);
            noted.into_iter().collect::<Vec<_>>()
        };
        assert_eq!(records(0..6, 0), [7, 9, 10]);
        assert_eq!(records(0..6, 2), [7, 10], "the oldest record is the second");
        assert_eq!(records(0..6, 3), [7, 10], "half of a record is stored");
        assert_eq!(records(0..2, 2), [0_i64; 0]);

        let by_kind = lines.by_kind(&(0..6));
        assert_eq!((by_kind.len(), by_kind.offset(&(0..6))), (6, Some(9)));
        let offsets: Vec<_> = by_kind.lines.iter().map(|line| line.offset).collect();
        assert_eq!(offsets, [9, 10, 7, 9, 10, 7]);
        assert_eq!(by_kind.text(&(0..1)), lines.text(&(3..4)), "its commands");
        assert_eq!(by_kind.text(&(0..6)).len(), whole.len());
    }
}
