//! `lcd` and `lpwd`: the local directory. The working directory of the process does not change.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use netsocket_protocol::name::Name;
use netsocket_settings::reason;

use super::context::{Context, Done};
use crate::outcome::error::Error;
use crate::outcome::exit::Exit;
use crate::output::console::Form;
use crate::text::shown;

impl Context {
    /// Resolves a local path against the local directory.
    pub(crate) fn local_path(&self, path: &Path) -> PathBuf {
        match &self.at.local {
            Some(local) => joined(local, path),
            None => path.to_owned(),
        }
    }

    pub(crate) fn change_local_directory(&mut self, word: &str, typed: Option<&Path>) -> Done {
        let home = self.directories.home.clone();
        let path = match typed {
            Some(path) if path == Path::new("-") => {
                self.at.local_before.clone().ok_or_else(|| {
                    Error::Usage("there is no local directory to go back to".to_owned())
                })?
            }
            Some(path) => self.local_path(path),
            None => home.ok_or_else(|| Error::Usage("there is no home directory".to_owned()))?,
        };
        let refused = |reason: String| {
            let path = shown(&path);
            Error::Usage(format!("cannot change to {path}: {reason}"))
        };
        let real = fs::canonicalize(&path).map_err(|error| refused(reason(&error)))?;
        if !real.is_dir() {
            return Err(refused("it is not a directory".to_owned()).into());
        }
        // If the working directory of the process is gone, there is nothing to go back to.
        let before = self.at.local.replace(real);
        self.at.local_before = before.or_else(|| std::env::current_dir().ok());
        match self.console.form {
            Form::Json => self.print_local_directory(word),
            Form::Text => Ok(Exit::Done),
        }
    }

    pub(crate) fn print_local_directory(&mut self, word: &str) -> Done {
        let path = match &self.at.local {
            Some(local) => local.clone(),
            None => std::env::current_dir().map_err(|error| {
                let reason = reason(&error);
                Error::Usage(format!("the working directory is gone: {reason}"))
            })?,
        };
        let path = Name::from(path.as_os_str().as_bytes());
        self.print_path(word, path)
    }
}

/// A path seen from the local directory, which has no links in it: `..` leads to its parent, so it need not be shown.
fn joined(local: &Path, path: &Path) -> PathBuf {
    let (mut local, mut rest) = (local, path.as_os_str().as_bytes());
    loop {
        rest = match rest {
            b".." => b"",
            [b'.', b'.', b'/', rest @ ..] => rest,
            _ => break,
        };
        while let Some(next) = rest.strip_prefix(b"/") {
            rest = next;
        }
        local = local.parent().unwrap_or(local);
    }
    if path.as_os_str().is_empty() {
        return local.join(path);
    }
    match rest {
        b"" => local.to_owned(),
        rest => local.join(OsStr::from_bytes(rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_shown_without_detours() {
        for (path, leads) in [
            ("a", "/x/y/a"),
            ("../a", "/x/a"),
            ("..//../../a/", "/a/"),
            ("..", "/x"),
            ("a/../b", "/x/y/a/../b"),
            ("..a", "/x/y/..a"),
            ("/z/../a", "/z/../a"),
        ] {
            let joined = joined(Path::new("/x/y"), Path::new(path));
            assert_eq!(joined.as_os_str(), leads, "{path}");
        }
    }
}
