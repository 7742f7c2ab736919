//! The task that queries DNS for the groups and updates the backends of the pool. After a panic it begins anew with the
//! servers that it knew, so that the pool keeps its backends.

use std::future::Future;
use std::mem;
use std::sync::Arc;

use netsocket_settings::Supervisor;
use tokio::select;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::task::AbortOnDropHandle;
use tracing::error;

use super::answer::{Answer, AskError};
use super::backend_set::{BackendSet, Ticket};
use crate::config::{Group, Question, Rules};
use crate::core::backend::BackendSpec;
use crate::core::pool::Pool;

/// The name of the task.
const TASK: &str = "discovery";

/// A resolver for the queries of groups.
pub trait Ask: Send + Sync + 'static {
    /// Runs one query, within a bounded time.
    fn ask(&self, question: Question) -> impl Future<Output = Result<Answer, AskError>> + Send;
}

/// The configured backends and groups.
#[derive(Debug)]
pub struct Setup<A> {
    /// Backends with a fixed address.
    pub fixed: Vec<BackendSpec>,
    /// Groups of backends in DNS.
    pub groups: Vec<Group>,
    /// How often to query.
    pub rules: Rules,
    /// The resolver.
    pub resolver: Arc<A>,
}

impl<A> Clone for Setup<A> {
    fn clone(&self) -> Self {
        Self {
            fixed: self.fixed.clone(),
            groups: self.groups.clone(),
            rules: self.rules,
            resolver: Arc::clone(&self.resolver),
        }
    }
}

/// Keeps the backends of `pool` up to date with the settings and the answers of DNS, for ever. The pool has the fixed ones
/// already. A new value in `setups` applies new settings (a reload); when its sender is dropped, the last ones stay.
pub(crate) async fn discover<A: Ask>(
    pool: Arc<Pool>,
    mut setups: watch::Receiver<Setup<A>>,
    supervisor: Supervisor,
) {
    let Setup {
        fixed,
        groups,
        rules,
        resolver,
    } = setups.borrow_and_update().clone();
    let discovery = Mutex::new(Discovery {
        backend_set: BackendSet::new(fixed, groups, rules, Instant::now()),
        resolver,
        setups,
        changeable: true,
        has_begun: false,
    });
    let follow = || async { discovery.lock().await.follow(&pool).await };
    supervisor.run(TASK, follow).await;
}

/// What stays when the task begins anew.
struct Discovery<A> {
    backend_set: BackendSet,
    resolver: Arc<A>,
    setups: watch::Receiver<Setup<A>>,
    /// Whether there may be other settings some day.
    changeable: bool,
    /// Whether this is not the first start.
    has_begun: bool,
}

impl<A: Ask> Discovery<A> {
    async fn follow(&mut self, pool: &Pool) {
        let Self {
            backend_set,
            resolver,
            setups,
            changeable,
            has_begun,
        } = self;
        if mem::replace(has_begun, true) {
            // The questions of the start before this one have ended with it.
            let change = backend_set.resume();
            pool.follow(change.backends, change.eased, Instant::now());
        }
        let mut asking = JoinSet::new();
        loop {
            for (ticket, question) in backend_set.ask(Instant::now()) {
                asking.spawn(answered(Arc::clone(resolver), ticket, question));
            }
            pool.report_groups(backend_set.reports());
            let due = backend_set.due();
            let change = select! {
                changed = setups.changed(), if *changeable => {
                    *changeable = changed.is_ok();
                    let setup = changeable.then(|| setups.borrow_and_update().clone());
                    setup.and_then(|setup| {
                        *resolver = setup.resolver;
                        backend_set.set(setup.fixed, setup.groups, setup.rules, Instant::now())
                    })
                }
                Some(Ok((ticket, answer))) = asking.join_next() => backend_set.take(ticket, answer, Instant::now()),
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => None,
                // Nothing to wait for, and nothing will come.
                else => std::future::pending().await,
            };
            if let Some(change) = change {
                pool.follow(change.backends, change.eased, Instant::now());
            }
        }
    }
}

/// A fault of ours in asking is a failed question, not the end of discovery.
async fn answered<A: Ask>(
    resolver: Arc<A>,
    ticket: Ticket,
    question: Question,
) -> (Ticket, Result<Answer, AskError>) {
    let task = tokio::spawn(async move { resolver.ask(question).await });
    let answer = AbortOnDropHandle::new(task).await.unwrap_or_else(|fault| {
        error!(%fault, "DNS query failed with an internal error");
        Err(AskError::Failed(
            "internal error of the balancer".to_owned(),
        ))
    });
    (ticket, answer)
}

#[cfg(test)]
mod tests;
