//! What a body with a known length consists of.

use std::ops::Range;

use bytes::Bytes;

/// A part of the body.
#[derive(Debug)]
pub(super) enum Part {
    Text(Bytes),
    File(Range<u64>),
}

impl Part {
    pub(super) fn length(&self) -> u64 {
        match self {
            Self::Text(text) => text.len() as u64,
            Self::File(range) => range.end - range.start,
        }
    }
}
