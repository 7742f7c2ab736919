//! Archives made on the fly: a plan, and the stream of its blocks.
//!
//! A [`Plan`] fixes which files an archive contains, under which names, and what their headers say. The tar stream of a
//! plan is cut every [`BLOCK_BYTES`], and each block is compressed by itself, either as a file of its format or as a part
//! of one that only needs a beginning and an end. So the bytes depend only on the plan and
//! the contents: any replica makes the same ones with any number of threads, nothing is written to disk, and the stream
//! can start at any block.
//!
//! Belongs here: plan, tar and zip format, resume, and the spool of the old wire. Does not belong here: threads and compression
//! (`compress`), sockets (`session`).
//!
//! # Examples
//!
//! ```
//! use std::sync::Arc;
//!
//! use netsocket_fileserver::Root;
//! use netsocket_fileserver::archive::{ArchiveOptions, Blocks, Codec, Plan, Start};
//! use netsocket_fileserver::compress::Pool;
//! use netsocket_fileserver::query::Search;
//! use netsocket_protocol::query::Query;
//! use netsocket_protocol::transfer::{Compression, EntryNames, Layout};
//! use netsocket_settings::Supervisor;
//! use tokio_util::sync::CancellationToken;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let tree = tempfile::tempdir()?;
//! std::fs::write(tree.path().join("large.bin"), vec![7; 3 << 20])?;
//! let root = Arc::new(Root::open(tree.path())?);
//! let all = Search { query: Query::default(), limit: usize::MAX, check_readable: true };
//! let found = all.run(&root, &CancellationToken::new())?;
//!
//! let codec = Codec::new(Compression::Gzip, Some(1), Layout::Blocks).expect("a level");
//! let plan = Arc::new(Plan::new(found.files, ArchiveOptions { codec, names: EntryNames::Base })?);
//! assert_eq!((plan.entries()[0].name(), plan.blocks()), (&b"large.bin"[..], 4));
//!
//! // From the third block on, as for a client that already has the first two from another server.
//! let pool = Pool::start(2, 4, &Supervisor::default())?;
//! let mut blocks = Blocks::start(&pool, root, plan, Start::at(2, 0));
//! let mut made = 0;
//! while let Some(block) = blocks.next().await? {
//!     assert!(block.bytes.starts_with(b"\x1f\x8b"));
//!     made += 1;
//! }
//! assert_eq!(made, 2);
//! assert_eq!(blocks.finish(), []);
//! # Ok(())
//! # }
//! ```

mod assembly;
mod content;
mod entry;
mod invertible_bloom_table;
mod naming;
mod plan;
mod resume;
pub(crate) mod spool;
mod stream;
mod tar;
mod trailer;
mod zip;
mod zip_stream;

pub use crate::compress::{BLOCK_BYTES, Codec, WorkerFailed};
pub use assembly::{ArchiveBlock, Start};
pub use entry::{ArchivedName, Entry};
pub use plan::{ArchiveOptions, EmptyArchive, Plan, PlanError};
pub use resume::PlanChanged;
pub use stream::Blocks;
pub use trailer::trailer;
pub use zip_stream::ZipStream;
