//! A compiled query, to test many files against.
//!
//! Owns: the meaning of each condition: compiles globs, converts times to the server's time zone, refuses malformed
//! conditions. Does not own: where files come from ([`crate::query::search`], [`crate::index`]).

use std::os::unix::ffi::OsStrExt as _;

use globset::{GlobBuilder, GlobMatcher};
use netsocket_protocol::query::Query;
use rustix::fs::FileType;

use super::error::QueryError;
use crate::query::local_time::timestamp;
use crate::tree::metadata::{Metadata, Timestamp};

/// The longest glob in bytes: longer than any name, short enough to compile quickly.
const MAX_GLOB: usize = 512;

/// The most alternatives in a glob: each multiplies the size of the compiled glob.
const MAX_ALTERNATIVES: usize = 64;

/// A compiled query.
#[derive(Debug, Clone)]
pub(crate) struct Matcher {
    name: Option<Vec<u8>>,
    glob: Option<Glob>,
    extensions: Vec<Vec<u8>>,
    pub(crate) size: Bounds<u64>,
    pub(crate) born: Bounds<Timestamp>,
    pub(crate) modified: Bounds<Timestamp>,
    /// The directory to search; empty for the root.
    pub(crate) below: Vec<u8>,
    pub(crate) hidden: bool,
    /// The directory is hidden but the query excludes hidden files, so nothing matches.
    pub(crate) matches_nothing: bool,
}

/// A half-open range; either bound may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds<T> {
    pub(crate) from: Option<T>,
    pub(crate) before: Option<T>,
}

impl<T: Copy + Ord> Bounds<T> {
    pub(crate) fn contains(&self, value: T) -> bool {
        self.from.is_none_or(|from| from <= value) && self.before.is_none_or(|end| value < end)
    }

    pub(crate) fn is_unbounded(&self) -> bool {
        self.from.is_none() && self.before.is_none()
    }
}

/// A glob, and the longest literal text that every match contains.
#[derive(Debug, Clone)]
pub(crate) struct Glob {
    matcher: GlobMatcher,
    shape: Shape,
    literal: Vec<u8>,
}

/// Globs that need no regular expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Everything,
    /// `*literal`
    Suffix,
    /// `literal*`
    Prefix,
    /// `*literal*`
    Contains,
    Other,
}

/// How to find matching names, fastest first.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Names<'a> {
    /// Every name matches.
    All,
    /// Only this name can match; check each candidate.
    Exactly(&'a [u8]),
    /// Only names that contain this text can match; check each candidate.
    Containing(&'a [u8]),
    /// Only names that end with a dot and one of these can match; check each candidate.
    Extensions(&'a [Vec<u8>]),
    /// Check every name.
    Check,
}

impl Matcher {
    /// # Errors
    /// [`QueryError::BadRequest`] where a condition is malformed, [`QueryError::Denied`] where hidden files are asked
    /// for and the server does not show them.
    pub(crate) fn new(query: &Query, allow_hidden: bool) -> Result<Self, QueryError> {
        if query.hidden && !allow_hidden {
            return Err(QueryError::Denied(
                "this server does not show hidden files".to_owned(),
            ));
        }
        let below = query
            .below
            .as_ref()
            .map_or(&b""[..], |name| name.as_bytes());
        let mut components = below.split(|byte| *byte == b'/');
        if !below.is_empty()
            && components
                .clone()
                .any(|name| matches!(name, b"" | b"." | b".."))
        {
            return Err(QueryError::BadRequest(format!(
                "'{}' is not the path of a directory below the root",
                below.escape_ascii()
            )));
        }
        // `u64::MAX` as a maximum excludes nothing.
        let size_end = query.size_max.and_then(|most| most.checked_add(1));
        Ok(Self {
            name: query.name.as_ref().map(|name| name.as_bytes().to_vec()),
            glob: query.glob.as_deref().map(Glob::new).transpose()?,
            extensions: query
                .extensions
                .iter()
                .map(|ext| ext.as_bytes().to_vec())
                .collect(),
            size: Bounds {
                from: query.size_min,
                before: size_end,
            },
            born: Bounds {
                from: query.born_from.map(timestamp),
                before: query.born_before.map(timestamp),
            },
            modified: Bounds {
                from: query.modified_from.map(timestamp),
                before: query.modified_before.map(timestamp),
            },
            matches_nothing: !query.hidden && components.any(|name| name.starts_with(b".")),
            below: below.to_vec(),
            hidden: query.hidden,
        })
    }

    /// How to find matching names.
    pub(crate) fn names(&self) -> Names<'_> {
        match (&self.name, &self.glob) {
            (Some(name), _) => Names::Exactly(name),
            (None, None) if self.extensions.is_empty() => Names::All,
            (None, Some(glob)) if !glob.literal.is_empty() => Names::Containing(&glob.literal),
            _ if !self.extensions.is_empty() => Names::Extensions(&self.extensions),
            _ => Names::Check,
        }
    }

    /// Whether a base name matches.
    pub(crate) fn accepts_name(&self, name: &[u8]) -> bool {
        self.name.as_ref().is_none_or(|wanted| wanted == name)
            && (self.extensions.is_empty()
                || self.extensions.iter().any(|ext| has_extension(name, ext)))
            && self.glob.as_ref().is_none_or(|glob| glob.matches(name))
    }

    /// Whether a file whose name matches satisfies the other conditions.
    pub(crate) fn accepts(&self, file: &Metadata) -> bool {
        file.kind == FileType::RegularFile
            && self.size.contains(file.size)
            && self.born.contains(file.born)
            && self.modified.contains(file.modified)
    }
}

/// `report.tar.gz` has the extensions `gz` and `tar.gz`.
fn has_extension(name: &[u8], extension: &[u8]) -> bool {
    name.strip_suffix(extension)
        .is_some_and(|stem| stem.ends_with(b"."))
}

impl Glob {
    fn new(text: &str) -> Result<Self, QueryError> {
        let wrong = |problem: String| {
            QueryError::BadRequest(format!(
                "'{}' is not a glob: {problem}",
                text.escape_debug()
            ))
        };
        if text.len() > MAX_GLOB {
            return Err(wrong(format!("it has more than {MAX_GLOB} bytes")));
        }
        if text.contains('/') {
            return Err(wrong(
                "a glob matches base names, which contain no slash".to_owned(),
            ));
        }
        if text.matches([',', '{']).count() > MAX_ALTERNATIVES {
            return Err(wrong(format!(
                "it has more than {MAX_ALTERNATIVES} alternatives"
            )));
        }
        let glob = GlobBuilder::new(text)
            .literal_separator(true)
            .backslash_escape(true)
            .build()
            .map_err(|error| wrong(error.kind().to_string()))?;
        let (shape, literal) = shape(text);
        Ok(Self {
            matcher: glob.compile_matcher(),
            shape,
            literal,
        })
    }

    fn matches(&self, name: &[u8]) -> bool {
        match self.shape {
            Shape::Everything => true,
            Shape::Suffix => name.ends_with(&self.literal),
            Shape::Prefix => name.starts_with(&self.literal),
            Shape::Contains => memchr::memmem::find(name, &self.literal).is_some(),
            Shape::Other => self.matcher.is_match(std::ffi::OsStr::from_bytes(name)),
        }
    }
}

/// The kind of glob, and the longest literal text that every match contains; empty if unknown.
fn shape(text: &str) -> (Shape, Vec<u8>) {
    let is_plain = |text: &str| !text.contains(['*', '?', '[', ']', '{', '}', '\\']);
    let simple = [
        (
            text.strip_prefix('*')
                .and_then(|text| text.strip_suffix('*')),
            Shape::Contains,
        ),
        (text.strip_prefix('*'), Shape::Suffix),
        (text.strip_suffix('*'), Shape::Prefix),
    ];
    for (literal, shape) in simple {
        if let Some(literal) = literal.filter(|literal| is_plain(literal)) {
            let shape = if literal.is_empty() {
                Shape::Everything
            } else {
                shape
            };
            return (shape, literal.as_bytes().to_vec());
        }
    }
    (Shape::Other, longest_literal(text))
}

/// The longest literal outside of brackets and braces, between wildcards. The glob must be valid.
fn longest_literal(text: &str) -> Vec<u8> {
    let (mut longest, mut piece) = (String::new(), String::new());
    let mut depth = 0_usize;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let plain = match c {
            '*' | '?' => None,
            '[' => {
                skip_class(&mut chars);
                None
            }
            '{' => {
                depth += 1;
                None
            }
            '}' => {
                depth = depth.saturating_sub(1);
                None
            }
            '\\' => chars.next(),
            c => Some(c),
        };
        match plain {
            Some(c) if depth == 0 => piece.push(c),
            _ => piece.clear(),
        }
        if piece.len() > longest.len() {
            longest.clone_from(&piece);
        }
    }
    longest.into_bytes()
}

/// Skips a character class. A closing bracket right after the opening one is a literal.
fn skip_class(chars: &mut std::str::Chars<'_>) {
    let mut is_first = true;
    let mut ahead = chars.clone();
    if matches!(ahead.next(), Some('!' | '^')) {
        chars.next();
    }
    for c in chars {
        if c == ']' && !is_first {
            return;
        }
        is_first = false;
    }
}

#[cfg(test)]
mod tests {
    use netsocket_protocol::name::Name;
    use proptest::prelude::*;

    use super::*;

    fn glob(text: &str) -> Matcher {
        let query = Query {
            glob: Some(text.to_owned()),
            ..Query::default()
        };
        Matcher::new(&query, false).unwrap()
    }

    #[test]
    fn globs_match_whole_names() {
        for (text, matching, others) in [
            ("*", &["", "a", ".a"][..], &[][..]),
            ("*.txt", &["a.txt", ".txt"], &["a.txt.gz", "txt", "a.TXT"]),
            ("a*", &["a", "ab"], &["ba"]),
            ("*a*", &["a", "bab"], &["b"]),
            ("a?c", &["abc", "a.c"], &["ac", "abbc"]),
            ("[a-c]x", &["ax", "cx"], &["dx", "x"]),
            ("[!a]x", &["bx"], &["ax"]),
            ("*.{jpg,png}", &["a.jpg", "b.png"], &["a.gif", "jpg"]),
            ("a\\*b", &["a*b"], &["aab"]),
            (
                "report*2024*.pdf",
                &["report-2024-01.pdf"],
                &["report.pdf", "report2024.txt"],
            ),
        ] {
            let matcher = glob(text);
            for name in matching {
                assert!(matcher.accepts_name(name.as_bytes()), "{text} {name}");
            }
            for name in others {
                assert!(!matcher.accepts_name(name.as_bytes()), "{text} {name}");
            }
        }
        assert!(glob("*\u{e4}*").accepts_name("x\u{e4}y".as_bytes()));
        assert!(glob("a*").accepts_name(b"a\xff"));
        assert!(glob("a??").accepts_name(b"a\xffb"));
    }

    #[test]
    fn the_longest_plain_piece_of_a_glob_is_found() {
        for (text, literal) in [
            ("*-0123?5*.p[dn]?", "-0123"),
            ("[]abc]de", "de"),
            ("[!]abc]de", "de"),
            ("{abc,def}x", "x"),
            ("a\\*b*c", "a*b"),
            ("*{a,{bb,cc}d}ee*", "ee"),
            ("???", ""),
        ] {
            assert_eq!(longest_literal(text), literal.as_bytes(), "{text}");
        }
    }

    #[test]
    fn what_is_no_condition_is_refused_in_words() {
        let refused = |query: Query| Matcher::new(&query, false).unwrap_err();
        for text in ["[a", "{a", "a/b", &"a".repeat(513), &"{a,b}".repeat(40)] {
            let query = Query {
                glob: Some(text.to_owned()),
                ..Query::default()
            };
            let error = refused(query);
            assert!(error.to_string().contains("is not a glob: "), "{error}");
        }
        for path in ["..", "a/../b", "/a", "a/", "a//b", "."] {
            let query = Query {
                below: Some(path.into()),
                ..Query::default()
            };
            assert!(
                matches!(refused(query), QueryError::BadRequest(_)),
                "{path}"
            );
        }
        let hidden = Query {
            hidden: true,
            ..Query::default()
        };
        assert!(matches!(refused(hidden.clone()), QueryError::Denied(_)));
        assert!(Matcher::new(&hidden, true).unwrap().hidden);
    }

    #[test]
    fn a_hidden_place_means_nothing_unless_hidden_files_are_asked_for() {
        let mut query = Query {
            below: Some(Name::from("a/.b/c")),
            ..Query::default()
        };
        assert!(Matcher::new(&query, true).unwrap().matches_nothing);
        query.hidden = true;
        assert!(!Matcher::new(&query, true).unwrap().matches_nothing);
    }

    #[test]
    fn the_largest_size_bounds_nothing() {
        let query = Query {
            size_max: Some(u64::MAX),
            ..Query::default()
        };
        assert!(Matcher::new(&query, false).unwrap().size.is_unbounded());
    }

    proptest! {
        #[test]
        fn the_short_ways_judge_as_the_long_one_does(text in r"[ab*?.{},\[\]!\\]{0,10}|\[[\]!]?[ab]\]?[ab\]*]{0,4}", name in r"[ab.\]!\\]{0,8}") {
            let query = Query { glob: Some(text), ..Query::default() };
            if let Ok(matcher) = Matcher::new(&query, false) {
                let glob = matcher.glob.as_ref().unwrap();
                let long = glob.matcher.is_match(&name);
                prop_assert_eq!(glob.matches(name.as_bytes()), long);
                let has_literal = memchr::memmem::find(name.as_bytes(), &glob.literal).is_some();
                prop_assert!(has_literal || !long, "{:?}", glob.literal);
            }
        }

        #[test]
        fn no_glob_panics(text in "\\PC{0,40}", name in proptest::collection::vec(any::<u8>(), 0..40)) {
            let query = Query { glob: Some(text), ..Query::default() };
            if let Ok(matcher) = Matcher::new(&query, false) {
                matcher.accepts_name(&name);
            }
        }
    }
}
