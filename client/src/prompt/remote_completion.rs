//! Names on the server for the completion of the prompt: asked for in the background, remembered for a moment.
//!
//! Whoever types never waits longer than [`KEY_TIMEOUT`]; an answer that comes later is there at the next key. The names come
//! over a connection of their own, made by the first question, so that nothing of a command is ever in the way.

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

/// How long a key may wait for names.
pub(crate) const KEY_TIMEOUT: Duration = Duration::from_millis(150);

/// How long the server may take until nobody cares any more.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// How long names are believed.
const CACHE_TTL: Duration = Duration::from_secs(10);

/// Questions whose answers are remembered.
const CACHE_SIZE: usize = 100;

/// A directory below the root and what its names begin with.
type Question = (Vec<u8>, String);

/// Names on the server.
#[derive(Debug, Clone)]
pub(crate) struct RemoteCompleter {
    questions: mpsc::UnboundedSender<(Question, blocking::Sender<Vec<String>>)>,
    known: Arc<Mutex<HashMap<Question, Answer>>>,
}

#[derive(Debug, Clone)]
struct Answer {
    names: Vec<String>,
    /// Whether these are all, so that longer beginnings can be answered from them.
    is_whole: bool,
    came: Instant,
}

impl RemoteCompleter {
    /// Names that `session` asks for, on the runtime that this is called on.
    #[must_use]
    pub(crate) fn over(session: Session) -> Self {
        let (questions, asked) = mpsc::unbounded_channel();
        let known = Arc::default();
        tokio::spawn(answer(session, asked, Arc::clone(&known)));
        Self { questions, known }
    }

    /// Names in a directory that begin like that, directories with a slash at their end. Blocks the thread for
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

    /// The answer to that question, or to one that means all of its names.
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
    // A map of names is whole whatever has panicked.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers questions until nobody can ask any more.
async fn answer(
    mut session: Session,
    mut asked: mpsc::UnboundedReceiver<(Question, blocking::Sender<Vec<String>>)>,
    known: Arc<Mutex<HashMap<Question, Answer>>>,
) {
    while let Some(mut next) = asked.recv().await {
        // Who typed on has asked another question meanwhile.
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
        // It may have waited long enough.
        let _ = sender.send(names);
    }
}

/// The base name; `None` where it is no text, which nobody could type.
fn name(entry: &FileEntry) -> Option<String> {
    let (_, name) = remote_path::split(entry.path.as_bytes());
    let slash = if is_directory(entry) { "/" } else { "" };
    Some(format!("{}{slash}", std::str::from_utf8(name).ok()?))
}

/// Nobody wants to hear how completions come about.
struct Silent;

impl Listener for Silent {
    fn transfer(&mut self, _: &str) -> Progress {
        Progress::hidden()
    }

    fn notice(&mut self, _: &str) {}
}
