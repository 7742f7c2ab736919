//! Backends that are names: a group of them stands behind a name in DNS, is asked for again and again, and comes and
//! goes with the answers.
//!
//! | file | owns |
//! | --- | --- |
//! | [`group`] | what is set: the name, the question, the part of every member |
//! | [`answer`] | what DNS said: the servers found, and how they become backends |
//! | [`members`] | who is a member after an answer, and when to ask again; plain code |
//! | [`report`] | what is told about a group |
//! | [`roll`] | all groups and the fixed backends together; plain code |
//! | [`dns`] | the questions on the network |
//! | [`watch`] | the task that asks, and tells the pool |
//!
//! Does not own the health of members nor the sessions of those that have left: both belong to the pool.

pub mod answer;
pub mod dns;
pub mod group;
pub mod members;
pub mod report;
pub mod roll;
pub mod watch;

pub use answer::{Answer, AskError, Found};
pub use dns::Dns;
pub use group::{Group, Question};
pub use members::Rules;
pub use report::{GroupReport, Outcome};
pub use roll::Roll;
pub use watch::{Ask, Setup, discover};
