//! `lcd` and `lpwd`: the local directory. The working directory of the process does not change.

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
            Some(local) => local.join(path),
            None => path.to_owned(),
        }
    }

    pub(crate) fn change_local_directory(&mut self, word: &str, typed: Option<&Path>) -> Done {
        let home = self.directories.home.clone();
        let path = match typed {
            Some(path) => self.local_path(path),
            None => home.ok_or_else(|| Error::Usage("There is no home directory".to_owned()))?,
        };
        let refused = |reason: String| {
            let path = shown(&path);
            Error::Usage(format!("cannot change to {path}: {reason}"))
        };
        let real = fs::canonicalize(&path).map_err(|error| refused(reason(&error)))?;
        if !real.is_dir() {
            return Err(refused("it is not a directory".to_owned()).into());
        }
        self.at.local = Some(real);
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
