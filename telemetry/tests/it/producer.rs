//! A producer and brokers that are broken: its callers must not notice.

use std::sync::Arc;
use std::time::Duration;

use netsocket_telemetry::{
    Figures, HostSample, Identity, Producer, ProducerConfig, QueueLimits, Record, Role, Sinks,
    Supervisor, heartbeat,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::eventually::{PATIENCE, eventually};
use crate::peers::{Behaviour, FakeBroker};

const OFFERED: u64 = 20_000;
const QUEUE_RECORDS: usize = 50;

fn record() -> Arc<Record> {
    let identity = Identity::new(Role::Balancer, "lb");
    Arc::new(Record::new(
        &identity,
        chrono::DateTime::UNIX_EPOCH,
        HostSample::default(),
        Figures::default(),
    ))
}

fn config(broker: &FakeBroker) -> ProducerConfig {
    let defaults = ProducerConfig::new(vec![broker.address.to_string()]);
    ProducerConfig {
        limits: QueueLimits {
            records: QUEUE_RECORDS,
            ..defaults.limits
        },
        connect_timeout: Duration::from_millis(100),
        backoff_first: Duration::from_millis(5),
        backoff_max: Duration::from_millis(20),
        ..defaults
    }
}

/// Offers far more than the queue holds, and checks what every caller relies on, whatever the broker does.
async fn flood(behaviour: Behaviour, said: &str) {
    let broker = FakeBroker::start(behaviour).await;
    let producer = Producer::start(config(&broker), "key".into(), &Supervisor::default());
    let record = record();
    let began = Instant::now();
    for _ in 0..OFFERED {
        producer.record(&record);
    }
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?} for {OFFERED} records",
        began.elapsed()
    );

    let stats = producer.stats();
    assert!(stats.queued <= QUEUE_RECORDS as u64, "{stats:?}");
    assert_eq!(stats.queued + stats.dropped, OFFERED);
    assert_eq!(stats.drops.overflow, stats.dropped);
    assert!(
        stats.queued_bytes <= 2 * 1024 * QUEUE_RECORDS as u64,
        "{stats:?}"
    );
    assert_eq!((stats.connected, stats.sent), (false, 0));

    eventually("the reason is told", || {
        producer.stats().last_error.is_some()
    })
    .await;
    let error = producer.stats().last_error.unwrap();
    assert!(error.contains(said), "{error}");
    if behaviour != Behaviour::Refuses {
        eventually("it tries again", || broker.accepted() >= 3).await;
    }

    let deadline = Duration::from_millis(150);
    let began = Instant::now();
    producer.shutdown(deadline).await;
    assert!(
        began.elapsed() >= deadline,
        "it gave up early, after {:?}",
        began.elapsed()
    );
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
    producer.record(&record);
    let stats = producer.stats();
    assert_eq!(
        (stats.queued, stats.sent, stats.dropped),
        (0, 0, OFFERED + 1)
    );
    assert_eq!(stats.drops.total(), stats.dropped);
    assert_eq!(stats.drops.shutdown, QUEUE_RECORDS as u64 + 1);
    eventually("nothing stays connected", || broker.open() == 0).await;
}

#[tokio::test]
async fn a_broker_that_refuses() {
    flood(Behaviour::Refuses, "refused").await;
}

#[tokio::test]
async fn a_broker_that_stalls() {
    flood(Behaviour::Stalls, "no answer within 100ms").await;
}

#[tokio::test]
async fn a_broker_that_closes() {
    flood(Behaviour::Closes, "connect: ").await;
}

#[tokio::test]
async fn a_broker_that_babbles() {
    flood(Behaviour::Babbles, "connect: ").await;
}

#[tokio::test]
async fn a_broker_whose_name_does_not_resolve() {
    let config = ProducerConfig::new(vec!["no-such-host.invalid:9092".into()]);
    let producer = Producer::start(config, "key".into(), &Supervisor::default());
    producer.record(&record());
    producer.shutdown(Duration::from_millis(10)).await;
    assert_eq!(producer.stats().dropped, 1);
}

#[tokio::test]
async fn without_anything_to_send_a_shutdown_does_not_wait_for_a_connection_in_progress_beyond_its_deadline()
 {
    let broker = FakeBroker::start(Behaviour::Stalls).await;
    let patient = ProducerConfig {
        connect_timeout: PATIENCE * 10,
        ..config(&broker)
    };
    let producer = Producer::start(patient, "key".into(), &Supervisor::default());
    eventually("it connects", || broker.accepted() == 1).await;
    let began = Instant::now();
    producer.shutdown(Duration::from_millis(50)).await;
    assert!(began.elapsed() < PATIENCE);
    assert_eq!(producer.stats().dropped, 0);
}

#[tokio::test]
async fn the_last_handle_ends_the_task() {
    let broker = FakeBroker::start(Behaviour::Stalls).await;
    let patient = ProducerConfig {
        connect_timeout: PATIENCE * 10,
        ..config(&broker)
    };
    let producer = Producer::start(patient, "key".into(), &Supervisor::default());
    let clone = producer.clone();
    eventually("it connects", || broker.accepted() == 1).await;
    drop(producer);
    assert_eq!(broker.open(), 1, "the clone still holds it");
    drop(clone);
    eventually("the connection is closed", || broker.open() == 0).await;
}

/// A program tells its heartbeat to end and shuts the producer down at once: the event of its end is still offered.
#[tokio::test]
async fn a_heartbeat_has_its_last_word() {
    let broker = FakeBroker::start(Behaviour::Stalls).await;
    let producer = Producer::start(config(&broker), "key".into(), &Supervisor::default());
    let end = CancellationToken::new();
    let sinks = Sinks {
        history: None,
        producer: Some(producer.clone()),
    };
    let identity = Identity::new(Role::Balancer, "lb");
    let supervisor = Supervisor::default();
    let beat = heartbeat(identity, Figures::default, sinks, supervisor, end.clone());
    let beat = tokio::spawn(beat);
    eventually("the event of its start", || producer.stats().queued >= 1).await;
    let before = producer.stats().queued;
    end.cancel();
    tokio::join!(
        producer.shutdown(Duration::from_secs(2)),
        eventually("the event of its end, in time", || producer.stats().queued
            > before),
    );
    beat.await.unwrap();
    assert_eq!(producer.stats().queued, 0);
}
