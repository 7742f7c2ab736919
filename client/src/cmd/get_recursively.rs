//! `get -r`: downloads directories with all they hold, and files beside them.
//!
//! Owns: where a copy goes, as with `cp -r`, and that it has the directories without a file as well: an archive is of files
//! only. Does not own: unpacking (`transfer`), finding the directories (`session`).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use netsocket_protocol::message::{
    Compression, EntryNames, FileEntry, Layout, Problem, Request, Warning,
};
use netsocket_protocol::name::Name;
use netsocket_protocol::query::Query;

use super::context::{Context, Done, Failure, is_hidden};
use super::operands::{Directories, Meant};
use super::overwrite::Overwriting;
use super::places::{Output, OutputBy, no_directory_for};
use crate::command_line::command::Get;
use crate::command_line::quote::pasteable;
use crate::outcome::answer::{Answer, Saved, Unpacked};
use crate::outcome::error::Error;
use crate::outcome::exit::Exit;
use crate::output::colours::is_directory;
use crate::output::console::Stdout;
use crate::session::directories::Directories as Found;
use crate::session::remote_path;
use crate::transfer::copy_mark::CopyMark;
use crate::transfer::destination::{Attributes, Destination, OutputOptions};
use crate::transfer::extract::directory::ExtractOptions;
use crate::transfer::extract::extractor::make_directories;
use crate::transfer::target::Target;

/// Where the copy of a directory goes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct CopyPlace {
    /// What is unpacked into.
    root: PathBuf,
    /// How many bytes at the beginning of each path are left out there.
    strip: usize,
    /// The name of the copy in `root`; empty if `root` is the copy.
    name: Vec<u8>,
}

impl CopyPlace {
    /// The place of the copy of `path`: in `place` under its own name, or `place` itself. The root has no name of its own.
    fn of(path: &[u8], place: PathBuf, is_inside: bool) -> Self {
        let (parent, name) = remote_path::split(path);
        let (left_out, name) = match is_inside {
            true => (parent, name),
            false => (path, &b""[..]),
        };
        Self {
            root: place,
            strip: match left_out {
                b"" => 0,
                // And the slash behind it.
                path => path.len() + 1,
            },
            name: name.to_vec(),
        }
    }

    /// The path of the copy, as it is shown.
    fn copy(&self) -> PathBuf {
        below(&self.root, &self.name)
    }
}

impl Context {
    pub(super) async fn get_recursively(
        &mut self,
        word: &str,
        typed: &[Vec<u8>],
        output: Option<Output>,
        get: &Get,
    ) -> Done {
        if self.is_descriptor(output.as_ref().map(|output| &*output.path)) {
            return Err(Error::Usage(
                "get -r unpacks into a directory: archive --below DIR -o - sends one archive"
                    .to_owned(),
            )
            .into());
        }
        let Meant { paths, mut exit } = self.meant(typed, Directories::Taken, Stdout::Free).await?;
        let is_named = output.is_some();
        let output = output.unwrap_or_else(|| Output {
            path: ".".into(),
            by: OutputBy::Option,
        });
        let place = &output.path;
        let count = paths.len().max(typed.len());
        if count > 1 && !self.local_path(place).is_dir() {
            return Err(no_directory_for(place, count).into());
        }
        // All are known before the first is saved.
        let mut entries = Vec::with_capacity(paths.len());
        for path in paths {
            match self.existing(&path).await {
                Ok(entry) => entries.push((path, entry)),
                Err(error) => exit = exit.worse(self.pass_over(error.into(), &path)?),
            }
        }
        if let [(path, entry)] = &entries[..]
            && is_directory(entry)
        {
            let from_root = remote_path::from_root(path);
            let typed = match typed {
                [typed] if remote_path::pattern(typed).is_none() => typed,
                _ => from_root.as_bytes(),
            };
            let instead = format!("archive {} -o", pasteable(typed));
            self.check_directory_name(place, &instead)?;
        }
        // What is in a directory, and not the directory.
        let contents = typed.iter().filter(|typed| means_contents(typed));
        let contents: Vec<Vec<u8>> = contents.map(|typed| self.remote_path(typed)).collect();
        let mut overwriting = Overwriting::of(get.save.force, entries.len());
        for (path, entry) in entries {
            let done = if is_directory(&entry) {
                let place = self.local_path(place);
                let half = match is_named && count == 1 {
                    true => CopyMark::find(&place, &path),
                    false => None,
                };
                let is_inside = half.is_none() && place.is_dir() && !contents.contains(&path);
                let place = CopyPlace::of(&path, place, is_inside);
                self.get_directory(word, &path, place, half, get).await
            } else {
                let overwriting = &mut overwriting;
                self.get_file_into(word, &entry, &output, get, overwriting)
                    .await
            };
            exit = exit.worse(self.exit_of(done, &path)?);
        }
        Ok(exit)
    }

    /// Downloads a file that was named beside directories.
    async fn get_file_into(
        &mut self,
        word: &str,
        entry: &FileEntry,
        output: &Output,
        get: &Get,
        overwriting: &mut Overwriting,
    ) -> Done {
        let (path, save) = (entry.path.as_bytes(), &get.save);
        let (target, replaces) = self.only_target(path, Some(output), save.force)?;
        if replaces {
            *overwriting = Overwriting::Allowed;
        }
        let saving = self.saving(path, target, overwriting).await;
        let saving = saving.map_err(|error| self.explained(error, Some(output)))?;
        // As what is unpacked: directories and files keep the same.
        let attributes = Attributes::of(entry, get.preserve);
        let done = self.save_one(word, path, saving, save, attributes).await;
        done.map_err(|Failure { error, stdout }| Failure {
            error: self.explained(error, Some(output)),
            stdout,
        })
    }

    async fn get_directory(
        &mut self,
        word: &str,
        path: &[u8],
        place: CopyPlace,
        half: Option<CopyMark>,
        get: &Get,
    ) -> Done {
        let request = Request::Archive {
            query: Query {
                below: (!path.is_empty()).then(|| Name::from(path)),
                hidden: is_hidden(path),
                ..Query::default()
            },
            // The cheapest format for what is unpacked right away.
            compression: Compression::Zstd,
            level: None,
            names: EntryNames::Path,
            layout: Layout::default(),
            resume: None,
        };
        let options = OutputOptions {
            resume: get.save.resume,
            force: get.save.force,
            preserve_permissions: get.preserve,
            strip: place.strip,
            ..OutputOptions::to(Destination::Extract(place.root.clone()))
        };
        // Before anything is created.
        Target::of(&options)?;
        let mark = match half {
            None if !place.root.exists() => Some(CopyMark::create(&place.root, path)?),
            half => half,
        };
        let performed = self
            .session
            .perform(&request, &options, &mut self.console)
            .await;
        let unpacked = match performed {
            Ok(Answer::Archive(Some(saved))) => Ok(saved),
            Ok(_) => Ok(self.of_no_file()),
            // All others were written.
            Err(error @ Error::Exists { .. }) => Err(error),
            Err(error) => return Err(error.into()),
        };
        let copied = self.copy_directories(path, &place).await;
        let mut saved = unpacked?;
        let more = copied?;
        let is_new =
            |warning: &Warning| saved.warnings.iter().all(|told| told.path != warning.path);
        let more: Vec<Warning> = more.into_iter().filter(is_new).collect();
        saved.warnings.extend(more);
        mark.map_or(Ok(()), CopyMark::done)?;
        saved.path = place.copy();
        self.console
            .unpacked(word, Some(&Name::from(path)), &saved)?;
        Ok(Exit::Done)
    }

    /// What is told of a directory without a file that the server may send.
    fn of_no_file(&mut self) -> Saved {
        let lacking = std::mem::take(&mut self.session.lacking);
        Saved {
            unpacked: Some(Unpacked::default()),
            digest: blake3::hash(b"").to_hex().to_string(),
            warnings: lacking.warnings,
            unlisted: lacking.unlisted,
            ..Saved::default()
        }
    }

    /// Creates the directories that the archive did not create, because they have no file. Warns of those that the server
    /// failed to list.
    async fn copy_directories(
        &mut self,
        path: &[u8],
        place: &CopyPlace,
    ) -> Result<Vec<Warning>, Error> {
        let found = self
            .session
            .directories_below(path, is_hidden(path), &mut self.console)
            .await?;
        let Found { mut paths, failed } = found;
        if !place.name.is_empty() {
            paths.insert(0, path.to_vec());
        }
        let options = ExtractOptions {
            strip: place.strip,
            ..ExtractOptions::default()
        };
        make_directories(&place.root, options, paths).await?;
        let warnings = failed.into_iter().map(|path| Warning {
            path: Name([&path[..], b"/"].concat()),
            problem: Problem::Unreadable,
        });
        Ok(warnings.collect())
    }
}

/// Whether a typed path means what is in a directory, as for cp.
fn means_contents(typed: &[u8]) -> bool {
    typed == b"." || typed.ends_with(b"/.")
}

/// The path of a name in a directory; in the current one, the name.
fn below(directory: &Path, name: &[u8]) -> PathBuf {
    let path: PathBuf = directory
        .join(OsStr::from_bytes(name))
        .components()
        .collect();
    match path.strip_prefix(".") {
        Ok(rest) if !rest.as_os_str().is_empty() => rest.to_owned(),
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unpacked_under_a_name_is_there() {
        for (directory, path) in [(".", "x"), ("/a/.", "/a/x"), ("./a", "a/x"), ("..", "../x")] {
            assert_eq!(below(Path::new(directory), b"x"), Path::new(path));
        }
        for (directory, path) in [(".", "."), ("./", "."), ("out/", "out"), ("./out", "out")] {
            assert_eq!(below(Path::new(directory), b""), Path::new(path));
        }
    }

    #[test]
    fn a_copy_goes_where_cp_puts_it() {
        for (path, is_inside, strip, copy) in [
            ("a/b", true, 2, "out/b"),
            ("a/b", false, 4, "out"),
            ("b", true, 0, "out/b"),
            ("b", false, 2, "out"),
            ("", true, 0, "out"),
            ("", false, 0, "out"),
        ] {
            let place = CopyPlace::of(path.as_bytes(), "out".into(), is_inside);
            assert_eq!(place.strip, strip, "{path}");
            assert_eq!(place.copy(), Path::new(copy), "{path}");
        }
    }
}
