//! Records on their way to Kafka, without ever holding up who measures them.
//!
//! [`Producer::record`] puts a record into a bounded queue and returns. A background task connects for ever, sends in
//! batches, and starts again from nothing after any error. While Kafka is away the oldest records are given up and
//! counted. An answer that is lost after Kafka stored a batch makes that batch be stored twice; readers tell records by
//! their time and identity, so this does no harm.

mod link;
mod queue;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

pub use queue::QueueLimits;

use crate::names::TOPIC;
use crate::record::Record;
use queue::Queue;

/// Records that wait while Kafka is away: ten minutes of them.
const QUEUE_RECORDS: usize = 600;
/// Bytes that may wait; reached before the number only by records of very many backends.
const QUEUE_BYTES: usize = 8 << 20;
/// Records sent at once.
const BATCH_RECORDS: usize = 200;
/// Bytes sent at once, well below the 1 MiB that brokers accept by default.
const BATCH_BYTES: usize = 512 << 10;
/// For a TCP connect and Kafka's first exchange of versions and metadata.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// For every other question to a broker.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// The wait after the first failure.
const BACKOFF_FIRST: Duration = Duration::from_millis(100);
/// The longest wait between two attempts.
const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// What a producer sends to, and how patient it is.
#[derive(Debug, Clone)]
pub struct ProducerConfig {
    /// `HOST:PORT` of the brokers to start from; see [`crate::parse_brokers`].
    pub brokers: Vec<String>,
    /// The topic; created with the broker's defaults where it is absent.
    pub topic: String,
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
    /// Records that Kafka has acknowledged.
    pub sent: u64,
    /// Records that were given up: too old, refused by the broker, or left at the end.
    pub dropped: u64,
    /// The last failure, kept after it is over.
    pub last_error: Option<String>,
}

/// A handle to the one background task that talks with Kafka. Clones share it; when the last one is gone the task ends.
#[derive(Debug, Clone)]
pub struct Producer {
    shared: Arc<Shared>,
    abort: CancellationToken,
    _last_handle: Arc<DropGuard>,
}

/// A record as it will be sent.
#[derive(Debug, Clone)]
struct Message {
    json: Vec<u8>,
    ts: DateTime<Utc>,
}

impl AsRef<[u8]> for Message {
    fn as_ref(&self) -> &[u8] {
        &self.json
    }
}

#[derive(Debug, Default)]
struct LinkState {
    connected: bool,
    last_error: Option<String>,
}

/// What the handles and the background task have in common. Both locks are held for moments, never over an await.
#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue<Message>>,
    link: Mutex<LinkState>,
    /// A record was added.
    wake: Notify,
    /// Send what is there, then end.
    closing: CancellationToken,
    /// The task has ended.
    ended: CancellationToken,
}

impl Shared {
    fn new(queue: Queue<Message>) -> Self {
        Self {
            queue: Mutex::new(queue),
            link: Mutex::default(),
            wake: Notify::new(),
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
            sent: counts.sent,
            dropped: counts.dropped,
            last_error: link.last_error.clone(),
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue<Message>> {
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
    pub fn record(&self, record: &Record) {
        match serde_json::to_vec(record) {
            Ok(json) => self.shared.queue().push(Message {
                json,
                ts: record.ts,
            }),
            // Cannot happen with this type; were it to change, one line tells.
            Err(error) => tracing::error!(%error, "a record cannot be written as JSON"),
        }
        self.shared.wake.notify_one();
    }

    /// How it goes.
    #[must_use]
    pub fn stats(&self) -> ProducerStats {
        self.shared.stats()
    }

    /// Sends what waits, for `deadline` at most, then ends the background task. What is left then, and what is recorded
    /// later, counts as dropped. Further calls, from any handle, only wait for the end.
    pub async fn shutdown(&self, deadline: Duration) {
        self.shared.closing.cancel();
        // Late or not, the task is told to end now.
        let _ = timeout(deadline, self.shared.ended.cancelled()).await;
        self.abort.cancel();
        self.shared.ended.cancelled().await;
    }
}
