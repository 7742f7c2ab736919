//! Something that may be sent, and the headers that describe it.

use headers::HeaderMapExt as _;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue};

use super::conditions::Validators;
use super::media;

/// Something that may be sent, each byte of which is the same on every server that has it.
#[derive(Debug)]
pub(super) struct Representation {
    /// Nothing where it is known only at the end: then there are no parts of it.
    pub(super) length: Option<u64>,
    /// Whether parts of it may be asked for.
    pub(super) has_ranges: bool,
    pub(super) validators: Validators,
    pub(super) media: HeaderValue,
    /// The headers of an answer with its content, made once.
    pub(super) headers: HeaderMap,
}

impl Representation {
    pub(super) fn new(length: Option<u64>, validators: Validators, media: HeaderValue) -> Self {
        let mut headers = HeaderMap::new();
        identify(&mut headers, &validators);
        let unit = length.map_or("none", |_| "bytes");
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static(unit));
        headers.insert(CONTENT_TYPE, media.clone());
        protect(&mut headers, &media);
        Self {
            length,
            has_ranges: length.is_some(),
            validators,
            media,
            headers,
        }
    }

    /// The same without parts, although its length is known.
    pub(super) fn without_ranges(mut self) -> Self {
        self.has_ranges = false;
        let none = HeaderValue::from_static("none");
        self.headers.insert(ACCEPT_RANGES, none);
        self
    }
}

/// The headers that tell versions apart.
pub(super) fn identify(headers: &mut HeaderMap, validators: &Validators) {
    headers.typed_insert(validators.etag.clone());
    if let Some(modified) = validators.modified {
        headers.typed_insert(headers::LastModified::from(modified));
    }
    // It may be kept, but not used without asking whether it is still the same.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
}

/// Nothing that a served file contains runs with the rights of this address.
fn protect(headers: &mut HeaderMap, media: &HeaderValue) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if !media::has_viewer(media) {
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    }
}
