//! `find`: lists files that match a query, printed as they arrive.

use netsocket_protocol::message::Request;
use netsocket_protocol::query::Query;
use netsocket_protocol::text::NO_FILE_FOUND;

use super::context::{Context, Done};
use crate::command_line::command::Find;
use crate::command_line::quote::pasteable;
use crate::outcome::exit::Exit;
use crate::output::entries::Entry;
use crate::session::remote_path;

impl Context {
    pub(crate) async fn find(&mut self, word: &str, find: Find) -> Done {
        let mut query = find.query;
        let hint = part_of_a_name(&query);
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
            if let Some(hint) = hint {
                self.console.notice_line(&hint);
            }
            return Ok(Exit::NothingFound);
        }
        Ok(Exit::Done)
    }
}

/// What to type where the name was meant to be a part of one.
fn part_of_a_name(query: &Query) -> Option<String> {
    let name = std::str::from_utf8(query.name.as_ref()?.as_bytes()).ok()?;
    let glob = format!("*{}", remote_path::names_that_begin_with(name));
    let typed = pasteable(glob.as_bytes());
    Some(format!("find {typed} finds names that contain it"))
}
