//! Records on their way to Kafka, without ever holding up who measures them.
//!
//! [`Producer::record`] puts a reference to a record into a bounded queue and returns; it is the background task that
//! writes it as JSON. That task connects for ever, sends in batches, and starts again from nothing after any error. While Kafka is away the oldest records are given up and
//! counted. An answer that is lost after Kafka stored a batch makes that batch be stored twice; readers tell records by
//! their time and identity, so this does no harm.

mod entry;
mod link;
mod queue;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

pub use queue::{Drops, QueueLimits};

use crate::kafka::{NewTopic, Security};
use crate::messages::{Event, Record};
use crate::names::TOPIC;
use entry::Entry;
use queue::Queue;

/// Records that wait while Kafka is away: ten minutes of them.
const QUEUE_RECORDS: usize = 600;
/// Bytes that may wait; reached before the number only by records of very many backends.
const QUEUE_BYTES: usize = 8 << 20;
/// Records sent at once.
const BATCH_RECORDS: usize = 200;
/// Bytes sent at once, well below the 1 MiB that brokers accept by default.
const BATCH_BYTES: usize = 512 << 10;
/// How long the first record after a pause waits for others to go with it.
const LINGER: Duration = Duration::from_millis(20);
/// For a TCP connect and Kafka's first exchange of versions and metadata.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// For every other question to a broker.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// The wait after the first failure.
const BACKOFF_FIRST: Duration = Duration::from_millis(100);
/// The longest wait between two attempts.
const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// How batches are compressed on their way and in Kafka.
///
/// # Examples
///
/// ```
/// use netsocket_telemetry::Compression;
///
/// assert_eq!(Compression::parse("zstd"), Some(Compression::Zstd));
/// assert_eq!(Compression::parse("gzip"), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// Not at all.
    None,
    /// LZ4: a quarter of the size for next to no CPU.
    #[default]
    Lz4,
    /// Zstandard: smaller, for more CPU.
    Zstd,
}

impl Compression {
    /// Reads `none`, `lz4` or `zstd`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim() {
            "none" => Some(Self::None),
            "lz4" => Some(Self::Lz4),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// What a producer sends to, and how patient it is.
#[derive(Debug, Clone)]
pub struct ProducerConfig {
    /// `HOST:PORT` of the brokers to start from; see [`crate::parse_brokers`].
    pub brokers: Vec<String>,
    /// The topic.
    pub topic: String,
    /// What happens where the topic is absent.
    pub new_topic: NewTopic,
    /// How connections are protected.
    pub security: Security,
    /// How batches are compressed.
    pub compression: Compression,
    /// How long the first record after a pause waits for others.
    pub linger: Duration,
    /// The bounds of what waits.
    pub limits: QueueLimits,
    /// For a connect, until the broker has told its topology.
    pub connect_timeout: Duration,
    /// For every other question to a broker.
    pub request_timeout: Duration,
    /// The wait after the first of a row of failures; each further one doubles it.
    pub backoff_first: Duration,
    /// The longest wait.
    pub backoff_max: Duration,
}

impl ProducerConfig {
    /// The defaults, with these brokers.
    #[must_use]
    pub fn new(brokers: Vec<String>) -> Self {
        Self {
            brokers,
            topic: TOPIC.to_owned(),
            new_topic: NewTopic::default(),
            security: Security::default(),
            compression: Compression::default(),
            linger: LINGER,
            limits: QueueLimits {
                records: QUEUE_RECORDS,
                bytes: QUEUE_BYTES,
                batch_records: BATCH_RECORDS,
                batch_bytes: BATCH_BYTES,
            },
            connect_timeout: CONNECT_TIMEOUT,
            request_timeout: REQUEST_TIMEOUT,
            backoff_first: BACKOFF_FIRST,
            backoff_max: BACKOFF_MAX,
        }
    }
}

/// The state of a producer at one moment. Every record offered is in exactly one of `queued`, `sent` and `dropped`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProducerStats {
    /// A connection to the leader of our partition is held.
    pub connected: bool,
    /// Records that wait or are on their way.
    pub queued: u64,
    /// Bytes of memory of those that wait, about.
    pub queued_bytes: u64,
    /// Records that Kafka has acknowledged.
    pub sent: u64,
    /// Records that were given up.
    pub dropped: u64,
    /// The same by reason.
    pub drops: Drops,
    /// Connections so far; each after the first is a reconnect.
    pub connects: u64,
    /// Failures so far, of connects and of batches.
    pub failures: u64,
    /// The last failure, kept after it is over.
    pub last_error: Option<String>,
}

/// A handle to the one background task that talks with Kafka. Clones share it; when the last one is gone the task ends.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use netsocket_telemetry::{
///     Figures, HostSample, Identity, Producer, ProducerConfig, Record, Role, parse_brokers,
/// };
/// use tokio::net::TcpListener;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // A broker that never says a word.
/// let silent = TcpListener::bind("127.0.0.1:0").await?;
/// let brokers = parse_brokers(&silent.local_addr()?.to_string())?;
/// let identity = Identity::new(Role::Balancer, "lb");
/// let producer = Producer::start(ProducerConfig::new(brokers), identity.key());
///
/// let ts = "2026-08-04T12:00:02Z".parse()?;
/// let record = Record::new(&identity, ts, HostSample::default(), Figures::default());
/// producer.record(&Arc::new(record));
/// assert_eq!(producer.stats().queued, 1);
///
/// producer.shutdown(Duration::from_millis(10)).await;
/// assert_eq!((producer.stats().sent, producer.stats().drops.shutdown), (0, 1));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Producer {
    shared: Arc<Shared>,
    abort: CancellationToken,
    _last_handle: Arc<DropGuard>,
}

#[derive(Debug, Default)]
struct LinkState {
    connected: bool,
    connects: u64,
    failures: u64,
    last_error: Option<String>,
}

/// What the handles and the background task have in common. Both locks are held for moments, never over an await.
#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue<Entry>>,
    link: Mutex<LinkState>,
    /// A record was added.
    wake: Notify,
    /// Who has been told to end, but has last words.
    speakers: TaskTracker,
    /// Send what is there, then end.
    closing: CancellationToken,
    /// The task has ended.
    ended: CancellationToken,
}

impl Shared {
    fn new(queue: Queue<Entry>) -> Self {
        Self {
            queue: Mutex::new(queue),
            link: Mutex::default(),
            wake: Notify::new(),
            speakers: TaskTracker::new(),
            closing: CancellationToken::new(),
            ended: CancellationToken::new(),
        }
    }

    fn stats(&self) -> ProducerStats {
        let counts = self.queue().counts();
        let link = self.link();
        ProducerStats {
            connected: link.connected,
            queued: counts.queued,
            queued_bytes: counts.bytes,
            sent: counts.sent,
            dropped: counts.drops.total(),
            drops: counts.drops,
            connects: link.connects,
            failures: link.failures,
            last_error: link.last_error.clone(),
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue<Entry>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn link(&self) -> MutexGuard<'_, LinkState> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Producer {
    /// Starts the background task and returns at once, whether Kafka is there or not. `instance_key` tells this process
    /// from all others ([`crate::Identity::key`]) and chooses the partition.
    ///
    /// # Panics
    /// Outside a tokio runtime with time and I/O enabled.
    #[must_use]
    pub fn start(config: ProducerConfig, instance_key: String) -> Self {
        let shared = Arc::new(Shared::new(Queue::new(config.limits)));
        let abort = CancellationToken::new();
        tokio::spawn({
            let (shared, abort) = (Arc::clone(&shared), abort.clone());
            async move {
                let _ended = shared.ended.clone().drop_guard();
                abort
                    .run_until_cancelled(link::run(&config, &instance_key, &shared))
                    .await;
                shared.link().connected = false;
                shared.queue().abandon();
            }
        });
        let last_handle = Arc::new(abort.clone().drop_guard());
        Self {
            shared,
            abort,
            _last_handle: last_handle,
        }
    }

    /// Hands a record over. Never waits for Kafka: at worst the oldest waiting record gives way.
    pub fn record(&self, record: &Arc<Record>) {
        self.push(Entry::Record(Arc::clone(record)));
    }

    /// Hands an event over, in the same order and under the same bounds as records.
    pub fn event(&self, event: &Arc<Event>) {
        self.push(Entry::Event(Arc::clone(event)));
    }

    fn push(&self, entry: Entry) {
        self.shared.queue().push(entry);
        self.shared.wake.notify_one();
    }

    /// How it goes.
    #[must_use]
    pub fn stats(&self) -> ProducerStats {
        self.shared.stats()
    }

    /// While this is held a shutdown waits a while for what its holder still has to say.
    pub(crate) fn speaking(&self) -> TaskTrackerToken {
        self.shared.speakers.token()
    }

    /// Sends what waits, for `deadline` at most, then ends the background task. What is left then, and what is recorded
    /// later, counts as dropped. A heartbeat that was told to end gets a quarter of the time for its last event. Further
    /// calls, from any handle, only wait for the end.
    pub async fn shutdown(&self, deadline: Duration) {
        let end = async {
            self.shared.speakers.close();
            // Whoever does not come to an end in time has nothing more to say.
            let _ = timeout(deadline / 4, self.shared.speakers.wait()).await;
            self.shared.closing.cancel();
            self.shared.ended.cancelled().await;
        };
        // Late or not, the task is told to end now.
        let _ = timeout(deadline, end).await;
        self.shared.closing.cancel();
        self.abort.cancel();
        self.shared.ended.cancelled().await;
    }
}
