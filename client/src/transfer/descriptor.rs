//! Descriptors that the program was started with, as in `-o /dev/fd/3`.
//!
//! Owns: which descriptors may be written to, and writing to the one that was inherited: opening `/dev/fd/3` again would
//! start at the beginning of a file that the shell appends to. Does not own: which paths lead to a descriptor
//! ([`crate::transfer::output_path`]).
#![allow(
    unsafe_code,
    reason = "the number of an inherited descriptor comes from outside, so nothing owns it"
)]

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd, RawFd};

use rustix::fs::fstat;

/// The number of standard output.
pub(crate) const STDOUT: RawFd = 1;
/// The number of standard error.
pub(crate) const STDERR: RawFd = 2;

/// The bits of `flags` in `/proc/self/fdinfo`, as in `<fcntl.h>`: how a descriptor is open.
const ACCESS_MODE: u32 = 0o3;
const READ_ONLY: u32 = 0;
const CLOSE_ON_EXEC: u32 = 0o2_000_000;

/// Whether a descriptor can be written to; otherwise why not. The descriptors that this program opens itself are closed
/// on `exec`, so those without that flag are inherited.
pub(crate) fn check(number: RawFd) -> Result<(), &'static str> {
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap_or_default();
    match flags(&info) {
        Some(flags) if flags & CLOSE_ON_EXEC == 0 && flags & ACCESS_MODE == READ_ONLY => {
            Err("it is open for reading only")
        }
        Some(flags) if flags & CLOSE_ON_EXEC == 0 => Ok(()),
        _ => Err("there is no such descriptor"),
    }
}

fn flags(info: &str) -> Option<u32> {
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"))?;
    u32::from_str_radix(flags.trim(), 8).ok()
}

/// A duplicate of the descriptor, which shares its position.
///
/// # Errors
/// The error of the system; `InvalidInput` if [`check`] refuses it.
pub(crate) fn open(number: RawFd) -> io::Result<File> {
    duplicate(number).map(File::from)
}

fn duplicate(number: RawFd) -> io::Result<OwnedFd> {
    if number == STDOUT {
        return io::stdout().as_fd().try_clone_to_owned();
    }
    check(number).map_err(|reason| io::Error::new(io::ErrorKind::InvalidInput, reason))?;
    // SAFETY: it is open, as just checked, and stays open: it was inherited, and nothing here closes such a descriptor.
    let inherited = unsafe { BorrowedFd::borrow_raw(number) };
    inherited.try_clone_to_owned()
}

/// Whether what is written to the descriptor arrives where standard output leads.
pub(crate) fn is_stdout(number: RawFd) -> bool {
    if number == STDOUT {
        return true;
    }
    let Ok(other) = duplicate(number) else {
        return false;
    };
    match (fstat(other), fstat(io::stdout())) {
        (Ok(one), Ok(other)) => (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd as _;

    use super::*;

    #[test]
    fn only_inherited_descriptors_are_written_to() {
        // This one is the program's own, so it is closed on exec.
        let own = File::open("/dev/null").unwrap();
        let none = Err("there is no such descriptor");
        assert_eq!(check(own.as_raw_fd()), none);
        assert_eq!(check(RawFd::MAX), none);
        assert!(open(own.as_raw_fd()).is_err());
        assert_eq!(check(STDOUT), Ok(()));
        assert!(is_stdout(STDOUT) && !is_stdout(own.as_raw_fd()));
    }

    #[test]
    fn the_flags_are_read_from_what_the_kernel_says() {
        let info = "pos:\t0\nflags:\t02100001\nmnt_id:\t14\n";
        assert_eq!(flags(info), Some(0o2_100_001));
        assert_eq!(flags(""), None);
    }
}
