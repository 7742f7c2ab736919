//! Whether an existing local file may be replaced: only with `--force`, or if the person at the terminal agrees.

use std::fs::Metadata;
use std::io::{self, BufRead as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, Local};
use netsocket_protocol::message::FileEntry;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::context::Context;
use crate::outcome::error::Error;
use crate::text::{shown, size};

/// Whether the files of one command may be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overwriting {
    /// Nothing may, unless somebody agrees.
    Ask,
    /// The same, and there are more: who agrees may agree for all.
    AskOnceForAll,
    /// Everything may.
    Allowed,
}

impl Overwriting {
    /// For one of `count` files.
    pub(super) fn of(is_forced: bool, count: usize) -> Self {
        match (is_forced, count) {
            (true, _) => Self::Allowed,
            (false, 0 | 1) => Self::Ask,
            (false, _) => Self::AskOnceForAll,
        }
    }

    fn choices(self) -> &'static str {
        match self {
            Self::AskOnceForAll => "[y/N/a(ll)]",
            Self::Ask | Self::Allowed => "[y/N]",
        }
    }

    /// Whether an answer agrees; for all of them, that is remembered.
    fn agrees(&mut self, answer: &str) -> bool {
        match (answer.trim().to_ascii_lowercase().as_str(), &self) {
            ("y" | "yes", _) => true,
            ("a" | "all", Self::AskOnceForAll) => {
                *self = Self::Allowed;
                true
            }
            _ => false,
        }
    }
}

impl Context {
    /// Asks at a terminal; `other` is the file of the server that would replace the one at `path`, if it is one.
    ///
    /// # Errors
    /// [`Error::AlreadyThere`] if there is a file and nobody can be asked, [`Error::Kept`] if it is to be kept.
    pub(super) async fn may_replace(
        &mut self,
        path: &Path,
        other: Option<&FileEntry>,
        overwriting: &mut Overwriting,
    ) -> Result<(), Error> {
        // What is no regular file, such as a FIFO, is written and not replaced.
        let is_allowed = *overwriting == Overwriting::Allowed;
        let there = std::fs::metadata(path).ok().filter(Metadata::is_file);
        let Some(there) = there.filter(|_| !is_allowed) else {
            return Ok(());
        };
        if !self.console.can_ask {
            return Err(Error::AlreadyThere(path.to_owned()));
        }
        let question = question(path, &there, other);
        let choices = overwriting.choices();
        self.console.ask(&format!("{question} {choices} "));
        let answer = answer().await.unwrap_or_default();
        if !answer.ends_with('\n') {
            // Ctrl-D leaves the cursor behind the question.
            self.console.ask("\n");
        }
        match overwriting.agrees(&answer) {
            true => Ok(()),
            false => Err(Error::Kept(path.to_owned())),
        }
    }
}

/// What would be replaced, and by what, with sizes and times as this machine tells them.
fn question(path: &Path, there: &Metadata, other: Option<&FileEntry>) -> String {
    let of = |bytes, modified: Option<DateTime<Local>>| match modified {
        Some(modified) => format!("{}, {}", size(bytes), modified.format("%Y-%m-%d %H:%M:%S")),
        None => size(bytes),
    };
    let mine = of(there.len(), there.modified().ok().map(DateTime::from));
    let theirs = other.map(|entry| {
        let modified = DateTime::parse_from_rfc3339(&entry.modified);
        let modified = modified.ok().map(DateTime::from);
        format!(" with {}", of(entry.size, modified))
    });
    format!(
        "overwrite {} ({mine}){}?",
        shown(path),
        theirs.unwrap_or_default()
    )
}

/// A line from standard input. Who drops the future, as Ctrl-C does, gets the terminal back: nothing reads there any more.
async fn answer() -> io::Result<String> {
    let mut waiting = Waiting::default();
    let is_over = Arc::clone(&waiting.is_over);
    let line = tokio::task::spawn_blocking(move || line(&is_over));
    let line = line
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)));
    waiting.is_answered = true;
    line
}

/// Somebody waits for an answer.
#[derive(Default)]
struct Waiting {
    is_over: Arc<AtomicBool>,
    is_answered: bool,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if !self.is_answered {
            // What is said of the interruption has a line of its own.
            let _ = writeln!(io::stderr());
        }
    }
}

/// Blocks until there is a line, or nobody waits for it.
fn line(is_over: &AtomicBool) -> io::Result<String> {
    const LOOK_AGAIN: Timespec = Timespec {
        tv_sec: 0,
        tv_nsec: 50_000_000,
    };
    let stdin = io::stdin();
    while !is_over.load(Ordering::Relaxed) {
        // A terminal has something to read once a line is complete.
        match poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&LOOK_AGAIN)) {
            Ok(0) | Err(Errno::INTR) => {}
            // What is typed after the end is for somebody else.
            Ok(_) if is_over.load(Ordering::Relaxed) => {}
            Ok(_) => {
                let mut line = String::new();
                return stdin.lock().read_line(&mut line).map(|_| line);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(String::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_is_asked_for_several_can_agree_for_all() {
        for (answer, one, several) in [
            ("y\n", true, true),
            ("Yes\n", true, true),
            ("", false, false),
            ("\n", false, false),
            ("n\n", false, false),
            ("a\n", false, true),
            (" ALL \n", false, true),
        ] {
            let mut alone = Overwriting::of(false, 1);
            assert_eq!(alone.agrees(answer), one, "{answer:?}");
            assert_eq!(alone, Overwriting::Ask);
            let mut among = Overwriting::of(false, 2);
            assert_eq!(among.agrees(answer), several, "{answer:?}");
            assert_eq!(among == Overwriting::Allowed, several && !one, "{answer:?}");
        }
        assert_eq!(Overwriting::of(true, 2), Overwriting::Allowed);
    }
}
