//! Parallel downloads of several files, each over its own connection; behind a balancer, from several servers.
//!
//! # Examples
//!
//! ```
//! use netsocket_client::session::parallel::FileToFetch;
//! use netsocket_client::transfer::destination::Destination;
//!
//! let file = FileToFetch {
//!     path: "music/song.mp3".into(),
//!     destination: Destination::File("song.mp3".into()),
//!     attributes: None,
//! };
//! assert!(file.attributes.is_none(), "it gets the time of now");
//! ```

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::num::NonZeroUsize;

use futures_util::future::join_all;
use netsocket_protocol::message::Request;
use netsocket_protocol::name::Name;

use crate::connection::dial::Dialer;
use crate::outcome::answer::Saved;
use crate::outcome::error::Error;
use crate::output::listener::Listener;
use crate::session::Session;
use crate::transfer::destination::{Attributes, Destination, OutputOptions};
use crate::transfer::extract::directory::ExtractOptions;
use crate::transfer::run::{Job, SharedListener, transfer};
use crate::transfer::target::Target;

/// A file to download.
#[derive(Debug)]
pub struct FileToFetch {
    /// Its path on the server, relative to the root.
    pub path: Name,
    /// Where it is saved.
    pub destination: Destination,
    /// What it keeps of the one on the server.
    pub attributes: Option<Attributes>,
}

/// The result for each file, in the requested order.
pub(crate) type Fetched = Vec<(Name, Result<Saved, Error>)>;

impl Session {
    /// Downloads files, at most `parallel` at a time.
    /// A failure does not affect the others, but if no server can be reached, the remaining files are not tried. Dropping
    /// the future closes all connections and keeps what was received.
    pub async fn fetch(
        &mut self,
        files: Vec<FileToFetch>,
        parallel: NonZeroUsize,
        resume: bool,
        listener: &mut impl Listener,
    ) -> Fetched {
        let queue = Queue::new(files, resume);
        let targets = queue.targets.iter().flatten();
        self.targets = targets.cloned().collect();
        let listener = SharedListener::new(listener);
        let count = parallel.get().min(queue.files.len()).max(1);
        let service = self.dialer.service().clone();
        let first = self.dialer.first();
        let mut others: Vec<Dialer> = (1..count)
            .map(|number| Dialer::new(service.clone(), first + number))
            .collect();
        let dialers = std::iter::once(&mut self.dialer).chain(&mut others);
        join_all(dialers.map(|dialer| queue.work(dialer, &listener))).await;
        queue.results()
    }
}

/// The files of a parallel download and their results.
struct Queue {
    files: Vec<FileToFetch>,
    /// The target of each file; `None` if it was refused.
    targets: Vec<Option<Target>>,
    results: RefCell<Vec<Option<Result<Saved, Error>>>>,
    next: Cell<usize>,
    /// Set when no server can be reached; no further file is started then.
    unreachable: RefCell<Option<Error>>,
    resume: bool,
}

impl Queue {
    fn new(files: Vec<FileToFetch>, resume: bool) -> Self {
        let mut taken = HashSet::new();
        let judged = files.iter().map(|FileToFetch { destination, .. }| {
            let target = Target::of(&OutputOptions::to(destination.clone()))?;
            match &target {
                Target::File { path: file, .. } if !taken.insert(file.clone()) => {
                    Err(Error::Target {
                        path: target.name().to_owned(),
                        reason: "another of these files would be saved there".to_owned(),
                    })
                }
                _ => Ok(target),
            }
        });
        let (targets, results) = judged
            .map(|judged| match judged {
                Ok(target) => (Some(target), None),
                Err(error) => (None, Some(Err(error))),
            })
            .unzip();
        Self {
            files,
            targets,
            results: RefCell::new(results),
            next: Cell::new(0),
            unreachable: RefCell::new(None),
            resume,
        }
    }

    async fn work<L: Listener>(&self, dialer: &mut Dialer, listener: &SharedListener<'_, L>) {
        loop {
            let number = self.next.get();
            self.next.set(number + 1);
            let (
                Some(FileToFetch {
                    path, attributes, ..
                }),
                Some(target),
            ) = (self.files.get(number), self.targets.get(number))
            else {
                return;
            };
            let Some(target) = target else {
                continue;
            };
            if self.unreachable.borrow().is_some() {
                return;
            }
            let request = Request::get(path.clone());
            let name = path.to_string();
            let job = Job {
                request: &request,
                target,
                resume: self.resume,
                extract: ExtractOptions::default(),
                attributes: *attributes,
                name: &name,
            };
            let result = transfer(dialer, &job, listener).await;
            if let Err(error) = &result
                && let Some(unreachable) = error.as_unreachable()
            {
                *self.unreachable.borrow_mut() = Some(unreachable);
            }
            if let Some(place) = self.results.borrow_mut().get_mut(number) {
                *place = Some(result);
            }
        }
    }

    fn results(self) -> Fetched {
        let unreachable = self.unreachable.into_inner();
        let not_tried = || {
            let unreachable = unreachable.as_ref().and_then(Error::as_unreachable);
            // Every started file has a result, and all are started unless no server can be reached.
            Err(unreachable.unwrap_or_else(|| Error::Lost("it was not requested".to_owned())))
        };
        let names = self.files.into_iter().map(|file| file.path);
        names
            .zip(self.results.into_inner())
            .map(|(name, result)| (name, result.unwrap_or_else(not_tried)))
            .collect()
    }
}
