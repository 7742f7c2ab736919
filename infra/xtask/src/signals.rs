//! Ctrl-C and its kin, as messages: the one place where this program waits.

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::failure::{Failure, Outcome};

/// The signals that ask this process to stop, from the moment it was made; none of them ends the process any more.
pub(crate) struct StopSignals(Receiver<i32>);

impl StopSignals {
    /// Takes over SIGINT, SIGTERM and SIGHUP.
    pub(crate) fn take() -> Outcome<Self> {
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])
            .map_err(|error| Failure::new(format!("cannot listen for signals: {error}")))?;
        let (sender, receiver) = channel();
        thread::spawn(move || {
            for signal in signals.forever() {
                if sender.send(signal).is_err() {
                    return;
                }
            }
        });
        Ok(Self(receiver))
    }

    /// Waits that long, or until a signal comes; says which.
    pub(crate) fn wait(&self, time: Duration) -> Option<i32> {
        match self.0.recv_timeout(time) {
            Ok(signal) => Some(signal),
            Err(RecvTimeoutError::Timeout) => None,
            // The thread ends only with the process.
            Err(RecvTimeoutError::Disconnected) => Some(SIGTERM),
        }
    }
}
