//! Moves the bytes: the worker threads, from the accept of a client to the end of its session.
//!
//! | module | owns |
//! | --- | --- |
//! | [`listener`], [`acceptor`] | the listening socket, and taking clients from it |
//! | [`worker`], [`event_loop`] | the work of one thread: waits for events and deadlines, and drives its sessions |
//! | [`worker_thread`], [`scheduling`] | the thread, which has the work go on after a panic, and when it runs |
//! | [`poller`], [`timer_wheel`] | epoll, and the deadlines |
//! | [`session`], [`session_table`] | one session from admit to close; all of a worker |
//! | [`handshakes`] | the TLS handshakes of a service |
//! | [`early_read`], [`connect`] | a client's first bytes; the non-blocking connect to a backend |
//! | [`relay`] | bytes both ways, copied or spliced |
//! | [`dead_peer`] | keepalive, and peers that vanish while bytes are in flight |
//! | [`worker_registry`], [`mailbox`] | how other threads reach a worker, and workers each other |
//! | [`shared`], [`process_rules`] | what all threads of a balancer share |
//! | [`service`], [`upstream`] | services and pools as sessions use them, with the settings that sessions read |
//! | [`session_directory`] | the open sessions of all workers, asked by mail |
//!
//! Nothing in here blocks but the wait for events. What is decided is decided in `core`, checks and reloads are made in
//! `control`, which this folder never imports.

pub(crate) mod acceptor;
pub(crate) mod client;
pub(crate) mod connect;
pub(crate) mod dead_peer;
pub(crate) mod descriptors;
pub(crate) mod early_read;
pub(crate) mod event_loop;
pub(crate) mod handshakes;
pub(crate) mod listen_socket;
pub(crate) mod listener;
pub(crate) mod log_buffers;
pub(crate) mod mailbox;
pub(crate) mod poller;
pub(crate) mod process_rules;
pub(crate) mod relay;
pub(crate) mod scheduling;
pub(crate) mod service;
pub(crate) mod session;
pub(crate) mod session_directory;
pub(crate) mod session_table;
pub(crate) mod session_view;
pub(crate) mod shared;
pub(crate) mod socket_options;
pub(crate) mod timer_wheel;
pub(crate) mod unix_listener;
pub(crate) mod upstream;
pub(crate) mod worker;
pub(crate) mod worker_registry;
pub(crate) mod worker_thread;
