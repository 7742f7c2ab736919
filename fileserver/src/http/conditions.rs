//! The conditions of a request: whether it is answered, and whether by a part (RFC 9110, section 13).

use std::time::{Duration, SystemTime};

use headers::{ETag, HeaderMapExt as _, IfMatch, IfModifiedSince, IfNoneMatch, IfUnmodifiedSince};
use http::header::{IF_MATCH, IF_NONE_MATCH, IF_RANGE};
use http::{HeaderMap, HeaderName};

/// The last second with a date in HTTP: the end of the year 9999.
const LAST_SECOND: u64 = 253_402_300_799;

/// How old a file must be before its time tells versions apart: it may change twice in a second.
const STRONG_AFTER: Duration = Duration::from_secs(2);

/// What tells versions of a representation apart.
#[derive(Debug, Clone)]
pub(super) struct Validators {
    pub(super) etag: ETag,
    /// In whole seconds.
    pub(super) modified: Option<SystemTime>,
}

/// What to do with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Answer,
    NotModified,
    Failed,
}

/// The time of a file for HTTP; nothing if it is outside of its calendar.
pub(super) fn date(seconds: i64) -> Option<SystemTime> {
    let seconds = u64::try_from(seconds).ok()?;
    let since = Duration::from_secs(seconds);
    (seconds <= LAST_SECOND).then(|| SystemTime::UNIX_EPOCH + since)
}

/// Judges the conditions of a GET or HEAD, in the order of the RFC.
pub(super) fn judge(headers: &HeaderMap, now: &Validators) -> Verdict {
    let failed = match headers.typed_get::<IfMatch>() {
        Some(_) if !has_tags(headers, &IF_MATCH) => true,
        Some(wanted) => !wanted.precondition_passes(&now.etag) && !wanted.is_any(),
        None => match (headers.typed_get::<IfUnmodifiedSince>(), now.modified) {
            (Some(since), Some(modified)) => !since.precondition_passes(modified),
            _ => false,
        },
    };
    if failed {
        return Verdict::Failed;
    }
    let unchanged = match headers.typed_get::<IfNoneMatch>() {
        Some(_) if !has_tags(headers, &IF_NONE_MATCH) => false,
        Some(known) => !known.precondition_passes(&now.etag),
        None => match (headers.typed_get::<IfModifiedSince>(), now.modified) {
            (Some(since), Some(modified)) => !since.is_modified(modified),
            _ => false,
        },
    };
    match unchanged {
        true => Verdict::NotModified,
        false => Verdict::Answer,
    }
}

/// Whether a header can be a list of tags, which contain no white space and end on their line. `headers` takes that for
/// granted, and panics in debug builds where it is not so. What is none names no version.
fn has_tags(headers: &HeaderMap, name: &HeaderName) -> bool {
    headers.get_all(name).iter().all(|value| {
        let mut is_in_tag = false;
        let has_space = value.as_bytes().iter().any(|byte| {
            is_in_tag ^= *byte == b'"';
            is_in_tag && matches!(byte, b' ' | b'\t')
        });
        !has_space && !is_in_tag
    })
}

/// Whether a `Range` header counts: without `If-Range`, or where that names this very version.
pub(super) fn range_counts(
    headers: &HeaderMap,
    now: &Validators,
    clock: fn() -> SystemTime,
) -> bool {
    let Some(known) = headers.get(IF_RANGE) else {
        return true;
    };
    let Ok(known) = known.to_str() else {
        return false;
    };
    if has_tags(headers, &IF_RANGE)
        && let Ok(tag) = known.trim().parse::<ETag>()
    {
        // The strong comparison; our tags are all strong.
        return !tag.is_weak() && tag == now.etag;
    }
    let Some(modified) = now.modified else {
        return false;
    };
    let is_strong = clock()
        .duration_since(modified)
        .is_ok_and(|age| age >= STRONG_AFTER);
    is_strong && httpdate::parse_http_date(known.trim()).is_ok_and(|known| known == modified)
}

#[cfg(test)]
mod tests {
    use super::*;

    const THEN: &str = "Tue, 14 Nov 2023 22:13:20 GMT";
    const BEFORE: &str = "Tue, 14 Nov 2023 22:13:19 GMT";
    const LATER: &str = "Tue, 14 Nov 2023 22:13:21 GMT";

    fn now() -> Validators {
        Validators {
            etag: "\"a\"".parse().unwrap(),
            modified: date(1_700_000_000),
        }
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            let name: HeaderName = name.parse().unwrap();
            (name, value.parse().unwrap())
        });
        pairs.collect()
    }

    #[test]
    fn tags_go_before_times() {
        for (given, expected) in [
            (vec![], Verdict::Answer),
            (vec![("if-none-match", "\"a\"")], Verdict::NotModified),
            (vec![("if-none-match", "W/\"a\"")], Verdict::NotModified),
            (
                vec![("if-none-match", "\"b\", \"a\"")],
                Verdict::NotModified,
            ),
            (vec![("if-none-match", "*")], Verdict::NotModified),
            (vec![("if-none-match", "\"b\"")], Verdict::Answer),
            (
                vec![("if-none-match", "\"b\""), ("if-modified-since", THEN)],
                Verdict::Answer,
            ),
            (vec![("if-modified-since", THEN)], Verdict::NotModified),
            (vec![("if-modified-since", LATER)], Verdict::NotModified),
            (vec![("if-modified-since", BEFORE)], Verdict::Answer),
            (vec![("if-modified-since", "yesterday")], Verdict::Answer),
            (vec![("if-match", "\"a\"")], Verdict::Answer),
            (vec![("if-match", "*")], Verdict::Answer),
            (vec![("if-match", "\"b\"")], Verdict::Failed),
            (vec![("if-match", "W/\"a\"")], Verdict::Failed),
            (
                vec![("if-match", "\"b\""), ("if-none-match", "\"a\"")],
                Verdict::Failed,
            ),
            (vec![("if-unmodified-since", BEFORE)], Verdict::Failed),
            (vec![("if-unmodified-since", THEN)], Verdict::Answer),
            // What is no list of tags matches nothing.
            (vec![("if-match", "\"a b\"")], Verdict::Failed),
            (vec![("if-match", "\"a\", \"\t\"")], Verdict::Failed),
            (
                vec![("if-match", "W/\"b"), ("if-match", "\"a\"")],
                Verdict::Failed,
            ),
            (vec![("if-none-match", "\"a b\"")], Verdict::Answer),
            (
                vec![("if-none-match", "\"b"), ("if-none-match", "\"a\"")],
                Verdict::Answer,
            ),
            (
                vec![("if-none-match", "\"b\""), ("if-none-match", "\"a\"")],
                Verdict::NotModified,
            ),
        ] {
            assert_eq!(judge(&headers(&given), &now()), expected, "{given:?}");
        }
    }

    #[test]
    fn a_part_is_only_of_the_version_that_the_client_has() {
        let at_once = || date(1_700_000_000).unwrap();
        let second_later = || date(1_700_000_001).unwrap();
        let minute_later = || date(1_700_000_060).unwrap();
        for (known, expected) in [
            ("\"a\"", true),
            ("\"b\"", false),
            ("W/\"a\"", false),
            (THEN, true),
            (BEFORE, false),
            (LATER, false),
            ("nonsense", false),
            ("\"a b\"", false),
        ] {
            let given = headers(&[("if-range", known)]);
            assert_eq!(
                range_counts(&given, &now(), minute_later),
                expected,
                "{known}"
            );
        }
        assert!(range_counts(&headers(&[]), &now(), at_once));
        // Within the same second the file may change again.
        assert!(!range_counts(
            &headers(&[("if-range", THEN)]),
            &now(),
            second_later
        ));
        assert!(range_counts(
            &headers(&[("if-range", "\"a\"")]),
            &now(),
            at_once
        ));
    }

    #[test]
    fn times_outside_of_the_calendar_are_left_out() {
        assert_eq!(date(-1), None);
        assert_eq!(date(i64::MAX), None);
        assert!(date(0).is_some() && date(253_402_300_799).is_some());
    }
}
