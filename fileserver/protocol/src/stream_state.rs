//! What a server has to know of the blocks before the one at which it resumes an archive of one stream.
//!
//! A gzip member ends with the CRC-32 of everything in it. A server that resumes an archive has not read the blocks before,
//! so it gets that CRC from the client, which has it from the server that sent them. The second half of a state says
//! which archive and which block it belongs to, so that a mistake of the client is found before it is part of an archive.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::name::from_hex;

/// Bytes of a state.
pub const STATE_BYTES: usize = 8;

/// The state of an archive behind one of its blocks: the CRC-32 of the tar stream up to there, and the CRC-32 of the
/// plan's id, the number of the next block (eight bytes, big-endian) and the first CRC-32. Both are big-endian.
///
/// # Examples
///
/// ```
/// use netsocket_protocol::stream_state::StreamState;
///
/// let state = StreamState::new("5e0c", 12, 0x1234_5678);
/// assert_eq!(state.crc("5e0c", 12), Some(0x1234_5678));
/// // Of another archive, or behind another block.
/// assert_eq!(state.crc("5e0d", 12), None);
/// assert_eq!(state.crc("5e0c", 13), None);
/// assert_eq!(state.to_string().parse(), Ok(state));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamState([u8; STATE_BYTES]);

/// The text is not a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a state has 16 hexadecimal digits")]
pub struct StreamStateError;

impl StreamState {
    /// The state before block `next` of a plan, if the tar stream up to there has this CRC-32.
    #[must_use]
    pub fn new(plan: &str, next: u64, crc: u32) -> Self {
        let mut bytes = [0; STATE_BYTES];
        bytes[..4].copy_from_slice(&crc.to_be_bytes());
        bytes[4..].copy_from_slice(&check(plan, next, crc).to_be_bytes());
        Self(bytes)
    }

    /// The CRC-32 of the tar stream before block `next` of a plan; `None` if the state belongs to another block or plan.
    #[must_use]
    pub fn crc(self, plan: &str, next: u64) -> Option<u32> {
        let [a, b, c, d, ..] = self.0;
        let crc = u32::from_be_bytes([a, b, c, d]);
        (self == Self::new(plan, next, crc)).then_some(crc)
    }

    /// The state with these bytes, whatever they are.
    #[must_use]
    pub fn from_bytes(bytes: [u8; STATE_BYTES]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; STATE_BYTES] {
        self.0
    }
}

fn check(plan: &str, next: u64, crc: u32) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(plan.as_bytes());
    hasher.update(&next.to_be_bytes());
    hasher.update(&crc.to_be_bytes());
    hasher.finalize()
}

impl fmt::Display for StreamState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

impl FromStr for StreamState {
    type Err = StreamStateError;

    fn from_str(text: &str) -> Result<Self, StreamStateError> {
        let bytes = from_hex(text).and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or(StreamStateError)
    }
}

impl Serialize for StreamState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for StreamState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_sixteen_digits_are_a_state() {
        for text in [
            "",
            "0123456789abcde",
            "0123456789abcdef0",
            "0123456789abcdeg",
            "é123456789abcde",
        ] {
            assert_eq!(text.parse::<StreamState>(), Err(StreamStateError), "{text}");
            let json = serde_json::to_string(text).unwrap();
            assert!(
                serde_json::from_str::<StreamState>(&json).is_err(),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn a_state_is_of_one_archive_and_one_block(plan in "[0-9a-f]{32}", next: u64, crc: u32, bit in 0_usize..64) {
            let state = StreamState::new(&plan, next, crc);
            prop_assert_eq!(state.crc(&plan, next), Some(crc));
            prop_assert_eq!(state.crc(&plan, next ^ (1 << bit)), None);
            let mut damaged = state.to_bytes();
            damaged[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(StreamState::from_bytes(damaged).crc(&plan, next), None);
            let json = serde_json::to_string(&state).unwrap();
            prop_assert_eq!(serde_json::from_str::<StreamState>(&json).unwrap(), state);
        }
    }
}
