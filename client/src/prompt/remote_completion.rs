//! Remote names for completion at the prompt: requested in the background and cached briefly.
//!
//! A key press waits at most [`KEY_TIMEOUT`]; a later answer is available at the next key press. The names are requested
//! on a separate connection, opened by the first request, so that they never delay a command.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc as blocking};
use std::time::Duration;

use netsocket_protocol::message::{FileEntry, Request};
use netsocket_protocol::name::Name;
use netsocket_settings::Supervisor;
use tokio::sync::{Mutex as AsyncMutex, mpsc};
use tokio::time::{Instant, timeout};

use crate::output::colours::is_directory;
use crate::output::listener::Listener;
use crate::output::progress::Progress;
use crate::prompt::completion::MAX_CANDIDATES;
use crate::session::Session;
use crate::session::remote_path;

/// The name of the task.
const TASK: &str = "completion";

/// Time limit for a key press.
pub(crate) const KEY_TIMEOUT: Duration = Duration::from_millis(150);

/// Time limit for the server's answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// How long names are cached.
const CACHE_TTL: Duration = Duration::from_secs(10);

/// Maximum number of cached answers.
const CACHE_SIZE: usize = 100;

/// A directory relative to the root and the prefix of its names.
type Question = (Vec<u8>, String);

/// Remote names, cached.
#[derive(Debug, Clone)]
pub(crate) struct RemoteCompleter {
    questions: mpsc::UnboundedSender<(Question, blocking::Sender<Vec<String>>)>,
    known: Arc<Mutex<HashMap<Question, Answer>>>,
}

#[derive(Debug, Clone)]
struct Answer {
    names: Vec<String>,
    /// Whether the list is complete, so that longer prefixes can be answered from it.
    is_whole: bool,
    came: Instant,
}

impl RemoteCompleter {
    /// Starts a task on the current runtime that requests names through `session`. A panic costs the answer to one key press:
    /// `supervisor` starts the task again.
    #[must_use]
    pub(crate) fn over(session: Session, supervisor: Supervisor) -> Self {
        let (questions, asked) = mpsc::unbounded_channel();
        let known = Arc::default();
        let names = Arc::clone(&known);
        tokio::spawn(async move {
            let state = AsyncMutex::new((session, asked));
            let answer = || async {
                let mut state = state.lock().await;
                let (session, asked) = &mut *state;
                answer(session, asked, &names).await;
            };
            supervisor.run(TASK, answer).await;
        });
        Self { questions, known }
    }

    /// Names with this prefix in a directory; directories end with a slash. Blocks the thread for
    /// [`KEY_TIMEOUT`] at most.
    #[must_use]
    pub(crate) fn names(&self, directory: &[u8], prefix: &str) -> Vec<String> {
        if let Some(names) = self.remembered(directory, prefix) {
            return names;
        }
        let (sender, receiver) = blocking::channel();
        let question = (directory.to_vec(), prefix.to_owned());
        if self.questions.send((question, sender)).is_err() {
            return Vec::new();
        }
        receiver.recv_timeout(KEY_TIMEOUT).unwrap_or_default()
    }

    /// The cached answer for that prefix, or for a shorter one.
    fn remembered(&self, directory: &[u8], prefix: &str) -> Option<Vec<String>> {
        let known = lock(&self.known);
        let beginnings = (0..=prefix.len()).rev().filter_map(|end| prefix.get(..end));
        for beginning in beginnings {
            let question = (directory.to_vec(), beginning.to_owned());
            if let Some(answer) = known.get(&question)
                && answer.came.elapsed() < CACHE_TTL
                && (answer.is_whole || beginning == prefix)
            {
                let fitting = answer.names.iter().filter(|name| name.starts_with(prefix));
                return Some(fitting.cloned().collect());
            }
        }
        None
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // The map stays consistent even after a panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers requests until the sender is dropped.
async fn answer(
    session: &mut Session,
    asked: &mut mpsc::UnboundedReceiver<(Question, blocking::Sender<Vec<String>>)>,
    known: &Mutex<HashMap<Question, Answer>>,
) {
    while let Some(mut next) = asked.recv().await {
        // Skip requests that further typing has outdated.
        while let Ok(later) = asked.try_recv() {
            next = later;
        }
        let ((directory, prefix), sender) = next;
        let request = Request::List {
            path: Name::from(directory.as_slice()),
            glob: Some(remote_path::names_that_begin_with(&prefix)),
            itself: false,
            hidden: false,
            limit: Some(MAX_CANDIDATES as u64),
        };
        let Ok(Ok(entries)) = timeout(ANSWER_TIMEOUT, session.entries(&request, &mut Silent)).await
        else {
            continue;
        };
        let is_whole = entries.len() < MAX_CANDIDATES;
        let names: Vec<String> = entries.iter().filter_map(name).collect();
        let answer = Answer {
            names: names.clone(),
            is_whole,
            came: Instant::now(),
        };
        let mut known = lock(known);
        if known.len() >= CACHE_SIZE {
            known.clear();
        }
        known.insert((directory, prefix), answer);
        // The receiver may have timed out.
        let _ = sender.send(names);
    }
}

/// The base name; `None` if it is not UTF-8.
fn name(entry: &FileEntry) -> Option<String> {
    let (_, name) = remote_path::split(entry.path.as_bytes());
    let slash = if is_directory(entry) { "/" } else { "" };
    Some(format!("{}{slash}", std::str::from_utf8(name).ok()?))
}

/// Completion reports neither progress nor notices.
struct Silent;

impl Listener for Silent {
    fn transfer(&mut self, _: &str) -> Progress {
        Progress::hidden()
    }

    fn notice(&mut self, _: &str) {}
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::connection::dial::Service;
    use crate::connection::framed::Timeouts;
    use crate::connection::tls::Security;

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn names_are_asked_for_again_after_a_panic() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let service = Service {
            servers: server.local_addr().unwrap().to_string().parse().unwrap(),
            timeouts: Timeouts {
                connect: ANSWER_TIMEOUT,
                answer: ANSWER_TIMEOUT,
                stall: ANSWER_TIMEOUT,
            },
            retry_deadline: ANSWER_TIMEOUT,
            security: Security::default(),
        };
        let supervisor = Supervisor::default();
        let names = RemoteCompleter::over(Session::new(service), supervisor.clone());
        for panics in 0..3 {
            let names = names.clone();
            let asked = tokio::task::spawn_blocking(move || names.names(b"", "a"));
            assert!(asked.await.unwrap().is_empty(), "nobody answers");
            // The question has come to a task that runs.
            let came = tokio::task::spawn_blocking({
                let server = server.try_clone().unwrap();
                move || server.accept()
            });
            let came = timeout(2 * ANSWER_TIMEOUT, came).await;
            let _connection = came.unwrap().unwrap().unwrap();
            assert_eq!(supervisor.panics(), [(TASK, panics)]);
            supervisor.make_panic(TASK);
        }
    }
}
