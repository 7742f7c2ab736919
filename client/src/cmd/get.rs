//! `get`: downloads one or several files. With `-r` it is another matter (`get_recursively`).

use std::path::{Path, PathBuf};

use netsocket_protocol::message::Request;
use netsocket_protocol::name::Name;

use super::context::{Context, Done, Failure, is_missing, missing};
use super::existing_target::Saving;
use super::operands::{Directories, Meant, is_no_file, is_not_shown};
use super::overwrite::Overwriting;
use super::places::{Output, OutputBy, Place, targets};
use crate::command_line::command::{Get, SaveOptions};
use crate::outcome::answer::{Answer, Saved};
use crate::outcome::error::Error;
use crate::outcome::exit::Exit;
use crate::output::colours::is_directory;
use crate::output::console::Stdout;
use crate::session::parallel::{Fetched, FileToFetch};
use crate::transfer::destination::{Attributes, Destination, OutputOptions};

impl Context {
    pub(crate) async fn get(&mut self, word: &str, get: &Get) -> Done {
        let mut typed = get.paths.clone();
        let mut output = self.output_by_option(get);
        if output.is_none() {
            output = self.local_operand(&mut typed, get.recursive).await?;
        }
        if get.recursive {
            return self.get_recursively(word, &typed, output, get).await;
        }
        let place = output.as_ref().map(|output| &*output.path);
        if get.preserve && self.is_descriptor(place) {
            let said = "-p keeps times and permissions of files, and standard output is none";
            return Err(Error::Usage(said.to_owned()).into());
        }
        self.check_place(place)?;
        let stdout = place.map_or(Stdout::Free, |output| self.stdout_beside(output));
        let Meant { paths, exit } = self.meant(&typed, Directories::Skipped, stdout).await?;
        let done = match &paths[..] {
            [] => Ok(Exit::Done),
            [one] => self.get_alone(word, one, output.as_ref(), get).await,
            many => self.get_several(word, many, place, get).await,
        };
        match &paths[..] {
            [one] => Ok(exit.worse(self.exit_of(done, one)?)),
            _ => done.map(|done| exit.worse(done)),
        }
    }

    /// Refuses a directory that is named as one and is not there, before anything is requested.
    fn check_place(&self, output: Option<&Path>) -> Result<(), Error> {
        let Some(output) = output else {
            return Ok(());
        };
        match self.place(Some(output)) {
            Place::Directory(directory) if !directory.is_dir() => {
                Err(Error::no_such_directory(output))
            }
            _ => Ok(()),
        }
    }

    async fn get_alone(
        &mut self,
        word: &str,
        path: &[u8],
        output: Option<&Output>,
        get: &Get,
    ) -> Done {
        let saving = match output {
            Some(Output { path, .. }) if self.is_descriptor(Some(path)) => {
                let destination = self.file_destination(path)?;
                // On a terminal the text is all that is wanted, as from `cat`.
                self.console.quiet |=
                    destination == Destination::Stdout && self.console.out_is_terminal;
                Saving::To(destination)
            }
            output => {
                let (target, replaces) = self.only_target(path, output, get.save.force)?;
                let mut overwriting = Overwriting::of(replaces, 1);
                let saving = self.saving(path, target, &mut overwriting).await;
                saving.map_err(|error| self.explained(error, output))?
            }
        };
        let attributes = self.attributes(path, get).await?;
        let done = self
            .save_one(word, path, saving, &get.save, attributes)
            .await;
        done.map_err(|Failure { error, stdout }| Failure {
            error: self.explained(error, output),
            stdout,
        })
    }

    async fn get_several(
        &mut self,
        word: &str,
        paths: &[Vec<u8>],
        output: Option<&Path>,
        get: &Get,
    ) -> Done {
        if self.is_descriptor(output) {
            let count = paths.len();
            return Err(Error::Usage(format!(
                "standard output takes one file, not {count}: use -o DIR, or archive to combine them"
            ))
            .into());
        }
        let targets = targets(paths, self.place(output))?;
        let mut files = Vec::with_capacity(paths.len());
        let mut known = Vec::with_capacity(paths.len());
        let mut exit = Exit::Done;
        let mut overwriting = Overwriting::of(get.save.force, paths.len());
        for (path, target) in paths.iter().zip(targets) {
            let name = Name::from(path.as_slice());
            let saving = self.saving(path, target, &mut overwriting).await;
            let result = match saving {
                Ok(Saving::To(destination)) => {
                    files.push(FileToFetch {
                        path: name.clone(),
                        destination,
                        attributes: self.attributes(path, get).await?,
                    });
                    None
                }
                Ok(Saving::Done(saved)) => Some(Ok(*saved)),
                Err(error) if !error.is_of_one_operand() => return Err(error.into()),
                // It was the answer to a question.
                Err(error @ Error::Kept(_)) => {
                    exit = exit.worse(error.exit());
                    self.console.unfetched(word, &name, &error)?;
                    continue;
                }
                Err(error) => Some(Err(error)),
            };
            known.push((name, result));
        }
        let fetched = self
            .session
            .fetch(files, get.parallel, get.save.resume, &mut self.console)
            .await;
        let fetched = in_order(known, fetched);
        let told = self.tell_fetched(word, fetched).await?;
        Ok(exit.worse(told))
    }

    /// What a file keeps; `None` without `-p`, and if there is no file.
    async fn attributes(&mut self, path: &[u8], get: &Get) -> Result<Option<Attributes>, Error> {
        if !get.preserve {
            return Ok(None);
        }
        let entry = self.entry(path).await?;
        Ok(entry.and_then(|entry| Attributes::of(&entry, true)))
    }

    /// Whether an output is an open descriptor, such as `-`.
    pub(super) fn is_descriptor(&self, output: Option<&Path>) -> bool {
        output.is_some_and(|output| self.descriptor(output).is_some())
    }

    /// Where a single file is saved, and whether it replaces what is there.
    pub(super) fn only_target(
        &self,
        path: &[u8],
        output: Option<&Output>,
        force: bool,
    ) -> Result<(PathBuf, bool), Error> {
        let place = self.place(output.map(|output| &*output.path));
        let is_by_option = output.is_some_and(|output| output.by == OutputBy::Option);
        let replaces = force || (is_by_option && place.names_file());
        let targets = targets(&[path.to_vec()], place)?;
        Ok((targets.into_iter().next().unwrap_or_default(), replaces))
    }

    /// Prints files, one after the other.
    pub(crate) async fn cat(&mut self, word: &str, typed: &[Vec<u8>]) -> Done {
        let Meant { paths, exit } = self
            .meant(typed, Directories::Skipped, Stdout::Data)
            .await?;
        self.print_files(word, &paths, exit).await
    }

    /// Prints the files at these paths; `exit` is that of others.
    pub(super) async fn print_files(
        &mut self,
        word: &str,
        paths: &[Vec<u8>],
        mut exit: Exit,
    ) -> Done {
        let save = SaveOptions::shown();
        // Until the end of this command.
        self.console.quiet = true;
        for path in paths {
            let done = self
                .get_one(word, path, Destination::Stdout, &save, None)
                .await;
            exit = exit.worse(self.exit_of(done, path)?);
        }
        Ok(exit)
    }

    /// Downloads a file unless it was there already.
    pub(super) async fn save_one(
        &mut self,
        word: &str,
        path: &[u8],
        saving: Saving,
        save: &SaveOptions,
        attributes: Option<Attributes>,
    ) -> Done {
        match saving {
            Saving::To(destination) => {
                self.get_one(word, path, destination, save, attributes)
                    .await
            }
            Saving::Done(saved) => {
                let name = Name::from(path);
                self.console.saved(word, &name, &saved, Stdout::Free)?;
                Ok(Exit::Done)
            }
        }
    }

    pub(super) async fn get_one(
        &mut self,
        word: &str,
        path: &[u8],
        destination: Destination,
        save: &SaveOptions,
        attributes: Option<Attributes>,
    ) -> Done {
        let stdout = destination.stdout();
        let is_shown = destination == Destination::Stdout;
        let request = Request::get(Name::from(path));
        let options = OutputOptions {
            resume: save.resume,
            force: save.force,
            attributes,
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
            let error = match self.why_missing(path).await {
                Error::Usage(_) if is_shown => is_not_shown(path),
                error => error,
            };
            return Err(Failure { error, stdout });
        };
        self.console
            .saved(word, &Name::from(path), &saved, stdout)
            .map_err(|error| Failure { error, stdout })?;
        Ok(Exit::Done)
    }

    /// Tells how each download ended.
    async fn tell_fetched(&mut self, word: &str, fetched: Fetched) -> Done {
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
            Ok(Some(entry)) if is_directory(&entry) => is_no_file(path),
            Ok(_) => missing(path),
            Err(error) => error,
        }
    }
}

/// All results in the requested order: those that were known before anything was requested, and the others.
fn in_order(known: Vec<(Name, Option<Result<Saved, Error>>)>, fetched: Fetched) -> Fetched {
    let mut fetched = fetched.into_iter();
    known
        .into_iter()
        .filter_map(|(name, result)| match result {
            Some(result) => Some((name, result)),
            None => fetched.next(),
        })
        .collect()
}
