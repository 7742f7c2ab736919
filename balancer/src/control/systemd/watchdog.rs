//! The sign of life: given only while every worker answers.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tracing::error;

use super::notify::Manager;
use crate::data_path::mailbox::Mail;
use crate::data_path::shared::Shared;

/// How often the status is looked at where the manager asks for no sign of life.
const STATUS_EVERY: Duration = Duration::from_secs(5);

/// Tells how it is, and that it lives, for ever. A worker that hangs is missed within half of the silence that the
/// manager takes, which then does what its unit says.
pub(crate) async fn attend(manager: Arc<Manager>, shared: Arc<Shared>) {
    let period = manager.watchdog().map(|silence| silence / 2);
    let mut ticks = interval(period.map_or(STATUS_EVERY, |period| period.min(STATUS_EVERY)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = String::new();
    loop {
        ticks.tick().await;
        if let Some(period) = period {
            // An answer after that would be too late for the next sign.
            match silent_worker(&shared, period / 2).await {
                None => manager.alive(),
                Some(worker) => error!(
                    worker,
                    "worker does not answer, no watchdog notification sent"
                ),
            }
        }
        let status = status(&shared);
        if status != told && !shared.is_draining() {
            manager.status(&status);
            told = status;
        }
    }
}

/// The first worker that does not answer in time, if there is one. A worker that is over is none that hangs.
async fn silent_worker(shared: &Shared, limit: Duration) -> Option<usize> {
    let mut answers = Vec::new();
    for (number, handle) in shared.workers.workers().iter().enumerate() {
        let (ask, answer) = oneshot::channel();
        if handle.mailbox.send(Mail::Ping(ask)).is_ok() {
            answers.push((number, answer));
        }
    }
    let mut asked = None;
    let all = async {
        for (number, answer) in answers {
            asked = Some(number);
            // One that ends meanwhile drops the question.
            let _ = answer.await;
        }
    };
    timeout(limit, all).await.err().and(asked)
}

/// One line for people.
pub(crate) fn status(shared: &Shared) -> String {
    let (up, all) = (shared.pool.up_count(), shared.pool.backends().len());
    format!(
        "{up} of {all} backends up, {} sessions",
        shared.counters.active()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_worker_that_does_not_answer_is_found() {
        let shared = Shared::without_backends(None);
        let handle = shared.workers.worker(0).unwrap();
        let limit = Duration::from_secs(1);
        assert_eq!(silent_worker(&shared, limit).await, Some(0));
        // The question is in its mailbox; now somebody reads it.
        let (found, ()) = tokio::join!(silent_worker(&shared, limit), async {
            for mail in handle.mailbox.receive() {
                let Mail::Ping(answer) = mail else { panic!() };
                let _ = answer.send(());
            }
        });
        assert_eq!(found, None);
        drop(handle.mailbox.close());
        assert_eq!(silent_worker(&shared, limit).await, None);
    }
}
