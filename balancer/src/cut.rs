//! The end of all sessions of a backend, on purpose.

use tokio::sync::oneshot;

use crate::balance::BackendId;
use crate::mailbox::Mail;
use crate::shared::Shared;

/// Ends every session that a backend has, also those that are just connecting to it, and waits until all workers have
/// done so. How many those were. Whoever calls this has seen to it that the backend gets no more.
pub(crate) async fn cut_backend(shared: &Shared, id: BackendId) -> usize {
    let mut answers = Vec::new();
    for member in shared.crew.members() {
        let (ask, answer) = oneshot::channel();
        if member.mailbox.send(Mail::KillBackend(id, ask)).is_ok() {
            answers.push(answer);
        }
    }
    let mut cut = 0;
    for answer in answers {
        // A worker that is over meanwhile has none.
        cut += answer.await.unwrap_or_default();
    }
    cut
}
