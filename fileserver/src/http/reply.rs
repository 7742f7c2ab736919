//! An answer before its body is on its way.

use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::body::Content;
use crate::service::access_log::Served;

/// An answer: status, headers, content, and what it contains for the log.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) content: Content,
    /// Bytes of the content, if they are known.
    pub(super) length: Option<u64>,
    pub(super) served: Served,
}

impl Reply {
    /// Without content.
    pub(super) fn empty(status: StatusCode) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            content: Content::empty(),
            length: Some(0),
            served: Served::default(),
        }
    }

    /// A text of that type.
    pub(super) fn text(
        status: StatusCode,
        media: &'static str,
        text: impl Into<bytes::Bytes>,
    ) -> Self {
        let text = text.into();
        let length = text.len() as u64;
        let mut reply = Self::empty(status);
        reply.length = Some(length);
        reply.content = Content::Bytes(text);
        reply.set(CONTENT_TYPE, HeaderValue::from_static(media));
        reply
    }

    pub(super) fn set(&mut self, name: HeaderName, value: HeaderValue) {
        self.headers.insert(name, value);
    }

    /// Adds the length to the headers; a HEAD request is told it as well.
    pub(super) fn announce_length(&mut self) {
        if let Some(length) = self.length
            && self.status != StatusCode::NOT_MODIFIED
            && self.status != StatusCode::NO_CONTENT
        {
            self.headers.insert(CONTENT_LENGTH, length.into());
        }
    }
}
