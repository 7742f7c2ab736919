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

/// The directory and the glob in the last component of a typed path, if it is a pattern.
#[must_use]
pub(crate) fn pattern(typed: &[u8]) -> Option<(&[u8], &str)> {
    let (directory, name) = split(typed);
    // A leading slash is the root.
    let directory = if typed.starts_with(b"/") && directory.is_empty() {
        b"/"
    } else {
        directory
    };
    let is_pattern = name.iter().any(|byte| PATTERN.contains(byte));
    let text = std::str::from_utf8(name).ok()?;
    is_pattern.then_some((directory, text))
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
    fn a_pattern_is_in_the_last_part() {
        assert_eq!(pattern(b"*.mp3"), Some((&b""[..], "*.mp3")));
        assert_eq!(pattern(b"a/b/x?"), Some((&b"a/b"[..], "x?")));
        assert_eq!(pattern(b"/x?"), Some((&b"/"[..], "x?")));
        assert_eq!(pattern(b"a*/b"), None);
        assert_eq!(pattern(b"plain"), None);
        assert_eq!(names_that_begin_with("a[1]*"), "a\\[1\\]\\**");
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
