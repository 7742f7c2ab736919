//! Where `find` and `archive` search: what the words that name no file lead to on the server.
//!
//! Owns: that a word is a place if there is something at it, and else a name. Does not own: which words may be places
//! ([`crate::command_line::parse_search`]), and what is done with what is found.

use chrono::Utc;
use netsocket_protocol::message::{FileEntry, Request};
use netsocket_protocol::name::Name;
use netsocket_protocol::query::{Query, Sort};

use super::context::{Context, Failure, below, is_hidden, missing};
use super::operands::{Directories, Meant};
use crate::command_line::command::Search;
use crate::command_line::parse_search::may_be_name;
use crate::command_line::quote::pasteable;
use crate::outcome::error::Error;
use crate::outcome::exit::Exit;
use crate::output::colours::is_directory;
use crate::output::console::{Form, Stdout};
use crate::session::remote_path;

/// What there is at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Directory,
    File,
    /// It was not asked for.
    Unknown,
}

/// Where a search begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Start {
    /// Relative to the root.
    pub(super) path: Vec<u8>,
    pub(super) kind: Kind,
}

impl Start {
    fn at(path: Vec<u8>) -> Self {
        let kind = Kind::Unknown;
        Self { path, kind }
    }

    fn of(entry: &FileEntry) -> Self {
        let kind = match is_directory(entry) {
            true => Kind::Directory,
            false => Kind::File,
        };
        Self {
            path: entry.path.as_bytes().to_vec(),
            kind,
        }
    }
}

/// A search, and where it begins.
#[derive(Debug)]
pub(super) struct Begun {
    /// Which files; without `below`.
    pub(super) query: Query,
    pub(super) starts: Vec<Start>,
    /// The worst exit code of the places that are not there.
    pub(super) exit: Exit,
    /// The last word, if it could have been a name and is a place.
    pub(super) place: Option<Vec<u8>>,
}

impl Context {
    /// Looks what the words of a search lead to. `stdout` is what standard output is for.
    pub(super) async fn begin(&mut self, search: Search, stdout: Stdout) -> Result<Begun, Failure> {
        let doubtful = doubtful(&search).map(<[u8]>::to_vec);
        let Search {
            mut query,
            ages,
            below,
            places,
            ..
        } = search;
        ages.add_to(&mut query, Utc::now());
        let begun = |query, starts, exit, place| Begun {
            query,
            starts,
            exit,
            place,
        };
        if places.is_empty() {
            let below = below.unwrap_or_default();
            let checked = self.check_dots(&below).await;
            checked.map_err(|error| Failure { error, stdout })?;
            let start = Start::at(self.remote_path(&below));
            return Ok(begun(query, vec![start], Exit::Done, None));
        }
        let Some(word) = doubtful else {
            let (starts, exit) = self.begin_at_all(&places, stdout).await?;
            self.tell_of_names(&query, &places, &starts, exit);
            return Ok(begun(query, starts, exit, None));
        };
        let last = self.begin_at(&word, stdout).await?;
        let before = &places[..places.len() - 1];
        if before.is_empty() && last.is_none() {
            query.name = Some(Name(word));
            let start = Start::at(self.at.remote.clone());
            return Ok(begun(query, vec![start], Exit::Done, None));
        }
        let (mut starts, mut exit) = self.begin_at_all(before, stdout).await?;
        let is_directory = |start: &Start| start.kind == Kind::Directory;
        match last {
            Some(last) => {
                if !starts.iter().any(|start| start.path == last.path) {
                    starts.push(last);
                }
                self.tell_of_names(&query, &places, &starts, exit);
                Ok(begun(query, starts, exit, Some(word)))
            }
            None if exit == Exit::Done && starts.iter().all(is_directory) => {
                query.name = Some(Name(word));
                Ok(begun(query, starts, exit, None))
            }
            None => {
                let path = self.remote_path(&word);
                let error = missing(&path);
                exit = exit.worse(self.pass_over(Failure { error, stdout }, &path)?);
                self.tell_of_names(&query, &places, &starts, exit);
                Ok(begun(query, starts, exit, None))
            }
        }
    }

    /// What there is at words that can only be places, and the worst exit code of those that are not there.
    async fn begin_at_all(
        &mut self,
        places: &[Vec<u8>],
        stdout: Stdout,
    ) -> Result<(Vec<Start>, Exit), Failure> {
        let Meant { paths, mut exit } = self.meant(places, Directories::Taken, stdout).await?;
        let mut starts = Vec::with_capacity(paths.len());
        for path in paths {
            match self.existing(&path).await {
                Ok(entry) => starts.push(Start::of(&entry)),
                Err(error) => exit = exit.worse(self.pass_over(Failure { error, stdout }, &path)?),
            }
        }
        Ok((starts, exit))
    }

    /// A directory of the server as it can be typed.
    pub(super) fn typed_place(&self, path: &[u8]) -> String {
        match path == self.at.remote {
            true => ".".to_owned(),
            false => pasteable(remote_path::relative(&self.at.remote, path).as_bytes()),
        }
    }

    /// Says of a word that is no place how to look for files of that name.
    fn tell_of_names(&mut self, query: &Query, places: &[Vec<u8>], starts: &[Start], exit: Exit) {
        if exit == Exit::Done || !is_without_name(query) {
            return;
        }
        let is_there = |word: &Vec<u8>| starts.iter().any(|it| it.path == self.remote_path(word));
        let mut missing = places.iter().filter(|word| may_be_name(word));
        let Some(word) = missing.find(|word| !is_there(word)) else {
            return;
        };
        let directory = starts.iter().find(|start| start.kind == Kind::Directory);
        let directory = directory.map_or_else(String::new, |start| {
            format!("{} ", self.typed_place(&start.path))
        });
        let word = pasteable(word);
        self.console.notice_line(&format!(
            "find {directory}-name {word} finds files of that name"
        ));
    }

    /// What there is at a word that may also be a name.
    async fn begin_at(&mut self, word: &[u8], stdout: Stdout) -> Result<Option<Start>, Failure> {
        match self.entry(&self.remote_path(word)).await {
            Ok(entry) => Ok(entry.as_ref().map(Start::of)),
            // What the server does not show can still be looked for.
            Err(Error::Server(_)) => Ok(None),
            Err(error) => Err(Failure { error, stdout }),
        }
    }

    /// Says of a word that is a place, the last of them, how to look for files of that name, if there are other ones below
    /// the places before it, or for a single word below the current directory.
    pub(super) async fn tell_namesakes(&mut self, word: &[u8], starts: &[Start]) {
        let Some((this, before)) = starts.split_last() else {
            return;
        };
        if self.console.quiet || self.console.form == Form::Json {
            return;
        }
        let here = [Start {
            path: self.at.remote.clone(),
            kind: Kind::Directory,
        }];
        let (places, is_single) = match before {
            [] => (&here[..], true),
            several => (several, false),
        };
        for place in places.iter().filter(|it| it.kind == Kind::Directory) {
            let request = Request::Find {
                query: Query {
                    name: Some(Name::from(word)),
                    below: below(&place.path),
                    ..Query::default()
                },
                limit: 2,
                sort: Sort::Path,
                reverse: false,
            };
            // It is only a hint.
            let Ok(namesakes) = self.entries(&request).await else {
                return;
            };
            if namesakes.iter().any(|it| it.path.as_bytes() != this.path) {
                let (path, word) = (remote_path::from_root(&this.path), pasteable(word));
                let meant = match is_single {
                    true => format!("find -name {word} finds all files of that name"),
                    false => format!(
                        "find {} -name {word} finds the files of that name there",
                        self.typed_place(&place.path)
                    ),
                };
                self.console
                    .notice_line(&format!("this is {path}: {meant}"));
                return;
            }
        }
    }
}

/// The word that may be a name as well as a place: the last one, where find(1) has its conditions.
fn doubtful(search: &Search) -> Option<&[u8]> {
    let last = search.places.last()?;
    (is_without_name(&search.query) && may_be_name(last)).then_some(last)
}

fn is_without_name(query: &Query) -> bool {
    query.name.is_none() && query.glob.is_none()
}

/// The request whose answer has the file at a path if it meets the conditions; others of its name may be there, too.
pub(super) fn request_for_file(path: &[u8], conditions: &Query) -> Request {
    let (directory, name) = remote_path::split(path);
    let mut query = conditions.clone();
    query.below = below(directory);
    query.hidden |= is_hidden(path);
    if query.name.is_none() && query.glob.is_none() {
        query.name = Some(Name::from(name));
    }
    Request::Find {
        query,
        limit: u64::MAX,
        sort: Sort::Path,
        reverse: false,
    }
}

/// Says in one line what was not found. `ignoring_case` is what was typed for a glob of capital and small letters.
pub(super) fn nothing_found(query: &Query, ignoring_case: Option<&[u8]>, start: &[u8]) -> String {
    let place = match start {
        b"" => String::new(),
        start => format!(" below {}", remote_path::from_root(start)),
    };
    let is_plain = *query
        == Query {
            name: query.name.clone(),
            glob: query.glob.clone(),
            below: query.below.clone(),
            hidden: query.hidden,
            ..Query::default()
        };
    let conditions = match is_plain {
        true => "",
        false => " that meets the conditions",
    };
    match (&query.name, &query.glob) {
        (Some(name), _) => format!("no file named {name}{conditions}{place}"),
        (None, Some(glob)) => {
            let (glob, case) = match ignoring_case {
                Some(typed) => (Name::from(typed), " in any case"),
                None => (Name::from(glob.as_str()), ""),
            };
            match is_plain {
                true => format!("no file matches {glob}{case}{place}"),
                false => format!("no file matches {glob}{case} and the conditions{place}"),
            }
        }
        (None, None) => format!("no file{conditions}{place}"),
    }
}
