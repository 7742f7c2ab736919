//! Where `get` saves each file on this machine.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use netsocket_protocol::name::Name;

use super::context::Context;
use super::operands::is_no_file;
use crate::command_line::command::Get;
use crate::outcome::error::Error;
use crate::session::remote_path;
use crate::text::shown;

impl Context {
    /// Where the files of a `get` with `-o` go, or of a line with `-o` before it.
    pub(super) fn output_by_option(&self, get: &Get) -> Option<Output> {
        let given = get.save.output.as_ref().or(self.output.as_ref());
        given.map(|path| Output {
            path: path.clone(),
            by: OutputBy::Option,
        })
    }

    /// What is said of a file that could not be saved there.
    pub(super) fn explained(&self, error: Error, output: Option<&Output>) -> Error {
        let operand = output.filter(|output| output.by == OutputBy::Operand);
        match (error, operand) {
            (Error::AlreadyThere(file), Some(operand))
                if file == self.local_path(&operand.path) =>
            {
                Error::OperandThere(file)
            }
            (error, _) => error,
        }
    }

    /// Where files go.
    pub(super) fn place(&self, output: Option<&Path>) -> Place {
        match output {
            None => Place::Directory(self.at.local.clone().unwrap_or_default()),
            Some(output) => {
                let path = self.local_path(output);
                let names_directory = output.as_os_str().as_bytes().ends_with(b"/");
                if names_directory || path.is_dir() {
                    Place::Directory(path)
                } else {
                    Place::File(path)
                }
            }
        }
    }
}

/// Where files are to go, as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Output {
    pub(super) path: PathBuf,
    pub(super) by: OutputBy,
}

/// What has said where files go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OutputBy {
    /// `-o`: a file that it names is to be replaced.
    Option,
    /// The last operand. It may be the mistyped name of one more file of the server, so what is there is kept.
    Operand,
}

/// Where files go on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// A directory for all files; the empty path is the working directory of the process.
    Directory(PathBuf),
    /// A single file.
    File(PathBuf),
}

impl Place {
    /// Whether it is that of one file, by its name.
    pub(super) fn names_file(&self) -> bool {
        matches!(self, Self::File(_))
    }
}

/// The local path of each file.
pub(super) fn targets(paths: &[Vec<u8>], place: Place) -> Result<Vec<PathBuf>, Error> {
    let directory = match place {
        Place::Directory(directory) => directory,
        Place::File(file) if paths.len() == 1 => return Ok(vec![file]),
        Place::File(file) => return Err(no_directory_for(&file, paths.len())),
    };
    let mut owners: HashMap<&[u8], &[u8]> = HashMap::new();
    let mut targets = Vec::with_capacity(paths.len());
    for path in paths {
        let (_, name) = remote_path::split(path);
        if name.is_empty() {
            return Err(is_no_file(path));
        }
        if let Some(other) = owners.insert(name, path) {
            let (one, other) = (remote_path::from_root(other), remote_path::from_root(path));
            let name = Name::from(name);
            return Err(Error::Usage(format!(
                "{one} and {other} would both be saved as {name}: download them one by one, or as an archive"
            )));
        }
        targets.push(directory.join(OsStr::from_bytes(name)));
    }
    Ok(targets)
}

/// The error for a place that is no directory, where several files or directories need one.
pub(super) fn no_directory_for(place: &Path, count: usize) -> Error {
    let place = shown(place);
    Error::Usage(format!(
        "{place} is not a directory on this machine: {count} files or directories need one"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(list: &[&str]) -> Vec<Vec<u8>> {
        list.iter().map(|path| path.as_bytes().to_vec()).collect()
    }

    #[test]
    fn each_file_has_a_place_of_its_own() {
        let directory = |path: &str| Place::Directory(path.into());
        assert_eq!(
            targets(&paths(&["a/x", "b/y"]), directory("d")).unwrap(),
            [PathBuf::from("d/x"), PathBuf::from("d/y")]
        );
        assert_eq!(
            targets(&paths(&["a/x"]), directory("")).unwrap(),
            [PathBuf::from("x")]
        );
        assert_eq!(
            targets(&paths(&["a/x"]), Place::File("y".into())).unwrap(),
            [PathBuf::from("y")]
        );
        for (list, place, said) in [
            (
                &["a/x", "b/x"][..],
                directory("d"),
                "/a/x and /b/x would both be saved as x",
            ),
            (
                &["a", "b"],
                Place::File("f".into()),
                "f is not a directory on this machine: 2 files or directories need one",
            ),
            (&[""], directory(""), "/ is a directory"),
        ] {
            let error = targets(&paths(list), place).unwrap_err().to_string();
            assert!(error.starts_with(said), "{error}");
        }
    }
}
