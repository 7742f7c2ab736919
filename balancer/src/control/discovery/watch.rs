//! The task that queries DNS for the groups and updates the backends of the pool.

use std::future::Future;
use std::sync::Arc;

use tokio::select;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::task::AbortOnDropHandle;
use tracing::error;

use super::answer::{Answer, AskError};
use super::backend_set::{BackendSet, Ticket};
use crate::config::{Group, Question, Rules};
use crate::core::backend::BackendSpec;
use crate::core::pool::Pool;

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
pub async fn discover<A: Ask>(pool: Arc<Pool>, mut setups: watch::Receiver<Setup<A>>) {
    let Setup {
        fixed,
        groups,
        rules,
        mut resolver,
    } = setups.borrow_and_update().clone();
    let mut backend_set = BackendSet::new(fixed, groups, rules, Instant::now());
    let mut asking = JoinSet::new();
    let mut changeable = true;
    loop {
        for (ticket, question) in backend_set.ask(Instant::now()) {
            asking.spawn(answered(Arc::clone(&resolver), ticket, question));
        }
        pool.report_groups(backend_set.reports());
        let due = backend_set.due();
        let change = select! {
            changed = setups.changed(), if changeable => {
                changeable = changed.is_ok();
                changeable.then(|| {
                    let setup = setups.borrow_and_update().clone();
                    resolver = setup.resolver;
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
