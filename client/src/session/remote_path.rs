//! Paths on the server: resolving typed ones, and showing them relative to the working directory.
//!
//! The server follows no links, so `..` removes the previous component; at the root it is the root.

use netsocket_protocol::name::Name;

/// Characters that make a word a pattern.
const PATTERN: [u8; 4] = *b"*?[{";

/// Resolves a typed path against the directory `at`, relative to the root; empty for the root.
#[must_use]
pub(crate) fn resolve(at: &[u8], typed: &[u8]) -> Vec<u8> {
    let mut names: Vec<&[u8]> = Vec::new();
    if !typed.starts_with(b"/") {
        names.extend(components(at));
    }
    for name in components(typed) {
        match name {
            b"." => {}
            b".." => {
                names.pop();
            }
            name => names.push(name),
        }
    }
    names.join(&b'/')
}

/// The directories that `..` leaves in a typed path, each relative to the root: those must be there, as for the kernel.
#[must_use]
pub(crate) fn left_by_dots(at: &[u8], typed: &[u8]) -> Vec<Vec<u8>> {
    let names: Vec<&[u8]> = typed.split(|byte| *byte == b'/').collect();
    let absolute = typed.starts_with(b"/");
    let mut left = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let before = names[..index].join(&b'/');
        let before = match absolute {
            true => [b"/", &before[..]].concat(),
            false => before,
        };
        let directory = resolve(at, &before);
        // The working directory is there, and so is what it is in.
        let is_typed = absolute || !is_at_or_above(&directory, at);
        if *name == b".." && is_typed && !directory.is_empty() && !left.contains(&directory) {
            left.push(directory);
        }
    }
    left
}

fn is_at_or_above(directory: &[u8], at: &[u8]) -> bool {
    matches!(at.strip_prefix(directory), Some([] | [b'/', ..]))
}

fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/')
        .filter(|name| !name.is_empty())
}

/// The path relative to the directory `at`, or absolute if it is not below it.
#[must_use]
pub(crate) fn relative(at: &[u8], path: &[u8]) -> Name {
    if at.is_empty() {
        return Name::from(path);
    }
    match path.strip_prefix(at) {
        Some([b'/', rest @ ..]) => Name::from(rest),
        Some(b"") => Name::from("."),
        _ => from_root(path),
    }
}

/// The absolute path, as `pwd` prints it.
#[must_use]
pub(crate) fn from_root(path: &[u8]) -> Name {
    Name([b"/", path].concat())
}

/// Splits a path into directory and base name.
#[must_use]
pub(crate) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (b"", path),
    }
}

/// A typed path with globs among its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern<'a> {
    /// What is in front of the first glob.
    pub(crate) directory: &'a [u8],
    /// The names from the first glob on; never empty.
    pub(crate) parts: Vec<&'a [u8]>,
    /// Whether a slash at its end leaves out files.
    pub(crate) only_directories: bool,
}

/// The parts of a typed path that is a pattern.
#[must_use]
pub(crate) fn pattern(typed: &[u8]) -> Option<Pattern<'_>> {
    let mut begin = 0;
    let first = typed.split(|byte| *byte == b'/').find_map(|name| {
        let at = begin;
        begin += name.len() + 1;
        glob(name).is_some().then_some(at)
    })?;
    let (directory, rest) = typed.split_at(first);
    let mut parts = Vec::new();
    for name in components(rest) {
        match name {
            b"." => {}
            b".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    (!parts.is_empty()).then_some(Pattern {
        directory,
        parts,
        only_directories: typed.ends_with(b"/"),
    })
}

/// Each part but `**`, and whether such a part stands in front of it: then it is looked for at any depth. At the end, `**`
/// is all that is there.
#[must_use]
pub(crate) fn with_any_depth<'a>(parts: &[&'a [u8]]) -> Vec<(bool, &'a [u8])> {
    let mut found = Vec::with_capacity(parts.len());
    let mut any_depth = false;
    for part in parts {
        match *part {
            b"**" => any_depth = true,
            part => found.push((std::mem::take(&mut any_depth), part)),
        }
    }
    if any_depth {
        found.push((true, b"*"));
    }
    found
}

/// The name as a glob, if it is one.
#[must_use]
pub(crate) fn glob(name: &[u8]) -> Option<&str> {
    let is_glob = name.iter().any(|byte| PATTERN.contains(byte));
    std::str::from_utf8(name).ok().filter(|_| is_glob)
}

/// A glob that matches names with this prefix.
#[must_use]
pub(crate) fn names_that_begin_with(prefix: &str) -> String {
    let mut glob = String::with_capacity(prefix.len() + 1);
    for letter in prefix.chars() {
        if "*?[]{},!\\".contains(letter) {
            glob.push('\\');
        }
        glob.push(letter);
    }
    glob.push('*');
    glob
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(bytes: &[u8]) -> &str {
        std::str::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_typed_path_leads_below_the_root() {
        for (at, typed, leads) in [
            ("", "music", "music"),
            ("music", "covers/a.jpg", "music/covers/a.jpg"),
            ("music", "/pictures/", "pictures"),
            ("music/covers", "..", "music"),
            ("music/covers", "../../..", ""),
            ("music", "./a//b/.", "music/a/b"),
            ("music", "", "music"),
            ("music", "/", ""),
            ("", "../etc/passwd", "etc/passwd"),
        ] {
            assert_eq!(text(&resolve(at.as_bytes(), typed.as_bytes())), leads);
        }
    }

    #[test]
    fn what_dots_leave_must_be_there() {
        for (at, typed, left) in [
            ("", "a/..", &["a"][..]),
            ("", "a/../b/c/../..", &["a", "b/c", "b"]),
            ("x/y", "..", &[]),
            ("x/y", "../../..", &[]),
            ("x/y", "../z/..", &["x/z"]),
            ("x/y", "../y2/..", &["x/y2"]),
            ("x/yz", "../y/..", &["x/y"]),
            ("x", "/a/./..", &["a"]),
            ("", "a/b", &[]),
            ("", "../a", &[]),
        ] {
            let found = left_by_dots(at.as_bytes(), typed.as_bytes());
            let found: Vec<&str> = found.iter().map(|path| text(path)).collect();
            assert_eq!(found, left, "{typed} at {at}");
        }
    }

    #[test]
    fn what_is_shown_can_be_typed_again() {
        for (at, path, shown) in [
            ("", "music/a", "music/a"),
            ("music", "music/a", "a"),
            ("music", "music", "."),
            ("music", "musical/a", "/musical/a"),
            ("music", "", "/"),
        ] {
            let relative = relative(at.as_bytes(), path.as_bytes());
            assert_eq!(relative.to_string(), shown);
            assert_eq!(resolve(at.as_bytes(), relative.as_bytes()), path.as_bytes());
        }
    }

    #[test]
    fn a_pattern_begins_at_its_first_glob() {
        for (typed, directory, parts, only_directories) in [
            ("*.mp3", "", &["*.mp3"][..], false),
            ("a/b/x?", "a/b/", &["x?"], false),
            ("/x?", "/", &["x?"], false),
            ("a/*/./c", "a/", &["*", "c"], false),
            ("*/*.pdf", "", &["*", "*.pdf"], false),
            ("../{a,b}/", "../", &["{a,b}"], true),
            ("*/../b*", "", &["b*"], false),
        ] {
            let expected = Pattern {
                directory: directory.as_bytes(),
                parts: parts.iter().map(|part| part.as_bytes()).collect(),
                only_directories,
            };
            assert_eq!(pattern(typed.as_bytes()), Some(expected), "{typed}");
        }
        for typed in ["plain", "a/b", "", "*/.."] {
            assert_eq!(pattern(typed.as_bytes()), None, "{typed}");
        }
        assert_eq!(names_that_begin_with("a[1]*"), "a\\[1\\]\\**");
    }

    #[test]
    fn two_stars_are_any_depth() {
        for (typed, expected) in [
            ("**/*.pdf", &[(true, "*.pdf")][..]),
            ("*/**/**/x/*", &[(false, "*"), (true, "x"), (false, "*")]),
            ("a/**", &[(true, "*")]),
            ("**/", &[(true, "*")]),
            ("*/x**", &[(false, "*"), (false, "x**")]),
        ] {
            let parts = pattern(typed.as_bytes()).unwrap().parts;
            let found = with_any_depth(&parts);
            let found: Vec<_> = found.iter().map(|(any, part)| (*any, text(part))).collect();
            assert_eq!(found, expected, "{typed}");
        }
    }

    proptest! {
        #[test]
        fn a_path_below_the_root_never_leads_back(at in "[a-z./]{0,12}", typed in "[a-z./]{0,16}") {
            let at = resolve(b"", at.as_bytes());
            let path = resolve(&at, typed.as_bytes());
            prop_assert!(path.is_empty() || path.split(|b| *b == b'/').all(|name| !matches!(name, b"" | b"." | b"..")));
            prop_assert_eq!(resolve(b"anywhere", from_root(&path).as_bytes()), path);
        }
    }
}
