//! The limits of the control groups that this process belongs to, of version 1 and 2, and what the groups use of them.
//!
//! A group shares what the groups above it have, so every group on the path from the process's own up to the mount counts,
//! and the tightest limit wins. Does not own what is made of it: percentages are the sampler's.

mod cpu;
mod hierarchy;
mod memory;

pub(super) use cpu::{CpuQuota, CpuReading};
pub(super) use memory::{MemoryLimit, MemoryReading};
