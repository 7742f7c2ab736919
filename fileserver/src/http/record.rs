//! The record of one request, from its head until its answer has been sent.

use std::io;
use std::sync::Arc;

use super::link::Link;
use crate::service::access_log::{RequestLog, Served};
use crate::service::request_error::RequestError;

/// A request. Dropped before its end, it tells that the client left.
#[derive(Debug)]
pub(super) struct Record {
    link: Arc<Link>,
    /// Nothing for a request that is not logged.
    log: Option<RequestLog>,
    result: Result<Served, RequestError>,
    sent: u64,
    is_sending: bool,
}

impl Record {
    pub(super) fn begin(link: &Arc<Link>, log: Option<RequestLog>) -> Self {
        Self {
            link: Arc::clone(link),
            log,
            result: Ok(Served::default()),
            sent: 0,
            is_sending: false,
        }
    }

    pub(super) fn link(&self) -> &Arc<Link> {
        &self.link
    }

    /// What the answer contains, or the error that it is, and its status.
    pub(super) fn begin_sending(&mut self, result: Result<Served, RequestError>, status: u16) {
        self.result = result;
        self.is_sending = true;
        self.link.begin_sending();
        if let Some(log) = &mut self.log {
            log.set_status(status);
        }
    }

    pub(super) fn set_served(&mut self, served: Served) {
        self.result = Ok(served);
    }

    pub(super) fn set_sent(&mut self, sent: u64) {
        self.sent = sent;
    }

    /// Ends it after so many bytes; with an error, if it did not end well.
    pub(super) fn end(mut self, error: Option<RequestError>, sent: u64) {
        self.sent = sent;
        if let Some(log) = self.log.take() {
            let result = std::mem::replace(&mut self.result, Ok(Served::default()));
            log.end(
                &self.link.service.requests,
                &error.map_or(result, Err),
                sent,
            );
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if let Some(log) = self.log.take() {
            let service = &self.link.service;
            let error = match self.link.is_stalled() {
                true => RequestError::Stalled(service.progress_timeout),
                false => RequestError::Gone(io::ErrorKind::ConnectionReset.into()),
            };
            log.end(&service.requests, &Err(error), self.sent);
        }
        self.link.end(self.is_sending);
    }
}
