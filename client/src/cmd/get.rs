//! `get`: downloads one or several files.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use netsocket_protocol::message::{EntryNames, Request};
use netsocket_protocol::name::Name;
use netsocket_protocol::query::Query;
use netsocket_protocol::text::NO_FILE_FOUND;

use super::context::{Context, Done, Failure, is_missing, missing};
use crate::command_line::command::{Archive, Get, SaveOptions};
use crate::command_line::quote::pasteable;
use crate::outcome::answer::Answer;
use crate::outcome::error::Error;
use crate::outcome::exit::Exit;
use crate::output::colours::is_directory;
use crate::output::console::Stdout;
use crate::session::remote_path;
use crate::text::shown;
use crate::transfer::destination::{Destination, OutputOptions};

impl Context {
    pub(crate) async fn get(&mut self, word: &str, get: &Get) -> Done {
        let mut typed = get.paths.clone();
        let mut output = get.save.output.clone().or_else(|| self.output.clone());
        if output.is_none() {
            output = self.local_operand(&mut typed).await?;
        }
        if get.recursive {
            return self.get_recursively(word, &typed, output, &get.save).await;
        }
        let given = output.is_some();
        let files = self.meant(&typed).await?;
        match &files[..] {
            [] => {
                self.console.notice_line(NO_FILE_FOUND);
                Ok(Exit::NothingFound)
            }
            [one] => {
                let destination = match output {
                    Some(output) if self.descriptor(&output).is_some() => {
                        let destination = self.file_destination(&output)?;
                        // On a terminal the text is all that is wanted, as from `cat`.
                        self.console.quiet |=
                            destination == Destination::Stdout && self.console.out_is_terminal;
                        destination
                    }
                    output => {
                        let targets = targets(&files, self.place(output.as_deref()))?;
                        let only = targets.into_iter().next().unwrap_or_default();
                        if !given {
                            self.may_replace(&only, get.save.force).await?;
                        }
                        Destination::File(only)
                    }
                };
                self.get_one(word, one, destination, &get.save).await
            }
            many => {
                if output
                    .as_deref()
                    .is_some_and(|output| self.descriptor(output).is_some())
                {
                    let count = many.len();
                    return Err(Error::Usage(format!(
                        "Standard output takes one file, not {count}: use -o DIR, or archive to combine them"
                    ))
                    .into());
                }
                let targets = targets(many, self.place(output.as_deref()))?;
                let mut files = Vec::with_capacity(many.len());
                let mut exit = Exit::Done;
                for (path, target) in many
                    .iter()
                    .map(|path| Name::from(path.as_slice()))
                    .zip(targets)
                {
                    let replaces = given || get.save.force;
                    match self.may_replace(&target, replaces).await {
                        Ok(()) => files.push((path, target)),
                        Err(error) => {
                            exit = exit.worse(error.exit());
                            self.console.unfetched(word, &path, &error)?;
                        }
                    }
                }
                let fetched = self.get_many(word, files, get).await?;
                Ok(exit.worse(fetched))
            }
        }
    }

    /// The last of two paths where it is a local one: as in `sftp`, `get REMOTE LOCAL`. It is not where the server has it.
    async fn local_operand(&mut self, typed: &mut Vec<Vec<u8>>) -> Result<Option<PathBuf>, Error> {
        let [_, last] = &typed[..] else {
            return Ok(None);
        };
        if remote_path::pattern(last).is_some()
            || self.entry(&self.remote_path(last)).await?.is_some()
        {
            return Ok(None);
        }
        let local = Path::new(OsStr::from_bytes(last));
        let local = self.directories.expand_tilde(local);
        // A name in a directory that is not there is more likely a mistake than a new name.
        let place = self.local_path(&local);
        let is_place = place
            .parent()
            .is_none_or(|parent| parent.as_os_str().is_empty() || parent.is_dir());
        if is_place {
            typed.pop();
            return Ok(Some(local));
        }
        Ok(None)
    }

    /// Prints files, one after the other.
    pub(crate) async fn cat(&mut self, word: &str, typed: &[Vec<u8>]) -> Done {
        let files = self.meant(typed).await?;
        if files.is_empty() {
            self.console.notice_line(NO_FILE_FOUND);
            return Ok(Exit::NothingFound);
        }
        let save = SaveOptions::shown();
        // Until the end of this command.
        self.console.quiet = true;
        for file in &files {
            self.get_one(word, file, Destination::Stdout, &save).await?;
        }
        Ok(Exit::Done)
    }

    /// Downloads directories with all they hold, and files: as `archive --below DIR --extract` does.
    async fn get_recursively(
        &mut self,
        word: &str,
        typed: &[Vec<u8>],
        output: Option<PathBuf>,
        save: &SaveOptions,
    ) -> Done {
        let place = output.unwrap_or_else(|| ".".into());
        for path in typed {
            let path = self.remote_path(path);
            let entry = self.entry(&path).await?.ok_or_else(|| missing(&path))?;
            if is_directory(&entry) {
                self.get_directory(word, &path, &place, save).await?;
            } else {
                let targets = targets(std::slice::from_ref(&path), self.place(Some(&place)))?;
                let only = targets.into_iter().next().unwrap_or_default();
                self.may_replace(&only, save.force).await?;
                self.get_one(word, &path, Destination::File(only), save)
                    .await?;
            }
        }
        Ok(Exit::Done)
    }

    /// Downloads a directory into `place`, under its own name.
    async fn get_directory(
        &mut self,
        word: &str,
        path: &[u8],
        place: &Path,
        save: &SaveOptions,
    ) -> Done {
        let (parent, _) = remote_path::split(path);
        let archive = Archive {
            query: Query::default(),
            below: Some([b"/", path].concat()),
            format: None,
            level: None,
            names: EntryNames::Path,
            extract: Some(place.to_owned()),
            strip: if parent.is_empty() {
                0
            } else {
                parent.len() + 1
            },
            preserve_permissions: false,
            save: save.clone(),
        };
        self.archive(word, archive).await
    }

    /// The typed files, with patterns expanded.
    pub(super) async fn meant(&mut self, typed: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, Error> {
        let mut files: Vec<Vec<u8>> = Vec::new();
        for word in typed {
            let Some(entries) = self.matching(word, false).await? else {
                files.push(self.remote_path(word));
                continue;
            };
            let (directory, _) = remote_path::pattern(word).unwrap_or_default();
            let directory = self.remote_path(directory);
            let mut lacking = std::mem::take(&mut self.session.lacking);
            // Directories that match are skipped anyway.
            lacking
                .warnings
                .retain(|warning| warning.path.as_bytes() == [&directory, &b"/"[..]].concat());
            self.console.warn_of_lacking(&lacking);
            for entry in entries {
                if is_directory(&entry) {
                    let text = format!("skipping {}: it is a directory", entry.path);
                    self.console.notice_line(&text);
                } else {
                    files.push(entry.path.0);
                }
            }
        }
        let mut known = std::collections::HashSet::new();
        files.retain(|path| known.insert(path.clone()));
        Ok(files)
    }

    /// Where files go.
    fn place(&self, output: Option<&Path>) -> Place {
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

    pub(super) async fn get_one(
        &mut self,
        word: &str,
        path: &[u8],
        destination: Destination,
        save: &SaveOptions,
    ) -> Done {
        let stdout = destination.stdout();
        let request = Request::get(Name::from(path));
        let options = OutputOptions {
            resume: save.resume,
            force: save.force,
            ..OutputOptions::to(destination)
        };
        let performed = self
            .session
            .perform(&request, &options, &mut self.console)
            .await;
        let saved = match performed {
            Ok(Answer::Saved(saved)) => saved,
            Err(error) => return Err(Failure { error, stdout }),
            Ok(_) => None,
        };
        let Some(saved) = saved else {
            let error = self.why_missing(path).await;
            return Err(Failure { error, stdout });
        };
        self.console
            .saved(word, &Name::from(path), &saved, stdout)
            .map_err(|error| Failure { error, stdout })?;
        Ok(Exit::Done)
    }

    async fn get_many(&mut self, word: &str, files: Vec<(Name, PathBuf)>, get: &Get) -> Done {
        let resume = get.save.resume;
        let fetched = self
            .session
            .fetch(files, get.parallel, resume, &mut self.console)
            .await;
        let mut exit = Exit::Done;
        for (path, result) in fetched {
            let error = match result {
                Ok(saved) => {
                    self.console.saved(word, &path, &saved, Stdout::Free)?;
                    continue;
                }
                Err(error) if is_missing(&error) => self.why_missing(path.as_bytes()).await,
                Err(error) => error,
            };
            exit = exit.worse(error.exit());
            self.console.unfetched(word, &path, &error)?;
        }
        Ok(exit)
    }

    /// Explains why a path cannot be downloaded: it is a directory, or does not exist.
    pub(super) async fn why_missing(&mut self, path: &[u8]) -> Error {
        match self.entry(path).await {
            Ok(Some(entry)) if is_directory(&entry) => {
                let path = remote_path::from_root(path);
                let typed = pasteable(path.as_bytes());
                Error::Usage(format!(
                    "{path} is a directory: get -r {typed} downloads all of it"
                ))
            }
            Ok(_) => missing(path),
            Err(error) => error,
        }
    }
}

/// Where files go on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// A directory for all files; the empty path is the working directory of the process.
    Directory(PathBuf),
    /// A single file.
    File(PathBuf),
}

/// The local path of each file.
fn targets(paths: &[Vec<u8>], place: Place) -> Result<Vec<PathBuf>, Error> {
    let directory = match place {
        Place::Directory(directory) => directory,
        Place::File(file) if paths.len() == 1 => return Ok(vec![file]),
        Place::File(file) => {
            let (file, count) = (shown(&file), paths.len());
            return Err(Error::Usage(format!(
                "{file} is not a directory: -o must name a directory for {count} files"
            )));
        }
    };
    let mut owners: HashMap<&[u8], &[u8]> = HashMap::new();
    let mut targets = Vec::with_capacity(paths.len());
    for path in paths {
        let (_, name) = remote_path::split(path);
        if name.is_empty() {
            return Err(Error::Usage(
                "/ is a directory: get -r / downloads all of it".to_owned(),
            ));
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
                "f is not a directory: -o must name a directory for 2 files",
            ),
            (&[""], directory(""), "/ is a directory"),
        ] {
            let error = targets(&paths(list), place).unwrap_err().to_string();
            assert!(error.starts_with(said), "{error}");
        }
    }
}
