//! Commands with several operands: one that fails is reported, and the others go on.
//!
//! Owns: that rule, and patterns in the operands of commands that read files. Does not own: what is done with each.

use std::collections::HashSet;

use netsocket_protocol::message::{ErrorKind, ErrorReply, FileEntry};
use netsocket_protocol::name::Name;

use super::context::{Context, Done, Failure, missing};
use crate::command_line::quote::pasteable;
use crate::outcome::error::Error;
use crate::outcome::exit::Exit;
use crate::output::colours::is_directory;
use crate::output::console::{Form, Stdout};
use crate::session::remote_path;

/// What operands lead to.
#[derive(Debug)]
pub(super) struct Meant {
    /// Paths relative to the root, each once.
    pub(super) paths: Vec<Vec<u8>>,
    /// The worst exit code of those that lead nowhere.
    pub(super) exit: Exit,
}

/// What is done with a directory that a pattern matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Directories {
    Skipped,
    Taken,
}

impl Context {
    /// Reports the failure of one operand, that at `path`, so that the others follow, and returns its exit code.
    ///
    /// # Errors
    /// The failure itself if the others would fail as well.
    pub(super) fn pass_over(&mut self, failure: Failure, path: &[u8]) -> Result<Exit, Failure> {
        if !failure.error.is_of_one_operand() {
            return Err(failure);
        }
        let path = Name::from(path);
        self.console
            .error_of(Some(&path), &failure.error, failure.stdout);
        Ok(failure.error.exit())
    }

    /// The exit code of what was done with one operand.
    ///
    /// # Errors
    /// As [`Self::pass_over`].
    pub(super) fn exit_of(&mut self, done: Done, path: &[u8]) -> Result<Exit, Failure> {
        done.or_else(|failure| self.pass_over(failure, path))
    }

    /// What the server has at a path.
    ///
    /// # Errors
    /// It has nothing there, or cannot say.
    pub(super) async fn existing(&mut self, path: &[u8]) -> Result<FileEntry, Error> {
        self.entry(path).await?.ok_or_else(|| missing(path))
    }

    /// Says that a pattern, one of `count` operands, matches nothing: beside others, and for a program, that is a failure.
    pub(super) fn tell_unmatched(&mut self, typed: &[u8], count: usize, stdout: Stdout) -> Exit {
        let message = format!("no file matches {}", Name::from(typed));
        match (count, self.console.form) {
            (1, Form::Text) => self.console.notice_line(&message),
            _ => {
                let error = Error::Server(ErrorReply::new(ErrorKind::NotFound, message));
                let path = Name(self.remote_path(typed));
                self.console.error_of(Some(&path), &error, stdout);
            }
        }
        Exit::NothingFound
    }

    /// The typed paths, with patterns expanded. `stdout` is what standard output is for.
    pub(super) async fn meant(
        &mut self,
        typed: &[Vec<u8>],
        directories: Directories,
        stdout: Stdout,
    ) -> Result<Meant, Failure> {
        let (mut paths, mut exit) = (Vec::new(), Exit::Done);
        for word in typed {
            let matching = match self.matching(word, false).await {
                Ok(Some(entries)) => entries,
                Ok(None) => {
                    paths.push(self.remote_path(word));
                    continue;
                }
                Err(error) => {
                    exit = exit
                        .worse(self.pass_over(Failure { error, stdout }, &self.remote_path(word))?);
                    continue;
                }
            };
            self.warn_beside(&matching);
            let before = paths.len();
            for entry in matching {
                if directories == Directories::Skipped && is_directory(&entry) {
                    self.tell_skipped(&entry);
                } else {
                    paths.push(entry.path.0);
                }
            }
            if paths.len() == before {
                exit = exit.worse(self.tell_unmatched(word, typed.len(), stdout));
            }
        }
        let mut known = HashSet::new();
        paths.retain(|path| known.insert(path.clone()));
        Ok(Meant { paths, exit })
    }

    /// Warns of what the server could not list beside the matches of a pattern.
    fn warn_beside(&mut self, matching: &[FileEntry]) {
        let mut lacking = std::mem::take(&mut self.session.lacking);
        // What is done with a match tells of that.
        let matching: HashSet<&[u8]> = matching.iter().map(|it| it.path.as_bytes()).collect();
        let is_match = |path: &Name| {
            let path = path.as_bytes();
            matching.contains(path.strip_suffix(b"/").unwrap_or(path))
        };
        lacking.warnings.retain(|warning| !is_match(&warning.path));
        self.console.warn_of_lacking(&lacking);
    }

    fn tell_skipped(&mut self, entry: &FileEntry) {
        let (path, instead) = directory_and_command(entry.path.as_bytes());
        self.console
            .notice_line(&format!("skipping {path}, which is a directory: {instead}"));
    }
}

/// The error for a directory where a file is needed.
pub(super) fn is_no_file(path: &[u8]) -> Error {
    let (path, instead) = directory_and_command(path);
    Error::Usage(format!("{path} is a directory: {instead}"))
}

/// The same where the content of a file is to be shown.
pub(super) fn is_not_shown(path: &[u8]) -> Error {
    let path = remote_path::from_root(path);
    let typed = pasteable(path.as_bytes());
    Error::Usage(format!("{path} is a directory: ls {typed} lists it"))
}

/// The path of a directory, and how to download it.
fn directory_and_command(path: &[u8]) -> (Name, String) {
    let path = remote_path::from_root(path);
    let typed = pasteable(path.as_bytes());
    (path, format!("get -r {typed} downloads all of it"))
}
