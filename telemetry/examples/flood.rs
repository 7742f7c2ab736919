//! What a caller of `Producer::record` pays while a broker accepts connections and never says a word.
//!
//! `cargo run --release -p netsocket-telemetry --example flood [SECONDS] [RECORDS_A_SECOND] [BACKENDS]`

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_types,
    reason = "a measuring tool: it may stop at the first surprise, and measures real time"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use netsocket_telemetry::{
    BackendRecord, Figures, Identity, Producer, ProducerConfig, Record, Role, Sampler, Supervisor,
};
use tokio::net::TcpListener;

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() {
    let mut arguments = std::env::args()
        .skip(1)
        .map(|word| word.parse::<u64>().unwrap());
    let seconds = arguments.next().unwrap_or(5);
    let rate = arguments.next().unwrap_or(100_000);
    let backends = arguments.next().unwrap_or(3);

    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let broker = silent.local_addr().unwrap().to_string();
    let identity = Identity::new(Role::Balancer, "flood");
    let config = ProducerConfig::new(vec![broker]);
    let producer = Producer::start(config, identity.key(), &Supervisor::default());
    let backend = |number| BackendRecord {
        name: format!("backend-{number}"),
        address: "127.0.0.1:9000".into(),
        state: "up".into(),
        ..BackendRecord::default()
    };
    let figures = Figures {
        backends: (0..backends).map(backend).collect(),
        ..Figures::default()
    };
    let sample = Sampler::new().sample();

    // On a thread of its own, as a caller with work to do; a record is made each time, outside of what is measured.
    let measured = std::thread::spawn({
        let producer = producer.clone();
        move || {
            let count = seconds * rate;
            let mut nanoseconds = Vec::with_capacity(usize::try_from(count).unwrap());
            let began = Instant::now();
            let mut before = 0;
            for number in 0..count {
                while began.elapsed() < Duration::from_nanos(number * 1_000_000_000 / rate) {
                    std::hint::spin_loop();
                }
                let record = Record::new(&identity, Utc::now(), sample, figures.clone());
                let record = Arc::new(record);
                let start = Instant::now();
                producer.record(&record);
                nanoseconds.push(u64::try_from(start.elapsed().as_nanos()).unwrap());
                if number == count / 10 {
                    before = resident();
                }
            }
            (nanoseconds, began.elapsed(), before, resident())
        }
    });
    let (mut nanoseconds, elapsed, before, after) =
        tokio::task::spawn_blocking(|| measured.join().unwrap())
            .await
            .unwrap();
    nanoseconds.sort_unstable();
    let at = |thousandths: usize| nanoseconds[nanoseconds.len() * thousandths / 1_000];
    let stats = producer.stats();
    println!(
        "{} records in {elapsed:.2?} ({:.0}/s), {backends} backends each",
        nanoseconds.len(),
        nanoseconds.len() as f64 / elapsed.as_secs_f64()
    );
    println!(
        "record(): median {} ns, p99 {} ns, p99.9 {} ns, longest {} ns",
        at(500),
        at(990),
        at(999),
        nanoseconds.last().unwrap()
    );
    println!("resident memory: {before} kB after a tenth, {after} kB at the end");
    println!(
        "{} queued ({} bytes), {} sent, {} dropped: {}",
        stats.queued,
        stats.queued_bytes,
        stats.sent,
        stats.dropped,
        stats.last_error.unwrap_or_default()
    );
}
