//! Which program shows text page by page.

use std::ffi::OsString;

/// The pager unless `$PAGER` names another.
const PAGER: &str = "less";

/// The command of the environment, as for `man` and `git`: nothing and `cat` mean none. Else `less`, where that is installed.
#[must_use]
pub(crate) fn chosen(variable: Option<OsString>, path: Option<OsString>) -> Option<OsString> {
    match variable {
        Some(chosen) => Some(chosen).filter(|chosen| !chosen.is_empty() && chosen != "cat"),
        None => {
            let mut directories = std::env::split_paths(path.as_ref()?);
            let is_here = directories.any(|directory| directory.join(PAGER).is_file());
            is_here.then(|| PAGER.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pager_is_that_of_the_environment() {
        let dir = tempfile::tempdir().unwrap();
        let path = || Some(dir.path().into());
        assert_eq!(
            chosen(Some("more -d".into()), path()),
            Some("more -d".into())
        );
        for none in ["", "cat"] {
            assert_eq!(chosen(Some(none.into()), path()), None);
        }
        assert_eq!((chosen(None, path()), chosen(None, None)), (None, None));
        std::fs::write(dir.path().join("less"), "").unwrap();
        assert_eq!(chosen(None, path()), Some("less".into()));
    }
}
