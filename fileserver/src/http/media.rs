//! The media type of a file, by its name, and the name under which it is saved.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use http::HeaderValue;
use mime_guess::mime;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

/// What is escaped in `filename*` (RFC 8187).
const IN_FILENAME: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// The media type of a file.
pub(super) fn of(name: &[u8]) -> HeaderValue {
    let guessed = mime_guess::from_path(Path::new(OsStr::from_bytes(name))).first();
    let octets = HeaderValue::from_static("application/octet-stream");
    let Some(media) = guessed else {
        return octets;
    };
    // Without it, browsers read text in the encoding of their locale.
    let charset = match media.type_() == mime::TEXT {
        true => "; charset=utf-8",
        false => "",
    };
    HeaderValue::from_str(&format!("{media}{charset}")).unwrap_or(octets)
}

/// Whether browsers run a viewer of their own for it, which a sandbox stops.
pub(super) fn has_viewer(media: &HeaderValue) -> bool {
    media == "application/pdf"
}

/// `Content-Disposition` that has a browser save a file under this name.
pub(super) fn attachment(name: &[u8]) -> HeaderValue {
    let text = String::from_utf8_lossy(name);
    let plain = text.chars().map(|c| match c {
        ' '..='~' if c != '"' && c != '\\' && c != '%' => c,
        _ => '_',
    });
    let plain: String = plain.collect();
    let exact = percent_encode(text.as_bytes(), IN_FILENAME);
    let value = format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{exact}");
    HeaderValue::from_str(&value).unwrap_or(HeaderValue::from_static("attachment"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_is_that_of_the_extension() {
        for (name, media) in [
            ("a.html", "text/html; charset=utf-8"),
            ("a.tar.gz", "application/gzip"),
            ("a.PDF", "application/pdf"),
            ("a.jpg", "image/jpeg"),
            ("README", "application/octet-stream"),
            ("a.nobody-knows", "application/octet-stream"),
        ] {
            assert_eq!(of(name.as_bytes()), media, "{name}");
        }
    }

    #[test]
    fn a_name_neither_ends_its_quotes_nor_the_header() {
        let value = attachment("a\"b\r\nX: y é%41.txt".as_bytes());
        assert_eq!(
            value,
            "attachment; filename=\"a_b__X: y __41.txt\"; filename*=UTF-8''a%22b%0D%0AX%3A%20y%20%C3%A9%2541.txt"
        );
    }
}
