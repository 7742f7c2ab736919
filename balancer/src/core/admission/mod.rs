//! Who may come in, and who waits: everything that is decided about a client before a backend is touched.
//!
//! [`Admission`] holds the lists and limits of one listener and answers for each client with a [`Permit`] or a
//! [`Refusal`]; [`SharedQueue`] is the line of those that were admitted while every backend was full. Plain code: the
//! time is handed in, as the time since the start, and nothing here knows a socket.
//!
//! The order of the checks, which is also the order in which a reason is named:
//!
//! 1. lists: with an allow list only its networks, and in any case none of the deny list;
//! 2. the listener's open connections;
//! 3. the address's open connections, then its rate;
//! 4. the rate of all.
//!
//! What is narrow comes before what is wide, so that one address that is held back takes nothing from the others.
//!
//! # Examples
//!
//! ```
//! use std::num::NonZeroU32;
//! use std::time::Duration;
//!
//! use netsocket_balancer::admission::{Admission, Limits, Refusal};
//!
//! let door = Admission::new(Limits {
//!     deny: ["192.0.2.0/24".parse()?].into_iter().collect(),
//!     connections: NonZeroU32::new(1),
//!     ..Limits::default()
//! });
//! let verdict = |client: &str| door.admit(client.parse().expect("an address"), Duration::ZERO);
//!
//! assert_eq!(verdict("192.0.2.7").err(), Some(Refusal::Denied));
//! let permit = verdict("198.51.100.1").expect("room for one");
//! assert_eq!(verdict("198.51.100.2").err(), Some(Refusal::ListenerFull));
//! // It is gone.
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
