//! Whether this process does its work, for the watchdog and the probes: every worker answers, and every task that serves
//! clients can be kept up. Whether it has a backend to send clients to is another matter (`core/pool`).

use std::time::Duration;

use netsocket_telemetry::TASKS as TELEMETRY_TASKS;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::data_path::mailbox::Mail;
use crate::data_path::shared::Shared;

/// Why it does not do its work, if it does not. A worker may take so long to answer.
pub(crate) async fn trouble(shared: &Shared, limit: Duration) -> Option<String> {
    // A restart would cost clients their sessions, for a record that nobody has missed.
    if let Some(trouble) = shared.tasks.trouble(&TELEMETRY_TASKS) {
        return Some(trouble);
    }
    let worker = silent_worker(shared, limit).await?;
    Some(format!("worker {worker} does not answer"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_worker_that_does_not_answer_is_found() {
        let shared = Shared::without_backends(None);
        let handle = shared.workers.worker(0).unwrap();
        let limit = Duration::from_secs(1);
        let silent = Some("worker 0 does not answer".to_owned());
        assert_eq!(trouble(&shared, limit).await, silent);
        // The question is in its mailbox; now somebody reads it.
        let (found, ()) = tokio::join!(trouble(&shared, limit), async {
            for mail in handle.mailbox.receive() {
                let Mail::Ping(answer) = mail else { panic!() };
                let _ = answer.send(());
            }
        });
        assert_eq!(found, None);
        drop(handle.mailbox.close());
        assert_eq!(trouble(&shared, limit).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_keeps_failing_is_trouble_unless_it_is_telemetrys() {
        let shared = Shared::without_backends(None);
        drop(shared.workers.worker(0).unwrap().mailbox.close());
        let limit = Duration::from_secs(1);
        for (task, expected) in [
            (TELEMETRY_TASKS[0], None),
            ("queue", Some("task queue keeps failing".to_owned())),
        ] {
            let failing = shared.tasks.run(task, || async { panic!("on purpose") });
            let looked = async {
                // By then it has panicked at 0, 100 and 300 ms.
                tokio::time::sleep(Duration::from_millis(500)).await;
                trouble(&shared, limit).await
            };
            tokio::select! {
                () = failing => panic!("it never ends"),
                found = looked => assert_eq!(found, expected, "{task}"),
            }
        }
    }
}
