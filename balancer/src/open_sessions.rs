//! The open sessions of all workers, for whoever is not one: who is connected to whom, and the end of some on purpose.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use crate::balance::BackendId;
use crate::mailbox::Mail;
use crate::session::SessionView;
use crate::session_id::SessionId;
use crate::shared::Shared;

/// A worker that does not answer within this is left out: whoever looks for its fault must see the others.
const PATIENCE: Duration = Duration::from_secs(2);

/// All, or those of one backend. Asks every worker; one that is over has none.
pub(crate) async fn list(shared: &Shared, of: Option<BackendId>) -> Vec<SessionView> {
    let mut answers = Vec::new();
    for member in shared.crew.members() {
        let (ask, answer) = oneshot::channel();
        if member.mailbox.send(Mail::List(of, ask)).is_ok() {
            answers.push(answer);
        }
    }
    let mut all = Vec::new();
    for answer in in_time(answers).await {
        all.extend(answer);
    }
    all
}

/// Ends these sessions; with `of`, only if they are that backend's. How many there were.
pub(crate) async fn end(shared: &Shared, ids: &[SessionId], of: Option<BackendId>) -> usize {
    let mut answers = Vec::with_capacity(ids.len());
    for &id in ids {
        let (ask, answer) = oneshot::channel();
        let Some(member) = shared.crew.member(id.worker.into()) else {
            continue;
        };
        if member.mailbox.send(Mail::Kill(id, of, ask)).is_ok() {
            answers.push(answer);
        }
    }
    let known = in_time(answers).await.into_iter();
    known.filter(|&known| known).count()
}

/// The answers that come.
async fn in_time<T>(answers: Vec<oneshot::Receiver<T>>) -> Vec<T> {
    let until = Instant::now() + PATIENCE;
    let mut all = Vec::with_capacity(answers.len());
    for answer in answers {
        if let Ok(Ok(answer)) = timeout_at(until, answer).await {
            all.push(answer);
        }
    }
    all
}
