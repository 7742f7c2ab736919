//! Decides whether a client is admitted and whether it queues, before any backend is involved.
//!
//! [`Admission`] holds the lists and limits of one listener and answers each client with a [`Permit`] or a [`Refusal`].
//! [`SharedQueue`] holds clients that were admitted while every backend was full. Plain code: no sockets, and the time
//! is passed in as the time since the start.
//!
//! Checks run in this order, and the first that fails is the reason given:
//!
//! 1. the lists: if there is an allow list, only its networks; never a network on the deny list;
//! 2. the listener's open connections;
//! 3. the address's open connections, then its rate;
//! 4. the rate of all clients together.
//!
//! Narrow limits come before wide ones, so that an address over its limit does not use up the limit of the others.
//!
//! # Examples
//!
//! ```
//! use std::num::NonZeroU32;
//! use std::time::Duration;
//!
//! use netsocket_balancer::admission::{Admission, Limits, Refusal};
//!
//! let admission = Admission::new(Limits {
//!     deny: ["192.0.2.0/24".parse()?].into_iter().collect(),
//!     connections: NonZeroU32::new(1),
//!     ..Limits::default()
//! });
//! let verdict = |client: &str| admission.admit(client.parse().expect("an address"), Duration::ZERO);
//!
//! assert_eq!(verdict("192.0.2.7").err(), Some(Refusal::Denied));
//! let permit = verdict("198.51.100.1").expect("room for one");
//! assert_eq!(verdict("198.51.100.2").err(), Some(Refusal::ListenerFull));
//! // The first client has disconnected.
//! drop(permit);
//! assert!(verdict("198.51.100.2").is_ok());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod addresses;
mod cidr;
mod limits;
mod queue;
mod rate;
mod refusal;
mod shared_queue;

pub use addresses::{AddressLimits, DEFAULT_IPV6_PREFIX, DEFAULT_REMEMBERED};
pub use cidr::{Network, NetworkError, Networks};
pub use limits::{Admission, Limits, Permit};
pub use queue::{EnqueueError, Ticket, WaitQueue};
pub use rate::{Rate, RateError};
pub use refusal::Refusal;
pub use shared_queue::SharedQueue;
