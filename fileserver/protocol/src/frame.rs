//! Frames of the new wire: length, type, payload.
//!
//! A frame is the length of the payload (four bytes, big-endian), a type (one byte), and the payload. This layout is
//! the same in every version, so that a server can send an error to a newer client.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

/// Bytes before the payload.
pub const HEADER: usize = 5;

/// The type of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FrameType {
    /// Both ways, first: [`crate::message::Hello`].
    Hello = 1,
    /// Client to server: [`crate::message::Request`].
    Request = 2,
    /// Server to client: [`crate::message::Reply`].
    Reply = 3,
    /// Server to client, before the blocks: [`crate::message::Plan`].
    Plan = 4,
    /// Server to client: [`crate::block::Block`].
    Data = 5,
    /// Server to client, after the last block: [`crate::message::Trailer`].
    Trailer = 6,
    /// Server to client, instead of an answer: [`crate::message::ErrorReply`].
    Error = 7,
    /// Server to client, before the bytes of a plain file: [`crate::message::FileStart`].
    File = 8,
    /// Server to client: only bytes of a plain file.
    Raw = 9,
}

impl FrameType {
    /// Every type, in the order of its number.
    pub const ALL: [Self; 9] = [
        Self::Hello,
        Self::Request,
        Self::Reply,
        Self::Plan,
        Self::Data,
        Self::Trailer,
        Self::Error,
        Self::File,
        Self::Raw,
    ];

    /// The type with that number.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// What the payload is.
    pub kind: FrameType,
    /// The payload, at most [`crate::MAX_FRAME`] bytes.
    pub payload: Bytes,
}

/// Why bytes are not a frame, or a frame cannot be sent. The connection cannot continue after either.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The announced length is over the limit of the reading side.
    #[error("a frame of {length} bytes is over the limit of {limit}")]
    TooLong {
        /// The length announced, or the length of the payload to send.
        length: usize,
        /// The most that is allowed.
        limit: usize,
    },
    /// No type has that number.
    #[error("no frame has the type {0}")]
    UnknownType(u8),
    /// The connection ended within a frame.
    #[error("the connection ended within a frame")]
    CutShort,
    /// The connection failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Encodes and decodes frames.
///
/// # Examples
///
/// ```
/// use bytes::{Bytes, BytesMut};
/// use netsocket_protocol::frame::{Frame, FrameCodec, FrameError, FrameType};
/// use tokio_util::codec::{Decoder as _, Encoder as _};
///
/// let frame = Frame { kind: FrameType::Raw, payload: Bytes::from_static(b"hello") };
/// let mut codec = FrameCodec::new(1024);
/// let mut wire = BytesMut::new();
/// codec.encode(frame.clone(), &mut wire)?;
/// assert_eq!(&wire[..], b"\0\0\0\x05\x09hello");
///
/// // Half a frame is not decoded yet.
/// let rest = wire.split_off(7);
/// assert_eq!(codec.decode(&mut wire)?, None);
/// wire.unsplit(rest);
/// assert_eq!(codec.decode(&mut wire)?, Some(frame));
///
/// // The length is checked before any byte of the payload arrives.
/// let mut lie = BytesMut::from(&b"\xff\xff\xff\xff\x09"[..]);
/// assert!(matches!(codec.decode(&mut lie), Err(FrameError::TooLong { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct FrameCodec {
    limit: usize,
}

impl FrameCodec {
    /// A codec that refuses to read payloads of more than `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit }
    }
}

impl Decoder for FrameCodec {
    type Item = Frame;
    type Error = FrameError;

    fn decode(&mut self, source: &mut BytesMut) -> Result<Option<Frame>, FrameError> {
        let Some(([a, b, c, d, kind], _)) = source.split_first_chunk::<HEADER>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        let kind = FrameType::from_byte(*kind).ok_or(FrameError::UnknownType(*kind))?;
        // Checked before any payload is buffered, so that a false length costs nothing.
        if length > self.limit {
            return Err(FrameError::TooLong {
                length,
                limit: self.limit,
            });
        }
        if source.len() < HEADER + length {
            source.reserve(HEADER + length - source.len());
            return Ok(None);
        }
        source.advance(HEADER);
        Ok(Some(Frame {
            kind,
            payload: source.split_to(length).freeze(),
        }))
    }

    fn decode_eof(&mut self, source: &mut BytesMut) -> Result<Option<Frame>, FrameError> {
        match self.decode(source)? {
            None if !source.is_empty() => Err(FrameError::CutShort),
            frame => Ok(frame),
        }
    }
}

impl Encoder<Frame> for FrameCodec {
    type Error = FrameError;

    fn encode(&mut self, frame: Frame, target: &mut BytesMut) -> Result<(), FrameError> {
        put_header(frame.kind, frame.payload.len(), target)?;
        target.put_slice(&frame.payload);
        Ok(())
    }
}

/// Appends the header of a frame whose payload of `length` bytes is appended next.
///
/// # Errors
/// [`FrameError::TooLong`] for a payload over [`crate::MAX_FRAME`].
pub fn put_header(kind: FrameType, length: usize, target: &mut BytesMut) -> Result<(), FrameError> {
    target.reserve(HEADER + length.min(crate::MAX_FRAME));
    target.put_slice(&header(kind, length)?);
    Ok(())
}

/// The header of a frame whose payload of `length` bytes follows by other means.
///
/// # Errors
/// [`FrameError::TooLong`] for a payload over [`crate::MAX_FRAME`].
///
/// # Examples
///
/// ```
/// use netsocket_protocol::MAX_FRAME;
/// use netsocket_protocol::frame::{FrameType, header};
///
/// assert_eq!(header(FrameType::Raw, 0x0102)?, [0, 0, 1, 2, 9]);
/// assert!(header(FrameType::Raw, MAX_FRAME + 1).is_err());
/// # Ok::<(), netsocket_protocol::frame::FrameError>(())
/// ```
pub fn header(kind: FrameType, length: usize) -> Result<[u8; HEADER], FrameError> {
    let limit = crate::MAX_FRAME;
    let [a, b, c, d] = u32::try_from(length)
        .ok()
        .filter(|_| length <= limit)
        .ok_or(FrameError::TooLong { length, limit })?
        .to_be_bytes();
    Ok([a, b, c, d, kind as u8])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(kind: FrameType, payload: &[u8]) -> BytesMut {
        let mut bytes = BytesMut::new();
        let frame = Frame {
            kind,
            payload: Bytes::copy_from_slice(payload),
        };
        FrameCodec::new(crate::MAX_FRAME)
            .encode(frame, &mut bytes)
            .unwrap();
        bytes
    }

    #[test]
    fn a_length_over_the_limit_is_refused_from_the_header_alone() {
        let mut codec = FrameCodec::new(10);
        let mut bytes = BytesMut::from(&[0, 0, 0, 11, 2][..]);
        assert!(matches!(
            codec.decode(&mut bytes),
            Err(FrameError::TooLong {
                length: 11,
                limit: 10
            })
        ));
    }

    #[test]
    fn an_unknown_type_is_refused() {
        let mut bytes = BytesMut::from(&[0, 0, 0, 1, 99, 0][..]);
        assert!(matches!(
            FrameCodec::new(10).decode(&mut bytes),
            Err(FrameError::UnknownType(99))
        ));
    }

    #[test]
    fn an_end_within_a_frame_is_said_and_one_between_frames_is_not() {
        let whole = encoded(FrameType::Request, b"{}");
        for cut in 1..whole.len() {
            let mut bytes = BytesMut::from(&whole[..cut]);
            assert!(
                matches!(
                    FrameCodec::new(10).decode_eof(&mut bytes),
                    Err(FrameError::CutShort)
                ),
                "{cut}"
            );
        }
        assert!(
            FrameCodec::new(10)
                .decode_eof(&mut BytesMut::new())
                .unwrap()
                .is_none()
        );
    }

    proptest! {
        #[test]
        fn frames_survive_any_split(payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 1..6), step in 1_usize..20) {
            let mut stream = Vec::new();
            for payload in &payloads {
                stream.extend_from_slice(&encoded(FrameType::Data, payload));
            }
            let (mut codec, mut buffer, mut read) = (FrameCodec::new(64), BytesMut::new(), Vec::new());
            for chunk in stream.chunks(step) {
                buffer.extend_from_slice(chunk);
                while let Some(frame) = codec.decode(&mut buffer).unwrap() {
                    read.push(frame.payload.to_vec());
                }
            }
            prop_assert_eq!(read, payloads);
            prop_assert!(buffer.is_empty());
        }

        #[test]
        fn any_bytes_end_in_frames_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let (mut codec, mut buffer) = (FrameCodec::new(100), BytesMut::from(&bytes[..]));
            while let Ok(Some(frame)) = codec.decode_eof(&mut buffer) {
                prop_assert!(frame.payload.len() <= 100);
            }
        }
    }
}
