//! Layered settings for every NetSocket program.
//!
//! Owns: where a value comes from (a flag beats the environment beats the file beats the default), how unknown keys
//! and wrong values are collected and reported all at once, the text form of durations, sizes and admin addresses, and what a process does
//! first: start its log, raise its limit on descriptors, or a [`Chore`] instead. Does not own: any program's keys, which each program lists as
//! [`Key`]s beside its own raw struct.
//!
//! The way of a value: the program's command line and the [`Key`] table go to [`load`], which gives back the raw serde
//! struct of the program; a [`Check`] then turns each raw entry into its validated type and keeps every problem.

mod admin_address;
mod chores;
mod descriptors;
mod duration;
mod layers;
mod log;
mod problem;
mod reason;
mod salvage;
mod scalar;
mod size;

pub use admin_address::{AdminAddress, AdminStream, NoAdminAddress};
pub use chores::{Chore, ChoreError};
pub use descriptors::raise_descriptor_limit;
pub use duration::{DurationError, duration_text, parse_duration};
pub use layers::{Check, Flag, Key, Layers, Loaded, load};
pub use log::{LOG_KEYS, LogFormat, init_log};
pub use problem::{Problem, Problems};
pub use reason::reason;
pub use salvage::load_only;
pub use scalar::Scalar;
pub use size::{SizeError, parse_size};
