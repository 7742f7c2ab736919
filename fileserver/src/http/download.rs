//! What is sent of something: all of it, parts of it, or nothing that the client does not have.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::ops::Range;
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{CONTENT_RANGE, CONTENT_TYPE, RANGE};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};

use super::conditions::{Validators, Verdict, judge, range_counts};
use super::part::Part;
use super::problem::Problem;
use super::ranges::{Selection, select};
use super::reply::Reply;
use super::representation::{Representation, identify};

/// An answer without its content, and what the content consists of.
#[derive(Debug)]
pub(super) struct Download {
    pub(super) reply: Reply,
    /// Nothing where only the head is sent.
    pub(super) parts: VecDeque<Part>,
}

/// Decides on a GET or HEAD.
pub(super) fn decide(
    head: &Parts,
    representation: &Representation,
    clock: fn() -> SystemTime,
) -> Result<Download, Problem> {
    let Representation {
        length,
        has_ranges,
        validators,
        media,
        headers,
    } = representation;
    let mut reply = Reply::empty(StatusCode::OK);
    match judge(&head.headers, validators) {
        Verdict::Answer => {}
        Verdict::NotModified => {
            reply.status = StatusCode::NOT_MODIFIED;
            identify(&mut reply.headers, validators);
            return Ok(Download {
                reply,
                parts: VecDeque::new(),
            });
        }
        Verdict::Failed => {
            let sentence = "this is not the version that the request asks for";
            return Err(Problem::bad(StatusCode::PRECONDITION_FAILED, sentence));
        }
    }
    reply.headers.clone_from(headers);
    let selected = match *length {
        Some(length) if *has_ranges => selection(head, length, validators, clock),
        _ => Selection::Whole,
    };
    let length = length.unwrap_or(u64::MAX);
    let parts = match selected {
        Selection::Whole => {
            reply.length = representation.length;
            VecDeque::from([Part::File(0..length)])
        }
        Selection::Unsatisfiable => {
            let sentence = format!("there are only {length} bytes");
            let range = text(&format!("bytes */{length}"));
            return Err(Problem::bad(StatusCode::RANGE_NOT_SATISFIABLE, &sentence)
                .with(CONTENT_RANGE, range));
        }
        Selection::Ranges(ranges) => partial(&mut reply, &ranges, length, media),
    };
    Ok(Download {
        parts: if head.method == Method::HEAD {
            VecDeque::new()
        } else {
            parts
                .into_iter()
                .filter(|part| !matches!(part, Part::File(range) if range.is_empty()))
                .collect()
        },
        reply,
    })
}

fn selection(
    head: &Parts,
    length: u64,
    validators: &Validators,
    clock: fn() -> SystemTime,
) -> Selection {
    let mut values = head.headers.get_all(RANGE).into_iter();
    // Ranges are defined for GET only.
    let (Some(value), None, true) = (values.next(), values.next(), head.method == Method::GET)
    else {
        return Selection::Whole;
    };
    match value.to_str() {
        Ok(value) if range_counts(&head.headers, validators, clock) => select(value, length),
        _ => Selection::Whole,
    }
}

/// An answer with parts: as they are if there is one, in `multipart/byteranges` if there are several.
fn partial(
    reply: &mut Reply,
    ranges: &[Range<u64>],
    length: u64,
    media: &HeaderValue,
) -> VecDeque<Part> {
    reply.status = StatusCode::PARTIAL_CONTENT;
    let content_range =
        |range: &Range<u64>| format!("bytes {}-{}/{length}", range.start, range.end - 1);
    if let [range] = ranges {
        reply.set(CONTENT_RANGE, text(&content_range(range)));
        reply.length = Some(range.end - range.start);
        return VecDeque::from([Part::File(range.clone())]);
    }
    let boundary = boundary(reply, ranges);
    let mut parts = VecDeque::with_capacity(2 * ranges.len() + 1);
    for range in ranges {
        let mut head = format!("\r\n--{boundary}\r\nContent-Type: ");
        head.push_str(media.to_str().unwrap_or_default());
        // Writing to a string cannot fail.
        let _ = write!(head, "\r\nContent-Range: {}\r\n\r\n", content_range(range));
        parts.push_back(Part::Text(Bytes::from(head)));
        parts.push_back(Part::File(range.clone()));
    }
    parts.push_back(Part::Text(Bytes::from(format!("\r\n--{boundary}--\r\n"))));
    reply.length = Some(parts.iter().map(Part::length).sum());
    reply.set(
        CONTENT_TYPE,
        text(&format!("multipart/byteranges; boundary={boundary}")),
    );
    parts
}

/// The same on every server, and in no file by accident.
fn boundary(reply: &Reply, ranges: &[Range<u64>]) -> String {
    let words = format!("{:?} {ranges:?}", reply.headers.get(http::header::ETAG));
    let mut boundary = blake3::hash(words.as_bytes()).to_hex().to_string();
    boundary.truncate(32);
    boundary
}

/// A header of text that is plain ASCII.
pub(super) fn text(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use http::Request;
    use http::header::ACCEPT_RANGES;

    use super::*;

    fn representation(length: Option<u64>) -> Representation {
        let validators = Validators {
            etag: "\"a\"".parse().unwrap(),
            modified: None,
        };
        let media = HeaderValue::from_static("text/plain");
        Representation::new(length, validators, media)
    }

    fn decided(
        method: &str,
        headers: &[(&str, &str)],
        length: impl Into<Option<u64>>,
    ) -> Result<Download, Problem> {
        let mut request = Request::builder().method(method);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        let representation = representation(length.into());
        decide(&head, &representation, || SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn a_part_is_announced_as_it_is_sent() {
        let one = decided("GET", &[("range", "bytes=2-4")], 10).unwrap();
        assert_eq!(one.reply.status, 206);
        assert_eq!(one.reply.headers[CONTENT_RANGE], "bytes 2-4/10");
        assert_eq!(one.reply.length, Some(3));
        let two = decided("GET", &[("range", "bytes=2-4,8-")], 10).unwrap();
        let bytes: u64 = two.parts.iter().map(Part::length).sum();
        assert_eq!(
            (two.reply.status.as_u16(), two.reply.length),
            (206, Some(bytes))
        );
        assert_eq!(two.parts.len(), 5);
        assert!(!two.reply.headers.contains_key(CONTENT_RANGE));
    }

    #[test]
    fn what_a_client_has_it_does_not_get_again() {
        let known = decided("GET", &[("if-none-match", "\"a\"")], 10).unwrap();
        assert_eq!(
            (known.reply.status.as_u16(), known.reply.length),
            (304, Some(0))
        );
        // The answer of nginx and Apache to `curl -C -` on a file that is whole.
        let whole = decided("GET", &[("range", "bytes=10-")], 10).unwrap_err();
        assert_eq!(whole.status, 416);
        assert_eq!(whole.headers, [(CONTENT_RANGE, text("bytes */10"))]);
        let other = decided("GET", &[("range", "bytes=2-"), ("if-range", "\"b\"")], 10).unwrap();
        assert_eq!(
            (other.reply.status.as_u16(), other.reply.length),
            (200, Some(10))
        );
        let conflict = decided("GET", &[("if-match", "\"b\"")], 10).unwrap_err();
        assert_eq!(conflict.status, 412);
    }

    #[test]
    fn what_has_no_length_has_no_parts() {
        for range in ["bytes=2-4", "bytes=99999-", "bytes=-1", "bytes=0-0,5-"] {
            let whole = decided("GET", &[("range", range)], None).unwrap();
            assert_eq!(
                (whole.reply.status.as_u16(), whole.reply.length),
                (200, None),
                "{range}"
            );
            assert!(!whole.reply.headers.contains_key(CONTENT_RANGE));
            assert_eq!(whole.reply.headers[ACCEPT_RANGES], "none");
            assert_eq!(whole.parts.len(), 1);
        }
        let known = decided("GET", &[("if-none-match", "\"a\"")], None).unwrap();
        assert_eq!(known.reply.status, 304);
        assert!(decided("GET", &[("if-match", "\"b\"")], None).is_err());
    }

    #[test]
    fn what_is_only_made_from_its_start_has_a_length_but_no_parts() {
        for range in ["bytes=2-4", "bytes=99999-", "bytes=0-0,5-"] {
            let (head, ()) = Request::get("/")
                .header("range", range)
                .body(())
                .unwrap()
                .into_parts();
            let representation = representation(Some(10)).without_ranges();
            let whole = decide(&head, &representation, || SystemTime::UNIX_EPOCH).unwrap();
            assert_eq!(
                (whole.reply.status.as_u16(), whole.reply.length),
                (200, Some(10)),
                "{range}"
            );
            assert_eq!(whole.reply.headers[ACCEPT_RANGES], "none");
            assert!(!whole.reply.headers.contains_key(CONTENT_RANGE));
        }
    }

    #[test]
    fn a_head_tells_the_length_of_the_whole() {
        let head = decided("HEAD", &[("range", "bytes=2-4")], 10).unwrap();
        assert_eq!(
            (head.reply.status.as_u16(), head.reply.length),
            (200, Some(10))
        );
        assert!(head.parts.is_empty());
        let empty = decided("GET", &[], 0).unwrap();
        assert!(empty.parts.is_empty() && empty.reply.length == Some(0));
    }
}
