//! Local names for completion at the prompt.

use std::fs;
use std::path::Path;

use crate::prompt::completion::MAX_CANDIDATES;

/// Sorted names with this prefix in a directory; directories end with a slash. Hidden names only if the prefix begins
/// with a dot.
#[must_use]
pub(crate) fn in_directory(directory: &Path, prefix: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let names = entries.flatten().filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let is_wanted = name.starts_with(prefix) && (!name.starts_with('.') || !prefix.is_empty());
        // Follows links.
        let slash = if is_wanted && entry.path().is_dir() {
            "/"
        } else {
            ""
        };
        is_wanted.then(|| name + slash)
    });
    let mut names: Vec<String> = names.take(MAX_CANDIDATES).collect();
    names.sort_unstable();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_begin_as_typed() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["b.txt", ".hidden", "bare"] {
            fs::write(directory.path().join(name), "").unwrap();
        }
        fs::create_dir(directory.path().join("beta")).unwrap();
        let names = |prefix| in_directory(directory.path(), prefix);
        assert_eq!(names(""), ["b.txt", "bare", "beta/"]);
        assert_eq!(names("be"), ["beta/"]);
        assert_eq!(names(".h"), [".hidden"]);
        assert!(in_directory(&directory.path().join("none"), "").is_empty());
    }
}
