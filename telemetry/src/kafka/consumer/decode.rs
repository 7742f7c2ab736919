//! From the bytes of an answer to what a reader of committed records may see, batch by batch.
//!
//! Plain code without I/O. What cannot be decoded, and what belongs to an aborted transaction, is left out and counted;
//! the marks that Kafka itself writes are passed over.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::batch::Batch;
pub use super::batch::LogEntry;
use super::wire::Malformed;

/// What was found from an offset on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decoded {
    /// Messages in ascending order.
    pub entries: Vec<LogEntry>,
    /// Where to go on: behind the last batch, whatever was in it.
    pub next: i64,
    /// The leader that wrote the last batch, counted from the first leader of the partition.
    pub epoch: Option<i32>,
    /// Messages that cannot be decoded.
    pub undecodable: u64,
    /// The offset and the reason of the first of them.
    pub first_undecodable: Option<(i64, String)>,
    /// Messages of transactions that were aborted.
    pub aborted: u64,
}

/// Decodes whole batches; one that is cut off at the end comes again with the next answer. `aborted` are the aborted
/// transactions (producer, first offset) that the broker tells of.
///
/// # Errors
/// [`Malformed`] if there is something but no whole batch in it.
pub(super) fn decode(
    mut bytes: Bytes,
    from: i64,
    mut aborted: Vec<(i64, i64)>,
) -> Result<Decoded, Malformed> {
    let mut decoded = Decoded {
        next: from,
        ..Decoded::default()
    };
    let something = !bytes.is_empty();
    // The last in the list is the first in the log.
    aborted.sort_by_key(|&(_, first)| std::cmp::Reverse(first));
    let mut rejected: BTreeSet<i64> = BTreeSet::new();
    while let Some(batch) = Batch::next(&mut bytes)? {
        while let Some((producer, _)) = aborted.pop_if(|(_, first)| *first <= batch.last) {
            rejected.insert(producer);
        }
        if batch.is_control() {
            if batch.is_abort() {
                rejected.remove(&batch.producer);
            }
        } else if batch.last < decoded.next {
            continue;
        } else if batch.is_transactional() && rejected.contains(&batch.producer) {
            decoded.aborted += unread(&batch, decoded.next);
        } else {
            decoded.take(&batch);
        }
        decoded.next = decoded.next.max(batch.last.saturating_add(1));
        decoded.epoch = Some(batch.epoch).filter(|epoch| *epoch >= 0);
    }
    if something && decoded.next == from {
        return Err(Malformed("there is no whole batch in the answer"));
    }
    Ok(decoded)
}

impl Decoded {
    fn take(&mut self, batch: &Batch) {
        let contents = batch.contents(self.next);
        if let Some(reason) = contents.broken {
            let read = contents.entries.len() as u64;
            let after = contents
                .entries
                .last()
                .map_or(self.next, |last| last.offset + 1);
            self.undecodable += unread(batch, self.next).saturating_sub(read).max(1);
            self.first_undecodable
                .get_or_insert((after.max(batch.first), reason));
        }
        self.entries.extend(contents.entries);
    }
}

/// The records of a batch from an offset on, as far as its head tells.
fn unread(batch: &Batch, from: i64) -> u64 {
    let offsets = batch.last - batch.first.max(from) + 1;
    u64::from(batch.records).min(offsets.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::super::batch::tests::{Kind, TRANSACTIONAL, batch, marker};
    use super::*;

    fn values(decoded: &Decoded) -> Vec<(i64, String)> {
        let value = |entry: &LogEntry| {
            let value = entry.value.as_deref().unwrap();
            (entry.offset, String::from_utf8(value.to_vec()).unwrap())
        };
        decoded.entries.iter().map(value).collect()
    }

    fn transactional(producer: i64) -> Kind {
        Kind {
            attributes: TRANSACTIONAL,
            producer,
        }
    }

    fn plain(first: i64, values: &[&str]) -> Vec<u8> {
        batch(first, values, Kind::default())
    }

    #[test]
    fn records_around_transactions_are_read_and_aborted_ones_are_not() {
        let log = [
            plain(0, &["a", "b"]),
            batch(2, &["x", "y"], transactional(7)),
            batch(4, &["c"], transactional(8)),
            plain(5, &["d"]),
            marker(6, 7, false),
            // The same producer again: this one is committed.
            batch(7, &["e"], transactional(7)),
            marker(8, 8, true),
            marker(9, 7, true),
            plain(10, &["f"]),
        ]
        .concat();
        let decoded = decode(log.into(), 1, vec![(7, 2)]).unwrap();
        let expected = [(1, "b"), (4, "c"), (5, "d"), (7, "e"), (10, "f")];
        assert_eq!(
            values(&decoded),
            expected.map(|(offset, text)| (offset, text.to_owned()))
        );
        assert_eq!(
            (decoded.aborted, decoded.undecodable, decoded.next),
            (2, 0, 11)
        );
    }

    #[test]
    fn a_batch_that_cannot_be_decoded_costs_only_itself() {
        let unknown = Kind {
            attributes: 7,
            ..Kind::default()
        };
        let log = [
            plain(0, &["a"]),
            batch(1, &["?", "?", "?"], unknown),
            plain(4, &["b"]),
        ]
        .concat();
        let decoded = decode(log.clone().into(), 0, vec![]).unwrap();
        assert_eq!(values(&decoded), [(0, "a".to_owned()), (4, "b".to_owned())]);
        assert_eq!((decoded.undecodable, decoded.next), (3, 5));
        assert_eq!(decoded.first_undecodable.unwrap().0, 1);
        let inside = decode(log.into(), 2, vec![]).unwrap();
        assert_eq!((inside.undecodable, inside.next), (2, 5));
    }

    #[test]
    fn only_marks_are_passed_over() {
        let log = [marker(5, 7, true), marker(6, 8, false)].concat();
        let decoded = decode(log.into(), 5, vec![]).unwrap();
        assert_eq!((decoded.entries.len(), decoded.next), (0, 7));
        let nothing = decode(Bytes::new(), 5, vec![]).unwrap();
        assert_eq!(nothing.next, 5, "an answer with nothing moves nothing");
    }

    #[test]
    fn what_is_cut_off_comes_again() {
        let (first, second) = (plain(0, &["a"]), plain(1, &["b"]));
        let cut = [&first[..], &second[..second.len() - 1]].concat();
        let decoded = decode(cut.into(), 0, vec![]).unwrap();
        assert_eq!((values(&decoded).len(), decoded.next), (1, 1));
        let nothing_whole = Bytes::copy_from_slice(&first[..first.len() - 1]);
        assert!(decode(nothing_whole, 0, vec![]).is_err());
    }

    #[test]
    fn a_message_of_an_old_format_is_one_message() {
        // Format 1: offset, length, checksum, format, attributes, time, key, value.
        let mut old = 9_i64.to_be_bytes().to_vec();
        old.extend(26_u32.to_be_bytes());
        old.extend([0, 0, 0, 0, 1]);
        old.extend([0; 21]);
        let log = [old, plain(10, &["a"])].concat();
        let decoded = decode(log.into(), 9, vec![]).unwrap();
        assert_eq!(
            (decoded.undecodable, values(&decoded).len(), decoded.next),
            (1, 1, 11)
        );
    }
}
