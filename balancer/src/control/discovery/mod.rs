//! Service discovery by DNS: a group of backends behind a name is looked up again and again, and backends are added and
//! removed with the answers.
//!
//! | file | owns |
//! | --- | --- |
//! | `answer` | an answer: the servers found, and how they become backends |
//! | `endpoints` | the servers of a group after an answer, and when to query again; plain code |
//! | `backend_set` | all groups and the fixed backends together; plain code |
//! | `dns` | the queries on the network |
//! | `watch` | the task that queries and updates the pool |
//!
//! Does not own the settings of groups (`config`), nor the health of backends or the sessions of those that were removed:
//! both belong to the pool.
//!
//! # Examples
//!
//! ```
//! use std::time::Duration;
//!
//! use netsocket_balancer::Config;
//! use netsocket_balancer::backend::Attributes;
//! use netsocket_balancer::discovery::{Answer, BackendSet, Found, Group, IpFamily, Question};
//! use tokio::time::Instant;
//!
//! let group = Group {
//!     name: "files".to_owned(),
//!     question: Question::Addresses {
//!         host: "files.example".to_owned(),
//!         port: 9000,
//!         family: IpFamily::Any,
//!     },
//!     attributes: Attributes::default(),
//! };
//! let now = Instant::now();
//! let mut backend_set = BackendSet::new(Vec::new(), vec![group], Config::default().discovery, now);
//!
//! let (ticket, question) = backend_set.ask(now).remove(0);
//! assert_eq!(question.to_string(), "files.example:9000");
//! let found = ["192.0.2.1:9000", "192.0.2.2:9000"].map(|address| Found {
//!     address: address.parse().expect("an address"),
//!     service: None,
//! });
//! let answer = Answer { found: found.to_vec(), ttl: Duration::from_secs(30), missing: None };
//! let change = backend_set.take(ticket, Ok(answer), now).expect("two new ones");
//! assert_eq!(change.backends.len(), 2);
//! assert!(change.backends[0].name.starts_with("files"));
//! // The answer is valid for a while.
//! assert!(backend_set.ask(now).is_empty() && backend_set.due() > Some(now));
//! ```

pub use crate::config::{Group, IpFamily, Question, Rules};
pub use crate::core::pool::{GroupReport, Outcome};

mod answer;
mod backend_set;
mod dns;
mod endpoints;
mod watch;

pub use answer::{Answer, AskError, Found};
pub use backend_set::BackendSet;
pub use dns::Dns;
pub(crate) use watch::discover;
pub use watch::{Ask, Setup};
