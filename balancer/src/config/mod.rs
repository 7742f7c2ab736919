//! The settings of the balancer: keys, defaults and the validated form that everything else uses.
//!
//! Owns which keys exist and the bounds of their values. Does not own where values come from (crate
//! `netsocket-settings`) nor the resolution of host names, which happens at startup (see [`crate::Startup`]).
//!
//! # Examples
//!
//! ```
//! use netsocket_balancer::Config;
//! use netsocket_balancer::balance::Policy;
//! use netsocket_settings::Layers;
//!
//! let file = tempfile::NamedTempFile::new()?;
//! let layers = Layers { file: Some(file.path()), flags: Vec::new() };
//! std::fs::write(file.path(), "backends = ['server=localhost:9000']\nbalance = 'maglev'")?;
//! let config = Config::load(&layers, |_| None)?;
//! assert_eq!((config.backends[0].name.as_str(), config.balance), ("server", Policy::Maglev));
//!
//! std::fs::write(file.path(), "backends = ['server']\nbalance = 'fair'")?;
//! let problems = Config::load(&layers, |_| None).unwrap_err().to_string();
//! assert!(problems.contains("balance = \"fair\": ") && problems.contains("\"server\": "));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod access_log;
mod address_fault;
mod admin;
mod backend_tls;
mod backends;
mod balance;
mod bounds;
mod discovery;
mod document;
mod doubts;
mod dump;
mod edit_refusal;
mod entry_keys;
#[cfg(test)]
mod example_file;
mod group;
mod health;
mod host_port;
mod kafka;
mod keepalive;
mod keys;
mod lifecycle;
mod limits;
mod listen;
mod load;
mod name;
mod own_rules;
mod raw;
mod raw_value;
mod relay;
mod routes;
mod scalars;
pub(crate) mod secret_files;
mod service_names;
mod services;
mod settings;
mod tls;

pub use access_log::{AccessLogRules, DEFAULT_ACCESS_LOG_TARGET};
pub use admin::{AdminSettings, DEFAULT_ADMIN, Ignored};
pub use backend_tls::BACKEND_TLS_KEYS;
pub use backends::BackendAddress;
pub use discovery::{DEFAULT_DNS_HOLD, DEFAULT_DNS_MAX_INTERVAL, DEFAULT_DNS_MIN_INTERVAL, Rules};
pub use document::Document;
pub(crate) use document::Edit;
pub use dump::SECRET_KEYS;
pub use entry_keys::{
    BACKEND_CHECK_KEYS, BACKEND_KEYS, DEFAULT_NAME, OWN_KEYS, POOL_KEYS, SERVICE_KEYS,
};
pub use group::{Group, IpFamily, Question};
pub use health::{
    DEFAULT_CHECK_FALL, DEFAULT_CHECK_FAST_INTERVAL, DEFAULT_CHECK_INTERVAL, DEFAULT_CHECK_PATH,
    DEFAULT_CHECK_RISE, DEFAULT_CHECK_TIMEOUT, DEFAULT_EJECTION_CONNECTS,
    DEFAULT_EJECTION_EARLY_RESETS, DEFAULT_EJECTION_MAX_PERCENT, DEFAULT_EJECTION_TIME,
    DEFAULT_FAIL_OPEN, DEFAULT_FLAP_HOLD, DEFAULT_SLOW_START,
};
pub use kafka::KafkaGiven;
pub use keepalive::Keepalive;
pub(crate) use keys::unknown_key;
pub use keys::{KEYS, LISTS, NESTED, TABLES, in_table};
pub use lifecycle::{DEFAULT_RESTART_TIMEOUT, LifecycleRules, Removed};
pub use limits::{DEFAULT_PROXY_TIMEOUT, DEFAULT_QUEUE_LENGTH, DEFAULT_QUEUE_TIMEOUT, QueueRules};
pub use listen::{DEFAULT_LISTEN, Listen, ListenAddress, ListenError, ListenOptions};
pub use raw::misspelt_variables;
pub use relay::{IdleLimits, RelayMode};
pub use routes::ROUTE_KEYS;
pub use secret_files::Secrets;
pub(crate) use services::{PoolPlan, ServicePlan};
pub use settings::{
    Config, DEFAULT_AGE_JITTER, DEFAULT_CONNECT_TIMEOUT, DEFAULT_DRAIN_TIMEOUT,
    DEFAULT_HALF_CLOSE_TIMEOUT, DEFAULT_IDLE_TIMEOUT, DEFAULT_LOG, DEFAULT_ROUTE_TIMEOUT,
    NamedPool, Service, Timeouts,
};
pub use tls::{
    ADMIN_TLS_KEYS, CERTIFICATE_KEYS, DEFAULT_HANDSHAKE_TIMEOUT, DEFAULT_MAX_HANDSHAKES, TLS_KEYS,
};
