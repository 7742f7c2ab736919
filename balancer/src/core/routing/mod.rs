//! Routing within a service: which pool a client is for, by its address and the first bytes that it sends. Nothing is
//! terminated: the bytes are looked at and handed on unchanged. Plain code.
//!
//! Owns the rules, and what first bytes say ([`Opening`]). Does not own where the bytes come from, nor how long they may
//! take: the session does.

mod hello;
mod opening;
mod rule;

pub(crate) use opening::Opening;
pub(crate) use rule::{Decision, decide};
pub use rule::{NamePattern, Protocol, RouteAction, RouteRule};
