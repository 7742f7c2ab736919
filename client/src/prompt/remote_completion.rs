//! Remote names for completion at the prompt: requested in the background and cached briefly.
//!
//! A key press waits at most [`KEY_TIMEOUT`]; a later answer is available at the next key press. The names are requested
//! on a separate connection, opened by the first request, so that they never delay a command.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc as blocking};
use std::time::Duration;

use netsocket_protocol::message::{FileEntry, Request};
use netsocket_protocol::name::Name;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use crate::output::colours::is_directory;
use crate::output::listener::Listener;
use crate::output::progress::Progress;
use crate::prompt::completion::MAX_CANDIDATES;
use crate::session::Session;
use crate::session::remote_path;

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
    /// Starts a task on the current runtime that requests names through `session`.
    #[must_use]
    pub(crate) fn over(session: Session) -> Self {
        let (questions, asked) = mpsc::unbounded_channel();
        let known = Arc::default();
        tokio::spawn(answer(session, asked, Arc::clone(&known)));
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
    mut session: Session,
    mut asked: mpsc::UnboundedReceiver<(Question, blocking::Sender<Vec<String>>)>,
    known: Arc<Mutex<HashMap<Question, Answer>>>,
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
        let mut known = lock(&known);
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
