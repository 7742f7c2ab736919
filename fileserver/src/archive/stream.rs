//! The blocks of an archive, made by the pool and returned in order.

use std::sync::Arc;

use netsocket_protocol::message::Warning;

use super::assembly::{ArchiveBlock, Assembly, Start};
use super::content::Content;
use super::plan::Plan;
use crate::compress::{Pool, Source, Stream, WorkerFailed};
use crate::tree::root::Root;

/// The compressed blocks of an archive, in order. Dropping it stops the work on them.
pub struct Blocks {
    stream: Stream,
    content: Arc<Content>,
    assembly: Assembly,
}

impl std::fmt::Debug for Blocks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Blocks")
            .field("stream", &self.stream)
            .finish_non_exhaustive()
    }
}

impl Blocks {
    /// Starts to make the archive from a block on; earlier blocks cost nothing.
    #[must_use]
    pub fn start(pool: &Pool, root: Arc<Root>, plan: Arc<Plan>, start: Start) -> Self {
        let (codec, end) = (plan.options().codec, plan.blocks());
        let assembly = Assembly::new(&plan, start);
        let content = Arc::new(Content::new(root, plan));
        let source: Arc<dyn Source> = Arc::clone(&content) as _;
        Self {
            stream: pool.stream(source, codec, start.block().min(end), end),
            content,
            assembly,
        }
    }

    /// The next block; `None` after the last one.
    ///
    /// # Errors
    /// [`WorkerFailed`] if the process lacks a resource; never because of a file.
    pub async fn next(&mut self) -> Result<Option<ArchiveBlock>, WorkerFailed> {
        let made = self.stream.next().await?;
        Ok(made.map(|made| self.assembly.put(made)))
    }

    /// The files that differed from the plan in what was read so far, blocks ahead of the last one included.
    #[must_use]
    pub fn faults(&self) -> Vec<Warning> {
        self.content.faults()
    }

    /// Once all blocks were returned: the files that differed from the plan, in archive order.
    #[must_use]
    pub fn finish(self) -> Vec<Warning> {
        self.content.faults()
    }
}
