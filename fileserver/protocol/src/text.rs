//! The text answers of the old system; the client shows the same text.

use crate::message::FileEntry;

/// The answer to `w24fn` if there is no such file.
pub const FILE_NOT_FOUND: &str = "File not found";

/// The answer to an archive command if no file matches.
pub const NO_FILE_FOUND: &str = "No file found";

/// The answer to `w24fn`: path, size, birth time and permissions, one per line. The path is copied byte for byte.
///
/// # Examples
///
/// ```
/// use netsocket_protocol::message::FileEntry;
/// use netsocket_protocol::text::file_lines;
///
/// let file = FileEntry {
///     path: "docs/a.txt".into(),
///     size: 5,
///     born: "2026-11-22T11:13:29.123456789+00:00".to_owned(),
///     birth_known: true,
///     modified: String::new(),
///     mode: 0o100_644,
/// };
/// let lines = file_lines(&file, b"/srv/docs/a.txt");
/// assert_eq!(
///     String::from_utf8_lossy(&lines),
///     "FilePath: /srv/docs/a.txt\n\
///      File Size(Bytes): 5\n\
///      Birth Time: 2026-11-22 11:13:29.123456789 +0000\n\
///      Access Rights: -rw-r--r--\n",
/// );
/// ```
#[must_use]
pub fn file_lines(file: &FileEntry, path: &[u8]) -> Vec<u8> {
    let mut lines = b"FilePath: ".to_vec();
    lines.extend_from_slice(path);
    lines.extend_from_slice(
        format!(
            "\nFile Size(Bytes): {}\nBirth Time: {}\nAccess Rights: {}\n",
            file.size,
            birth_time(file),
            rights(file.mode)
        )
        .as_bytes(),
    );
    lines
}

/// Formats a time of an entry like `stat -c %y`; an unparsable text is returned unchanged.
///
/// # Examples
///
/// ```
/// use netsocket_protocol::text::time;
///
/// assert_eq!(time("2026-11-22T11:13:29+01:00"), "2026-11-22 11:13:29.000000000 +0100");
/// assert_eq!(time("unknown"), "unknown");
/// ```
#[must_use]
pub fn time(text: &str) -> String {
    chrono::DateTime::parse_from_rfc3339(text).map_or_else(
        |_| text.to_owned(),
        |time| time.format("%Y-%m-%d %H:%M:%S%.9f %z").to_string(),
    )
}

/// Formats the birth time like `stat -c %w`: `2026-11-22 11:13:29.123456789 +0000`. If the file system does not record
/// it, the time of the last modification, with a note.
#[must_use]
pub fn birth_time(file: &FileEntry) -> String {
    let time = time(&file.born);
    if file.birth_known {
        time
    } else {
        format!("{time} (modification time, no birth time kept)")
    }
}

/// Formats type and permissions like `ls -l`: `-rw-r--r--`.
///
/// # Examples
///
/// ```
/// use netsocket_protocol::text::rights;
///
/// assert_eq!(rights(0o100_644), "-rw-r--r--");
/// assert_eq!(rights(0o041_777), "drwxrwxrwt");
/// ```
#[must_use]
pub fn rights(mode: u32) -> String {
    let kind = match mode & 0o170_000 {
        0o040_000 => 'd',
        0o120_000 => 'l',
        0o060_000 => 'b',
        0o020_000 => 'c',
        0o010_000 => 'p',
        0o140_000 => 's',
        _ => '-',
    };
    let bit = |mask: u32, letter: char| if mode & mask == 0 { '-' } else { letter };
    let execute =
        |mask: u32, special: u32, letter: char| match (mode & mask != 0, mode & special != 0) {
            (false, false) => '-',
            (true, false) => 'x',
            (true, true) => letter,
            (false, true) => letter.to_ascii_uppercase(),
        };
    [
        kind,
        bit(0o400, 'r'),
        bit(0o200, 'w'),
        execute(0o100, 0o4000, 's'),
        bit(0o040, 'r'),
        bit(0o020, 'w'),
        execute(0o010, 0o2000, 's'),
        bit(0o004, 'r'),
        bit(0o002, 'w'),
        execute(0o001, 0o1000, 't'),
    ]
    .into_iter()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_those_of_ls() {
        for (mode, shown) in [
            (0o100_644, "-rw-r--r--"),
            (0o100_755, "-rwxr-xr-x"),
            (0o100_000, "----------"),
            (0o104_755, "-rwsr-xr-x"),
            (0o102_644, "-rw-r-Sr--"),
            (0o041_777, "drwxrwxrwt"),
        ] {
            assert_eq!(rights(mode), shown);
        }
    }

    #[test]
    fn the_four_lines_stand_as_in_the_old_system() {
        let file = FileEntry {
            path: "a/b.txt".into(),
            size: 17,
            born: "2026-11-22T11:13:29.123456789+02:00".to_owned(),
            birth_known: true,
            modified: String::new(),
            mode: 0o100_640,
        };
        assert_eq!(
            String::from_utf8(file_lines(&file, b"/home/u/a/b.txt")).unwrap(),
            "FilePath: /home/u/a/b.txt\nFile Size(Bytes): 17\nBirth Time: 2026-11-22 11:13:29.123456789 +0200\nAccess Rights: -rw-r-----\n"
        );
    }
}
