//! The query behind every command: which files.

use serde::{Deserialize, Serialize};

use crate::name::Name;
use crate::time_point::TimePoint;

/// The conditions a file must satisfy. An absent field sets no condition; all present ones must hold.
///
/// Only regular files match, and files with a path component that begins with a dot only if `hidden` is set. A server
/// refuses unknown fields, because ignoring a condition would give a wrong answer.
///
/// # Examples
///
/// ```
/// use netsocket_protocol::query::Query;
///
/// let query = Query {
///     extensions: vec!["pdf".into(), "tar.gz".into()],
///     size_max: Some(1 << 20),
///     ..Query::default()
/// };
/// assert!(query.accepts_name(b"report.pdf") && query.accepts_name(b"old.tar.gz"));
/// assert!(!query.accepts_name(b"report.PDF") && !query.accepts_name(b"pdf"));
/// assert!(query.accepts_size(0) && !query.accepts_size((1 << 20) + 1));
///
/// let json = r#"{"size_max":1048576,"extensions":["pdf","tar.gz"]}"#;
/// assert_eq!(serde_json::to_string(&query)?, json);
/// assert!(serde_json::from_str::<Query>(r#"{"owner":"root"}"#).is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Query {
    /// The exact base name, case-sensitive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// A glob that must match the whole base name, case-sensitive: `*`, `?`, `[a-z]`, `{jpg,png}`, `\` before a literal
    /// character.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub glob: Option<String>,
    /// The smallest size in bytes, inclusive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_min: Option<u64>,
    /// The largest size in bytes, inclusive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_max: Option<u64>,
    /// The name ends with a dot and one of these, case-sensitive; empty sets no condition.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<Name>,
    /// Born at or after this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub born_from: Option<TimePoint>,
    /// Born before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub born_before: Option<TimePoint>,
    /// Last modified at or after this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modified_from: Option<TimePoint>,
    /// Last modified before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modified_before: Option<TimePoint>,
    /// Anywhere below this directory: its path below the root, without a slash at either end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub below: Option<Name>,
    /// Include hidden files, with a path component that begins with a dot, if the server allows it.
    #[serde(skip_serializing_if = "is_false")]
    pub hidden: bool,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// The sort key of a list; ties are sorted by path.
///
/// # Examples
///
/// ```
/// use netsocket_protocol::query::Sort;
///
/// let words = Sort::ALL.map(Sort::word).join(" ");
/// assert_eq!(words, "path name size born modified");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// The path, compared component by component.
    #[default]
    Path,
    /// The bytes of the base name.
    Name,
    /// The size, smallest first.
    Size,
    /// The birth time, oldest first.
    Born,
    /// The time of the last modification, oldest first.
    Modified,
}

impl Sort {
    /// All keys, in the order of the documentation.
    pub const ALL: [Self; 5] = [
        Self::Path,
        Self::Name,
        Self::Size,
        Self::Born,
        Self::Modified,
    ];

    /// The word for it in commands and on the wire.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Name => "name",
            Self::Size => "size",
            Self::Born => "born",
            Self::Modified => "modified",
        }
    }
}

impl Query {
    /// Whether a base name satisfies the conditions on names.
    #[must_use]
    pub fn accepts_name(&self, name: &[u8]) -> bool {
        self.name
            .as_ref()
            .is_none_or(|wanted| wanted.as_bytes() == name)
            && (self.extensions.is_empty()
                || self
                    .extensions
                    .iter()
                    .any(|ext| has_extension(name, ext.as_bytes())))
    }

    /// Whether a size in bytes satisfies the conditions on sizes.
    #[must_use]
    pub fn accepts_size(&self, size: u64) -> bool {
        self.size_min.is_none_or(|min| min <= size) && self.size_max.is_none_or(|max| size <= max)
    }
}

/// `report.tar.gz` has the extensions `gz` and `tar.gz`.
fn has_extension(name: &[u8], extension: &[u8]) -> bool {
    name.strip_suffix(extension)
        .is_some_and(|stem| stem.ends_with(b"."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_query_accepts_everything() {
        assert!(Query::default().accepts_name(b"x") && Query::default().accepts_size(u64::MAX));
    }

    #[test]
    fn both_ends_of_a_size_range_are_included() {
        let query = Query {
            size_min: Some(10),
            size_max: Some(20),
            ..Query::default()
        };
        let accepted: Vec<u64> = [9, 10, 15, 20, 21]
            .into_iter()
            .filter(|size| query.accepts_size(*size))
            .collect();
        assert_eq!(accepted, [10, 15, 20]);
    }

    #[test]
    fn an_extension_is_what_stands_behind_a_dot() {
        let query = Query {
            extensions: vec!["gz".into(), "tar.xz".into()],
            ..Query::default()
        };
        for (name, accepted) in [
            ("a.gz", true),
            ("a.tar.xz", true),
            ("a.xz", false),
            ("gz", false),
            ("agz", false),
            ("a.GZ", false),
        ] {
            assert_eq!(query.accepts_name(name.as_bytes()), accepted, "{name}");
        }
    }

    #[test]
    fn a_condition_that_is_not_known_is_refused() {
        assert!(serde_json::from_str::<Query>("{\"owner\":\"me\"}").is_err());
    }
}
