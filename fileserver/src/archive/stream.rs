//! The blocks of an archive, made by the pool and handed out in order.

use std::sync::Arc;

use netsocket_protocol::message::Warning;

use super::content::Content;
use super::plan::Plan;
use crate::compress::{Made, Pool, Source, Stream, WorkerFailed};
use crate::tree::root::Root;

/// The compressed blocks of an archive, one after the other. Dropping it ends the work on them.
pub struct Blocks {
    stream: Stream,
    content: Arc<Content>,
}

impl std::fmt::Debug for Blocks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Blocks")
            .field("stream", &self.stream)
            .finish_non_exhaustive()
    }
}

impl Blocks {
    /// Begins to make the archive from that block on; those before it cost nothing.
    #[must_use]
    pub fn start(pool: &Pool, root: Arc<Root>, plan: Arc<Plan>, first: u64) -> Self {
        let (codec, end) = (plan.form().codec, plan.blocks());
        let content = Arc::new(Content::new(root, plan));
        let source: Arc<dyn Source> = Arc::clone(&content) as _;
        Self {
            stream: pool.stream(source, codec, first.min(end), end),
            content,
        }
    }

    /// The next block; nothing behind the last one.
    ///
    /// # Errors
    /// [`WorkerFailed`] where the process lacks something; never because of a file.
    pub async fn next(&mut self) -> Result<Option<Made>, WorkerFailed> {
        self.stream.next().await
    }

    /// When all blocks were taken: the files that were not as planned, in the order of the archive.
    #[must_use]
    pub fn finish(self) -> Vec<Warning> {
        self.content.faults()
    }
}
