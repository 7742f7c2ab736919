//! The frame of a page: head, style, breadcrumbs, and how text gets into it.
//!
//! The pages work without scripts and have none. Actions are buttons of forms, not links: `wget --recursive` and its like
//! follow every link.

use std::fmt::Write as _;
use std::sync::LazyLock;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, StatusCode};
use netsocket_protocol::name::Name;
use sha2::{Digest as _, Sha256};

use super::target::url;

/// The media type of a page.
pub(super) const MEDIA: &str = "text/html; charset=utf-8";

const STYLE: &str = include_str!("page.css");

/// Allows the one style sheet of the page, by its digest, and forms to this address.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let digest = BASE64_STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{digest}'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

/// The headers of a page.
pub(super) fn protect(headers: &mut HeaderMap) {
    headers.insert(CONTENT_SECURITY_POLICY, POLICY.clone());
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
}

/// Appends text as HTML.
pub(super) fn put_text(page: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
        page.push_str(&rest[..at]);
        page.push_str(match rest.as_bytes()[at] {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            _ => "&#39;",
        });
        rest = &rest[at + 1..];
    }
    page.push_str(rest);
}

/// Text as HTML.
pub(super) fn text(text: &str) -> String {
    let mut page = String::with_capacity(text.len());
    put_text(&mut page, text);
    page
}

/// A name as HTML: what is not printable is escaped, as in the log.
pub(super) fn name(name: &[u8]) -> String {
    text(&Name::from(name).to_string())
}

/// Everything before the content.
pub(super) fn begin(title: &str) -> String {
    let mut page = String::with_capacity(STYLE.len() + 4096);
    page.push_str("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>");
    put_text(&mut page, title);
    page.push_str("</title>\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<link rel=\"icon\" href=\"data:,\">\n<style>");
    page.push_str(STYLE);
    page.push_str("</style>\n</head>\n<body>\n");
    page
}

/// Everything after it.
pub(super) const END: &str = "</body>\n</html>\n";

/// What the root is called: the same on every server behind a balancer.
pub(super) const ROOT: &str = "All files";

/// The way from the root to a directory.
pub(super) fn breadcrumbs(page: &mut String, path: &[u8]) {
    page.push_str("<nav aria-label=\"Path\"><ol>");
    let mut crumb = |label: &str, href: String, is_last: bool| {
        // Writing to a string cannot fail.
        let _ = match is_last {
            true => write!(page, "<li><b aria-current=\"page\">{label}</b></li>"),
            false => write!(
                page,
                "<li><a href=\"{href}\">{label}</a><span>/</span></li>"
            ),
        };
    };
    crumb(ROOT, url(b"", true), path.is_empty());
    let ends = path
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'/')
        .map(|(at, _)| at);
    let mut start = 0;
    for end in ends.chain((!path.is_empty()).then_some(path.len())) {
        crumb(
            &name(&path[start..end]),
            url(&path[..end], true),
            end == path.len(),
        );
        start = end + 1;
    }
    page.push_str("</ol></nav>\n");
}

/// A small page for an error.
pub(super) fn problem(status: StatusCode, sentence: &str) -> String {
    let reason = status.canonical_reason().unwrap_or("Error");
    let mut page = begin(reason);
    let sentence = text(sentence);
    // Writing to a string cannot fail.
    let _ = write!(
        page,
        "<main>\n<h1>{} {reason}</h1>\n<p>{sentence}</p>\n<p><a href=\"/\">{ROOT}</a></p>\n</main>\n{END}",
        status.as_u16()
    );
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_end_its_element() {
        assert_eq!(
            name(b"<a href=\"x\">&'\n\xff"),
            "&lt;a href=&quot;x&quot;&gt;&amp;&#39;\\n\\xff"
        );
        let mut page = String::new();
        breadcrumbs(&mut page, b"a\"b/<c>");
        assert!(
            page.contains("<a href=\"/a%22b/\">a&quot;b</a>")
                && page.contains("<b aria-current=\"page\">&lt;c&gt;</b>"),
            "{page}"
        );
    }

    #[test]
    fn the_policy_names_the_style_sheet() {
        let policy = POLICY.to_str().unwrap();
        assert!(
            policy.contains("style-src 'sha256-") && policy.contains("='; img-src"),
            "{policy}"
        );
    }
}
