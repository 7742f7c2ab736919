//! Beside the workers: everything that runs on one tokio runtime and acts on them.
//!
//! | module | owns |
//! | --- | --- |
//! | [`startup`], [`run`] | from the settings to bound sockets; from the first worker to the last |
//! | [`resolve`], [`run_error`], [`unresolved_names`] | what settings point at; why a start fails; what a check warns of |
//! | [`background`], [`pool_tasks`] | the tasks that run all the time, of the process and of each pool |
//! | [`binding`], [`layout`] | the sockets of services, and which service uses which pool |
//! | [`session_room`] | the warning of too few descriptors |
//! | [`process_health`] | whether they do their work, for the watchdog and the probes |
//! | [`lifecycle_executor`], [`lifecycle`] | reload and restart, one request after the other |
//! | [`signals`] | what asks for these from outside |
//! | [`checks`] | active health checks on the network |
//! | [`discovery`] | backends behind names in DNS |
//! | [`reload`] | new settings in a running balancer |
//! | [`handover`], [`inherited_fds`] | sockets for a new process, and from an old one |
//! | [`drain`] | the drain of one backend |
//! | [`admin_listener`] | the socket of the admin HTTP, which is opened and handed over as the other one is |
//! | [`systemd`], [`pid_file`] | the service manager, and scripts |
//! | [`heap`] | memory that a start or a reload needed for a moment |
//!
//! Does not own what is decided (`core`), nor the admin HTTP itself (`admin`), which it never imports.

pub(crate) mod admin_listener;
pub(crate) mod admin_stream;
pub(crate) mod background;
pub(crate) mod binding;
pub(crate) mod checks;
pub mod discovery;
pub(crate) mod drain;
pub(crate) mod handover;
mod heap;
pub(crate) mod inherited_fds;
pub(crate) mod layout;
pub(crate) mod lifecycle;
pub(crate) mod lifecycle_executor;
pub(crate) mod pid_file;
pub(crate) mod pool_tasks;
pub(crate) mod process_health;
pub(crate) mod reload;
pub(crate) mod resolve;
pub(crate) mod run;
pub(crate) mod run_error;
pub(crate) mod session_room;
pub(crate) mod signals;
pub(crate) mod startup;
pub(crate) mod systemd;
pub(crate) mod unresolved_names;
