//! The options and metadata of transfers: compression, resume, the start of a plain file.

use serde::{Deserialize, Serialize};

use crate::name::Name;
use crate::stream_state::StreamState;

/// How the blocks of an archive are compressed. The concatenated blocks are one valid file in each format, of one part or
/// of many: see [`Layout`].
///
/// # Examples
///
/// ```
/// use netsocket_protocol::transfer::{Compression, Layout};
///
/// let levels = Compression::Zstd.levels().expect("a choice");
/// assert!(levels.contains(&Compression::Zstd.default_level(Layout::Stream)));
/// assert!(!levels.contains(&20));
/// assert_eq!(Compression::None.levels(), None);
/// ```
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// The concatenated blocks are a .tar.gz.
    #[default]
    Gzip,
    /// The concatenated blocks are a .tar.zst.
    Zstd,
    /// The concatenated blocks are the .tar itself.
    None,
}

impl Compression {
    /// The supported levels, fastest first; `None` if there are none.
    #[must_use]
    pub fn levels(self) -> Option<std::ops::RangeInclusive<u8>> {
        match self {
            Self::Gzip => Some(1..=12),
            Self::Zstd => Some(1..=19),
            Self::None => None,
        }
    }

    /// The default level. For gzip in [`Layout::Stream`] it is the fastest one whose archives of source code are within 3 % of
    /// those of `gzip -6`; in [`Layout::Blocks`] it stays what it was in earlier releases.
    #[must_use]
    pub fn default_level(self, layout: Layout) -> u8 {
        match (self, layout) {
            (Self::Gzip, Layout::Blocks) => 6,
            (Self::Gzip, Layout::Stream) => 4,
            (Self::Zstd, _) => 3,
            (Self::None, _) => 0,
        }
    }
}

/// Feature in a server's hello: archives can be requested in [`Layout::Stream`].
pub const STREAM_LAYOUT: &str = "stream";

/// What the blocks of an archive are to the format that they are compressed in.
///
/// # Examples
///
/// ```
/// use netsocket_protocol::message::Request;
/// use netsocket_protocol::query::Query;
/// use netsocket_protocol::transfer::Layout;
///
/// // What a server without the feature `stream` understands has no field for it.
/// let request = Request::archive(Query::default());
/// assert!(serde_json::to_value(&request)?.get("layout").is_none());
/// let stream = request.with_layout(Layout::Stream);
/// assert_eq!(serde_json::to_value(&stream)?["layout"], "stream");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// Each block is a gzip member or a zstd frame by itself, with a checksum.
    #[default]
    Blocks,
    /// All blocks together are one gzip member or one zstd frame. Each is still compressed without those before it.
    Stream,
}

impl Layout {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Which names the entries of an archive have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryNames {
    /// Base names; further files with the same name get a number before the extension.
    #[default]
    Base,
    /// Paths below the root.
    Path,
}

impl EntryNames {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Where to resume an archive.
///
/// # Examples
///
/// ```
/// use netsocket_protocol::message::Request;
/// use netsocket_protocol::query::Query;
/// use netsocket_protocol::transfer::Resume;
///
/// // The connection was lost after 12 blocks: repeat the request from the 13th block on.
/// let mut request = Request::archive(Query::default());
/// let Request::Archive { resume, .. } = &mut request else { unreachable!() };
/// *resume = Some(Resume { plan: "5e0c".to_owned(), block: 12, sketch: None, state: None });
/// let json = serde_json::to_value(&request)?;
/// assert_eq!(json["resume"], serde_json::json!({ "plan": "5e0c", "block": 12 }));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resume {
    /// The `plan` of the interrupted answer.
    pub plan: String,
    /// The first block to send; the number of blocks to get only the trailer.
    pub block: u64,
    /// The `sketch` of that answer. With it, a server whose files differ can say which ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sketch: Option<String>,
    /// In [`Layout::Stream`]: the state that came with the last block before `block`; none before block 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<StreamState>,
}

/// How the bytes of a plain file are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verify {
    /// In raw frames straight from the page cache: the cheapest way, without a checksum.
    #[default]
    None,
    /// In data frames with a checksum each, and a digest of all data in the trailer.
    Blocks,
}

impl Verify {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The start of the answer to a request for a plain file, before its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileStart {
    /// Size and time of the last modification in one word, to resume with: the same on every replica whose copy has the
    /// same size and time.
    pub identity: String,
    /// Bytes of the whole file.
    pub size: u64,
    /// The first byte that is sent.
    pub offset: u64,
    /// Bytes that are sent.
    pub length: u64,
    /// The time of the last modification with the server's offset, as RFC 3339 with nanoseconds.
    pub modified: String,
    /// Type and permission bits, as in `st_mode`.
    pub mode: u32,
}

/// A file that differs from a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The path below the root.
    pub path: Name,
    /// What is different.
    pub change: ChangeKind,
}

/// How a file differs from the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// The plan has no such file.
    Appeared,
    /// The plan has it with another size, time or mode.
    Altered,
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::frame::{Frame, FrameType};
    use crate::message::{Message as _, Request};
    use crate::query::Query;

    fn read(json: &str) -> Result<Request, String> {
        let frame = Frame {
            kind: FrameType::Request,
            payload: Bytes::copy_from_slice(json.as_bytes()),
        };
        Request::from_frame(&frame).map_err(|error| error.to_string())
    }

    #[test]
    fn an_archive_request_of_two_fields_is_the_old_commands() {
        let request = read("{\"command\":\"archive\",\"query\":{},\"compression\":\"gzip\"}");
        assert_eq!(request, Ok(Request::archive(Query::default())));
    }

    #[test]
    fn fields_that_nobody_knows_are_refused_also_within() {
        for json in [
            "{\"command\":\"get\",\"path\":\"x\",\"follow\":true}",
            "{\"command\":\"archive\",\"query\":{},\"compression\":\"gzip\",\"resume\":{\"plan\":\"\",\"block\":0,\"x\":1}}",
        ] {
            assert!(read(json).unwrap_err().contains("unknown field"), "{json}");
        }
        assert!(read("{\"command\":\"get\",\"path\":\"x\",\"offset\":-1}").is_err());
    }

    proptest! {
        #[test]
        fn every_get_survives_its_frame(path in proptest::collection::vec(any::<u8>(), 0..40), offset: u64, length: Option<u64>, identity in proptest::option::of(".{0,20}"), is_checked: bool) {
            let verify = if is_checked { Verify::Blocks } else { Verify::None };
            let request = Request::Get { path: Name(path), offset, length, identity, verify };
            prop_assert_eq!(Request::from_frame(&request.to_frame().unwrap()).unwrap(), request);
        }

        #[test]
        fn whatever_comes_as_a_request_is_read_or_refused(start in 0_usize..6, rest in proptest::collection::vec(any::<u8>(), 0..60)) {
            let begun = ["", "{\"command\":\"get\",", "{\"command\":\"archive\",\"resume\":", "{\"command\":\"get\",\"path\":{\"hex\":\"", "{\"command\":\"archive\",\"level\":", "{\"command\":\"list\",\"path\":"][start];
            let payload = [begun.as_bytes(), &rest].concat();
            let frame = Frame { kind: FrameType::Request, payload: Bytes::from(payload) };
            let _ = Request::from_frame(&frame);
        }
    }

    #[test]
    fn a_default_level_may_be_asked_for() {
        for compression in [Compression::Gzip, Compression::Zstd] {
            let levels = compression.levels().unwrap();
            for layout in [Layout::Blocks, Layout::Stream] {
                assert!(levels.contains(&compression.default_level(layout)));
            }
        }
        assert_eq!(Compression::None.levels(), None);
    }
}
