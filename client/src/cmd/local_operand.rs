//! Which operands of `get` are local: as in sftp, the last one may say where files go.
//!
//! Owns: that decision, which is made before anything is saved. Does not own: what is saved there (`get`).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use netsocket_protocol::name::Name;

use super::context::{Context, is_missing};
use super::places::{Output, OutputBy};
use crate::command_line::command::Get;
use crate::outcome::error::Error;
use crate::output::colours::is_directory;
use crate::session::remote_path;
use crate::text::shown;

/// What the server has at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Remote {
    Nothing,
    File,
    Directory,
}

/// The last of several operands, and what is known of it without asking the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct LastOperand<'a> {
    typed: &'a [u8],
    /// How many operands there are.
    count: usize,
    /// Whether directories are downloaded, too.
    recursive: bool,
    /// Whether it is a directory of this machine.
    is_local_directory: bool,
    /// Whether the directory that it would be in is one of this machine.
    has_local_parent: bool,
}

/// Where an operand is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    OnServer,
    Here,
    /// It is not on the server and cannot be here.
    Nowhere,
    /// It could be a new name here, but several files cannot have one name.
    NoDirectory,
}

impl LastOperand<'_> {
    /// Whether its form alone makes it local, whatever the server has.
    fn is_local_by_form(&self) -> bool {
        Get::is_local_by_form(self.typed)
            || (self.typed.starts_with(b"/") && self.is_local_directory)
            // With -r it may be a directory to download, as completed by Tab.
            || (self.typed.ends_with(b"/") && !self.recursive)
    }

    fn meaning(&self, remote: Remote) -> Meaning {
        match remote {
            Remote::File => Meaning::OnServer,
            // It could not be downloaded.
            Remote::Directory if !self.recursive && self.is_local_directory => Meaning::Here,
            Remote::Directory => Meaning::OnServer,
            Remote::Nothing if self.is_local_directory || self.typed.ends_with(b"/") => {
                Meaning::Here
            }
            // One file can get a new name, several cannot. The others must not be saved elsewhere.
            Remote::Nothing if self.count > 2 => Meaning::NoDirectory,
            Remote::Nothing if self.has_local_parent => Meaning::Here,
            Remote::Nothing => Meaning::Nowhere,
        }
    }
}

impl Context {
    /// Takes the last of several operands if it is local, and returns it.
    ///
    /// # Errors
    /// [`Error::Target`] if there are two, and the last is neither on the server nor can be local; [`Error::Usage`] if there
    /// are more, and it is neither on the server nor a local directory.
    pub(super) async fn local_operand(
        &mut self,
        typed: &mut Vec<Vec<u8>>,
        recursive: bool,
    ) -> Result<Option<Output>, Error> {
        let [_, .., last] = &typed[..] else {
            return Ok(None);
        };
        let local = Path::new(OsStr::from_bytes(last));
        let local = self.directories.expand_tilde(local);
        let place = self.local_path(&local);
        let parent = local
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        let operand = LastOperand {
            typed: last,
            count: typed.len(),
            recursive,
            is_local_directory: place.is_dir(),
            has_local_parent: parent.is_none_or(|parent| self.local_path(parent).is_dir()),
        };
        if remote_path::pattern(last).is_some() && !operand.is_local_directory {
            return Ok(None);
        }
        let meaning = if operand.is_local_by_form() {
            Meaning::Here
        } else {
            let entry = match self.check_dots(last).await {
                Err(error) if is_missing(&error) => None,
                checked => {
                    checked?;
                    self.entry(&self.remote_path(last)).await?
                }
            };
            operand.meaning(match &entry {
                None => Remote::Nothing,
                Some(entry) if is_directory(entry) => Remote::Directory,
                Some(_) => Remote::File,
            })
        };
        match meaning {
            Meaning::OnServer => {
                if operand.is_local_directory {
                    let name = Name::from(&last[..]);
                    self.console.notice_line(&format!(
                        "{name} is taken for the one on the server: ./{name} would be the directory here"
                    ));
                }
                Ok(None)
            }
            Meaning::Here => {
                typed.pop();
                Ok(Some(Output {
                    path: local,
                    by: OutputBy::Operand,
                }))
            }
            Meaning::NoDirectory => {
                let local = shown(&local);
                Err(Error::Usage(format!(
                    "{local} is neither a directory on this machine nor a file on the server"
                )))
            }
            Meaning::Nowhere => {
                let parent = parent.map_or_else(|| shown(&local), shown);
                Err(Error::Target {
                    reason: format!(
                        "there is no directory {parent} on this machine, and no such file on the server"
                    ),
                    path: local,
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operand(typed: &'static str) -> LastOperand<'static> {
        LastOperand {
            typed: typed.as_bytes(),
            count: 2,
            recursive: false,
            is_local_directory: false,
            has_local_parent: false,
        }
    }

    #[test]
    fn some_forms_are_local_whatever_the_server_has() {
        for typed in [".", "..", "./x", "../x/y/z.txt", "~", "~/x", "x/"] {
            assert!(operand(typed).is_local_by_form(), "{typed}");
        }
        for typed in ["x", "x/y", "/x", ".hidden", "..x/y", "~x", "a/../b"] {
            assert!(!operand(typed).is_local_by_form(), "{typed}");
        }
        let known = LastOperand {
            is_local_directory: true,
            ..operand("/x")
        };
        assert!(known.is_local_by_form());
        let completed = LastOperand {
            recursive: true,
            ..operand("x/")
        };
        assert!(!completed.is_local_by_form());
    }

    #[test]
    fn other_forms_are_where_they_can_be() {
        let new = LastOperand {
            has_local_parent: true,
            ..operand("x")
        };
        let place = LastOperand {
            is_local_directory: true,
            ..new
        };
        let all = |operand: LastOperand<'static>| LastOperand {
            recursive: true,
            ..operand
        };
        let third = |operand: LastOperand<'static>| LastOperand {
            count: 3,
            ..operand
        };
        for (operand, nothing, file, directory) in [
            (
                operand("x/y"),
                Meaning::Nowhere,
                Meaning::OnServer,
                Meaning::OnServer,
            ),
            (new, Meaning::Here, Meaning::OnServer, Meaning::OnServer),
            (place, Meaning::Here, Meaning::OnServer, Meaning::Here),
            (
                all(place),
                Meaning::Here,
                Meaning::OnServer,
                Meaning::OnServer,
            ),
            (
                third(new),
                Meaning::NoDirectory,
                Meaning::OnServer,
                Meaning::OnServer,
            ),
            (
                third(place),
                Meaning::Here,
                Meaning::OnServer,
                Meaning::Here,
            ),
            (
                all(operand("x/")),
                Meaning::Here,
                Meaning::OnServer,
                Meaning::OnServer,
            ),
        ] {
            assert_eq!(operand.meaning(Remote::Nothing), nothing, "{operand:?}");
            assert_eq!(operand.meaning(Remote::File), file, "{operand:?}");
            assert_eq!(operand.meaning(Remote::Directory), directory, "{operand:?}");
        }
    }
}
