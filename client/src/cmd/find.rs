//! `find`: lists files that match a query, printed as they arrive.

use netsocket_protocol::message::Request;
use netsocket_protocol::name::Name;
use netsocket_protocol::query::Query;
use netsocket_protocol::text::NO_FILE_FOUND;

use super::context::{Context, Done};
use crate::command_line::command::Find;
use crate::command_line::quote::pasteable;
use crate::outcome::exit::Exit;
use crate::output::colours::is_directory;
use crate::output::entries::Entry;
use crate::session::remote_path;

impl Context {
    pub(crate) async fn find(&mut self, word: &str, find: Find) -> Done {
        let mut query = find.query;
        let hint = part_of_a_name(&query);
        let name = query.name.clone();
        query.below = self.below(find.below.as_deref());
        let request = Request::Find {
            query,
            limit: find.limit.unwrap_or(u64::MAX),
            sort: find.sort,
            reverse: find.reverse,
        };
        let (mut found, mut broken) = (false, 0);
        let mut listing = self.session.list(&request, &mut self.console).await?;
        while let Some(part) = listing.next().await? {
            found |= !part.is_empty();
            let entries: Vec<Entry> = part
                .into_iter()
                .map(|file| Entry {
                    name: remote_path::relative(&self.at.remote, file.path.as_bytes()),
                    file,
                })
                .collect();
            broken += self.console.entries(word, &entries, find.format, false)?;
        }
        self.console.warn_of_newlines(broken);
        self.tell_lacking(word)?;
        if !found {
            self.console.notice_line(NO_FILE_FOUND);
            if let Some(directory) = self.directory_named(name.as_ref()).await {
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
    /// The directory that was named where a file was meant, as it can be typed.
    pub(super) async fn directory_named(&mut self, name: Option<&Name>) -> Option<String> {
        let path = self.remote_path(name?.as_bytes());
        // It is only a hint.
        let entry = self.entry(&path).await.ok()??;
        is_directory(&entry).then(|| pasteable(remote_path::from_root(&path).as_bytes()))
    }
}

/// What to type where the name was meant to be a part of one.
fn part_of_a_name(query: &Query) -> Option<String> {
    let name = std::str::from_utf8(query.name.as_ref()?.as_bytes()).ok()?;
    let glob = format!("*{}", remote_path::names_that_begin_with(name));
    let typed = pasteable(glob.as_bytes());
    Some(format!("find {typed} finds names that contain it"))
}
