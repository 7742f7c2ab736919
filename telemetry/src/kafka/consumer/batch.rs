//! One record batch: its head, and its records (message format 2).

use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::compression::unpack;
use super::wire::{Input, Malformed};

/// Offset and length, which stand before what the length counts.
const PREFIX: usize = 12;
/// The end of the checksum: what follows is what it covers.
const CHECKED_FROM: usize = 21;
/// The head of a batch; records follow.
const HEAD: usize = 61;
/// The only message format that brokers write since 2017.
const FORMAT: i8 = 2;
/// More offsets than a batch can have: a head that claims them is damaged.
const MAX_OFFSETS: i64 = 10_000_000;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Its place in the partition.
    pub offset: i64,
    /// Its body; None for a deletion on a compacted topic.
    pub value: Option<Bytes>,
    /// The time that Kafka keeps with it.
    pub time: DateTime<Utc>,
}

/// A batch as it came, its records not yet looked at.
#[derive(Debug, Clone)]
pub(super) struct Batch {
    pub(super) first: i64,
    /// The offset of its last record, also if compaction took that away.
    pub(super) last: i64,
    pub(super) producer: i64,
    /// Which leader, counted from the first one, wrote it.
    pub(super) epoch: i32,
    /// How many records there are, as the head says.
    pub(super) records: u32,
    attributes: i16,
    format: i8,
    first_time: i64,
    max_time: i64,
    whole: Bytes,
}

/// A record within the bytes of its batch.
struct Record<'a> {
    offset: i64,
    value: Option<&'a [u8]>,
    time: DateTime<Utc>,
}

/// What the records of a batch turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Contents {
    pub(super) entries: Vec<LogEntry>,
    /// Why there are no more, if there should be.
    pub(super) broken: Option<String>,
}

impl Batch {
    /// Cuts the next batch off `bytes`; None if what is left is not a whole one.
    ///
    /// # Errors
    /// [`Malformed`] if its length cannot be right: nothing behind it can be found.
    pub(super) fn next(bytes: &mut Bytes) -> Result<Option<Self>, Malformed> {
        let head = &mut Input(bytes);
        let Ok(first) = head.int64() else {
            return Ok(None);
        };
        let Ok(length) = head.int32() else {
            return Ok(None);
        };
        let length =
            usize::try_from(length).map_err(|_| Malformed("a batch of negative length"))?;
        let size = PREFIX + length;
        if bytes.len() < size {
            return Ok(None);
        }
        let mut batch = Self {
            first,
            last: first,
            producer: -1,
            epoch: -1,
            records: 1,
            attributes: 0,
            format: 0,
            first_time: 0,
            max_time: 0,
            whole: bytes.split_to(size),
        };
        // Shorter, or of an older format: one message, or a set of them that counts as one.
        let _ = batch.read_head();
        Ok(Some(batch))
    }

    fn read_head(&mut self) -> Result<(), Malformed> {
        let head = &mut Input(&self.whole);
        head.take(PREFIX)?;
        let epoch = head.int32()?;
        let format = head.int8()?;
        if format != FORMAT || self.whole.len() < HEAD {
            return Ok(());
        }
        let _checksum = head.uint32()?;
        let attributes = head.int16()?;
        let offsets = i64::from(head.int32()?);
        let (first_time, max_time) = (head.int64()?, head.int64()?);
        let producer = head.int64()?;
        let _producer_epoch = head.int16()?;
        let _sequence = head.int32()?;
        let records = head.int32()?;
        (self.attributes, self.format, self.producer) = (attributes, format, producer);
        self.epoch = epoch;
        (self.first_time, self.max_time) = (first_time, max_time);
        if (0..MAX_OFFSETS).contains(&offsets) {
            self.last = self.first.saturating_add(offsets);
            let most = u32::try_from(offsets + 1).unwrap_or(u32::MAX);
            self.records = u32::try_from(records).unwrap_or(0).min(most);
        }
        Ok(())
    }

    /// Part of a transaction.
    pub(super) fn is_transactional(&self) -> bool {
        self.attributes & 0x10 != 0
    }

    /// Not records but a mark of Kafka's own, such as the end of a transaction.
    pub(super) fn is_control(&self) -> bool {
        self.attributes & 0x20 != 0
    }

    /// Whether this control batch says that its producer's transaction was aborted.
    pub(super) fn is_abort(&self) -> bool {
        let abort = || {
            let input = &mut Input(self.whole.get(HEAD..)?);
            let _length = input.varint().ok()?;
            let _attributes = input.int8().ok()?;
            let (_time, _offset) = (input.varint().ok()?, input.varint().ok()?);
            let mut key = Input(input.varint_bytes().ok()??);
            let _version = key.int16().ok()?;
            key.int16().ok()
        };
        abort() == Some(0)
    }

    /// The records from an offset on.
    pub(super) fn contents(&self, from: i64) -> Contents {
        let mut entries = Vec::new();
        let broken = self.read_records(from, &mut entries).err();
        Contents { entries, broken }
    }

    fn read_records(&self, from: i64, entries: &mut Vec<LogEntry>) -> Result<(), String> {
        if self.format != FORMAT {
            return Err("it is in a message format from before Kafka 0.11".to_owned());
        }
        let claimed = self.whole.get(17..CHECKED_FROM).unwrap_or_default();
        let covered = self.whole.get(CHECKED_FROM..).unwrap_or_default();
        if claimed != crc32c::crc32c(covered).to_be_bytes() {
            return Err("its checksum is wrong".to_owned());
        }
        let records = unpack(self.attributes & 0x7, &self.whole.slice(HEAD..))?;
        let input = &mut Input(&records);
        entries.reserve(
            usize::try_from(self.records)
                .unwrap_or(0)
                .min(records.len() / 7),
        );
        for _ in 0..self.records {
            let record = self.record(input).map_err(|error| error.to_string())?;
            let Record {
                offset,
                value,
                time,
            } = record;
            if offset >= from {
                let value = value.map(|value| records.slice_ref(value));
                entries.push(LogEntry {
                    offset,
                    value,
                    time,
                });
            }
        }
        Ok(())
    }

    /// Offset, value and time. Key and headers are nothing to us, so nothing in them can be wrong.
    fn record<'a>(&self, input: &mut Input<'a>) -> Result<Record<'a>, Malformed> {
        let length = input.varint()?;
        let length =
            usize::try_from(length).map_err(|_| Malformed("a record of negative length"))?;
        let record = &mut Input(input.take(length)?);
        let _attributes = record.int8()?;
        let (time, offset) = (record.varint()?, record.varint()?);
        let _key = record.varint_bytes()?;
        let value = record.varint_bytes()?;
        // The broker's time is that of the whole batch.
        let millis = match self.attributes & 0x8 {
            0 => self.first_time.saturating_add(time),
            _ => self.max_time,
        };
        let time = DateTime::from_timestamp_millis(millis).unwrap_or_default();
        let offset = self.first.saturating_add(offset);
        Ok(Record {
            offset,
            value,
            time,
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use bytes::BufMut as _;
    use proptest::prelude::*;

    use super::*;

    /// What a test wants to be special in a batch.
    #[derive(Debug, Clone, Copy, Default)]
    pub(in crate::kafka::consumer) struct Kind {
        pub(in crate::kafka::consumer) attributes: i16,
        pub(in crate::kafka::consumer) producer: i64,
    }

    pub(in crate::kafka::consumer) const TRANSACTIONAL: i16 = 0x10;
    pub(in crate::kafka::consumer) const CONTROL: i16 = 0x30;

    fn put_varint(into: &mut Vec<u8>, value: i64) {
        let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
        while rest >= 0x80 {
            into.push(u8::try_from(rest & 0x7f).unwrap() | 0x80);
            rest >>= 7;
        }
        into.push(u8::try_from(rest).unwrap());
    }

    fn put_varint_bytes(into: &mut Vec<u8>, bytes: Option<&[u8]>) {
        put_varint(
            into,
            bytes.map_or(-1, |bytes| i64::try_from(bytes.len()).unwrap()),
        );
        into.put_slice(bytes.unwrap_or_default());
    }

    fn put_record(into: &mut Vec<u8>, offset: i64, key: Option<&[u8]>, value: Option<&[u8]>) {
        let mut record = vec![0];
        put_varint(&mut record, offset * 10);
        put_varint(&mut record, offset);
        put_varint_bytes(&mut record, key);
        put_varint_bytes(&mut record, value);
        // One header with a null value, as tracing agents write them.
        put_varint(&mut record, 1);
        put_varint_bytes(&mut record, Some(b"trace"));
        put_varint_bytes(&mut record, None);
        put_varint_bytes(into, Some(&record));
    }

    /// A batch with these values, as a broker sends it.
    pub(in crate::kafka::consumer) fn batch(first: i64, values: &[&str], kind: Kind) -> Vec<u8> {
        let mut records = Vec::new();
        for (offset, value) in (0..).zip(values) {
            put_record(&mut records, offset, Some(b"key"), Some(value.as_bytes()));
        }
        packed(first, values.len(), &records, kind)
    }

    /// The mark at the end of a transaction.
    pub(in crate::kafka::consumer) fn marker(first: i64, producer: i64, commit: bool) -> Vec<u8> {
        let key = [0, 0, 0, u8::from(commit)];
        let mut records = Vec::new();
        put_record(&mut records, 0, Some(&key), Some(&[0; 6]));
        let attributes = CONTROL;
        packed(
            first,
            1,
            &records,
            Kind {
                attributes,
                producer,
            },
        )
    }

    fn packed(first: i64, number: usize, records: &[u8], kind: Kind) -> Vec<u8> {
        let number = i32::try_from(number).unwrap();
        let mut checked = Vec::new();
        checked.put_i16(kind.attributes);
        checked.put_i32(number - 1);
        checked.put_i64(1_000);
        checked.put_i64(2_000);
        checked.put_i64(kind.producer);
        checked.put_i16(0);
        checked.put_i32(0);
        checked.put_i32(number);
        checked.put_slice(records);
        let mut whole = Vec::new();
        whole.put_i64(first);
        whole.put_i32(i32::try_from(checked.len() + 9).unwrap());
        whole.put_i32(7);
        whole.put_i8(FORMAT);
        whole.put_u32(crc32c::crc32c(&checked));
        whole.put_slice(&checked);
        whole
    }

    fn one(bytes: Vec<u8>) -> Batch {
        let mut bytes = Bytes::from(bytes);
        let batch = Batch::next(&mut bytes).unwrap().unwrap();
        assert!(bytes.is_empty());
        batch
    }

    #[test]
    fn a_batch_gives_its_records_from_an_offset_on() {
        let batch = one(batch(100, &["a", "b", "c"], Kind::default()));
        assert_eq!((batch.first, batch.last, batch.records), (100, 102, 3));
        let contents = batch.contents(101);
        assert_eq!(contents.broken, None);
        let found: Vec<_> = contents
            .entries
            .iter()
            .map(|entry| {
                (
                    entry.offset,
                    entry.value.as_deref(),
                    entry.time.timestamp_millis(),
                )
            })
            .collect();
        assert_eq!(
            found,
            [(101, Some(&b"b"[..]), 1_010), (102, Some(b"c"), 1_020)]
        );
    }

    #[test]
    fn the_time_of_a_broker_is_that_of_the_whole_batch() {
        let attributes = 0x8;
        let batch = one(batch(
            0,
            &["a", "b"],
            Kind {
                attributes,
                ..Kind::default()
            },
        ));
        let times = batch.contents(0).entries;
        assert!(
            times
                .iter()
                .all(|entry| entry.time.timestamp_millis() == 2_000)
        );
    }

    #[test]
    fn damage_is_told_and_the_rest_is_kept() {
        let mut bytes = batch(5, &["a", "b"], Kind::default());
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        let contents = one(bytes).contents(5);
        assert_eq!(contents.broken.as_deref(), Some("its checksum is wrong"));

        let attributes = 7;
        let unknown = one(batch(
            5,
            &["a"],
            Kind {
                attributes,
                ..Kind::default()
            },
        ));
        assert_eq!(
            unknown.contents(5).broken.as_deref(),
            Some("there is no codec 7")
        );

        // The second of two records is not a record.
        let mut records = Vec::new();
        put_record(&mut records, 0, None, Some(b"a"));
        records.push(0xff);
        let contents = one(packed(5, 2, &records, Kind::default())).contents(5);
        assert_eq!(
            (contents.entries.len(), contents.broken.is_some()),
            (1, true)
        );
    }

    #[test]
    fn a_batch_that_is_cut_off_is_left_for_the_next_answer() {
        let whole = batch(5, &["a", "b"], Kind::default());
        for length in 0..whole.len() {
            let mut bytes = Bytes::copy_from_slice(&whole[..length]);
            assert!(Batch::next(&mut bytes).unwrap().is_none(), "{length}");
            assert_eq!(bytes.len(), length);
        }
        let mut negative = Bytes::from_static(&[0xff; 12]);
        assert!(Batch::next(&mut negative).is_err());
    }

    #[test]
    fn marks_tell_what_they_end() {
        let abort = one(marker(9, 4, false));
        assert!(abort.is_control() && abort.is_abort() && abort.producer == 4);
        let commit = one(marker(9, 4, true));
        assert!(commit.is_control() && !commit.is_abort());
    }

    proptest! {
        /// Whatever bytes there are: no panic, and every batch makes the rest shorter.
        #[test]
        fn any_bytes_can_be_looked_at(bytes in proptest::collection::vec(any::<u8>(), 0..300), sound in any::<bool>()) {
            let mut bytes = if sound {
                let mut whole = batch(3, &["a", "bb", "ccc"], Kind::default());
                let number = bytes.len().min(whole.len() - 61);
                whole[61..61 + number].copy_from_slice(&bytes[..number]);
                let checksum = crc32c::crc32c(&whole[CHECKED_FROM..]);
                whole[17..CHECKED_FROM].copy_from_slice(&checksum.to_be_bytes());
                Bytes::from(whole)
            } else {
                Bytes::from(bytes)
            };
            while let Ok(Some(batch)) = Batch::next(&mut bytes) {
                prop_assert!(batch.last >= batch.first);
                let _ = (batch.is_abort(), batch.contents(0));
            }
        }
    }
}
