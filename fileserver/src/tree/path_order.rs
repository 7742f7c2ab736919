//! Path order: component by component, each by its bytes.

use std::cmp::Ordering;

/// Compares two paths component by component: as bytes, with the slash sorting first.
pub(crate) fn compare(a: &[u8], b: &[u8]) -> Ordering {
    let differ = a.iter().zip(b).find(|(a, b)| a != b);
    match differ {
        Some((a, b)) => rank(*a).cmp(&rank(*b)),
        None => a.len().cmp(&b.len()),
    }
}

/// No name contains a zero byte, so nothing else sorts as low.
fn rank(byte: u8) -> u8 {
    if byte == b'/' { 0 } else { byte }
}

/// A path whose `Ord` is path order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path(pub(crate) Vec<u8>);

impl Ord for Path {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(&self.0, &other.0)
    }
}

impl PartialOrd for Path {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Whether a path is below a directory. Every non-empty path is below the root, the empty path.
pub(crate) fn is_below(path: &[u8], directory: &[u8]) -> bool {
    if directory.is_empty() {
        return !path.is_empty();
    }
    path.strip_prefix(directory)
        .is_some_and(|rest| rest.starts_with(b"/"))
}

/// Whether `path` sorts before or among the paths below a directory.
pub(crate) fn is_before_or_below(path: &[u8], directory: &[u8]) -> bool {
    is_below(path, directory) || compare(path, directory) != Ordering::Greater
}

/// The directory and the base name.
pub(crate) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (b"", path),
    }
}

/// Joins a directory and a name.
pub(crate) fn join(directory: &[u8], name: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(directory.len() + 1 + name.len());
    path.extend_from_slice(directory);
    if !directory.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(name);
    path
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_below_a_directory_follows_it_at_once() {
        let mut paths = [
            "a.txt", "a/b", "a", "a-/x", "a/b/c", "a/b.c", "b", "B", "a/z",
        ];
        paths.sort_by(|a, b| compare(a.as_bytes(), b.as_bytes()));
        assert_eq!(
            paths,
            [
                "B", "a", "a/b", "a/b/c", "a/b.c", "a/z", "a-/x", "a.txt", "b"
            ]
        );
        assert!(is_below(b"a/b", b"a") && is_below(b"a", b"") && !is_below(b"a-/x", b"a"));
        assert!(!is_below(b"a", b"a") && !is_below(b"", b""));
    }

    #[test]
    fn a_path_is_split_and_joined() {
        for (path, directory, name) in [("a/b/c", "a/b", "c"), ("a", "", "a")] {
            let parts = (directory.as_bytes(), name.as_bytes());
            assert_eq!(split(path.as_bytes()), parts);
            assert_eq!(join(parts.0, parts.1), path.as_bytes());
        }
    }

    proptest! {
        #[test]
        fn it_is_the_order_of_the_lists_of_components(a in "[a/.-]{0,8}", b in "[a/.-]{0,8}") {
            let components = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<_>>();
            prop_assert_eq!(compare(a.as_bytes(), b.as_bytes()), components(&a).cmp(&components(&b)));
        }
    }
}
