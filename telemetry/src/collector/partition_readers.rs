//! Keeps one reader running for each partition of the topic, through every failure of either side.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use netsocket_settings::Supervisor;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::cluster::Cluster;
use super::partition_log::KafkaPartition;
use super::reader::Collector;
use super::status::Status;
use crate::backoff::{Backoff, chance};
use crate::kafka::KafkaError;

/// The wait after the first failure in a row.
const BACKOFF_FIRST: Duration = Duration::from_millis(200);
/// The longest wait between two attempts.
const BACKOFF_MAX: Duration = Duration::from_secs(5);
/// How often the cluster is asked for new partitions.
const REFRESH: Duration = Duration::from_secs(10);

/// What is done with a partition.
pub(super) trait Consumer: Send + Sync + 'static {
    /// Reads it until `shutdown`.
    fn read(
        &self,
        partition: i32,
        log: &KafkaPartition,
        shutdown: &CancellationToken,
    ) -> impl Future<Output = Result<(), KafkaError>> + Send;

    /// Where failures are noted.
    fn status(&self) -> &Status;

    /// The topic no longer has this partition.
    fn forget(&self, partition: i32);
}

impl Consumer for Collector {
    async fn read(
        &self,
        partition: i32,
        log: &KafkaPartition,
        shutdown: &CancellationToken,
    ) -> Result<(), KafkaError> {
        Self::read(self, partition, log, shutdown).await
    }

    fn status(&self) -> &Status {
        Self::status(self)
    }

    fn forget(&self, partition: i32) {
        self.positions().forget(partition);
    }
}

/// A reader for each partition, of one cluster for one consumer.
#[derive(Debug)]
pub(super) struct PartitionReaders<C> {
    pub(super) cluster: Arc<Cluster>,
    pub(super) consumer: Arc<C>,
    /// Starts again what panics: the watch over the partitions, and each reader.
    pub(super) supervisor: Supervisor,
}

impl<C: Consumer> PartitionReaders<C> {
    /// Runs until `shutdown`, and until every reader has ended after it.
    pub(super) async fn run(&self, shutdown: &CancellationToken) {
        self.supervisor
            .run("partitions", || self.watch(shutdown))
            .await;
    }

    async fn watch(&self, shutdown: &CancellationToken) {
        let Self {
            cluster,
            consumer,
            supervisor,
        } = self;
        let mut readers = JoinSet::new();
        let mut known: BTreeMap<i32, CancellationToken> = BTreeMap::new();
        let mut backoff = Backoff::new(BACKOFF_FIRST, BACKOFF_MAX);
        loop {
            let Some(found) = shutdown.run_until_cancelled(cluster.partitions()).await else {
                break;
            };
            let wait = match found {
                Ok(indexes) => {
                    backoff.reset();
                    if consumer.status().topology_works() {
                        tracing::info!("the partitions can be listed again");
                    }
                    known.retain(|index, reader| {
                        let stays = indexes.contains(index);
                        if !stays {
                            tracing::warn!(partition = index, "the partition no longer exists");
                            reader.cancel();
                            consumer.forget(*index);
                            consumer.status().forget(*index);
                        }
                        stays
                    });
                    for index in indexes {
                        known.entry(index).or_insert_with(|| {
                            tracing::info!(partition = index, "reading");
                            let stop = shutdown.child_token();
                            let (cluster, consumer) = (Arc::clone(cluster), Arc::clone(consumer));
                            let (supervisor, shutdown) = (supervisor.clone(), stop.clone());
                            readers.spawn(async move {
                                let read = || keep_reading(&cluster, &*consumer, index, &shutdown);
                                supervisor.run("reader", read).await;
                            });
                            stop
                        });
                    }
                    REFRESH
                }
                Err(error) => {
                    if consumer.status().topology_failed(error.to_string()) {
                        tracing::warn!(%error, "cannot list the partitions; retrying");
                    }
                    backoff.after_failure(chance())
                }
            };
            if shutdown.run_until_cancelled(sleep(wait)).await.is_none() {
                break;
            }
        }
        while readers.join_next().await.is_some() {}
    }
}

async fn keep_reading(
    cluster: &Cluster,
    consumer: &impl Consumer,
    index: i32,
    shutdown: &CancellationToken,
) {
    let mut backoff = Backoff::new(BACKOFF_FIRST, BACKOFF_MAX);
    loop {
        let began = Instant::now();
        let read = async {
            // Only the opening is given up at shutdown; a reader ends by itself.
            match shutdown.run_until_cancelled(cluster.partition(index)).await {
                Some(log) => consumer.read(index, &log?, shutdown).await,
                None => Ok(()),
            }
        };
        let Err(error) = read.await else {
            return;
        };
        if began.elapsed() > BACKOFF_MAX {
            backoff.reset();
        }
        cluster.doubt().await;
        if !shutdown.is_cancelled() && consumer.status().partition_failed(index, error.to_string())
        {
            tracing::warn!(partition = index, %error, "cannot read the partition; retrying");
        }
        let wait = sleep(backoff.after_failure(chance()));
        if shutdown.run_until_cancelled(wait).await.is_none() {
            return;
        }
    }
}
