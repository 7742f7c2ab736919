//! Who serves: exactly in turn, over all workers.

use std::collections::BTreeMap;

use tokio::task::JoinSet;

use crate::peers::{Echo, converse};
use crate::running::Balancer;

#[tokio::test]
async fn round_robin_is_exact_over_all_workers() {
    let (a, b, c) = (
        Echo::start("a").await,
        Echo::start("b").await,
        Echo::start("c").await,
    );
    let backends = [("a", a.address), ("b", b.address), ("c", c.address)];
    let balancer = Balancer::start_with(&backends, |config| {
        config.workers = 4.try_into().unwrap();
    })
    .await;
    balancer.up(3).await;

    let mut served: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..6 {
        let mut sessions = JoinSet::new();
        for _ in 0..50 {
            sessions.spawn(converse(balancer.connect().await));
        }
        for name in sessions.join_all().await {
            *served.entry(name).or_default() += 1;
        }
    }
    assert_eq!(
        served,
        ["a", "b", "c"].map(|name| (name.to_owned(), 100)).into()
    );

    let records = balancer.records_of(300).await;
    assert!(
        records
            .iter()
            .all(|record| record.termination.code() == "--"),
        "{records:?}"
    );
    for backend in balancer.pool.backends() {
        let figures = backend.figures();
        // Each session sends four bytes, and gets them back behind a line of two.
        assert_eq!((figures.bytes_up, figures.bytes_down), (400, 600));
        assert_eq!((figures.finished, figures.errors), (100, 0));
    }
}

#[tokio::test]
async fn the_start_is_random() {
    let backend = Echo::start("a").await;
    let others: Vec<Echo> = [
        Echo::start("b").await,
        Echo::start("c").await,
        Echo::start("d").await,
    ]
    .into();
    let mut backends = vec![("a", backend.address)];
    backends.extend(
        ["b", "c", "d"]
            .into_iter()
            .zip(others.iter().map(|echo| echo.address)),
    );
    let mut first = BTreeMap::new();
    // All forty beginning with the same one has a chance of 1 in 4^39.
    for _ in 0..40 {
        let balancer = Balancer::start(&backends).await;
        balancer.up(4).await;
        *first
            .entry(converse(balancer.connect().await).await)
            .or_insert(0) += 1;
        balancer.stop().await;
    }
    assert!(first.len() > 1, "{first:?}");
}
