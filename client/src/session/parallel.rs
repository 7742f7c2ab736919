//! Several plain files over several connections at once, so behind a balancer from several servers.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use futures_util::future::join_all;
use netsocket_protocol::message::Request;
use netsocket_protocol::name::Name;

use crate::connection::dial::Dialer;
use crate::outcome::answer::Saved;
use crate::outcome::error::Error;
use crate::output::listener::Listener;
use crate::session::Session;
use crate::transfer::destination::{Destination, OutputOptions};
use crate::transfer::run::{Job, SharedListener, transfer};
use crate::transfer::target::Target;

/// What became of each file, in the order asked for.
pub(crate) type Fetched = Vec<(Name, Result<Saved, Error>)>;

impl Session {
    /// Fetches files: each path below the root to the file that is named with it, at most `parallel` at a time. One
    /// that fails does not keep the others from coming; where nothing can be connected to, those not yet begun are not
    /// tried. Dropped in the middle, it closes all connections and leaves what has come for the next time.
    pub async fn fetch(
        &mut self,
        files: Vec<(Name, PathBuf)>,
        parallel: NonZeroUsize,
        resume: bool,
        force: bool,
        listener: &mut impl Listener,
    ) -> Fetched {
        let queue = Queue::new(files, resume, force);
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

/// Files, and who of several takes the next.
struct Queue {
    files: Vec<(Name, PathBuf)>,
    /// Where each goes; none that was refused.
    targets: Vec<Option<Target>>,
    results: RefCell<Vec<Option<Result<Saved, Error>>>>,
    next: Cell<usize>,
    /// Why no further file is begun: nothing is there.
    unreachable: RefCell<Option<Error>>,
    resume: bool,
    force: bool,
}

impl Queue {
    fn new(files: Vec<(Name, PathBuf)>, resume: bool, force: bool) -> Self {
        let mut taken = HashSet::new();
        let judged = files.iter().map(|(_, path)| {
            let target = Target::of(&OutputOptions::to(Destination::File(path.clone())))?;
            match &target {
                Target::File { path: file, .. } if !taken.insert(file.clone()) => {
                    Err(Error::Target {
                        path: path.clone(),
                        reason: "another of these files goes there".to_owned(),
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
            force,
        }
    }

    async fn work<L: Listener>(&self, dialer: &mut Dialer, listener: &SharedListener<'_, L>) {
        loop {
            let number = self.next.get();
            self.next.set(number + 1);
            let (Some((path, _)), Some(target)) =
                (self.files.get(number), self.targets.get(number))
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
                force: self.force,
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
            // Every file that was begun has a result, and all are begun unless nothing is there.
            Err(unreachable.unwrap_or_else(|| Error::Lost("it was not asked for".to_owned())))
        };
        let names = self.files.into_iter().map(|(name, _)| name);
        names
            .zip(self.results.into_inner())
            .map(|(name, result)| (name, result.unwrap_or_else(not_tried)))
            .collect()
    }
}
