//! Starts a program that is not a child of this process once it serves.
//!
//! A service manager notices the end of its main process only if that process is its own child. So the program is
//! started by a process in between, which waits for it: until the program serves, its end and exit status are seen here.
//! When the one in between is ended, the system hands the program to the nearest reaper, the service manager.
//!
//! Owns the two forks and who waits for whom. Does not own what the program inherits.
#![allow(
    unsafe_code,
    reason = "fork and what may be called behind it have no safe interface"
)]

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus};

use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};

/// A program behind a process that waits for it.
#[derive(Debug)]
pub(super) struct Detached {
    /// The process in between. It ends as the program did.
    waiter: Child,
    program: u32,
    /// Names the program even where its number has been given to another.
    pidfd: Option<OwnedFd>,
}

impl Detached {
    /// Starts the program.
    ///
    /// # Errors
    /// No such program, or no process or descriptor left.
    pub(super) fn spawn(command: &mut Command) -> io::Result<Self> {
        let (born, tell) = pipe_with(PipeFlags::CLOEXEC)?;
        let tell_fd = tell.as_raw_fd();
        // SAFETY: what runs between fork and exec makes system calls only, all of them async-signal-safe; `tell` is
        // open until the spawn is over.
        unsafe { command.pre_exec(move || stand_between(tell_fd)) };
        let waiter = command.spawn()?;
        drop(tell);
        let mut number = [0; size_of::<libc::pid_t>()];
        File::from(born).read_exact(&mut number)?;
        let number = libc::pid_t::from_ne_bytes(number);
        let pid = Pid::from_raw(number);
        Ok(Self {
            waiter,
            program: number.unsigned_abs(),
            pidfd: pid.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()),
        })
    }

    /// Leaves the program to the system's reaper, and returns its number.
    pub(super) fn release(mut self) -> u32 {
        // Nothing but the wait is left to it, so it cannot refuse.
        let _ = self.waiter.kill();
        let _ = self.waiter.wait();
        self.program
    }

    /// Ends the program if it has not ended, and returns how it ended.
    pub(super) fn end(mut self) -> Option<ExitStatus> {
        // It may have ended by itself.
        let _ = match (&self.pidfd, Pid::from_raw(self.program.cast_signed())) {
            (Some(pidfd), _) => pidfd_send_signal(pidfd, Signal::KILL),
            // Where the system gives no pidfd; without a kill the wait below would not end.
            (None, Some(pid)) => kill_process(pid, Signal::KILL),
            (None, None) => Ok(()),
        };
        self.waiter.wait().ok()
    }
}

/// Runs in the new process: forks once more. The program goes on from here in the second one; the first tells its number
/// and waits for it.
fn stand_between(tell: RawFd) -> io::Result<()> {
    // SAFETY: no other thread exists in this process, and both sides go on with system calls only.
    match unsafe { libc::fork() } {
        0 => Ok(()),
        -1 => Err(io::Error::last_os_error()),
        program => wait_for(program, tell),
    }
}

/// Ends as the program does.
fn wait_for(program: libc::pid_t, tell: RawFd) -> ! {
    let number = program.to_ne_bytes();
    let mut status: libc::c_int = 0;
    // SAFETY: system calls on values of this frame. Every descriptor goes, as copies of clients' connections here would
    // keep them open.
    unsafe {
        libc::write(tell, number.as_ptr().cast(), number.len());
        libc::syscall(libc::SYS_close_range, 0, libc::c_uint::MAX, 0);
        while libc::waitpid(program, &raw mut status, 0) == -1 {
            if *libc::__errno_location() != libc::EINTR {
                libc::_exit(libc::EXIT_FAILURE);
            }
        }
        if libc::WIFSIGNALED(status) {
            let signal = libc::WTERMSIG(status);
            libc::signal(signal, libc::SIG_DFL);
            libc::kill(libc::getpid(), signal);
        }
        libc::_exit(libc::WEXITSTATUS(status))
    }
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use super::*;

    #[test]
    fn the_exit_status_comes_through() {
        let started = Detached::spawn(Command::new("sh").args(["-c", "exit 7"])).unwrap();
        let mut started = started;
        assert_eq!(started.waiter.wait().unwrap().code(), Some(7));
        let missing = Detached::spawn(&mut Command::new("/nowhere/at/all"));
        assert_eq!(missing.unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_program_that_does_not_end_is_ended() {
        let started = Detached::spawn(Command::new("cat").stdin(Stdio::piped()));
        let started = started.unwrap();
        let program = started.program;
        let status = started.end().unwrap();
        assert!(!status.success(), "{status}");
        assert!(!std::path::Path::new(&format!("/proc/{program}")).exists());
    }
}
