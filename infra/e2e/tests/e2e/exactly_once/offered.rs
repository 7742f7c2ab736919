//! Producers that offer records at a steady rate, and the account of what became of each.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use e2e::{PATIENCE, eventually};
use netsocket_telemetry::{
    Figures, HostSample, Identity, Producer, ProducerConfig, ProducerStats, Record, Role, Security,
    Supervisor, parse_brokers,
};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

/// What a forgetful producer keeps while Kafka is away: two seconds.
const FORGETFUL_RECORDS: usize = 20;
/// What the others keep: far more than any outage of a test.
const RECORDS: usize = 20_000;

/// Who offers what.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) brokers: String,
    pub(crate) security: Security,
    pub(crate) producers: usize,
    /// So many of them have a queue that an outage fills.
    pub(crate) forgetful: usize,
    /// Records a second of each producer.
    pub(crate) per_second: u32,
}

/// Running producers.
pub(crate) struct Offered {
    runtime: Runtime,
    sources: Vec<Source>,
    number: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    per_second: u64,
}

struct Source {
    identity: Identity,
    producer: Producer,
    offers: JoinHandle<Vec<DateTime<Utc>>>,
}

impl Offered {
    pub(crate) fn start(plan: &Plan) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (number, stop) = (
            Arc::new(AtomicU64::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        let brokers = parse_brokers(&plan.brokers).unwrap();
        let run = format!("{:x}", fastrand::u32(..));
        let start = |index: usize| {
            let identity = Identity::new(Role::Fileserver, format!("{run}-{index}"));
            let mut config = ProducerConfig::new(brokers.clone());
            config.security = plan.security.clone();
            config.limits.records = match index < plan.forgetful {
                true => FORGETFUL_RECORDS,
                false => RECORDS,
            };
            config.limits.bytes = 256 << 20;
            let producer = Producer::start(config, identity.key(), &Supervisor::default());
            let pace = Duration::from_secs(1) / plan.per_second;
            let (number, stop) = (Arc::clone(&number), Arc::clone(&stop));
            let offer = offer(identity.clone(), producer.clone(), pace, number, stop);
            Source {
                identity,
                producer,
                offers: tokio::spawn(offer),
            }
        };
        let sources = {
            let _inside = runtime.enter();
            (0..plan.producers).map(start).collect()
        };
        Self {
            runtime,
            sources,
            number,
            stop,
            per_second: u64::from(plan.per_second) * plan.producers as u64,
        }
    }

    /// The time since the start, as records count it.
    pub(crate) fn seconds(&self) -> u64 {
        self.number.load(Ordering::SeqCst) / self.per_second
    }

    /// Returns when so many more records were offered.
    pub(crate) fn offers_more(&self, records: u64) {
        let enough = self.number.load(Ordering::SeqCst) + records;
        eventually(PATIENCE, "more records", || {
            (self.number.load(Ordering::SeqCst) >= enough).then_some(())
        });
    }

    /// What each producer says of itself.
    pub(crate) fn stats(&self) -> Vec<ProducerStats> {
        let stats = self.sources.iter().map(|source| source.producer.stats());
        stats.collect()
    }

    /// Offers no more, waits until the producers have nothing left, and closes the books.
    pub(crate) fn finish(self, limit: Duration) -> Account {
        self.stop.store(true, Ordering::SeqCst);
        let mut account = Account::default();
        for source in self.sources {
            let Source {
                identity,
                producer,
                offers,
            } = source;
            let offered = self.runtime.block_on(offers).unwrap();
            eventually(limit, "an empty queue", || {
                (producer.stats().queued == 0).then_some(())
            });
            self.runtime.block_on(producer.shutdown(PATIENCE));
            let stats = producer.stats();
            assert_eq!(
                stats.sent + stats.dropped,
                offered.len() as u64,
                "{identity:?}: {stats:?}"
            );
            assert_eq!(stats.dropped, stats.drops.total());
            account.producers.push(Produced {
                identity,
                offered,
                sent: stats.sent,
                overflow: stats.drops.overflow,
                unconfirmed: stats.drops.unconfirmed,
            });
        }
        account
    }
}

/// One record after the other, each of its own millisecond, and the number of those before it as its figure.
async fn offer(
    identity: Identity,
    producer: Producer,
    pace: Duration,
    number: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
) -> Vec<DateTime<Utc>> {
    let mut ticks = interval(pace);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut offered: Vec<DateTime<Utc>> = Vec::new();
    while !stop.load(Ordering::SeqCst) {
        ticks.tick().await;
        let millisecond = TimeDelta::milliseconds(1);
        let now = DateTime::from_timestamp_millis(Utc::now().timestamp_millis()).unwrap();
        let ts = offered
            .last()
            .map_or(now, |last| now.max(*last + millisecond));
        let figures = Figures {
            client_count: offered.len() as u64,
            ..Figures::default()
        };
        let record = Record::new(&identity, ts, HostSample::default(), figures);
        producer.record(&Arc::new(record));
        offered.push(ts);
        number.fetch_add(1, Ordering::SeqCst);
    }
    offered
}

struct Produced {
    identity: Identity,
    offered: Vec<DateTime<Utc>>,
    sent: u64,
    overflow: u64,
    unconfirmed: u64,
}

/// What became of everything.
#[derive(Default)]
pub(crate) struct Account {
    producers: Vec<Produced>,
}

impl Account {
    pub(crate) fn add(&mut self, other: Self) {
        self.producers.extend(other.producers);
    }

    pub(crate) fn sent(&self) -> u64 {
        self.producers.iter().map(|produced| produced.sent).sum()
    }

    pub(crate) fn dropped(&self) -> u64 {
        let dropped = |produced: &Produced| produced.overflow + produced.unconfirmed;
        self.producers.iter().map(dropped).sum()
    }

    /// How many records are not stored yet although they must be.
    pub(crate) fn missing(&self, stored: &BTreeMap<String, String>) -> u64 {
        let missing = |produced: &Produced| produced.sent.saturating_sub(produced.stored(stored));
        self.producers.iter().map(missing).sum()
    }

    /// Nothing is stored that was not offered or was dropped for certain, nothing with another record's figures, and
    /// produced = stored + dropped where no record's fate is unknown.
    pub(crate) fn assert_no_more_than(&self, stored: &BTreeMap<String, String>) {
        let mut known = 0;
        for produced in &self.producers {
            let number = produced.stored(stored);
            known += number;
            let Produced {
                identity,
                offered,
                sent,
                overflow,
                unconfirmed,
            } = produced;
            assert!(
                (*sent..=sent + unconfirmed).contains(&number),
                "{identity:?}: {number} stored, {sent} sent, {unconfirmed} unconfirmed"
            );
            assert!(
                offered.len() as u64 - number - overflow <= *unconfirmed,
                "{identity:?}: produced = stored + dropped"
            );
        }
        assert_eq!(stored.len() as u64, known, "somebody else's points");
    }
}

impl Produced {
    /// The records of this producer that are stored with their own figure.
    fn stored(&self, stored: &BTreeMap<String, String>) -> u64 {
        let Identity {
            host,
            role,
            instance,
        } = &self.identity;
        let is_stored = |&(index, ts): &(usize, &DateTime<Utc>)| {
            // InfluxDB writes no zeros at the end of a fraction.
            let time = ts.format("%Y-%m-%dT%H:%M:%S%.3f").to_string();
            let time = time.trim_end_matches('0').trim_end_matches('.');
            let key = format!("{time}Z {host} {} {instance}", role.as_str());
            stored
                .get(&key)
                .is_some_and(|value| *value == index.to_string())
        };
        self.offered.iter().enumerate().filter(is_stored).count() as u64
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sum = |of: fn(&Produced) -> u64| self.producers.iter().map(of).sum::<u64>();
        write!(
            f,
            "{} offered = {} sent + {} dropped for certain + {} unconfirmed",
            sum(|produced| produced.offered.len() as u64),
            sum(|produced| produced.sent),
            sum(|produced| produced.overflow),
            sum(|produced| produced.unconfirmed),
        )
    }
}
