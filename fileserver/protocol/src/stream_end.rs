//! The end of an archive that is one gzip member or one zstd frame: servers write it, clients check it.

use crate::transfer::Compression;

/// The last block of a deflate stream (RFC 1951): of fixed codes, and empty.
const DEFLATE_END: [u8; 2] = [0x03, 0x00];
/// The last block of a zstd frame (RFC 8878): uncompressed, and empty.
const ZSTD_END: [u8; 3] = [0x01, 0x00, 0x00];

/// What stands behind the last block of an archive whose tar stream has so many bytes and this CRC-32.
///
/// # Examples
///
/// ```
/// use netsocket_protocol::stream_end::stream_end;
/// use netsocket_protocol::transfer::Compression;
///
/// // An empty block, then CRC-32 and length of the whole, as a gzip member ends (RFC 1952).
/// let end = stream_end(Compression::Gzip, 10_240, 0x0123_4567);
/// assert_eq!(end, b"\x03\x00\x67\x45\x23\x01\x00\x28\x00\x00");
/// ```
#[must_use]
pub fn stream_end(compression: Compression, tar_bytes: u64, crc: u32) -> Vec<u8> {
    match compression {
        Compression::Gzip => {
            // The length modulo 2^32, as the format has it.
            let [a, b, c, d, ..] = tar_bytes.to_le_bytes();
            [&DEFLATE_END[..], &crc.to_le_bytes(), &[a, b, c, d]].concat()
        }
        Compression::Zstd => ZSTD_END.to_vec(),
        Compression::None => Vec::new(),
    }
}
