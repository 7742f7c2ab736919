//! Metadata of a file: size, mode, times.

use std::ffi::CStr;
use std::os::fd::BorrowedFd;

use chrono::{DateTime, Local, SecondsFormat};
use rustix::fs::{AtFlags, FileType, StatxFlags, StatxTimestamp, statx};

/// A time as the file system stores it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Timestamp {
    /// Seconds since 1970-01-01 00:00 UTC, negative before.
    pub seconds: i64,
    /// Nanoseconds within the second, below 1,000,000,000.
    pub nanos: u32,
}

impl Timestamp {
    /// Formats it as RFC 3339 with nanoseconds and the offset of this machine's time zone at that time; a time far
    /// outside the calendar as `@seconds`.
    #[must_use]
    pub fn rfc3339(self) -> String {
        DateTime::from_timestamp(self.seconds, self.nanos).map_or_else(
            || format!("@{}", self.seconds),
            |utc| {
                utc.with_timezone(&Local)
                    .to_rfc3339_opts(SecondsFormat::Nanos, false)
            },
        )
    }
}

impl From<StatxTimestamp> for Timestamp {
    fn from(time: StatxTimestamp) -> Self {
        Self {
            seconds: time.tv_sec,
            nanos: time.tv_nsec,
        }
    }
}

/// The metadata of one directory entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Metadata {
    pub(crate) kind: FileType,
    /// Bytes.
    pub(crate) size: u64,
    /// Type and permission bits.
    pub(crate) mode: u32,
    pub(crate) modified: Timestamp,
    /// The birth time, or `modified` if the file system does not record it.
    pub(crate) born: Timestamp,
    pub(crate) birth_known: bool,
    pub(crate) inode: u64,
    /// Number of hard links.
    pub(crate) links: u32,
}

impl Metadata {
    /// Reads the metadata of an entry of a directory; of a symbolic link, that of the link itself.
    pub(crate) fn of(directory: BorrowedFd<'_>, name: &CStr) -> rustix::io::Result<Self> {
        let wanted = StatxFlags::TYPE
            | StatxFlags::MODE
            | StatxFlags::SIZE
            | StatxFlags::MTIME
            | StatxFlags::INO
            | StatxFlags::NLINK
            | StatxFlags::BTIME;
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
        let stat = statx(directory, name, flags, wanted)?;
        let mode = u32::from(stat.stx_mode);
        let modified = stat.stx_mtime.into();
        let birth_known = stat.stx_mask & StatxFlags::BTIME.bits() != 0;
        Ok(Self {
            kind: FileType::from_raw_mode(mode),
            size: stat.stx_size,
            mode,
            modified,
            born: if birth_known {
                stat.stx_btime.into()
            } else {
                modified
            },
            birth_known,
            inode: stat.stx_ino,
            links: stat.stx_nlink,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_with_nanoseconds_and_an_offset() {
        let time = Timestamp {
            seconds: 1_700_000_000,
            nanos: 5,
        };
        let told = DateTime::parse_from_rfc3339(&time.rfc3339()).unwrap();
        assert_eq!(
            (told.timestamp(), told.timestamp_subsec_nanos()),
            (1_700_000_000, 5)
        );
        assert!(time.rfc3339().contains(".000000005"));
    }

    #[test]
    fn a_time_outside_of_the_calendar_is_still_told() {
        let time = Timestamp {
            seconds: i64::MAX,
            nanos: 0,
        };
        assert_eq!(time.rfc3339(), "@9223372036854775807");
    }
}
