//! A client that only reads: a topic's partitions and leaders, offsets, and records as a committed reader may see them.
//!
//! Speaks the six requests that this takes, in versions that brokers from 2.3 on know. Decides batch by batch
//! (`decode`), so that one that cannot be decoded costs nothing but itself, and asks for metadata without the right to
//! create a topic. Does not own groups, positions or retries: who gets an error opens a new connection.
//! Why not rskafka: decision record 240.

mod batch;
mod compression;
mod connection;
mod decode;
mod messages;
mod partition;
mod sasl;
mod wire;

pub(crate) use connection::Connection;
pub use decode::{Decoded, LogEntry};
pub(crate) use messages::{Limits, Metadata};
pub use partition::Fetched;
pub(crate) use partition::PartitionReader;
