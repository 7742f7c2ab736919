//! Every byte, in order, whatever the sizes and the pace.

use netsocket_balancer::config::RelayMode;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::task::{JoinSet, yield_now};

use crate::peers::{Echo, Puppet};
use crate::random::Random;
use crate::running::{Balancer, soon};

const MODES: [RelayMode; 3] = [RelayMode::Auto, RelayMode::Copy, RelayMode::Splice];

/// Sends `count` random bytes in random pieces, then ends its direction.
async fn send(mut sink: impl AsyncWrite + Unpin, seed: u64, count: usize, largest: usize) {
    let (mut content, mut shape) = (Random::new(seed), Random::new(!seed));
    let mut left = count;
    while left > 0 {
        // Whole words, so that the receiver's generator goes in step with ours.
        let size = (shape.below(1..largest + 1).next_multiple_of(8)).min(left);
        let mut piece = vec![0; size];
        content.fill(&mut piece);
        sink.write_all(&piece).await.unwrap();
        left -= size;
        if shape.chance(5) {
            yield_now().await;
        }
    }
    sink.shutdown().await.unwrap();
}

/// Reads to the end and compares each byte with what [`send`] has sent.
async fn compare(mut source: impl AsyncRead + Unpin, seed: u64, count: usize) {
    let mut content = Random::new(seed);
    let mut chunk = vec![0; 1 << 16];
    let mut expected = vec![0; 1 << 16];
    let mut seen = 0;
    let mut held = 0;
    loop {
        let got = source.read(&mut chunk[held..]).await.unwrap();
        let filled = held + got;
        let whole = if got == 0 { filled } else { filled / 8 * 8 };
        content.fill(&mut expected[..whole]);
        assert!(
            chunk[..whole] == expected[..whole],
            "wrong within {whole} bytes after {seen}"
        );
        seen += whole;
        chunk.copy_within(whole..filled, 0);
        held = filled - whole;
        if got == 0 {
            break;
        }
    }
    assert_eq!(seen, count);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn much_in_both_directions_at_once() {
    for mode in MODES {
        much_by(mode).await;
    }
}

async fn much_by(mode: RelayMode) {
    const COUNT: usize = 32 << 20;
    let (balancer, client, backend) = Puppet::session(|config| config.relay = mode).await;
    let (client_read, client_write) = client.into_split();
    let (backend_read, backend_write) = backend.into_split();
    let mut tasks = JoinSet::new();
    tasks.spawn(send(client_write, 1, COUNT, 1 << 20));
    tasks.spawn(send(backend_write, 2, COUNT, 1 << 20));
    tasks.spawn(compare(backend_read, 1, COUNT));
    tasks.spawn(compare(client_read, 2, COUNT));
    tokio::time::timeout(6 * crate::running::PATIENCE, tasks.join_all())
        .await
        .unwrap();
    let record = balancer.record().await;
    assert_eq!(
        (record.traffic.up, record.traffic.down),
        (COUNT as u64, COUNT as u64)
    );
    assert_eq!(record.termination.code(), "--");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_flows_of_random_sizes() {
    for mode in MODES {
        many_by(mode).await;
    }
}

async fn many_by(mode: RelayMode) {
    let seed = std::env::var("NETSOCKET_TEST_SEED").map_or(7, |text| text.parse().unwrap());
    println!("NETSOCKET_TEST_SEED={seed}");
    let mut random = Random::new(seed);
    let (a, b) = (Echo::start("a").await, Echo::start("b").await);
    let backends = [("a", a.address), ("b", b.address)];
    let balancer = Balancer::start_with(&backends, |config| config.relay = mode).await;
    balancer.up(2).await;
    let mut tasks = JoinSet::new();
    let mut sum = 0;
    for _ in 0..60 {
        let (seed, count) = (random.next(), random.below(0..2_000_000));
        let largest = [1, 100, 5000, 300_000][random.below(0..4)];
        let count = if largest == 1 { count / 100 } else { count };
        sum += count as u64;
        let client = balancer.connect().await;
        client.set_nodelay(random.chance(50)).unwrap();
        let (mut read, write) = client.into_split();
        tasks.spawn(send(write, seed, count, largest));
        tasks.spawn(async move {
            let mut name = [0; 2];
            read.read_exact(&mut name).await.unwrap();
            compare(read, seed, count).await;
        });
    }
    tokio::time::timeout(6 * crate::running::PATIENCE, tasks.join_all())
        .await
        .unwrap();
    let records = balancer.records_of(60).await;
    assert_eq!(
        records.iter().map(|record| record.traffic.up).sum::<u64>(),
        sum
    );
    assert_eq!(
        records
            .iter()
            .map(|record| record.traffic.down)
            .sum::<u64>(),
        sum + 2 * 60
    );
}

#[tokio::test]
async fn one_byte_at_a_time() {
    const COUNT: u64 = 2000;
    let echo = Echo::start("e").await;
    let balancer = Balancer::start(&[("e", echo.address)]).await;
    let mut client = balancer.connect().await;
    client.set_nodelay(true).unwrap();
    let mut name = [0; 2];
    soon(client.read_exact(&mut name)).await.unwrap();
    for n in 0..COUNT {
        let byte = n.to_le_bytes()[0];
        client.write_all(&[byte]).await.unwrap();
        assert_eq!(soon(client.read_u8()).await.unwrap(), byte);
    }
    client.shutdown().await.unwrap();
    let record = balancer.record().await;
    assert_eq!((record.traffic.up, record.traffic.down), (COUNT, COUNT + 2));
}
