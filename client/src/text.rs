//! Sizes, counts and paths, written for people.

use std::path::Path;

use netsocket_protocol::name::Name;

/// A number of bytes in the largest fitting binary unit.
#[must_use]
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    // In tenths, rounded to nearest; 128 bits hold ten times any number of bytes.
    let tenths = |shift: u32| (u128::from(bytes) * 10 + (1 << shift >> 1)) >> shift;
    let (unit, tenths) = UNITS
        .into_iter()
        .zip((1..).map(|power| tenths(10 * power)))
        .find(|(unit, tenths)| *tenths < 10_240 || *unit == "EiB")
        .unwrap_or(("B", u128::from(bytes) * 10));
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

/// A number of files, in words.
#[must_use]
pub(crate) fn files(count: u64) -> String {
    match count {
        1 => "1 file".to_owned(),
        count => format!("{count} files"),
    }
}

/// A number of directories, in words.
#[must_use]
pub(crate) fn directories(count: u64) -> String {
    match count {
        1 => "1 directory".to_owned(),
        count => format!("{} directories", grouped(count)),
    }
}

/// A number with a comma after each three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev();
    let groups: Vec<&str> = groups
        .filter_map(|group| std::str::from_utf8(group).ok())
        .collect();
    groups.join(",")
}

/// A path with unprintable characters escaped.
#[must_use]
pub(crate) fn shown(path: &Path) -> Name {
    use std::os::unix::ffi::OsStrExt as _;
    Name::from(path.as_os_str().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_are_grouped() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (12_345_678, "12,345,678"),
        ] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn sizes_are_short() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1_048_524, "1023.9 KiB"),
            (1_048_575, "1.0 MiB"),
            (3_565_158, "3.4 MiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}
