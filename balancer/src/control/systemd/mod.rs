//! The service manager: socket activation, readiness notification and the watchdog. See sd_listen_fds(3), sd_notify(3) and
//! sd_watchdog_enabled(3), whose protocols are a few environment variables and datagrams of text.
//!
//! Owns these protocols. Does not own when something is reported: that is [`crate::run()`].

mod activation;
mod notify;
mod watchdog;

pub use activation::ActivationError;
pub(crate) use activation::{Activated, Role, activated};
pub use notify::Manager;
pub(crate) use watchdog::{attend, status};

/// Variables that are meant for one process, and not for one that it starts.
pub(crate) const PERSONAL_VARIABLES: [&str; 6] = [
    activation::LISTEN_PID,
    activation::LISTEN_FDS,
    activation::LISTEN_FDNAMES,
    activation::LISTEN_PIDFDID,
    notify::WATCHDOG_PID,
    "MAINPID",
];
