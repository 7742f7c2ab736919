//! Patterns in typed paths: directories are listed level by level.
//!
//! Owns: what a pattern matches, and how much may be listed for it. Does not own: the names that a glob matches, which the
//! server decides.

use std::collections::BTreeSet;

use netsocket_protocol::message::{ErrorKind, ErrorReply, FileEntry, Request};
use netsocket_protocol::name::Name;

use super::context::{Context, is_denied, is_hidden, is_missing, missing};
use crate::outcome::error::Error;
use crate::output::colours::is_directory;
use crate::session::remote_path::{self, Pattern};

/// The most directories that are listed for one part of a pattern.
const MOST_LISTED: usize = 10_000;

impl Context {
    /// The entries that a typed pattern matches; `None` if it is not a pattern. A file whose name looks like a pattern
    /// takes precedence. Hidden names match if `hidden` is set or the directory itself is hidden.
    pub(super) async fn matching(
        &mut self,
        typed: &[u8],
        hidden: bool,
    ) -> Result<Option<Vec<FileEntry>>, Error> {
        self.check_dots(typed).await?;
        let Some(pattern) = remote_path::pattern(typed) else {
            return Ok(None);
        };
        let path = self.remote_path(typed);
        if self.entry(&path).await?.is_some() {
            return Ok(None);
        }
        let (directory, parts) = self.beginning(&pattern, &path).await?;
        let parts = remote_path::with_any_depth(&parts);
        let mut directories = vec![directory];
        let mut entries = Vec::new();
        for (number, (any_depth, part)) in parts.iter().enumerate() {
            if number > 0 {
                directories = paths_of_directories(entries);
                check_count(typed, directories.len())?;
            }
            let is_first = number == 0;
            if *any_depth {
                directories = self
                    .at_any_depth(typed, directories, is_first, hidden)
                    .await?;
            }
            entries = match (is_first && !any_depth, &directories[..]) {
                (true, [named]) => self.in_directory(named, part, hidden).await?,
                _ => self.in_each(&directories, part, hidden).await?,
            };
        }
        if pattern.only_directories {
            entries.retain(is_directory);
        }
        Ok(Some(entries))
    }

    /// The path that a typed one leads to where a single directory is meant: a pattern may stand for one.
    pub(super) async fn single(&mut self, typed: &[u8]) -> Result<Vec<u8>, Error> {
        let Some(mut entries) = self.matching(typed, false).await? else {
            return Ok(self.remote_path(typed));
        };
        entries.retain(is_directory);
        let typed = Name::from(typed);
        match &entries[..] {
            [one] => Ok(one.path.as_bytes().to_vec()),
            [] => {
                let message = format!("no directory matches {typed}");
                Err(Error::Server(ErrorReply::new(ErrorKind::NotFound, message)))
            }
            several => Err(Error::Usage(format!(
                "{typed} matches {} directories: one is meant",
                several.len()
            ))),
        }
    }

    /// Where listing begins, and for which parts: a directory whose own name looks like a pattern takes precedence, too.
    async fn beginning<'a>(
        &mut self,
        pattern: &Pattern<'a>,
        path: &[u8],
    ) -> Result<(Vec<u8>, Vec<&'a [u8]>), Error> {
        let directory = self.remote_path(pattern.directory);
        if let [_, .., last] = pattern.parts[..]
            && remote_path::glob(last).is_some()
        {
            let (parent, _) = remote_path::split(path);
            if self.entry(parent).await?.as_ref().is_some_and(is_directory) {
                return Ok((parent.to_vec(), vec![last]));
            }
        }
        Ok((directory, pattern.parts.clone()))
    }

    /// These directories and all below them, by path. `is_named` says that the only one was named, and has to be there.
    async fn at_any_depth(
        &mut self,
        typed: &[u8],
        directories: Vec<Vec<u8>>,
        is_named: bool,
        hidden: bool,
    ) -> Result<Vec<Vec<u8>>, Error> {
        let mut all: BTreeSet<Vec<u8>> = directories.iter().cloned().collect();
        let mut level = match (is_named, &directories[..]) {
            (true, [named]) => paths_of_directories(self.in_directory(named, b"*", hidden).await?),
            _ => paths_of_directories(self.in_each(&directories, b"*", hidden).await?),
        };
        loop {
            level.retain(|directory| all.insert(directory.clone()));
            if level.is_empty() {
                return Ok(all.into_iter().collect());
            }
            check_count(typed, all.len())?;
            level = paths_of_directories(self.in_each(&level, b"*", hidden).await?);
        }
    }

    /// What a glob matches in the directory that was named.
    async fn in_directory(
        &mut self,
        directory: &[u8],
        part: &[u8],
        hidden: bool,
    ) -> Result<Vec<FileEntry>, Error> {
        let request = request(directory, part, hidden);
        match self.entries(&request).await {
            Err(error) if is_missing(&error) => Err(missing(directory)),
            // For a file, the server lists the file.
            entries => Ok(entries?
                .into_iter()
                .filter(|entry| is_in(entry, directory))
                .collect()),
        }
    }

    /// What is there of a name, or of what a glob matches, in directories that a glob has matched. One that cannot be listed
    /// has nothing.
    async fn in_each(
        &mut self,
        directories: &[Vec<u8>],
        part: &[u8],
        hidden: bool,
    ) -> Result<Vec<FileEntry>, Error> {
        let requests = directories.iter().map(|it| request(it, part, hidden));
        let requests: Vec<Request> = requests.collect();
        let before = std::mem::take(&mut self.session.lacking);
        let mut entries = Vec::new();
        for answer in self.session.lists(&requests, &mut self.console).await? {
            match answer {
                Err(error) if is_missing(&error) || is_denied(&error) => {}
                found => entries.extend(found?),
            }
        }
        let lacking = &mut self.session.lacking;
        lacking.warnings.splice(0..0, before.warnings);
        lacking.unlisted += before.unlisted;
        Ok(entries)
    }
}

fn paths_of_directories(entries: Vec<FileEntry>) -> Vec<Vec<u8>> {
    let directories = entries.into_iter().filter(is_directory);
    directories.map(|entry| entry.path.0).collect()
}

fn check_count(typed: &[u8], directories: usize) -> Result<(), Error> {
    if directories <= MOST_LISTED {
        return Ok(());
    }
    let typed = Name::from(typed);
    Err(Error::Usage(format!(
        "{typed} leads through {directories} directories, more than {MOST_LISTED}: use find, or a narrower pattern"
    )))
}

/// The request for what a part of a pattern stands for in a directory.
fn request(directory: &[u8], part: &[u8], hidden: bool) -> Request {
    let glob = remote_path::glob(part);
    let path = match glob {
        Some(_) => directory.to_vec(),
        None => remote_path::resolve(directory, part),
    };
    Request::List {
        hidden: hidden || is_hidden(&path),
        path: Name(path),
        itself: glob.is_none(),
        glob: glob.map(str::to_owned),
        limit: None,
    }
}

fn is_in(entry: &FileEntry, directory: &[u8]) -> bool {
    let (parent, _) = remote_path::split(entry.path.as_bytes());
    parent == directory
}
