//! The tree over HTTP, for browsers and download tools.
//!
//! hyper frames and parses the messages; this folder says what they mean. Every answer comes from the same service,
//! query and plan as on the other wires.
//!
//! Belongs here: what a URL asks for, conditions and ranges, the pages. Does not belong here: finding files
//! (`service`), who may connect and the TLS handshake (`security`), which wire a connection speaks (`session`).

mod accept;
mod archive;
mod authentication;
mod body;
mod chunk;
mod conditions;
mod connection;
mod cors;
mod dav_request;
mod directory;
mod download;
mod file;
mod file_body;
mod forms;
mod handler;
mod head_guard;
mod link;
mod media;
mod page;
mod parameters;
mod part;
mod pieces;
mod problem;
mod ranges;
mod record;
mod reply;
mod repr_digest;
mod representation;
mod rows;
mod search;
mod target;
mod transport;
mod version;
mod webdav;

pub(crate) use connection::serve;
pub(crate) use problem::refusal;
