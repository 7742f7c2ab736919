//! Pages of other origins that may read the answers, if they are listed.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
    VARY,
};
use http::{HeaderMap, HeaderValue, Method};

/// What a script may read beside the body.
const EXPOSED: &str = "accept-ranges, content-disposition, content-length, content-range, etag, last-modified, repr-digest";
/// What a script may send.
const ALLOWED: &str = "accept, authorization, if-match, if-modified-since, if-none-match, if-range, range, want-repr-digest";

/// Adds what a browser needs to let a listed origin read the answer. `*` lists all of them.
pub(super) fn allow(
    origins: &[String],
    request: &HeaderMap,
    method: &Method,
    answer: &mut HeaderMap,
) {
    if origins.is_empty() {
        return;
    }
    answer.append(VARY, HeaderValue::from_static("Origin"));
    let Some(origin) = request.get(ORIGIN) else {
        return;
    };
    let is_listed = |listed: &String| listed == "*" || listed.as_bytes() == origin.as_bytes();
    if !origins.iter().any(is_listed) {
        return;
    }
    answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    answer.insert(
        ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static(EXPOSED),
    );
    if *method == Method::OPTIONS && request.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
        answer.insert(
            ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static("GET, HEAD"),
        );
        answer.insert(
            ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static(ALLOWED),
        );
        answer.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("3600"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(origins: &[&str], origin: &str) -> HeaderMap {
        let origins: Vec<String> = origins.iter().map(|origin| (*origin).to_owned()).collect();
        let request = [(ORIGIN, origin.parse().unwrap())].into_iter().collect();
        let mut answer = HeaderMap::new();
        allow(&origins, &request, &Method::GET, &mut answer);
        answer
    }

    #[test]
    fn only_listed_origins_may_read() {
        assert!(answered(&[], "https://a").is_empty());
        let other = answered(&["https://a"], "https://b");
        assert!(!other.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) && other[VARY] == "Origin");
        assert_eq!(
            answered(&["https://b", "https://a"], "https://a")[ACCESS_CONTROL_ALLOW_ORIGIN],
            "https://a"
        );
        assert_eq!(
            answered(&["*"], "https://a")[ACCESS_CONTROL_ALLOW_ORIGIN],
            "https://a"
        );
    }
}
