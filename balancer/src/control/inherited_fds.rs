//! Descriptors that were open when this process began, known by their numbers only.

#![expect(
    unsafe_code,
    reason = "a descriptor by its number has no owner that the compiler knows"
)]

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::sync::{Mutex, PoisonError};

use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};

/// Below are standard input, output and error, which belong to the standard library.
const FIRST: RawFd = 3;

static TAKEN: Mutex<BTreeSet<RawFd>> = Mutex::new(BTreeSet::new());

/// Takes a descriptor over, each number once, and keeps it from programs that this process starts. To be called only for
/// numbers named by the process that started this one, before anything else is opened: see [`crate::control::handover`] and
/// [`crate::control::systemd`].
pub(crate) fn take(number: RawFd) -> io::Result<OwnedFd> {
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    if number < FIRST || taken.contains(&number) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: the borrow ends with this statement, and only asks whether the number stands for anything; it is not -1.
    fcntl_getfd(unsafe { BorrowedFd::borrow_raw(number) })?;
    taken.insert(number);
    // SAFETY: it is open, as was just seen. Whoever started this process left it open for it and named it; nothing here
    // has opened it, as nothing was opened before; and `TAKEN` sees to it that it gets one owner only.
    let descriptor = unsafe { OwnedFd::from_raw_fd(number) };
    fcntl_setfd(&descriptor, FdFlags::CLOEXEC)?;
    Ok(descriptor)
}
