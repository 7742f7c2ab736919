//! The open sessions of all workers, for other threads: lists them, and closes some on request.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use crate::core::balance::BackendId;
use crate::core::session_id::SessionId;
use crate::data_path::mailbox::Mail;
use crate::data_path::session_view::SessionView;
use crate::data_path::shared::Shared;

/// A worker that does not answer within this time is left out, so that the others are still visible.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// All, or those of one backend. Asks every worker; one that is over has none.
pub(crate) async fn list(shared: &Shared, of: Option<BackendId>) -> Vec<SessionView> {
    let all = ask_all(shared, |answer| Mail::List(of, answer)).await;
    all.into_iter().flatten().collect()
}

/// Ends these sessions; with `of`, only if they are that backend's. How many there were.
pub(crate) async fn end(shared: &Shared, ids: &[SessionId], of: Option<BackendId>) -> usize {
    let mut answers = Vec::with_capacity(ids.len());
    for &id in ids {
        let (ask, answer) = oneshot::channel();
        let Some(handle) = shared.workers.worker(id.worker.into()) else {
            continue;
        };
        if handle.mailbox.send(Mail::Kill(id, of, ask)).is_ok() {
            answers.push(answer);
        }
    }
    let known = in_time(answers).await.into_iter();
    known.filter(|&known| known).count()
}

/// Ends all sessions of a backend, also those that are just connecting to it. How many there were. Whoever wants none to come
/// after them has seen to it that the backend gets no more.
pub(crate) async fn end_all(shared: &Shared, of: BackendId) -> usize {
    let ended = ask_all(shared, |answer| Mail::KillBackend(of, answer)).await;
    ended.into_iter().sum()
}

/// What the workers answer; one that is over has nothing to say.
async fn ask_all<T>(shared: &Shared, mail: impl Fn(oneshot::Sender<T>) -> Mail) -> Vec<T> {
    let mut answers = Vec::new();
    for handle in shared.workers.workers() {
        let (ask, answer) = oneshot::channel();
        if handle.mailbox.send(mail(ask)).is_ok() {
            answers.push(answer);
        }
    }
    in_time(answers).await
}

/// The answers that come.
async fn in_time<T>(answers: Vec<oneshot::Receiver<T>>) -> Vec<T> {
    let until = Instant::now() + ANSWER_TIMEOUT;
    let mut all = Vec::with_capacity(answers.len());
    for answer in answers {
        if let Ok(Ok(answer)) = timeout_at(until, answer).await {
            all.push(answer);
        }
    }
    all
}
