//! The directories below one, found by listing each.
//!
//! Owns: in which order they are listed, several ahead of their answers, and that a lost connection does not end it. Does
//! not own: what is done with them.

use std::collections::VecDeque;

use netsocket_protocol::message::{ErrorKind, FileEntry, Request};
use netsocket_protocol::name::Name;
use tokio::time::{Instant, sleep};

use crate::connection::dial::Stream;
use crate::connection::framed::Connection;
use crate::outcome::error::Error;
use crate::output::colours::is_directory;
use crate::output::listener::Listener;
use crate::output::progress::Progress;
use crate::session::remote_path;
use crate::session::{Session, receive_files};
use crate::transfer::retry::{Decision, Retry};

/// How many lists are requested ahead of their answers: few enough for all these requests to fit into the buffers of a
/// connection while the server is still busy with the first.
pub(super) const AHEAD: usize = 16;

/// The directories below one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Directories {
    /// Their paths below the root, each after that of the directory that it is in.
    pub(crate) paths: Vec<Vec<u8>>,
    /// Those that the server failed to list. It is allowed to: what it may not read is nobody's failure.
    pub(crate) failed: Vec<Vec<u8>>,
}

impl Session {
    /// Finds all directories below `top`; those with names that start with a dot only if `hidden` is set.
    ///
    /// # Errors
    /// Those of connecting, after retries like those of a download.
    pub(crate) async fn directories_below(
        &mut self,
        top: &[u8],
        hidden: bool,
        listener: &mut impl Listener,
    ) -> Result<Directories, Error> {
        let mut walk = Walk::of(top);
        let progress = listener.transfer("");
        let mut retry = Retry::new(Instant::now(), self.service().retry_deadline);
        loop {
            let Err(error) = self
                .go_on(&mut walk, hidden, &mut retry, &progress, listener)
                .await
            else {
                return Ok(walk.found);
            };
            walk.ask_again();
            match retry.failed(&error, Instant::now(), fastrand::f64()) {
                Decision::Retry(pause) => {
                    self.dialer.try_next_server();
                    sleep(pause).await;
                }
                Decision::GiveUp { waited } => {
                    let last = Box::new(error);
                    return Err(Error::GaveUp { waited, last });
                }
                Decision::Fail | Decision::Restart | Decision::Rewind => return Err(error),
            }
        }
    }

    /// Walks on over one connection.
    async fn go_on(
        &mut self,
        walk: &mut Walk,
        hidden: bool,
        retry: &mut Retry,
        progress: &Progress,
        listener: &mut impl Listener,
    ) -> Result<(), Error> {
        let notice = |text: &str| listener.notice(text);
        let mut connection = self.dialer.connection(retry.rounds(), notice).await?;
        loop {
            while let Some(directory) = walk.next() {
                let request = Request::List {
                    path: Name::from(directory),
                    glob: None,
                    itself: false,
                    hidden,
                    limit: None,
                };
                connection.send(&request).await?;
            }
            if walk.is_over() {
                self.dialer.keep(connection);
                return Ok(());
            }
            match next_list(&mut connection).await {
                Ok(entries) => walk.listed(entries)?,
                Err(Error::Server(reply)) if reply.kind != ErrorKind::Busy => {
                    walk.not_listed(reply.kind);
                }
                Err(error) => return Err(error),
            }
            progress.listed(walk.found.paths.len() as u64);
            retry.begun();
            retry.progressed();
        }
    }
}

async fn next_list(connection: &mut Connection<Stream>) -> Result<Vec<FileEntry>, Error> {
    let first = connection.frame(&|_| ()).await?;
    let (entries, _) = receive_files(connection, first).await?;
    Ok(entries)
}

/// Which directories are still to be listed.
#[derive(Debug)]
struct Walk {
    waiting: VecDeque<Vec<u8>>,
    /// In the order of the requests.
    asked: VecDeque<Vec<u8>>,
    found: Directories,
}

impl Walk {
    fn of(top: &[u8]) -> Self {
        Self {
            waiting: VecDeque::from([top.to_vec()]),
            asked: VecDeque::new(),
            found: Directories::default(),
        }
    }

    /// The next directory to request; `None` for now if enough are requested.
    fn next(&mut self) -> Option<&[u8]> {
        if self.asked.len() == AHEAD {
            return None;
        }
        self.asked.push_back(self.waiting.pop_front()?);
        self.asked.back().map(Vec::as_slice)
    }

    fn is_over(&self) -> bool {
        self.asked.is_empty() && self.waiting.is_empty()
    }

    /// The answer to the first request.
    fn listed(&mut self, entries: Vec<FileEntry>) -> Result<(), Error> {
        let Some(directory) = self.asked.front() else {
            return Err(Error::Protocol("a list that nobody requested".to_owned()));
        };
        let below: Vec<Vec<u8>> = entries
            .into_iter()
            .filter(is_directory)
            .map(|entry| entry.path.0)
            .collect();
        // Otherwise a server could send the client in circles.
        if !below.iter().all(|path| is_in(path, directory)) {
            return Err(Error::Protocol(
                "a list with a directory that is somewhere else".to_owned(),
            ));
        }
        self.asked.pop_front();
        self.waiting.extend(below.iter().cloned());
        self.found.paths.extend(below);
        Ok(())
    }

    /// The first request was refused.
    fn not_listed(&mut self, kind: ErrorKind) {
        let directory = self.asked.pop_front();
        // It has vanished, or the archive has told already that it cannot be read.
        if !matches!(kind, ErrorKind::NotFound | ErrorKind::Denied) {
            self.found.failed.extend(directory);
        }
    }

    /// The connection was lost: what was not answered is requested again.
    fn ask_again(&mut self) {
        while let Some(directory) = self.asked.pop_back() {
            self.waiting.push_front(directory);
        }
    }
}

/// Whether a path names something directly in a directory.
fn is_in(path: &[u8], directory: &[u8]) -> bool {
    let (parent, name) = remote_path::split(path);
    parent == directory && !matches!(name, b"" | b"." | b"..")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::colours::tests::entry;

    fn directories(paths: &[&str]) -> Vec<FileEntry> {
        paths.iter().map(|path| entry(path, 0o040_755)).collect()
    }

    fn requested(walk: &mut Walk) -> Vec<String> {
        std::iter::from_fn(|| walk.next().map(<[u8]>::to_vec))
            .map(|path| String::from_utf8(path).unwrap())
            .collect()
    }

    #[test]
    fn each_directory_is_listed_once() {
        let mut walk = Walk::of(b"a");
        assert_eq!(requested(&mut walk), ["a"]);
        let mut entries = directories(&["a/x", "a/y"]);
        entries.push(entry("a/file", 0o100_644));
        walk.listed(entries).unwrap();
        assert_eq!(requested(&mut walk), ["a/x", "a/y"]);
        walk.listed(directories(&["a/x/z"])).unwrap();
        // The connection is lost before the next answer.
        walk.ask_again();
        assert_eq!(requested(&mut walk), ["a/y", "a/x/z"]);
        walk.listed(directories(&[])).unwrap();
        assert!(!walk.is_over());
        walk.listed(directories(&[])).unwrap();
        assert!(walk.is_over());
        let paths = [b"a/x".to_vec(), b"a/y".to_vec(), b"a/x/z".to_vec()];
        assert_eq!(walk.found.paths, paths);
    }

    #[test]
    fn only_so_many_are_requested_at_once() {
        let mut walk = Walk::of(b"");
        requested(&mut walk);
        let names: Vec<String> = (0..2 * AHEAD).map(|number| number.to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        walk.listed(directories(&names)).unwrap();
        assert_eq!(requested(&mut walk).len(), AHEAD);
        walk.listed(directories(&[])).unwrap();
        assert_eq!(requested(&mut walk).len(), 1);
    }

    #[test]
    fn a_failure_ends_nothing() {
        let mut walk = Walk::of(b"a");
        requested(&mut walk);
        walk.listed(directories(&["a/gone", "a/secret", "a/broken"]))
            .unwrap();
        requested(&mut walk);
        walk.not_listed(ErrorKind::NotFound);
        walk.not_listed(ErrorKind::Denied);
        walk.not_listed(ErrorKind::Internal);
        assert!(walk.is_over());
        assert_eq!(walk.found.failed, [b"a/broken".to_vec()]);
    }

    #[test]
    fn a_list_leads_nowhere_else() {
        for path in ["b", "a", "a/", "a/..", "a/.", "a/b/c", "", "/a/b"] {
            let mut walk = Walk::of(b"a");
            requested(&mut walk);
            assert!(walk.listed(directories(&[path])).is_err(), "{path}");
        }
    }
}
