//! How the system schedules the worker threads. See sched(7).

#![expect(unsafe_code, reason = "no safe interface sets a scheduling policy")]

use std::io;

/// Has the system treat this thread as a batch job: when an event wakes it, whoever runs on its core goes on until it waits or
/// its slice is over. So senders and receivers on this machine get further before the relay takes the core from them, it
/// finds more to move each time, and fewer of them have to be woken; on an idle core nothing changes. Decision 351 has the
/// figures.
///
/// A policy that an administrator has chosen stays.
///
/// # Errors
/// The system refuses.
pub(crate) fn run_in_batches() -> io::Result<()> {
    // SAFETY: asks for the policy of the calling thread; nothing is passed but the number 0.
    let policy = unsafe { libc::sched_getscheduler(0) };
    if policy != libc::SCHED_OTHER {
        return Ok(());
    }
    let parameters = libc::sched_param { sched_priority: 0 };
    // SAFETY: the parameters live until the call returns, which only reads them; it changes the calling thread alone.
    let result = unsafe { libc::sched_setscheduler(0, libc::SCHED_BATCH, &raw const parameters) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_thread_that_asks_is_changed() {
        // SAFETY: as above.
        let policy = || unsafe { libc::sched_getscheduler(0) };
        let before = policy();
        let changed = std::thread::spawn(move || {
            run_in_batches().unwrap();
            policy()
        });
        let expected = match before {
            libc::SCHED_OTHER => libc::SCHED_BATCH,
            chosen => chosen,
        };
        assert_eq!(changed.join().unwrap(), expected);
        assert_eq!(policy(), before);
    }
}
