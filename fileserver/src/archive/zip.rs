//! The zip format: everything in an archive except the contents of files.
//!
//! Sections are those of PKWARE's APPNOTE.TXT, version 6.3.10. All numbers are little-endian. Contents are stored, and
//! their checksum follows them in a data descriptor, because it is only known once they have been read. What needs 64
//! bits (zip64) is decided by sizes and offsets alone, so that every length is known in advance.
//!
//! Owner and group are left out and times are UTC, so that every replica writes the same bytes.

use chrono::{DateTime, Datelike as _, Timelike as _};

/// Signatures: 4.3.7, 4.3.9.3, 4.3.12, 4.3.14, 4.3.15, 4.3.16.
const LOCAL: u32 = 0x0403_4b50;
const DESCRIPTOR: u32 = 0x0807_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const ZIP64_END: u32 = 0x0606_4b50;
const ZIP64_LOCATOR: u32 = 0x0706_4b50;
const END: u32 = 0x0605_4b50;

/// A field with this value says that the number is in the zip64 record (4.4.1.4).
const IN_ZIP64: u32 = u32::MAX;
const IN_ZIP64_16: u16 = u16::MAX;

/// General purpose bits (4.4.4): sizes and checksum follow the content; the name is UTF-8.
const HAS_DESCRIPTOR: u16 = 1 << 3;
const IS_UTF8: u16 = 1 << 11;

/// Version needed to extract (4.4.3.2), with and without zip64.
const VERSION: u16 = 20;
const VERSION_ZIP64: u16 = 45;

/// Version made by (4.4.2): file attributes are those of unix.
const MADE_BY: u16 = (3 << 8) | VERSION_ZIP64;

/// The extra field of 64-bit numbers (4.5.3).
const ZIP64_EXTRA: u16 = 1;

/// The extra field of times in UTC (4.6.1, "extended timestamp"; its content is in Info-ZIP's `extrafld.txt`).
const TIME_EXTRA: u16 = 0x5455;
const TIME_EXTRA_BYTES: u64 = 9;

/// A regular file (`S_IFREG`), in the upper half of the external attributes (4.4.15).
const REGULAR: u32 = 0o100_000;

/// The longest name (4.4.10).
pub(super) const NAME_MAX: usize = u16::MAX as usize;

/// A regular file in a zip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Member<'a> {
    /// At most [`NAME_MAX`] bytes.
    pub(super) name: &'a [u8],
    /// Permission bits.
    pub(super) mode: u32,
    /// Bytes of content.
    pub(super) size: u64,
    /// Seconds since 1970-01-01 00:00 UTC.
    pub(super) modified: i64,
}

impl Member<'_> {
    /// Whether its sizes need 64 bits.
    fn is_large(&self) -> bool {
        self.size >= u64::from(IN_ZIP64)
    }

    /// The local file header (4.3.7).
    pub(super) fn put_local(&self, out: &mut Vec<u8>) {
        // 4.4.4, bit 3: sizes and checksum are zero here. The extra field says that the descriptor has 64-bit sizes.
        let (size, extra) = match self.is_large() {
            true => (IN_ZIP64, 4 + 16),
            false => (0, 0),
        };
        put32(out, LOCAL);
        self.put_common(out, self.is_large(), 0, size, extra);
        out.extend_from_slice(self.name);
        if self.is_large() {
            put_zip64(out, &[0, 0]);
        }
        self.put_time(out);
    }

    /// The length of the local file header.
    pub(super) fn local_bytes(&self) -> u64 {
        let zip64 = if self.is_large() { 4 + 16 } else { 0 };
        30 + self.name.len() as u64 + zip64 + self.time_bytes()
    }

    /// The data descriptor (4.3.9).
    pub(super) fn put_descriptor(&self, out: &mut Vec<u8>, crc: u32) {
        put32(out, DESCRIPTOR);
        put32(out, crc);
        // Compressed and uncompressed.
        for _ in 0..2 {
            match self.is_large() {
                true => put64(out, self.size),
                false => put32(out, or_in_zip64(self.size)),
            }
        }
    }

    /// The length of the data descriptor.
    pub(super) fn descriptor_bytes(&self) -> u64 {
        if self.is_large() { 24 } else { 16 }
    }

    /// Its header in the central directory (4.3.12). `offset` is that of its local header.
    pub(super) fn put_central(&self, out: &mut Vec<u8>, crc: u32, offset: u64) {
        let numbers = self.zip64_numbers(offset);
        let zip64 = zip64_bytes(&numbers);
        put32(out, CENTRAL);
        put16(out, MADE_BY);
        let size = or_in_zip64(self.size);
        self.put_common(out, !numbers.is_empty(), crc, size, zip64);
        // No comment; on the first disk; not known to be text (4.4.12 to 4.4.14).
        for _ in 0..3 {
            put16(out, 0);
        }
        put32(out, (REGULAR | (self.mode & 0o7777)) << 16);
        put32(out, or_in_zip64(offset));
        out.extend_from_slice(self.name);
        if !numbers.is_empty() {
            put_zip64(out, &numbers);
        }
        self.put_time(out);
    }

    /// The length of its header in the central directory.
    pub(super) fn central_bytes(&self, offset: u64) -> u64 {
        let zip64 = zip64_bytes(&self.zip64_numbers(offset));
        46 + self.name.len() as u64 + u64::from(zip64) + self.time_bytes()
    }

    /// What both headers have: version needed up to the length of the extra fields.
    fn put_common(&self, out: &mut Vec<u8>, zip64: bool, crc: u32, size: u32, zip64_bytes: u16) {
        put16(out, if zip64 { VERSION_ZIP64 } else { VERSION });
        // Names in another encoding are stored byte for byte, which readers on unix leave as they are.
        let utf8 = match std::str::from_utf8(self.name) {
            Ok(_) => IS_UTF8,
            Err(_) => 0,
        };
        put16(out, HAS_DESCRIPTOR | utf8);
        // Stored (4.4.5).
        put16(out, 0);
        let (time, date) = dos_time(self.modified);
        put16(out, time);
        put16(out, date);
        put32(out, crc);
        put32(out, size);
        put32(out, size);
        put16(out, u16::try_from(self.name.len()).unwrap_or(u16::MAX));
        let time = u16::try_from(self.time_bytes()).unwrap_or(u16::MAX);
        put16(out, zip64_bytes + time);
    }

    /// The numbers of its zip64 extra field in the central directory: those that do not fit elsewhere, in this order.
    fn zip64_numbers(&self, offset: u64) -> Vec<u64> {
        let mut numbers = Vec::new();
        if self.is_large() {
            numbers.extend([self.size, self.size]);
        }
        if offset >= u64::from(IN_ZIP64) {
            numbers.push(offset);
        }
        numbers
    }

    /// The time in UTC; nothing if it does not fit into 32 bits.
    fn put_time(&self, out: &mut Vec<u8>) {
        let Ok(modified) = i32::try_from(self.modified) else {
            return;
        };
        put16(out, TIME_EXTRA);
        put16(out, 5);
        // Only the time of the last modification.
        out.push(1);
        out.extend_from_slice(&modified.to_le_bytes());
    }

    fn time_bytes(&self) -> u64 {
        i32::try_from(self.modified).map_or(0, |_| TIME_EXTRA_BYTES)
    }
}

/// The central directory, as its end describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Directory {
    pub(super) members: u64,
    pub(super) offset: u64,
    pub(super) bytes: u64,
}

impl Directory {
    fn is_large(&self) -> bool {
        let most = u64::from(IN_ZIP64);
        self.members >= u64::from(IN_ZIP64_16) || self.offset >= most || self.bytes >= most
    }

    /// The end of the archive (4.3.14 to 4.3.16).
    pub(super) fn put_end(&self, out: &mut Vec<u8>) {
        if self.is_large() {
            put32(out, ZIP64_END);
            // The length of the rest of the record.
            put64(out, 44);
            put16(out, MADE_BY);
            put16(out, VERSION_ZIP64);
            // One disk.
            put32(out, 0);
            put32(out, 0);
            put64(out, self.members);
            put64(out, self.members);
            put64(out, self.bytes);
            put64(out, self.offset);
            put32(out, ZIP64_LOCATOR);
            put32(out, 0);
            put64(out, self.offset.saturating_add(self.bytes));
            put32(out, 1);
        }
        put32(out, END);
        put16(out, 0);
        put16(out, 0);
        let members = u16::try_from(self.members).unwrap_or(IN_ZIP64_16);
        put16(out, members);
        put16(out, members);
        put32(out, or_in_zip64(self.bytes));
        put32(out, or_in_zip64(self.offset));
        // No comment.
        put16(out, 0);
    }

    /// The length of the end of the archive.
    pub(super) fn end_bytes(&self) -> u64 {
        if self.is_large() { 56 + 20 + 22 } else { 22 }
    }
}

fn put_zip64(out: &mut Vec<u8>, numbers: &[u64]) {
    put16(out, ZIP64_EXTRA);
    put16(out, zip64_bytes(numbers) - 4);
    for number in numbers {
        put64(out, *number);
    }
}

/// The length of a zip64 extra field; there is none without numbers.
fn zip64_bytes(numbers: &[u64]) -> u16 {
    match u16::try_from(numbers.len()) {
        Ok(0) | Err(_) => 0,
        Ok(count) => 4 + 8 * count,
    }
}

/// A number in a field of 32 bits.
fn or_in_zip64(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(IN_ZIP64)
}

/// Time and date in the form of MS-DOS (4.4.6), from 1980 to 2107, in steps of two seconds.
fn dos_time(seconds: i64) -> (u16, u16) {
    const FIRST: (u16, u16) = (0, (1 << 5) | 1);
    const LAST: (u16, u16) = ((23 << 11) | (59 << 5) | 29, (127 << 9) | (12 << 5) | 31);
    let outside = if seconds < 0 { FIRST } else { LAST };
    let Some(time) = DateTime::from_timestamp(seconds, 0) else {
        return outside;
    };
    match time.year() {
        1980..=2107 => {
            let clock = (time.hour() << 11) | (time.minute() << 5) | (time.second() / 2);
            let years = time.year().unsigned_abs() - 1980;
            let day = (years << 9) | (time.month() << 5) | time.day();
            let field = |value: u32| u16::try_from(value).unwrap_or_default();
            (field(clock), field(day))
        }
        ..1980 => FIRST,
        _ => LAST,
    }
}

fn put16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn put32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn put64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

#[cfg(test)]
mod tests;
