//! Routing within a service: which pool a client is for, by its address and the first bytes that it sends. Nothing is
//! terminated: the bytes are looked at and handed on unchanged. Plain code.
//!
//! Owns the rules, and what first bytes say (`opening`). Does not own where the bytes come from, nor how long they may
//! take: the session does.
//!
//! # Examples
//!
//! ```
//! use netsocket_balancer::routing::{NamePattern, RouteAction};
//!
//! let below: NamePattern = "*.example.com".parse()?;
//! assert_eq!(below.to_string(), "*.example.com");
//! assert!("10.0.0.1".parse::<NamePattern>().is_err());
//! assert_ne!(RouteAction::Refuse, RouteAction::Pool("web".to_owned()));
//! # Ok::<(), netsocket_balancer::routing::NamePatternError>(())
//! ```

mod hello;
mod opening;
mod protocol;
mod rule;

pub(crate) use opening::Opening;
pub use protocol::Protocol;
pub(crate) use rule::{Decision, decide};
pub use rule::{NamePattern, NamePatternError, RouteAction, RouteRule};
