//! Which backend takes the next session.
//!
//! Owns the policies, as plain code without I/O or clock. Does not own who may be chosen: the caller hands in the
//! backends that are up.

mod round_robin;

pub use round_robin::RoundRobin;

/// The position of a backend in its pool, fixed for the life of the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BackendId(pub usize);
