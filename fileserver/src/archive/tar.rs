//! The tar format: everything in an archive except the contents of files.
//!
//! The format is the one that GNU tar writes by default (`gnu`, its manual's section "Basic Tar Format"): a header of
//! 512 bytes, the content, zeros up to the next multiple of 512, and two blocks of zeros at the end. It covers what a
//! plain ustar header cannot, without re-encoding: a name longer than 100 bytes is stored byte for byte in an entry of
//! type `L` before the header; a size or time that does not fit into octal digits is stored in base 256. A pax header
//! could not do that, because its `path` must be UTF-8 and readers differ in how they treat other bytes. GNU tar,
//! bsdtar and Python's tarfile read all of it.
//!
//! Owner and group are 0 without a name, so that every replica writes the same bytes.

/// Bytes of a header; contents are padded to a multiple of it.
pub(super) const RECORD: u64 = 512;

/// Zeros after the last entry.
pub(super) const END: u64 = 2 * RECORD;

/// The longest name in a header, in bytes.
const NAME: usize = 100;

/// The header of a regular file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header<'a> {
    pub(super) name: &'a [u8],
    /// Permission bits; bits above 0o7777 are dropped.
    pub(super) mode: u32,
    /// Bytes of content.
    pub(super) size: u64,
    /// Seconds since 1970-01-01 00:00 UTC.
    pub(super) modified: i64,
}

impl Header<'_> {
    /// Everything before the content.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(usize::try_from(self.length()).unwrap_or_default());
        if self.name.len() > NAME {
            let length = self.name.len() as u64 + 1;
            bytes.extend_from_slice(&record(b"././@LongLink", 0o644, length, 0, b'L'));
            bytes.extend_from_slice(self.name);
            bytes.resize(bytes.len() + 1 + fill(padding(length)), 0);
        }
        let mode = self.mode & 0o7777;
        bytes.extend_from_slice(&record(self.name, mode, self.size, self.modified, b'0'));
        bytes
    }

    /// The length of [`Self::bytes`].
    pub(super) fn length(&self) -> u64 {
        if self.name.len() > NAME {
            let length = self.name.len() as u64 + 1;
            RECORD + length + padding(length) + RECORD
        } else {
            RECORD
        }
    }
}

/// Zeros after a content of that many bytes.
pub(super) fn padding(size: u64) -> u64 {
    (RECORD - size % RECORD) % RECORD
}

/// [`padding`] is always below [`RECORD`].
fn fill(padding: u64) -> usize {
    usize::try_from(padding).unwrap_or_default()
}

/// One header. A long name is cut, because the whole name precedes the header.
fn record(name: &[u8], mode: u32, size: u64, modified: i64, kind: u8) -> [u8; 512] {
    let mut record = [0; 512];
    let name = &name[..name.len().min(NAME)];
    record[..name.len()].copy_from_slice(name);
    record[100..108].copy_from_slice(&number::<8>(i128::from(mode)));
    record[108..116].copy_from_slice(&number::<8>(0));
    record[116..124].copy_from_slice(&number::<8>(0));
    record[124..136].copy_from_slice(&number::<12>(i128::from(size)));
    record[136..148].copy_from_slice(&number::<12>(i128::from(modified)));
    // The checksum is computed with spaces in its own field.
    record[148..156].copy_from_slice(b"        ");
    record[156] = kind;
    record[257..265].copy_from_slice(b"ustar  \0");
    let sum: u32 = record.iter().map(|byte| u32::from(*byte)).sum();
    record[148..155].copy_from_slice(&number::<7>(i128::from(sum)));
    record
}

/// A numeric field: octal digits and a zero byte, or base 256 in two's complement with the highest bit of the first
/// byte set if the value does not fit.
fn number<const N: usize>(value: i128) -> [u8; N] {
    let mut field = [0; N];
    if value >= 0 && value < 1 << (3 * (N - 1)) {
        let mut rest = value;
        for digit in field[..N - 1].iter_mut().rev() {
            *digit = b'0' + octal_digit(rest);
            rest >>= 3;
        }
        return field;
    }
    let bytes = value.to_be_bytes();
    field.copy_from_slice(&bytes[bytes.len() - N..]);
    field[0] |= 0x80;
    field
}

fn octal_digit(value: i128) -> u8 {
    u8::try_from(value & 7).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_where_they_fit_and_base_256_where_not() {
        assert_eq!(&number::<8>(0o644), b"0000644\0");
        assert_eq!(&number::<12>((8 << 30) - 1), b"77777777777\0");
        assert_eq!(
            number::<12>(8 << 30),
            [0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0]
        );
        assert_eq!(number::<12>(-1), [0xff; 12]);
    }

    #[test]
    fn a_header_is_as_long_as_it_says() {
        for length in [1, 99, 100, 101, 255, 511, 512, 513, 1_100] {
            let name = vec![b'n'; length];
            let header = Header {
                name: &name,
                mode: 0o644,
                size: 1,
                modified: 0,
            };
            assert_eq!(header.bytes().len() as u64, header.length(), "{length}");
            assert_eq!(header.length() % RECORD, 0);
        }
    }

    /// What a tool prints of an archive whose end it does not get to see.
    fn listed_by(tool: &str, arguments: &[&str], archive: &[u8]) -> Option<String> {
        let work = tempfile::tempdir().unwrap();
        let path = work.path().join("a.tar");
        std::fs::write(&path, archive).unwrap();
        let mut command = std::process::Command::new(tool);
        command.args(arguments).arg(path).env("TZ", "UTC");
        match command.output() {
            Ok(output) => Some(String::from_utf8(output.stdout).unwrap()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                eprintln!("no {tool} here: its part of the test is left out");
                None
            }
            Err(error) => panic!("{tool}: {error}"),
        }
    }

    #[test]
    fn tools_read_sizes_and_times_that_octal_digits_cannot_hold() {
        let script = "import sys, tarfile\n\
                      entry = tarfile.open(sys.argv[1]).next()\n\
                      print(entry.name, entry.size, entry.mtime)";
        for (size, modified, day) in [
            ((8 << 30) - 1, 0, "1970-01-01"),
            (8 << 30, -86_400, "1969-12-31"),
            (9 << 40, 8_600_000_000, "2242-07-11"),
        ] {
            let name = "n".repeat(200);
            let header = Header {
                name: name.as_bytes(),
                mode: 0o600,
                size,
                modified,
            };
            let bytes = header.bytes();
            let listed = listed_by("tar", &["--full-time", "-tvf"], &bytes).unwrap();
            let words: Vec<&str> = listed.split_whitespace().collect();
            assert_eq!(words[1..4], ["0/0", &size.to_string(), day]);
            assert_eq!(words[5], name);
            if let Some(listed) = listed_by("bsdtar", &["-tvf"], &bytes) {
                assert!(listed.contains(&format!(" {size} ")), "{listed}");
                assert!(
                    listed.contains(&day[..4]) && listed.contains(&name),
                    "{listed}"
                );
            }
            if let Some(listed) = listed_by("python3", &["-c", script], &bytes) {
                assert_eq!(listed.trim_end(), format!("{name} {size} {modified}"));
            }
        }
    }

    #[test]
    fn padding_fills_up_to_a_record() {
        assert_eq!([0, 1, 511, 512, 513].map(padding), [0, 511, 1, 0, 511]);
    }
}
