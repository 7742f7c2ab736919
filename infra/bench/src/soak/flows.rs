//! Random flows to a backend that is not killed, at an even pace: whatever else happens, not a byte of them is wrong.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::over::Over;
use super::record::Record;
use crate::case::integrity::flow::{self, Ledger, Plan};
use crate::failure::Explain as _;

/// Begins flows through `address`, which leads to `listener`, until it is over; those that have begun come to their end.
/// `pace` is bytes a second in both directions together.
pub(super) async fn run(
    address: SocketAddr,
    listener: TcpListener,
    pace: f64,
    over: &Over,
    record: &RefCell<Record>,
) {
    let ledger = Arc::new(Ledger::default());
    // Dropping the set at the end of this function ends the server.
    let mut server = JoinSet::new();
    server.spawn(flow::serve(listener, Arc::clone(&ledger)));
    let seed = fastrand::u64(..);
    let mut flows = JoinSet::new();
    let mut due = Instant::now();
    for number in 0.. {
        if over.by(due).await {
            break;
        }
        let plan = Plan::new(seed, number);
        due += Duration::from_secs_f64(plan.bytes() as f64 / pace);
        let ledger = Arc::clone(&ledger);
        flows.spawn(async move {
            let moved = flow::run(address, &plan, &ledger).await;
            moved.explain(&format!("flow {number} of seed {seed}"))
        });
        while let Some(ended) = flows.try_join_next() {
            record
                .borrow_mut()
                .flowed(ended.explain("a task").flatten());
        }
    }
    while let Some(ended) = flows.join_next().await {
        record
            .borrow_mut()
            .flowed(ended.explain("a task").flatten());
    }
}
