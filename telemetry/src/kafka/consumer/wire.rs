//! Kafka's primitive types in bytes that may be anything: every read may fail, none panics.

use bytes::{Buf as _, BufMut as _};

/// The bytes are not what Kafka sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Malformed(pub(super) &'static str);

const SHORT: Malformed = Malformed("it ends too early");

/// What is left to be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Input<'a>(pub(super) &'a [u8]);

impl<'a> Input<'a> {
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(SHORT)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn boolean(&mut self) -> Result<bool, Malformed> {
        Ok(self.int8()? != 0)
    }

    pub(super) fn int8(&mut self) -> Result<i8, Malformed> {
        self.0.try_get_i8().map_err(|_| SHORT)
    }

    pub(super) fn int16(&mut self) -> Result<i16, Malformed> {
        self.0.try_get_i16().map_err(|_| SHORT)
    }

    pub(super) fn int32(&mut self) -> Result<i32, Malformed> {
        self.0.try_get_i32().map_err(|_| SHORT)
    }

    pub(super) fn uint32(&mut self) -> Result<u32, Malformed> {
        self.0.try_get_u32().map_err(|_| SHORT)
    }

    pub(super) fn int64(&mut self) -> Result<i64, Malformed> {
        self.0.try_get_i64().map_err(|_| SHORT)
    }

    /// A number in as few bytes as it needs: seven bits each, the lowest first, the sign in the lowest bit.
    pub(super) fn varint(&mut self) -> Result<i64, Malformed> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first().ok_or(SHORT)?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok((value >> 1).cast_signed() ^ -((value & 1).cast_signed()));
            }
        }
        Err(Malformed("a number is too long"))
    }

    /// Bytes behind their length; none where it is negative.
    pub(super) fn bytes(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        let length = self.int32()?.into();
        self.optional(length)
    }

    /// The same, as records have them.
    pub(super) fn varint_bytes(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        let length = self.varint()?;
        self.optional(length)
    }

    /// Text behind its length; empty where it is null.
    pub(super) fn string(&mut self) -> Result<&'a str, Malformed> {
        let length = self.int16()?.into();
        let bytes = self.optional(length)?.unwrap_or_default();
        str::from_utf8(bytes).map_err(|_| Malformed("a text is not UTF-8"))
    }

    /// A list behind its length; empty where it is null.
    pub(super) fn list<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        // Not reserved in advance: a length is only a claim.
        (0..self.int32()?).map(|_| item(self)).collect()
    }

    fn optional(&mut self, length: i64) -> Result<Option<&'a [u8]>, Malformed> {
        if length < 0 {
            return Ok(None);
        }
        let length = usize::try_from(length).map_err(|_| SHORT)?;
        self.take(length).map(Some)
    }
}

/// Appends a text with its length before it. One that is too long for Kafka is cut: no name of ours is.
pub(super) fn put_string(into: &mut Vec<u8>, text: &str) {
    let length = i16::try_from(text.len()).unwrap_or(i16::MAX);
    into.put_i16(length);
    into.extend(text.bytes().take(usize::from(length.unsigned_abs())));
}

/// Appends bytes with their length before them.
pub(super) fn put_bytes(into: &mut Vec<u8>, bytes: &[u8]) {
    into.put_i32(i32::try_from(bytes.len()).unwrap_or(i32::MAX));
    into.put_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_seven_bits_each() {
        for (bytes, value) in [
            (&[0][..], 0),
            (&[1], -1),
            (&[2], 1),
            (&[0x7f], -64),
            (&[0x80, 1], 64),
            (&[0xff, 0xff, 0xff, 0xff, 0x0f], -2_147_483_648),
            (
                &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
                i64::MIN,
            ),
        ] {
            assert_eq!(Input(bytes).varint(), Ok(value), "{bytes:x?}");
        }
        assert_eq!(Input(&[0x80]).varint(), Err(SHORT));
        assert!(Input(&[0xff; 11]).varint().is_err());
    }

    #[test]
    fn a_length_is_only_a_claim() {
        assert_eq!(Input(&i32::MAX.to_be_bytes()).bytes(), Err(SHORT));
        assert_eq!(Input(&(-1_i32).to_be_bytes()).bytes(), Ok(None));
        let list = Input(&i32::MAX.to_be_bytes()).list(|item| item.int8());
        assert_eq!(list, Err(SHORT));
        let none = Input(&(-1_i32).to_be_bytes()).list(|item| item.int8());
        assert_eq!(none, Ok(vec![]));
        let mut text = Vec::new();
        put_string(&mut text, "topic");
        assert_eq!(Input(&text).string(), Ok("topic"));
    }
}
