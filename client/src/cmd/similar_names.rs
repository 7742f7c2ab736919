//! What may have been meant where a search finds nothing: names in other letters, names that contain the one that was typed.
//!
//! Owns: that only what finds something is suggested. Does not own: directories that were named as files ([`super::find`]).

use netsocket_protocol::message::{FileEntry, Request};
use netsocket_protocol::query::{Query, Sort};

use super::context::{Context, below};
use crate::command_line::any_case::in_any_case;
use crate::command_line::quote::pasteable;
use crate::output::console::Form;
use crate::session::remote_path;

/// A similar name is as good from among that many.
const ENOUGH: u64 = 1_000;

impl Context {
    /// A line that says what finds similar names below a path, where a query found nothing. `None` if nothing does.
    pub(super) async fn similar(
        &mut self,
        query: &Query,
        ignores_case: bool,
        start: &[u8],
    ) -> Option<String> {
        if self.console.quiet || self.console.form == Form::Json {
            return None;
        }
        let find = match start == self.at.remote {
            true => "find".to_owned(),
            false => format!("find {}", self.typed_place(start)),
        };
        if let Some(name) = &query.name {
            return self
                .similar_to_name(&find, name.as_bytes(), query, start)
                .await;
        }
        if ignores_case {
            return None;
        }
        if let Some(glob) = &query.glob {
            let found = self.in_any_case(glob.as_bytes(), query, start, 2).await?;
            let typed = pasteable(glob.as_bytes());
            return (!found.is_empty())
                .then(|| format!("case matters: {find} -iname {typed} finds any"));
        }
        for extension in &query.extensions {
            let glob = [b"*.", extension.as_bytes()].concat();
            if !self.in_any_case(&glob, query, start, 2).await?.is_empty() {
                let typed = pasteable(&glob);
                return Some(format!(
                    "case matters to --ext: {find} -iname {typed} finds any"
                ));
            }
        }
        None
    }

    async fn similar_to_name(
        &mut self,
        find: &str,
        name: &[u8],
        query: &Query,
        start: &[u8],
    ) -> Option<String> {
        let glob = format!(
            "*{}",
            remote_path::names_that_begin_with(std::str::from_utf8(name).ok()?)
        );
        let found = self
            .in_any_case(glob.as_bytes(), query, start, ENOUGH)
            .await?;
        let names = || {
            found
                .iter()
                .map(|it| remote_path::split(it.path.as_bytes()).1)
        };
        let contains = |other: &[u8]| other.windows(name.len()).any(|part| part == name);
        let glob = pasteable(glob.as_bytes());
        if names().any(|other| other == name) {
            // The conditions are what nothing meets.
            None
        } else if names().any(|other| other.eq_ignore_ascii_case(name)) {
            let name = pasteable(name);
            Some(format!("case matters: {find} -iname {name} finds any"))
        } else if names().any(contains) {
            Some(format!("{find} {glob} finds names that contain it"))
        } else if found.is_empty() {
            None
        } else {
            Some(format!(
                "{find} -iname {glob} finds names that contain it in any case"
            ))
        }
    }

    /// The files whose names match a glob, whether their letters are capital or small.
    async fn in_any_case(
        &mut self,
        glob: &[u8],
        query: &Query,
        start: &[u8],
        limit: u64,
    ) -> Option<Vec<FileEntry>> {
        let request = Request::Find {
            query: Query {
                glob: Some(String::from_utf8(in_any_case(glob)).ok()?),
                below: below(start),
                hidden: query.hidden,
                ..Query::default()
            },
            limit,
            sort: Sort::Path,
            reverse: false,
        };
        // It is only a hint.
        self.entries(&request).await.ok()
    }
}
