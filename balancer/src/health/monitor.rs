//! The task that keeps watch over one backend: waits for its time, checks, feeds the machine, publishes the result.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

use super::check::check;
use super::{Health, Schedule, Signal, State, Thresholds};
use crate::backend::{Backend, CheckReport};
use crate::connect::ConnectFailure;
use crate::pool::Pool;
use crate::side::Side;

/// Watches `backend` for ever.
pub(crate) async fn monitor(
    pool: Arc<Pool>,
    backend: Arc<Backend>,
    mut schedule: Schedule,
    thresholds: Thresholds,
    timeout: Duration,
) {
    let mut health = Health::new(thresholds);
    loop {
        sleep_until(schedule.next()).await;
        let began = Instant::now();
        let outcome = check(backend.address(), timeout).await;
        schedule.done(Instant::now());
        match signal(outcome) {
            Some(signal) => {
                let transition = health.observe(signal);
                backend.report_check(
                    CheckReport::new(outcome, began.elapsed()),
                    &health,
                    transition,
                );
                if let Some(transition) = transition {
                    pool.publish(&backend, transition.to);
                    announce(&backend, &health);
                }
            }
            // A machine without sockets to spare says nothing about its backends.
            None => warn!(backend = backend.name(), failure = ?outcome, "check not possible"),
        }
    }
}

fn signal(outcome: Result<(), ConnectFailure>) -> Option<Signal> {
    match outcome {
        Ok(()) => Some(Signal::CheckPassed),
        Err(failure) if failure.side() == Side::Internal => None,
        Err(failure) => Some(Signal::CheckFailed(failure)),
    }
}

fn announce(backend: &Backend, health: &Health) {
    let (name, address, reason) = (backend.name(), backend.address(), health.reason());
    match health.state() {
        State::Up => info!(backend = name, %address, %reason, "backend up"),
        State::Down => warn!(backend = name, %address, %reason, "backend down"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_our_own_machine_is_no_signal() {
        assert_eq!(signal(Ok(())), Some(Signal::CheckPassed));
        let refused = ConnectFailure::Refused;
        assert_eq!(signal(Err(refused)), Some(Signal::CheckFailed(refused)));
        assert_eq!(signal(Err(ConnectFailure::NoDescriptor)), None);
        assert_eq!(signal(Err(ConnectFailure::NoLocalPort)), None);
    }
}
