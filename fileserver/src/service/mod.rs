//! Answers to requests, whichever wire they came on: what all sessions share.
//!
//! Belongs here: the limits on work, the choice between the index and a walk, long lists page by page, why a request
//! fails, the access log and the counters. Does not belong here: sockets and wires (`session`), how counters are published (`observe`).

pub(crate) mod access_log;
pub(crate) mod answer_cache;
pub(crate) mod counters;
pub(crate) mod file_service;
pub(crate) mod listing;
pub(crate) mod rarely_ready;
pub(crate) mod request_error;
