//! Archives made on the fly: a plan, and the stream of its blocks.
//!
//! A [`Plan`] fixes which files an archive holds, under which names, and all that its headers say. The tar stream of a
//! plan is cut every [`BLOCK_BYTES`], and each piece is compressed by itself as one gzip member. So the bytes are a
//! function of the plan and the contents alone: any replica makes the same ones with any number of threads, nothing is
//! written to disk, and the stream could begin at any block.

mod content;
mod naming;
mod plan;
mod stream;
mod tar;
mod trailer;

pub use plan::{Entry, NothingToArchive, Plan, PlanError};
pub use stream::{Blocks, WorkerFailed};
pub use trailer::trailer;

/// Bytes of the tar stream in each block but the last.
pub const BLOCK_BYTES: usize = 1 << 20;

/// The level of libdeflate: about the size that gzip makes by default.
pub const LEVEL: i32 = 6;

/// Changes with every change of the bytes that the same plan gives.
const FORMAT: u32 = 1;
