//! Signals that end a command or the program.
//!
//! A signal that is ignored when the program starts stays ignored, as `nohup` and background jobs of a shell
//! expect.

use std::io;

use futures_util::FutureExt as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interrupt {
    /// SIGINT, Ctrl-C: ends the command.
    Command,
    /// SIGTERM, SIGHUP: end the program.
    Program,
}

/// Catches the signals of this process.
///
/// # Examples
///
/// ```
/// use netsocket_client::program::signals::{Interrupt, Interrupts};
/// use rustix::process::{Signal, getpid, kill_process};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let mut interrupts = Interrupts::catch()?;
/// kill_process(getpid(), Signal::TERM)?;
/// assert_eq!(interrupts.next().await, Interrupt::Program);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Interrupts {
    interrupt: Option<Signal>,
    terminate: Option<Signal>,
    hangup: Option<Signal>,
}

impl Interrupts {
    /// Starts to catch signals; must be called within a runtime.
    ///
    /// # Errors
    /// The system's error if a signal cannot be caught.
    pub fn catch() -> io::Result<Self> {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let ignored = ignored_signals(&status);
        let catch = |kind: SignalKind| {
            let bit = 1_u64 << (kind.as_raw_value() - 1);
            (ignored & bit == 0).then(|| signal(kind)).transpose()
        };
        Ok(Self {
            interrupt: catch(SignalKind::interrupt())?,
            terminate: catch(SignalKind::terminate())?,
            hangup: catch(SignalKind::hangup())?,
        })
    }

    /// Discards a SIGINT that arrived while no command was running.
    pub async fn forget(&mut self) {
        // Lets the runtime poll the signal first.
        tokio::task::yield_now().await;
        if let Some(interrupt) = &mut self.interrupt {
            let _ = interrupt.recv().now_or_never();
        }
    }

    /// Waits for the next signal.
    pub async fn next(&mut self) -> Interrupt {
        tokio::select! {
            () = came(&mut self.interrupt) => Interrupt::Command,
            () = came(&mut self.terminate) => Interrupt::Program,
            () = came(&mut self.hangup) => Interrupt::Program,
        }
    }

    /// Waits for a signal that ends the program.
    pub async fn program(&mut self) {
        tokio::select! {
            () = came(&mut self.terminate) => {}
            () = came(&mut self.hangup) => {}
        }
    }
}

async fn came(signal: &mut Option<Signal>) {
    let received = match signal {
        Some(signal) => signal.recv().await,
        None => None,
    };
    if received.is_none() {
        std::future::pending::<()>().await;
    }
}

/// The mask of ignored signals in the text of `/proc/self/status`; bit 0 is signal 1.
fn ignored_signals(status: &str) -> u64 {
    status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_the_status() {
        let status = "Name:\tx\nSigBlk:\tffffffffffffffff\nSigIgn:\t0000000000001001\nSigCgt:\t2\n";
        assert_eq!(ignored_signals(status), 0x1001);
        assert_eq!(ignored_signals(""), 0);
    }
}
