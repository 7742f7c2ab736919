//! The settings of a file server: keys, defaults, limits.
//!
//! Belongs here: reading and checking settings from file, environment and flags. Does not belong here: acting on them.

mod credentials;
pub(crate) mod exposure;
mod kafka;
mod keys;
mod load;
mod root;
mod settings;

pub use keys::misspelt_variables;
pub use settings::{Config, Wires};

#[cfg(test)]
mod tests;
