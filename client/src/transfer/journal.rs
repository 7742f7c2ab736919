//! The state file beside a partial file: lines of JSON that identify the download and record its verified blocks.
//!
//! The first line is a [`Head`]. Each further line is `[END,CHECKSUM]`: the offset at which a block ends, and the CRC-32
//! of its bytes; in an archive of one stream `[END,CHECKSUM,"STATE"]`, with the state to resume behind the block. A line is appended after its block is written, so every complete line describes data that is present,
//! however the program ends; the last line may be incomplete.

use netsocket_protocol::message::{Layout, Request, StreamState};
use serde::{Deserialize, Serialize};

use crate::transfer::state::Source;

/// The version of this format.
const VERSION: u32 = 1;

/// The version of this format for an archive of one stream, which earlier releases cannot resume.
const STREAM_VERSION: u32 = 2;

/// The largest state file accepted; larger than that of any archive that fits on today's disks.
pub(crate) const MAX_BYTES: u64 = 256 << 20;

/// Identifies the download.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Head {
    /// [`VERSION`] or [`STREAM_VERSION`].
    version: u32,
    /// The request.
    #[serde(rename = "question")]
    pub(crate) request: Request,
    /// The source as announced by the server.
    #[serde(rename = "whole")]
    pub(crate) source: Source,
}

fn version(source: &Source) -> u32 {
    match source {
        Source::Archive {
            layout: Layout::Stream,
            ..
        } => STREAM_VERSION,
        _ => VERSION,
    }
}

impl Head {
    /// The head for what a request is answered with.
    #[must_use]
    pub(crate) fn new(request: Request, source: Source) -> Self {
        Self {
            version: version(&source),
            request,
            source,
        }
    }

    /// Its line. Serialising a request cannot fail.
    #[must_use]
    pub(crate) fn line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }
}

/// A block of a partial file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockRecord {
    /// The offset of its end.
    pub(crate) end: u64,
    /// The CRC-32 of its bytes.
    pub(crate) checksum: u32,
    /// The state behind it.
    pub(crate) state: Option<StreamState>,
}

impl BlockRecord {
    /// Its line.
    #[must_use]
    pub(crate) fn line(self) -> Vec<u8> {
        let Self {
            end,
            checksum,
            state,
        } = self;
        match state {
            None => format!("[{end},{checksum}]\n"),
            Some(state) => format!("[{end},{checksum},\"{state}\"]\n"),
        }
        .into_bytes()
    }

    fn read(line: &[u8], has_state: bool) -> Option<Self> {
        let (end, checksum, state) = if has_state {
            let (end, checksum, state) = serde_json::from_slice(line).ok()?;
            (end, checksum, Some(state))
        } else {
            let (end, checksum) = serde_json::from_slice(line).ok()?;
            (end, checksum, None)
        };
        Some(Self {
            end,
            checksum,
            state,
        })
    }
}

/// A parsed state file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Journal {
    /// The download.
    pub(crate) head: Head,
    /// The blocks in order, each with the length of the state file up to the end of its line.
    pub(crate) records: Vec<(BlockRecord, u64)>,
    /// The length of the first line.
    pub(crate) head_length: u64,
}

impl Journal {
    /// Parses a state file up to the first invalid line. `None` if the first line is invalid.
    #[must_use]
    pub(crate) fn read(text: &[u8]) -> Option<Self> {
        let mut lines = text
            .split_inclusive(|byte| *byte == b'\n')
            .filter_map(|line| Some((line.strip_suffix(b"\n")?, line.len() as u64)));
        let (first, head_length) = lines.next()?;
        let head: Head = serde_json::from_slice(first).ok()?;
        if head.version != version(&head.source) {
            return None;
        }
        let (mut records, mut length, mut before) = (Vec::new(), head_length, 0);
        for (line, line_length) in lines {
            let record = BlockRecord::read(line, head.version == STREAM_VERSION);
            let Some(record) = record.filter(|record| record.end >= before) else {
                break;
            };
            length += line_length;
            records.push((record, length));
            before = record.end;
        }
        Some(Self {
            head,
            records,
            head_length,
        })
    }
}

#[cfg(test)]
mod tests {
    use netsocket_protocol::message::Compression;
    use netsocket_protocol::query::Query;
    use proptest::prelude::*;

    use super::*;

    fn head() -> Head {
        let source = Source::File {
            identity: "6-1.0".to_owned(),
            size: 6,
        };
        Head::new(Request::archive(Query::default()), source)
    }

    fn stream_head() -> Head {
        let source = Source::Archive {
            plan: "5e0c".to_owned(),
            files: 1,
            blocks: 3,
            block_bytes: 1 << 20,
            compression: Compression::Gzip,
            layout: Layout::Stream,
            sketch: String::new(),
        };
        Head::new(Request::archive(Query::default()), source)
    }

    #[test]
    fn what_was_written_is_read_and_a_torn_line_is_not() {
        for (head, state) in [
            (head(), None),
            (stream_head(), Some(StreamState::new("5e0c", 1, 7))),
        ] {
            let records = [3, 3, 1 << 40].map(|end| BlockRecord {
                end,
                checksum: 7,
                state,
            });
            let mut text = head.line();
            let head_length = text.len() as u64;
            let mut expected = vec![];
            for record in records {
                text.extend(record.line());
                expected.push((record, text.len() as u64));
            }
            let other = match state {
                None => &b"[1099511627776,7,\"0123456789abcdef\"]\n"[..],
                Some(_) => b"[1099511627776,7]\n",
            };
            for torn in [&b""[..], b"[12", b"[12,3]", b"garbage\n", b"[1,7]\n", other] {
                let text = [&text[..], torn].concat();
                let journal = Journal::read(&text).unwrap();
                assert_eq!(journal.records, expected, "{torn:?}");
                assert_eq!((&journal.head, journal.head_length), (&head, head_length));
            }
        }
    }

    #[test]
    fn another_version_or_a_field_that_nobody_knows_is_no_journal() {
        for head in [head(), stream_head()] {
            let later = Head {
                version: head.version + 1,
                ..head
            };
            assert_eq!(Journal::read(&later.line()), None);
        }
        let earlier = Head {
            version: VERSION,
            ..stream_head()
        };
        assert_eq!(Journal::read(&earlier.line()), None);
        let text = String::from_utf8(head().line()).unwrap();
        let more = text.replace("{\"version\":1", "{\"more\":1,\"version\":1");
        assert_eq!(Journal::read(more.as_bytes()), None);
        assert_eq!(Journal::read(b""), None);
        assert_eq!(Journal::read(text.trim_end().as_bytes()), None, "torn");
    }

    proptest! {
        #[test]
        fn whatever_stands_there_is_read_or_not(garbage in proptest::collection::vec(any::<u8>(), 0..200), behind_head: bool) {
            let text = if behind_head { [head().line(), garbage].concat() } else { garbage };
            if let Some(journal) = Journal::read(&text) {
                prop_assert!(journal.records.iter().all(|(_, length)| *length <= text.len() as u64));
            }
        }
    }
}
