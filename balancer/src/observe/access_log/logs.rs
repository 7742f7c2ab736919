//! The logs of all services: one for each target and form, however many services write there.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use netsocket_settings::Supervisor;
use tracing::warn;

use super::options::Options;
use super::target::Target;
use super::writer::{AccessLog, Figures};

/// Where lines go, and how they are made.
pub(crate) type Wanted = (Target, Options);

/// The logs that are open.
#[derive(Debug)]
pub(crate) struct AccessLogs {
    workers: usize,
    supervisor: Supervisor,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    open: Vec<(Wanted, Arc<AccessLog>)>,
    /// Of those that were open once.
    ended: Figures,
}

impl AccessLogs {
    /// For so many workers; none is open.
    pub(crate) fn new(workers: usize, supervisor: Supervisor) -> Self {
        Self {
            workers,
            supervisor,
            state: Mutex::default(),
        }
    }

    /// Opens those that are not open yet. Of a syslog that cannot be reached, the log warns.
    ///
    /// # Errors
    /// The first that cannot be opened.
    pub(crate) fn open(&self, all: &[Wanted]) -> Result<(), (Target, io::Error)> {
        for wanted in all {
            if self.get(wanted).is_some() {
                continue;
            }
            let (target, options) = wanted;
            let failed = |error| (target.clone(), error);
            if let Some(said) = target.unreachable() {
                warn!("{said}");
            }
            let sink = target.open().map_err(failed)?;
            let supervisor = self.supervisor.clone();
            let log = AccessLog::start(*options, self.workers, sink, supervisor);
            let log = Arc::new(log.map_err(failed)?);
            self.state().open.push((wanted.clone(), log));
        }
        Ok(())
    }

    /// One that is open.
    pub(crate) fn get(&self, wanted: &Wanted) -> Option<Arc<AccessLog>> {
        let state = self.state();
        let found = state.open.iter().find(|(known, _)| known == wanted);
        found.map(|(_, log)| Arc::clone(log))
    }

    /// Lets go of all others that no service uses any more. Each writes what it has, and ends.
    pub(crate) fn keep_only(&self, all: &[Wanted]) {
        let mut state = self.state();
        let (open, ended) = std::mem::take(&mut state.open)
            .into_iter()
            .partition(|(known, log)| all.contains(known) || Arc::strong_count(log) > 1);
        state.open = open;
        let ended: Vec<(Wanted, Arc<AccessLog>)> = ended;
        for (_, log) in ended {
            log.tell();
            state.ended = state.ended.and(log.figures());
        }
    }

    /// Those that are open.
    pub(crate) fn all(&self) -> Vec<Arc<AccessLog>> {
        let state = self.state();
        state.open.iter().map(|(_, log)| Arc::clone(log)).collect()
    }

    /// Of all of them, since the start.
    pub(crate) fn figures(&self) -> Figures {
        let state = self.state();
        let open = state.open.iter().map(|(_, log)| log.figures());
        open.fold(state.ended, Figures::and)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Entries come and go whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
