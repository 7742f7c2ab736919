//! `find`: lists files that match a query, printed as they arrive.

use netsocket_protocol::message::Request;
use netsocket_protocol::name::Name;
use netsocket_protocol::query::Query;

use super::context::{Context, Done, LISTED_APART, below};
use super::search::{Begun, Kind, Start, nothing_found, request_for_file};
use crate::command_line::command::{Find, ListFormat};
use crate::command_line::quote::pasteable;
use crate::outcome::error::Error;
use crate::outcome::exit::Exit;
use crate::output::colours::is_directory;
use crate::output::console::{Form, Stdout};
use crate::output::entries::Entry;
use crate::session::remote_path;

impl Context {
    pub(crate) async fn find(&mut self, word: &str, find: Find) -> Done {
        self.check_format(word, find.format)?;
        let Begun {
            query,
            starts,
            mut exit,
            place,
        } = self.begin(find.search.clone(), Stdout::Free).await?;
        if starts.len() > 1 && find.sort.is_some() {
            let said = "--sort works with one directory, and these are several";
            return Err(Error::Usage(said.to_owned()).into());
        }
        let ignoring_case = find.search.ignoring_case.as_deref();
        let mut found = 0;
        for start in &starts {
            let left = find.limit.map(|limit| limit.saturating_sub(found));
            if found > 0 && left == Some(0) {
                break;
            }
            let more = match self.find_from(word, start, &query, left, &find).await {
                Ok(more) => more,
                Err(error) => {
                    exit = exit.worse(self.pass_over(error.into(), &start.path)?);
                    continue;
                }
            };
            if more == 0 && starts.len() == 1 {
                self.tell_nothing(&query, ignoring_case, start).await;
                exit = exit.worse(Exit::NothingFound);
            }
            found += more;
        }
        if found == 0 && starts.len() > 1 && exit == Exit::Done {
            self.console
                .notice_line(&nothing_found(&query, ignoring_case, b""));
            exit = exit.worse(Exit::NothingFound);
        }
        if let Some(place) = place {
            self.tell_namesakes(&place, &starts).await;
        }
        Ok(exit)
    }

    /// Prints what is found from one place, and returns how much that is.
    async fn find_from(
        &mut self,
        word: &str,
        start: &Start,
        query: &Query,
        limit: Option<u64>,
        find: &Find,
    ) -> Result<u64, Error> {
        let Start { path, mut kind } = start.clone();
        let mut found = Ok(0);
        if kind != Kind::File {
            let request = Request::Find {
                query: Query {
                    below: below(&path),
                    ..query.clone()
                },
                limit: limit.unwrap_or(u64::MAX),
                sort: find.sort.unwrap_or_default(),
                reverse: find.reverse,
            };
            found = self.search(word, &request, None, find.format).await;
            // A list that lacks something is that of a directory, and what it lacks is told below.
            if kind == Kind::Unknown
                && matches!(found, Ok(0) | Err(Error::Server(_)))
                && self.session.lacking.is_empty()
                // What failed before is what will be said.
                && let Ok(Some(entry)) = self.entry(&path).await
                && !is_directory(&entry)
            {
                kind = Kind::File;
            }
        }
        if kind == Kind::File {
            let request = request_for_file(&path, query);
            found = self.search(word, &request, Some(&path), find.format).await;
        }
        let found = found?;
        self.tell_lacking(word)?;
        Ok(found)
    }

    /// Says that nothing was found, and what may have been meant.
    async fn tell_nothing(&mut self, query: &Query, typed: Option<&[u8]>, start: &Start) {
        let said = nothing_found(query, typed, &start.path);
        self.console.notice_line(&said);
        if let Some(directory) = self.directory_named(query).await {
            self.console.notice_line(&format!(
                "{directory} is a directory: find {directory} lists what is in it"
            ));
        } else if let Some(hint) = self.similar(query, typed.is_some(), &start.path).await {
            self.console.notice_line(&hint);
        }
    }
}

impl Context {
    /// Prints the files that are found, or of these only the one at the path `only`. Returns how many.
    async fn search(
        &mut self,
        word: &str,
        request: &Request,
        only: Option<&[u8]>,
        format: ListFormat,
    ) -> Result<u64, Error> {
        let (mut found, mut broken) = (0, 0);
        // As from find(1), a program that gets the name must not take it for an option.
        let is_for_program = self.console.form == Form::Text && !self.console.out_is_terminal;
        let mut listing = self.session.list(request, &mut self.console).await?;
        while let Some(part) = listing.next().await? {
            let entries: Vec<Entry> = part
                .into_iter()
                .filter(|file| only.is_none_or(|only| file.path.as_bytes() == only))
                .map(|file| Entry {
                    name: match remote_path::relative(&self.at.remote, file.path.as_bytes()) {
                        Name(name) if is_for_program && name.starts_with(b"-") => {
                            Name([b"./", &name[..]].concat())
                        }
                        name => name,
                    },
                    file,
                })
                .collect();
            found += entries.len() as u64;
            broken += self.console.entries(word, &entries, format, false)?;
        }
        self.console.warn_of_newlines(broken, LISTED_APART);
        Ok(found)
    }

    /// The directory that was named where a file was meant, as it can be typed: the first one if it was a pattern, which
    /// matches nothing but directories.
    pub(super) async fn directory_named(&mut self, query: &Query) -> Option<String> {
        // It is only a hint.
        let entry = match (&query.name, &query.glob) {
            (Some(name), _) => {
                let path = self.remote_path(name.as_bytes());
                self.entry(&path).await.ok()??
            }
            (None, Some(glob)) => {
                let entries = self.matching(glob.as_bytes(), query.hidden).await.ok()??;
                let has_file = entries.iter().any(|entry| !is_directory(entry));
                entries.into_iter().next().filter(|_| !has_file)?
            }
            (None, None) => return None,
        };
        let path = remote_path::from_root(entry.path.as_bytes());
        is_directory(&entry).then(|| pasteable(path.as_bytes()))
    }
}
