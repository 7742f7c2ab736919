//! Which bytes a `Range` header selects (RFC 9110, section 14).
//!
//! The typed header of the `headers` crate drops a suffix that is longer than the file, where the RFC asks for the whole
//! file, so the header is read here.

use std::ops::Range;

/// The most ranges in one answer. Each costs a head of its own; nobody needs more than a few.
const MAX_RANGES: usize = 16;

/// What a header selects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Selection {
    /// The whole: there is no header, or one that a server may ignore.
    Whole,
    /// These, in the order of the request: at least one, none of them empty or overlapping.
    Ranges(Vec<Range<u64>>),
    /// Nothing that exists.
    Unsatisfiable,
}

/// Reads the header for a representation of that length.
///
/// Another unit, a malformed header, too many or overlapping ranges: the header is ignored, as the RFC allows. So nothing
/// is ever sent twice, and nothing that was not asked for is sent as a part.
pub(super) fn select(header: &str, length: u64) -> Selection {
    let Some((unit, set)) = header.split_once('=') else {
        return Selection::Whole;
    };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Selection::Whole;
    }
    let specs = set
        .split(',')
        .map(str::trim)
        .filter(|spec| !spec.is_empty());
    let mut ranges = Vec::new();
    let mut any = false;
    for (count, spec) in specs.enumerate() {
        any = true;
        let Some(range) = read(spec, length) else {
            return Selection::Whole;
        };
        if count == MAX_RANGES {
            return Selection::Whole;
        }
        ranges.extend(range.filter(|range| !range.is_empty()));
    }
    if !any || overlap(&ranges) {
        return Selection::Whole;
    }
    match ranges.is_empty() {
        true => Selection::Unsatisfiable,
        false => Selection::Ranges(ranges),
    }
}

/// One range; nothing if it is malformed, `Some(None)` if there is no such byte.
fn read(spec: &str, length: u64) -> Option<Option<Range<u64>>> {
    let (first, last) = spec.split_once('-')?;
    let (first, last) = (number(first)?, number(last)?);
    match (first, last) {
        (None, None) => None,
        (None, Some(0)) => Some(None),
        (None, Some(suffix)) => Some(Some(length.saturating_sub(suffix)..length)),
        (Some(first), Some(last)) if last < first => None,
        (Some(first), _) if first >= length => Some(None),
        (Some(first), last) => {
            let end = last.map_or(length, |last| last.saturating_add(1).min(length));
            Some(Some(first..end))
        }
    }
}

/// A number, or the empty text; nothing if it is neither. A number beyond 64 bits is the largest one.
fn number(text: &str) -> Option<Option<u64>> {
    let text = text.trim();
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    match text.is_empty() {
        true => Some(None),
        false => Some(Some(text.parse().unwrap_or(u64::MAX))),
    }
}

fn overlap(ranges: &[Range<u64>]) -> bool {
    let mut sorted: Vec<&Range<u64>> = ranges.iter().collect();
    sorted.sort_unstable_by_key(|range| range.start);
    sorted.windows(2).any(|pair| pair[1].start < pair[0].end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranges_are_cut_to_what_there_is() {
        for (header, expected) in [
            ("bytes=0-0", &[(0, 1)][..]),
            ("bytes=0-", &[(0, 1000)]),
            ("bytes=999-", &[(999, 1000)]),
            ("bytes=500-99999999999999999999999", &[(500, 1000)]),
            ("bytes=-1", &[(999, 1000)]),
            ("bytes=-2000", &[(0, 1000)]),
            ("BYTES = 5-9", &[(5, 10)]),
            ("bytes=0-1, 10-11,-1", &[(0, 2), (10, 12), (999, 1000)]),
            ("bytes=10-11,0-1", &[(10, 12), (0, 2)]),
            ("bytes=0-1,2000-", &[(0, 2)]),
            ("bytes=,0-1,", &[(0, 2)]),
        ] {
            let expected = expected.iter().map(|(from, to)| *from..*to).collect();
            assert_eq!(
                select(header, 1000),
                Selection::Ranges(expected),
                "{header}"
            );
        }
    }

    #[test]
    fn what_begins_behind_the_end_is_unsatisfiable() {
        for header in [
            "bytes=1000-",
            "bytes=1000-1001",
            "bytes=-0",
            "bytes=5000-,6000-",
        ] {
            assert_eq!(select(header, 1000), Selection::Unsatisfiable, "{header}");
        }
        for header in ["bytes=0-", "bytes=0-0", "bytes=-5"] {
            assert_eq!(select(header, 0), Selection::Unsatisfiable, "{header}");
        }
    }

    #[test]
    fn what_is_no_range_selects_the_whole() {
        let many = format!("bytes={}", ["1-1"; 17].join(","));
        for header in [
            "bytes=",
            "bytes",
            "lines=0-1",
            "bytes=a-b",
            "bytes=5-4",
            "bytes=-",
            "bytes=+1-2",
            "bytes=1--2",
            "bytes=0-5,5-9",
            "bytes=0-,-1",
            &many,
        ] {
            assert_eq!(select(header, 1000), Selection::Whole, "{header}");
        }
    }

    proptest! {
        #[test]
        fn ranges_lie_within_and_apart(header in "bytes=([0-9]{0,3}-[0-9]{0,3},?){1,6}|.{0,20}", length in 0_u64..500) {
            if let Selection::Ranges(ranges) = select(&header, length) {
                prop_assert!(!ranges.is_empty() && ranges.len() <= MAX_RANGES);
                prop_assert!(ranges.iter().all(|range| range.start < range.end && range.end <= length));
                prop_assert!(ranges.iter().map(|range| range.end - range.start).sum::<u64>() <= length);
            }
        }
    }
}
