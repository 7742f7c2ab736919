//! The codecs of record batches.

use std::io::Read;

use bytes::{Buf as _, Bytes};

/// A batch may become so large and no larger: what is unpacked is bounded by us, not by who packed it.
pub(super) const MAX_UNPACKED: usize = 64 << 20;
/// Snappy of Java's library: blocks with their lengths behind these bytes and two versions.
const XERIAL: &[u8] = b"\x82SNAPPY\0";

/// The records of a batch; `codec` is Kafka's number.
///
/// # Errors
/// Why they cannot be had, for people.
pub(super) fn unpack(codec: i16, packed: &Bytes) -> Result<Bytes, String> {
    let unpacked = match codec {
        0 => return Ok(packed.clone()),
        1 => bounded(flate2::read::MultiGzDecoder::new(packed.as_ref())),
        2 => snappy(packed),
        3 => lz4(packed),
        4 => zstd::stream::read::Decoder::new(packed.as_ref())
            .map_err(|error| error.to_string())
            .and_then(bounded),
        other => Err(format!("there is no codec {other}")),
    };
    unpacked.map(Bytes::from)
}

fn lz4(packed: &[u8]) -> Result<Vec<u8>, String> {
    let text = |error: std::io::Error| error.to_string();
    let mut decoder = lz4::Decoder::new(packed).map_err(text)?;
    let unpacked = bounded(&mut decoder)?;
    // Reading ends without an error where the bytes end too early.
    decoder.finish().1.map_err(text).map(|()| unpacked)
}

fn bounded(reader: impl Read) -> Result<Vec<u8>, String> {
    let mut unpacked = Vec::new();
    let most = MAX_UNPACKED as u64 + 1;
    let read = reader.take(most).read_to_end(&mut unpacked);
    read.map_err(|error| error.to_string())?;
    within_bound(unpacked.len()).map(|()| unpacked)
}

fn within_bound(length: usize) -> Result<(), String> {
    match length <= MAX_UNPACKED {
        true => Ok(()),
        false => Err("the batch is too large".to_owned()),
    }
}

fn snappy(packed: &[u8]) -> Result<Vec<u8>, String> {
    let Some(mut blocks) = packed.strip_prefix(XERIAL) else {
        return snappy_block(packed);
    };
    let mut unpacked = Vec::new();
    // Two versions that have never changed.
    let versions = blocks.try_get_u64().map_err(|error| error.to_string())?;
    while !blocks.is_empty() {
        let length = blocks.try_get_u32().map_err(|error| error.to_string())?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let (block, rest) = blocks
            .split_at_checked(length)
            .ok_or_else(|| format!("a block is cut off (versions {versions:x})"))?;
        blocks = rest;
        unpacked.extend(snappy_block(block)?);
        within_bound(unpacked.len())?;
    }
    Ok(unpacked)
}

fn snappy_block(packed: &[u8]) -> Result<Vec<u8>, String> {
    let length = snap::raw::decompress_len(packed).map_err(|error| error.to_string())?;
    within_bound(length)?;
    let unpacked = snap::raw::Decoder::new().decompress_vec(packed);
    unpacked.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    const TEXT: &[u8] = b"record record record record record record record record";

    #[test]
    fn every_codec_gives_back_what_was_packed() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(TEXT).unwrap();
        let mut lz4 = lz4::EncoderBuilder::new().build(Vec::new()).unwrap();
        lz4.write_all(TEXT).unwrap();
        let raw = snap::raw::Encoder::new().compress_vec(TEXT).unwrap();
        let length = u32::try_from(raw.len()).unwrap().to_be_bytes();
        let xerial = [
            XERIAL,
            &[0, 0, 0, 1, 0, 0, 0, 1],
            &length,
            &raw,
            &length,
            &raw,
        ]
        .concat();
        for (codec, packed, times) in [
            (0, TEXT.to_vec(), 1),
            (1, gzip.finish().unwrap(), 1),
            (2, raw, 1),
            (2, xerial, 2),
            (3, lz4.finish().0, 1),
            (4, zstd::bulk::compress(TEXT, 1).unwrap(), 1),
        ] {
            let whole = Bytes::from(packed);
            assert_eq!(unpack(codec, &whole).as_deref(), Ok(&*TEXT.repeat(times)));
            if codec != 0 {
                let cut = unpack(codec, &whole.slice(..whole.len() / 2));
                assert!(cut.is_err(), "{codec}");
            }
        }
        assert!(unpack(5, &Bytes::from_static(TEXT)).is_err());
    }

    #[test]
    fn what_grows_too_large_is_given_up() {
        let zeros = vec![0; MAX_UNPACKED + 1];
        let packed = Bytes::from(zstd::bulk::compress(&zeros, 1).unwrap());
        assert_eq!(unpack(4, &packed), Err("the batch is too large".to_owned()));
    }
}
