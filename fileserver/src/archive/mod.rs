//! Archives made on the fly: a plan, and the stream of its blocks.
//!
//! A [`Plan`] fixes which files an archive holds, under which names, and all that its headers say. The tar stream of a
//! plan is cut every [`BLOCK_BYTES`], and each piece is compressed by itself. So the bytes are a function of the plan and
//! the contents alone: any replica makes the same ones with any number of threads, nothing is written to disk, and the
//! stream can begin at any block.

mod content;
mod naming;
mod plan;
mod resume;
mod sketch;
mod stream;
mod tar;
mod trailer;

pub use crate::compress::{BLOCK_BYTES, Codec, WorkerFailed};
pub use plan::{Entry, Form, Inside, NothingToArchive, Plan, PlanError};
pub use resume::PlanChanged;
pub use stream::Blocks;
pub use trailer::trailer;

/// Changes with every change of the bytes that the same plan gives, also by a new release of a compressor.
const FORMAT: u32 = 2;
