//! The protocol of the C system, byte for byte.
//!
//! A frame is its length as 32 ASCII digits padded with zeros, then that many bytes. A command is one frame whose bytes
//! end in a newline. Texts are one frame. An archive is a frame `yes` and a frame with the tar.gz, or a frame `no`. A
//! single byte `0` with nothing after it asks which port to use; a `1` opens a session on the public port.
//!
//! # Examples
//!
//! ```
//! use bytes::BytesMut;
//! use netsocket_protocol::old::{self, OldFrames};
//! use tokio_util::codec::Decoder as _;
//!
//! let mut wire = BytesMut::from(&old::frame(b"dirlist -a\n")[..]);
//! assert!(wire.starts_with(&old::length_digits(11)));
//! assert!(wire.ends_with(b"00000011dirlist -a\n"));
//!
//! let mut frames = OldFrames::new(1024);
//! let command = frames.decode(&mut wire)?.expect("a whole frame");
//! assert_eq!(&command[..], b"dirlist -a\n");
//! # Ok::<(), old::OldFrameError>(())
//! ```

use bytes::{Buf as _, Bytes, BytesMut};
use tokio_util::codec::Decoder;

/// Number of digits in a length.
pub const LENGTH_DIGITS: usize = 32;

/// The byte that asks for the port.
pub const PORT_QUESTION: u8 = b'0';

/// The byte that opens a session on the public port.
pub const SESSION_OPENING: u8 = b'1';

/// The frame before an archive.
pub const YES: &[u8] = b"yes";

/// The frame instead of an archive.
pub const NO: &[u8] = b"no";

/// The largest archive an old client can receive: it reads the length into a C `int`.
pub const MAX_ARCHIVE: u64 = i32::MAX as u64;

/// The digits that announce `length` bytes.
#[must_use]
pub fn length_digits(length: u64) -> [u8; LENGTH_DIGITS] {
    let mut digits = [b'0'; LENGTH_DIGITS];
    let text = length.to_string();
    // A u64 has at most 20 digits.
    digits[LENGTH_DIGITS - text.len()..].copy_from_slice(text.as_bytes());
    digits
}

/// A whole frame.
#[must_use]
pub fn frame(payload: &[u8]) -> Vec<u8> {
    [&length_digits(payload.len() as u64)[..], payload].concat()
}

/// Why bytes are not an old frame. The connection cannot continue after it.
#[derive(Debug, thiserror::Error)]
pub enum OldFrameError {
    /// One of the 32 bytes is not a digit.
    #[error("the length of a frame is 32 decimal digits")]
    NotANumber,
    /// The announced length is over the limit.
    #[error("a frame is over the limit of {limit} bytes")]
    TooLong {
        /// The most bytes that are allowed.
        limit: usize,
    },
    /// The connection ended within a frame.
    #[error("the connection ended within a frame")]
    CutShort,
    /// The connection failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Cuts a stream into the payloads of old frames.
#[derive(Debug, Clone, Copy)]
pub struct OldFrames {
    limit: usize,
}

impl OldFrames {
    /// A reader that refuses payloads of more than `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit }
    }
}

impl Decoder for OldFrames {
    type Item = Bytes;
    type Error = OldFrameError;

    fn decode(&mut self, source: &mut BytesMut) -> Result<Option<Bytes>, OldFrameError> {
        // Checked digit by digit as they arrive, so that garbage is refused before all 32 bytes are there.
        let digits = &source[..source.len().min(LENGTH_DIGITS)];
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(OldFrameError::NotANumber);
        }
        if digits.len() < LENGTH_DIGITS {
            return Ok(None);
        }
        let too_long = OldFrameError::TooLong { limit: self.limit };
        let length = digits
            .iter()
            .try_fold(0_usize, |sum, digit| {
                sum.checked_mul(10)?.checked_add(usize::from(digit - b'0'))
            })
            .filter(|length| *length <= self.limit)
            .ok_or(too_long)?;
        if source.len() < LENGTH_DIGITS + length {
            return Ok(None);
        }
        source.advance(LENGTH_DIGITS);
        Ok(Some(source.split_to(length).freeze()))
    }

    fn decode_eof(&mut self, source: &mut BytesMut) -> Result<Option<Bytes>, OldFrameError> {
        match self.decode(source)? {
            None if !source.is_empty() => Err(OldFrameError::CutShort),
            payload => Ok(payload),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_command_frame_is_the_one_of_the_original() {
        assert_eq!(
            frame(b"dirlist -a\n"),
            b"00000000000000000000000000000011dirlist -a\n"
        );
        assert_eq!(
            length_digits(u64::MAX),
            *b"00000000000018446744073709551615"
        );
    }

    #[test]
    fn what_is_no_length_is_refused_at_its_first_wrong_byte() {
        let mut frames = OldFrames::new(100);
        assert!(matches!(
            frames.decode(&mut BytesMut::from("000x")),
            Err(OldFrameError::NotANumber)
        ));
        assert!(matches!(
            frames.decode(&mut BytesMut::from("-1")),
            Err(OldFrameError::NotANumber)
        ));
        let long = "9".repeat(LENGTH_DIGITS);
        assert!(matches!(
            frames.decode(&mut BytesMut::from(&long[..])),
            Err(OldFrameError::TooLong { limit: 100 })
        ));
    }

    #[test]
    fn an_end_within_a_frame_is_said() {
        let whole = frame(b"quitc\n");
        for cut in 1..whole.len() {
            let mut bytes = BytesMut::from(&whole[..cut]);
            assert!(
                matches!(
                    OldFrames::new(100).decode_eof(&mut bytes),
                    Err(OldFrameError::CutShort)
                ),
                "{cut}"
            );
        }
    }

    proptest! {
        #[test]
        fn frames_survive_any_split(payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 1..6), step in 1_usize..40) {
            let stream: Vec<u8> = payloads.iter().flat_map(|payload| frame(payload)).collect();
            let (mut frames, mut buffer, mut read) = (OldFrames::new(64), BytesMut::new(), Vec::new());
            for chunk in stream.chunks(step) {
                buffer.extend_from_slice(chunk);
                while let Some(payload) = frames.decode(&mut buffer).unwrap() {
                    read.push(payload.to_vec());
                }
            }
            prop_assert_eq!(read, payloads);
        }

        #[test]
        fn any_bytes_end_in_frames_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let (mut frames, mut buffer) = (OldFrames::new(100), BytesMut::from(&bytes[..]));
            while let Ok(Some(payload)) = frames.decode_eof(&mut buffer) {
                prop_assert!(payload.len() <= 100);
            }
        }
    }
}
