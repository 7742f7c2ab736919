//! The command `find`: parsing, checks and usage line.
//!
//! Owns: the syntax of a typed query. Does not own: the meaning of a query ([`crate::query`]), or matching globs (the
//! server).

use crate::command::{Usage, UsageError};
use crate::message::Request;
use crate::name::Name;
use crate::query::{Query, Sort};
use crate::time_point::TimePoint;

/// The usage of `find`.
pub const FIND: Usage = Usage {
    name: "find",
    arguments: "[NAME|GLOB] [--ext EXT[,EXT]] [--larger SIZE] [--smaller SIZE] [--size [MIN]..[MAX]] [--born-after WHEN] [--born-before WHEN] \
                [--modified-after WHEN] [--modified-before WHEN] [--below DIR] [--hidden] [--sort KEY] [--reverse] \
                [--limit N]",
    about: "files by name, size, kind, age and place",
};

/// One option of `find`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FindOption {
    /// The name after `--`.
    pub name: &'static str,
    /// The placeholder for its value in help; `None` if it takes no value.
    pub value: Option<&'static str>,
    /// A short description.
    pub about: &'static str,
}

const fn option(
    name: &'static str,
    value: Option<&'static str>,
    about: &'static str,
) -> FindOption {
    FindOption { name, value, about }
}

/// The options that select files, in the order of the help text.
pub const CONDITIONS: [FindOption; 10] = [
    option(
        "ext",
        Some("EXT[,EXT]"),
        "with one of these extensions; may be given again",
    ),
    option(
        "larger",
        Some("SIZE"),
        "of SIZE bytes or more: 500, 10k, 1M, 2G",
    ),
    option("smaller", Some("SIZE"), "of SIZE bytes or less"),
    option(
        "size",
        Some("[MIN]..[MAX]"),
        "of MIN to MAX bytes, or of exactly SIZE",
    ),
    option("born-after", Some("WHEN"), "born at or after WHEN"),
    option("born-before", Some("WHEN"), "born before WHEN"),
    option(
        "modified-after",
        Some("WHEN"),
        "last modified at or after WHEN",
    ),
    option("modified-before", Some("WHEN"), "last modified before WHEN"),
    option("below", Some("DIR"), "somewhere below this directory"),
    option(
        "hidden",
        None,
        "also where a part of the path begins with a dot",
    ),
];

/// The options that say how the files are listed.
pub const ORDER: [FindOption; 3] = [
    option(
        "sort",
        Some("KEY"),
        "path, name, size, born or modified, smallest first",
    ),
    option("reverse", None, "the list the other way round"),
    option("limit", Some("N"), "the first N files"),
];

/// The default limit on listed files.
pub const DEFAULT_LIMIT: u64 = 1_000;

/// Characters that make a word a glob rather than a name.
const GLOB_CHARACTERS: [char; 4] = ['*', '?', '[', '{'];

/// Parses the words after `find`, as split by a shell or a prompt.
///
/// A word without `*`, `?`, `[` and `{` is a name. The value of an option is the next word, or follows `=`; after `--`
/// every word is a name or a glob. Sizes accept `k`, `M`, `G` and `T`, which are powers of 1024.
///
/// # Errors
/// [`UsageError`] explains the problem and the correct usage.
///
/// # Examples
///
/// ```
/// use netsocket_protocol::find;
/// use netsocket_protocol::message::Request;
///
/// let request = find::parse(&["*.jpg", "--larger=10k", "--born-after", "2024-01-31"])?;
/// let Request::Find { query, limit, .. } = request else { unreachable!() };
/// assert_eq!(query.glob.as_deref(), Some("*.jpg"));
/// assert_eq!(query.size_min, Some(10 * 1024));
/// assert_eq!(limit, find::DEFAULT_LIMIT);
///
/// let refused = find::parse(&["--bigger", "10k"]).unwrap_err();
/// assert_eq!(refused.problem, "find has no option --bigger");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn parse<W: AsRef<[u8]>>(words: &[W]) -> Result<Request, UsageError> {
    let mut find = Find::default();
    let mut words = words.iter().map(AsRef::as_ref);
    let read = (|| {
        let mut only_patterns = false;
        while let Some(word) = words.next() {
            match word.strip_prefix(b"--") {
                Some(b"") if !only_patterns => only_patterns = true,
                Some(option) if !only_patterns => {
                    let (option, value) = split_once(option);
                    find.option(option, value, &mut words)?;
                }
                _ => find.pattern(word)?,
            }
        }
        find.check()
    })();
    read.map_err(|problem| UsageError {
        problem,
        usage: Some(FIND),
    })?;
    let Find {
        query,
        sort,
        reverse,
        limit,
    } = find;
    Ok(Request::Find {
        query,
        limit: limit.unwrap_or(DEFAULT_LIMIT),
        sort,
        reverse,
    })
}

fn split_once(option: &[u8]) -> (&[u8], Option<&[u8]>) {
    match option.iter().position(|byte| *byte == b'=') {
        Some(at) => (&option[..at], Some(&option[at + 1..])),
        None => (option, None),
    }
}

#[derive(Default)]
struct Find {
    query: Query,
    sort: Sort,
    reverse: bool,
    limit: Option<u64>,
}

impl Find {
    fn pattern(&mut self, word: &[u8]) -> Result<(), String> {
        if self.query.name.is_some() || self.query.glob.is_some() {
            return Err("find takes one name or glob".to_owned());
        }
        if word.contains(&b'/') {
            return Err(
                "A name or glob is without directories; --below DIR says where to look".to_owned(),
            );
        }
        match std::str::from_utf8(word) {
            Ok(text) if text.contains(GLOB_CHARACTERS) => self.query.glob = Some(text.to_owned()),
            _ if word.is_empty() => return Err("A name is not empty".to_owned()),
            _ => self.query.name = Some(Name::from(word)),
        }
        Ok(())
    }

    fn option<'a>(
        &mut self,
        option: &[u8],
        value: Option<&'a [u8]>,
        words: &mut impl Iterator<Item = &'a [u8]>,
    ) -> Result<(), String> {
        let shown = Name::from(option);
        let known = CONDITIONS
            .iter()
            .chain(&ORDER)
            .find(|known| known.name.as_bytes() == option)
            .ok_or_else(|| format!("find has no option --{shown}"))?;
        if known.value.is_none() {
            if value.is_some() {
                return Err(format!("--{shown} takes no value"));
            }
            match option {
                b"hidden" => self.query.hidden = true,
                _ => self.reverse = true,
            }
            return Ok(());
        }
        let value = value
            .or_else(|| words.next())
            .ok_or_else(|| format!("--{shown} takes a value"))?;
        let query = &mut self.query;
        match option {
            b"larger" => query.size_min = Some(one_size(value)?),
            b"smaller" => query.size_max = Some(one_size(value)?),
            b"size" => {
                let (min, max) = sizes(value)?;
                // An open bound keeps the one set by another option.
                query.size_min = min.or(query.size_min);
                query.size_max = max.or(query.size_max);
            }
            b"ext" => extend(&mut query.extensions, value)?,
            b"born-after" => query.born_from = Some(time_point(value)?),
            b"born-before" => query.born_before = Some(time_point(value)?),
            b"modified-after" => query.modified_from = Some(time_point(value)?),
            b"modified-before" => query.modified_before = Some(time_point(value)?),
            b"below" => query.below = Some(directory(value)?),
            b"sort" => self.sort = sort(value)?,
            _ => self.limit = Some(count(value)?),
        }
        Ok(())
    }

    fn check(&self) -> Result<(), String> {
        let Query {
            size_min, size_max, ..
        } = self.query;
        match (size_min, size_max) {
            (Some(min), Some(max)) if min > max => {
                Err(format!("the size {min} is larger than {max}"))
            }
            _ => Ok(()),
        }
    }
}

fn text(word: &[u8]) -> &str {
    // Invalid UTF-8 is not a number either.
    std::str::from_utf8(word).unwrap_or_default()
}

fn one_size(word: &[u8]) -> Result<u64, String> {
    size(text(word)).ok_or_else(|| {
        format!(
            "'{}' is not a size: a number of bytes, or with k, M, G, T (powers of 1024), such as 10k or 1.5M",
            Name::from(word)
        )
    })
}

/// `10k..5M`, `10k..`, `..5M`, or `10k` for exactly that size.
fn sizes(word: &[u8]) -> Result<(Option<u64>, Option<u64>), String> {
    let wrong = || {
        format!(
            "'{}' is not a range of sizes: MIN..MAX, MIN.., ..MAX or SIZE, in bytes or with k, M, G, T (powers of 1024)",
            Name::from(word)
        )
    };
    let bound = |text: &str| match text {
        "" => Ok(None),
        text => size(text).map(Some).ok_or_else(wrong),
    };
    let text = text(word);
    let range = match text.split_once("..") {
        Some((min, max)) => (bound(min)?, bound(max)?),
        None => (bound(text)?, bound(text)?),
    };
    if range == (None, None) {
        return Err(wrong());
    }
    Ok(range)
}

/// Parses a size: a number of bytes, with an optional unit that is a power of 1024. Only with a unit may it have a decimal
/// point; what remains of a byte is left out.
///
/// # Examples
///
/// ```
/// use netsocket_protocol::find::size;
///
/// assert_eq!(size("10k"), Some(10 * 1024));
/// assert_eq!(size("10KB"), size("10 KiB"));
/// assert_eq!(size("1.5k"), Some(1536));
/// assert_eq!(size("ten"), None);
/// ```
#[must_use]
pub fn size(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = &text[digits.len()..];
    // As in settings, a blank may stand between them.
    let digits = if unit.is_empty() {
        digits
    } else {
        digits.trim_end()
    };
    let shift = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => return None,
    };
    let Some((whole, fraction)) = digits.split_once('.') else {
        return number(digits)?.checked_mul(1 << shift);
    };
    // More digits than these do not change a number of bytes below 2^64.
    let length = u32::try_from(fraction.len())
        .ok()
        .filter(|length| *length <= 18)?;
    if shift == 0 {
        return None;
    }
    let part = (u128::from(number(fraction)?) << shift) / 10_u128.pow(length);
    number(whole)?
        .checked_mul(1 << shift)?
        .checked_add(u64::try_from(part).ok()?)
}

/// `u64::from_str` would accept a plus sign.
fn number(text: &str) -> Option<u64> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

fn extend(extensions: &mut Vec<Name>, word: &[u8]) -> Result<(), String> {
    for extension in word.split(|byte| *byte == b',') {
        // People type `.pdf` and `*.pdf` as well as `pdf`.
        let extension = extension.strip_prefix(b"*").unwrap_or(extension);
        let extension = extension.strip_prefix(b".").unwrap_or(extension);
        if word.starts_with(b"*") && extension.iter().any(|byte| b"*?[{}".contains(byte)) {
            return Err(format!(
                "'{}' is not an extension: no pattern, but one or more such as jpg,png",
                Name::from(word)
            ));
        }
        if extension.is_empty() || extension.contains(&b'/') {
            return Err(format!("'{}' is not an extension", Name::from(word)));
        }
        extensions.push(Name::from(extension));
    }
    Ok(())
}

fn time_point(word: &[u8]) -> Result<TimePoint, String> {
    text(word)
        .parse()
        .map_err(|error| format!("'{}' is not a date or time: {error}", Name::from(word)))
}

/// Accepts a trailing slash, and `.` for the root, because people type them.
fn directory(word: &[u8]) -> Result<Name, String> {
    let mut path = word;
    while let Some(rest) = path.strip_suffix(b"/") {
        path = rest;
    }
    while let Some(rest) = path.strip_prefix(b"./") {
        path = rest;
    }
    if word.starts_with(b"/") || path.is_empty() || path.split(|b| *b == b'/').any(|c| c == b"..") {
        return Err(format!(
            "'{}' is not a directory below the root",
            Name::from(word)
        ));
    }
    Ok(Name::from(if path == b"." { b"" } else { path }))
}

fn sort(word: &[u8]) -> Result<Sort, String> {
    Sort::ALL
        .into_iter()
        .find(|sort| sort.word().as_bytes() == word)
        .ok_or_else(|| {
            let words = Sort::ALL.map(Sort::word).join(", ");
            format!("'{}' is not a sort key: {words}", Name::from(word))
        })
}

fn count(word: &[u8]) -> Result<u64, String> {
    number(text(word))
        .filter(|count| *count > 0)
        .ok_or_else(|| format!("'{}' is not a number of files", Name::from(word)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn find(line: &str) -> Result<(Query, Sort, bool, u64), String> {
        let words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
        match parse(&words).map_err(|error| error.problem)? {
            Request::Find {
                query,
                limit,
                sort,
                reverse,
            } => Ok((query, sort, reverse, limit)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_option_is_read() {
        let line = "*.{c,h} --size 10k..5M --ext=pdf,.txt --ext *.c --born-after 2024-01-01 --born-before \
                    2024-02-01T12:00 --modified-after 2024-01-01T00:00:00Z --modified-before=2025-01-01 \
                    --below a/b/ --hidden --sort size --reverse --limit 7";
        let (query, sort, reverse, limit) = find(line).unwrap();
        let expected = Query {
            name: None,
            glob: Some("*.{c,h}".to_owned()),
            size_min: Some(10 << 10),
            size_max: Some(5 << 20),
            extensions: vec!["pdf".into(), "txt".into(), "c".into()],
            born_from: "2024-01-01".parse().ok(),
            born_before: "2024-02-01T12:00".parse().ok(),
            modified_from: "2024-01-01T00:00:00Z".parse().ok(),
            modified_before: "2025-01-01".parse().ok(),
            below: Some("a/b".into()),
            hidden: true,
        };
        assert_eq!(
            (query, sort, reverse, limit),
            (expected, Sort::Size, true, 7)
        );
    }

    #[test]
    fn a_word_is_a_name_unless_it_has_a_character_of_a_glob() {
        assert_eq!(find("a.txt").unwrap().0.name, Some("a.txt".into()));
        assert_eq!(find("-- --odd").unwrap().0.name, Some("--odd".into()));
        assert_eq!(find("a?").unwrap().0.glob.as_deref(), Some("a?"));
        assert_eq!(
            find("").unwrap(),
            (Query::default(), Sort::Path, false, 1_000)
        );
        assert_eq!(find("--below .").unwrap().0.below, Some("".into()));
    }

    #[test]
    fn sizes_are_ranges_with_powers_of_1024() {
        for (word, range) in [
            ("0", (Some(0), Some(0))),
            ("1k..", (Some(1024), None)),
            ("..2G", (None, Some(2 << 30))),
            ("1b..1T", (Some(1), Some(1 << 40))),
        ] {
            let query = find(&format!("--size {word}")).unwrap().0;
            assert_eq!((query.size_min, query.size_max), range, "{word}");
        }
        for line in [
            "--larger 1k --smaller 2M",
            "--smaller 2M --size 1k..",
            "--size 1k.. --smaller=2m",
        ] {
            let query = find(line).unwrap().0;
            assert_eq!(
                (query.size_min, query.size_max),
                (Some(1 << 10), Some(2 << 20)),
                "{line}"
            );
        }
        assert_eq!(
            find("--larger 2 --smaller 1").unwrap_err(),
            "the size 2 is larger than 1"
        );
        assert_eq!(
            find("--larger big").unwrap_err(),
            "'big' is not a size: a number of bytes, or with k, M, G, T (powers of 1024), such as 10k or 1.5M"
        );
    }

    #[test]
    fn a_unit_may_have_a_fraction() {
        for (word, bytes) in [
            ("10.5k", 10_752),
            ("1.5M", 1_572_864),
            ("0.1k", 102),
            ("0.000000000000000001T", 0),
            ("16777215.999999999999999999T", u64::MAX),
        ] {
            assert_eq!(size(word), Some(bytes), "{word}");
        }
        for word in [
            "10.5",
            "10.5b",
            ".5k",
            "5.k",
            "1.5.5k",
            "1.-5k",
            "0.0000000000000000001T",
            "16777216.5T",
        ] {
            assert_eq!(size(word), None, "{word}");
        }
        assert_eq!(
            find("--size 1.5k..2.5k").map(|(query, ..)| (query.size_min, query.size_max)),
            Ok((Some(1536), Some(2560)))
        );
    }

    #[test]
    fn the_usage_line_names_every_option() {
        for option in CONDITIONS.into_iter().chain(ORDER) {
            let typed = match option.value {
                Some(value) => format!("[--{} {value}]", option.name),
                None => format!("[--{}]", option.name),
            };
            assert!(FIND.arguments.contains(&typed), "{typed}");
            let words = [format!("--{}=1", option.name)];
            let refused = parse(&words).map_err(|error| error.problem);
            assert!(
                !matches!(&refused, Err(problem) if problem.contains("no option")),
                "{refused:?}"
            );
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (line, problem) in [
            ("a b", "find takes one name or glob"),
            (
                "a/b",
                "A name or glob is without directories; --below DIR says where to look",
            ),
            ("--size", "--size takes a value"),
            ("--size 2k..1k", "the size 2048 is larger than 1024"),
            ("--hidden=x", "--hidden takes no value"),
            ("--colour", "find has no option --colour"),
            ("--ext a,,b", "'a,,b' is not an extension"),
            (
                "--ext *.{jpg,png}",
                "'*.{jpg,png}' is not an extension: no pattern, but one or more such as jpg,png",
            ),
            ("--below ../x", "'../x' is not a directory below the root"),
            ("--below /x", "'/x' is not a directory below the root"),
            (
                "--sort age",
                "'age' is not a sort key: path, name, size, born, modified",
            ),
            ("--limit 0", "'0' is not a number of files"),
        ] {
            assert_eq!(find(line).unwrap_err(), problem, "{line}");
        }
        for word in [
            "-1",
            "+1",
            "1kk",
            "99999999999999999999",
            "20000000T",
            "..",
            "1...2",
            "k",
        ] {
            assert!(find(&format!("--size {word}")).is_err(), "{word}");
        }
        assert!(
            find("--born-after yesterday")
                .unwrap_err()
                .starts_with("'yesterday' is not a date or time: ")
        );
        let error = parse(&["--colour"]).unwrap_err();
        assert_eq!(error.usage, Some(FIND));
    }

    proptest! {
        #[test]
        fn no_words_panic(words in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..12), 0..6)) {
            let _ = parse(&words);
            let _ = parse(&[&b"--size"[..], words.first().map_or(b"", Vec::as_slice)]);
            let _ = parse(&[&b"--born-after"[..], words.first().map_or(b"", Vec::as_slice)]);
        }
    }
}
