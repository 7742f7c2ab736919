//! Answers to requests that fail: problem+json (RFC 9457), or a small page for browsers.

use http::header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, StatusCode};

use super::page;
use super::reply::Reply;
use crate::service::request_error::RequestError;

/// Seconds after which a client may try again.
const RETRY_SECONDS: &str = "1";

/// Why a request gets no other answer.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    pub(super) error: RequestError,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
}

/// What a request leads to.
pub(super) type Answer = Result<Reply, Problem>;

impl Problem {
    pub(super) fn new(status: StatusCode, error: RequestError) -> Self {
        Self {
            status,
            error,
            headers: Vec::new(),
        }
    }

    /// A request that is malformed.
    pub(super) fn bad(status: StatusCode, sentence: &str) -> Self {
        Self::new(status, RequestError::BadRequest(sentence.to_owned()))
    }

    pub(super) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Ends the connection after the answer: what follows on it could be read in two ways.
    pub(super) fn closing(self) -> Self {
        self.with(CONNECTION, HeaderValue::from_static("close"))
    }

    /// The answer, and the error for the log.
    pub(super) fn reply(self, as_page: bool) -> (Reply, RequestError) {
        let Self {
            status,
            error,
            headers,
        } = self;
        let (media, text) = match as_page {
            true => (page::MEDIA, page::problem(status, &error.to_string())),
            false => ("application/problem+json", json(status, &error.to_string())),
        };
        let mut reply = Reply::text(status, media, text);
        for (name, value) in headers {
            reply.headers.append(name, value);
        }
        if as_page {
            page::protect(&mut reply.headers);
        }
        (reply, error)
    }
}

impl From<RequestError> for Problem {
    fn from(error: RequestError) -> Self {
        let status = match &error {
            RequestError::BadRequest(_)
            | RequestError::TooManyFiles { .. }
            | RequestError::TooLarge(_) => StatusCode::BAD_REQUEST,
            RequestError::NotFound(_) | RequestError::Nothing(_) | RequestError::NoDirectory(_) => {
                StatusCode::NOT_FOUND
            }
            RequestError::Denied(_) => StatusCode::FORBIDDEN,
            RequestError::PlanChanged(_) | RequestError::FileChanged(_) => {
                StatusCode::PRECONDITION_FAILED
            }
            RequestError::Busy { .. }
            | RequestError::PlansFull { .. }
            | RequestError::DiskFull { .. } => StatusCode::SERVICE_UNAVAILABLE,
            RequestError::Internal { .. } | RequestError::Gone(_) | RequestError::Stalled(_) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        let problem = Self::new(status, error);
        match status {
            StatusCode::SERVICE_UNAVAILABLE => {
                problem.with(RETRY_AFTER, HeaderValue::from_static(RETRY_SECONDS))
            }
            _ => problem,
        }
    }
}

fn json(status: StatusCode, detail: &str) -> String {
    let problem = serde_json::json!({
        "title": status.canonical_reason().unwrap_or_default(),
        "status": status.as_u16(),
        "detail": detail,
    });
    format!("{problem}\n")
}

/// The whole answer to a client that gets no session: as text, because nothing of its request was read.
pub(crate) fn refusal(is_busy: bool, sentence: &str) -> Vec<u8> {
    let (status, retry) = match is_busy {
        true => (StatusCode::SERVICE_UNAVAILABLE, "Retry-After: 1\r\n"),
        false => (StatusCode::BAD_REQUEST, ""),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\n{CONTENT_TYPE}: text/plain; charset=utf-8\r\nContent-Length: {}\r\n{retry}Connection: close\r\n\r\n",
        sentence.len() + 1
    );
    format!("{head}{sentence}\n").into_bytes()
}
