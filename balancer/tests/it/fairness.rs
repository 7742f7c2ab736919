//! Sessions and new clients share a worker.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::peers::{Echo, Puppet, converse};
use crate::running::{Balancer, eventually, soon};

/// Flows that never pause.
const FLOWS: usize = 4;
/// Clients that come while they run.
const CLIENTS: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bulk_and_new_clients_leave_each_other_room() {
    let puppet = Puppet::start().await;
    let balancer = Balancer::start_with(&[("puppet", puppet.address)], |config| {
        config.workers = 1.try_into().unwrap();
    })
    .await;
    drop(puppet.accept().await); // the first check
    let moved: Vec<Arc<AtomicU64>> = (0..FLOWS).map(|_| Arc::default()).collect();
    let mut tasks = Vec::new();
    for count in &moved {
        let mut client = balancer.connect().await;
        let mut backend = puppet.accept().await;
        let count = Arc::clone(count);
        tasks.push(tokio::spawn(async move {
            let chunk = vec![1; 1 << 18];
            while client.write_all(&chunk).await.is_ok() {}
        }));
        tasks.push(tokio::spawn(async move {
            let mut chunk = vec![0; 1 << 18];
            while let Ok(read @ 1..) = backend.read(&mut chunk).await {
                count.fetch_add(read as u64, Relaxed);
            }
        }));
    }
    // New clients are served while the flows run at full speed.
    let answering = tokio::spawn(async move {
        for _ in 0..CLIENTS {
            let mut backend = puppet.accept().await;
            backend.write_all(b"here\n").await.unwrap();
            let mut end = Vec::new();
            backend.read_to_end(&mut end).await.unwrap();
        }
    });
    let before: Vec<u64> = moved.iter().map(|count| count.load(Relaxed)).collect();
    for _ in 0..CLIENTS {
        let mut client = balancer.connect().await;
        let mut said = [0; 5];
        client.read_exact(&mut said).await.unwrap();
        client.shutdown().await.unwrap();
        client.read_to_end(&mut Vec::new()).await.unwrap();
    }
    answering.await.unwrap();
    // And each of the flows has got on meanwhile.
    for (count, before) in moved.iter().zip(before) {
        eventually("the flow gets on", || count.load(Relaxed) > before).await;
    }
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn workers_share_the_clients() {
    let echo = Echo::start("echo").await;
    let balancer = Balancer::start(&[("echo", echo.address)]).await;
    balancer.up(1).await;
    let mut open = Vec::new();
    for _ in 0..40 {
        let mut client = balancer.connect().await;
        client.read_u8().await.unwrap();
        open.push(client);
    }
    // However the system wakes them: neither has nearly all.
    let loads = soon(async {
        loop {
            // A worker tells its number when its round is over.
            let loads = balancer.loads().await;
            if loads.iter().sum::<u64>() == 40 {
                return loads;
            }
        }
    })
    .await;
    assert!(loads.iter().all(|&load| load >= 10), "{loads:?}");
    drop(open);
    let client = balancer.connect().await;
    assert_eq!(converse(client).await, "echo");
}
