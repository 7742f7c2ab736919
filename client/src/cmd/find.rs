//! `find`: lists files that match a query, printed as they arrive.

use netsocket_protocol::message::Request;
use netsocket_protocol::name::Name;
use netsocket_protocol::query::{Query, Sort};
use netsocket_protocol::text::NO_FILE_FOUND;

use super::context::{Context, Done, is_hidden};
use crate::command_line::command::{Find, ListFormat};
use crate::command_line::quote::pasteable;
use crate::outcome::error::Error;
use crate::outcome::exit::Exit;
use crate::output::colours::is_directory;
use crate::output::entries::Entry;
use crate::session::remote_path;

impl Context {
    pub(crate) async fn find(&mut self, word: &str, find: Find) -> Done {
        let mut query = find.query;
        let hint = part_of_a_name(&query);
        let typed = query.clone();
        query.below = self.below(find.below.as_deref());
        let request = Request::Find {
            query,
            limit: find.limit.unwrap_or(u64::MAX),
            sort: find.sort,
            reverse: find.reverse,
        };
        let mut searched = self.search(word, &request, None, find.format).await;
        // A list that lacks something is that of a directory, and what it lacks is told below.
        if let (Some(start), Ok(false) | Err(Error::Server(_))) = (&find.below, &searched)
            && self.session.lacking.is_empty()
            && let Some((path, request)) = self.itself(start, &typed).await
        {
            searched = self.search(word, &request, Some(&path), find.format).await;
        }
        let found = searched?;
        self.tell_lacking(word)?;
        if !found {
            self.console.notice_line(NO_FILE_FOUND);
            if let Some(directory) = self.directory_named(&typed).await {
                self.console.notice_line(&format!(
                    "{directory} is a directory: find --below {directory} lists what is in it"
                ));
            } else if let Some(hint) = hint {
                self.console.notice_line(&hint);
            }
            return Ok(Exit::NothingFound);
        }
        Ok(Exit::Done)
    }
}

impl Context {
    /// Prints the files that are found, or of these only the one at the path `only`. Returns whether there was any.
    async fn search(
        &mut self,
        word: &str,
        request: &Request,
        only: Option<&[u8]>,
        format: ListFormat,
    ) -> Result<bool, Error> {
        let (mut found, mut broken) = (false, 0);
        let mut listing = self.session.list(request, &mut self.console).await?;
        while let Some(part) = listing.next().await? {
            let entries: Vec<Entry> = part
                .into_iter()
                .filter(|file| only.is_none_or(|only| file.path.as_bytes() == only))
                .map(|file| Entry {
                    name: remote_path::relative(&self.at.remote, file.path.as_bytes()),
                    file,
                })
                .collect();
            found |= !entries.is_empty();
            broken += self.console.entries(word, &entries, format, false)?;
        }
        self.console.warn_of_newlines(broken);
        Ok(found)
    }

    /// The path of the file that a search starts from, as find(1) allows, and the request whose answer has it if it meets
    /// the conditions; `None` if it is no file.
    async fn itself(&mut self, start: &[u8], conditions: &Query) -> Option<(Vec<u8>, Request)> {
        let path = self.remote_path(start);
        // What failed before is what will be said.
        let entry = self.entry(&path).await.ok()??;
        if is_directory(&entry) {
            return None;
        }
        let (directory, name) = remote_path::split(&path);
        let mut query = conditions.clone();
        query.below = (!directory.is_empty()).then(|| Name::from(directory));
        query.hidden |= is_hidden(&path);
        if query.name.is_none() && query.glob.is_none() {
            query.name = Some(Name::from(name));
        }
        let request = Request::Find {
            query,
            limit: u64::MAX,
            sort: Sort::Path,
            reverse: false,
        };
        Some((path, request))
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

/// What to type where the name was meant to be a part of one.
fn part_of_a_name(query: &Query) -> Option<String> {
    let name = std::str::from_utf8(query.name.as_ref()?.as_bytes()).ok()?;
    let glob = format!("*{}", remote_path::names_that_begin_with(name));
    let typed = pasteable(glob.as_bytes());
    Some(format!("find {typed} finds names that contain it"))
}
