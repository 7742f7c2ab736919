//! `ls`: lists directories, files and the matches of patterns.

use netsocket_protocol::message::{FileEntry, Request};
use netsocket_protocol::name::Name;
use netsocket_protocol::query::Sort;

use super::context::{Context, Done, LISTED_APART, is_denied, is_hidden, is_missing, missing};
use crate::command_line::command::List;
use crate::outcome::error::Error;
use crate::outcome::exit::Exit;
use crate::output::colours::is_directory;
use crate::output::console::{Form, Stdout};
use crate::output::entries::Entry;
use crate::session::remote_path;

/// The entries for one argument of `ls`.
struct Listed {
    entries: Vec<Entry>,
    /// Whether these are the contents of a directory.
    is_inside: bool,
    /// Whether the server refused the hidden ones.
    is_without_hidden: bool,
}

impl Context {
    pub(crate) async fn ls(&mut self, word: &str, list: &List) -> Done {
        self.check_format(word, list.format)?;
        let here = [Vec::new()];
        let typed = if list.paths.is_empty() {
            &here[..]
        } else {
            &list.paths
        };
        let has_headings = typed.len() > 1 && self.console.form == Form::Text && !list.format.null;
        let (mut exit, mut broken, mut is_without_hidden) = (Exit::Done, 0, false);
        for (number, path) in typed.iter().enumerate() {
            let mut listed = match self.listed(path, list).await {
                Ok(listed) => listed,
                Err(error) => {
                    exit = exit.worse(self.pass_over(error.into(), &self.remote_path(path))?);
                    continue;
                }
            };
            is_without_hidden |= listed.is_without_hidden;
            let lacking = std::mem::take(&mut self.session.lacking);
            if listed.entries.is_empty() && !listed.is_inside {
                exit = exit.worse(self.tell_unmatched(path, typed.len(), Stdout::Free));
                self.console.lacking(word, &lacking)?;
                continue;
            }
            sort(&mut listed.entries, list.sort, list.reverse);
            if has_headings && listed.is_inside {
                let blank = if number > 0 { "\n" } else { "" };
                let heading = format!("{blank}{}:\n", Name::from(path.as_slice()));
                self.console.print(heading.as_bytes())?;
            }
            broken += self
                .console
                .entries(word, &listed.entries, list.format, true)?;
            self.console.lacking(word, &lacking)?;
        }
        self.console.warn_of_newlines(broken, LISTED_APART);
        if is_without_hidden {
            self.console
                .notice_line("this server does not show hidden files");
        }
        Ok(exit)
    }

    async fn listed(&mut self, typed: &[u8], list: &List) -> Result<Listed, Error> {
        if let Some(entries) = self.matching(typed, list.hidden).await? {
            return Ok(Listed {
                entries: self.with_relative_names(entries),
                is_inside: false,
                is_without_hidden: false,
            });
        }
        let path = self.remote_path(typed);
        let request = Request::List {
            path: Name::from(path.as_slice()),
            glob: None,
            itself: false,
            hidden: list.hidden || is_hidden(&path),
            limit: None,
        };
        let mut answer = self.entries(&request).await;
        let is_without_hidden = list.hidden && answer.as_ref().is_err_and(is_denied);
        if is_without_hidden {
            // As from habit, `ls -la`: what can be seen is more use than an error.
            let visible = Request::List {
                path: Name::from(path.as_slice()),
                glob: None,
                itself: false,
                hidden: is_hidden(&path),
                limit: None,
            };
            answer = self.entries(&visible).await;
        }
        let entries = match answer {
            Err(error) if is_missing(&error) => return Err(missing(&path)),
            entries => entries?,
        };
        let is_inside = !matches!(&entries[..], [one] if one.path.as_bytes() == path);
        let entries = if is_inside {
            entries.into_iter().map(by_base_name).collect()
        } else {
            self.with_relative_names(entries)
        };
        Ok(Listed {
            entries,
            is_inside,
            is_without_hidden,
        })
    }

    /// Names entries by their paths relative to the working directory.
    pub(super) fn with_relative_names(&self, entries: Vec<FileEntry>) -> Vec<Entry> {
        let named = entries.into_iter().map(|file| {
            let name = remote_path::relative(&self.at.remote, file.path.as_bytes());
            with_slash(name, file)
        });
        named.collect()
    }
}

fn by_base_name(file: FileEntry) -> Entry {
    let (_, name) = remote_path::split(file.path.as_bytes());
    with_slash(Name::from(name), file)
}

fn with_slash(mut name: Name, file: FileEntry) -> Entry {
    if is_directory(&file) {
        name.0.push(b'/');
    }
    Entry { name, file }
}

/// The server sends entries sorted by name; the sort is stable.
fn sort(entries: &mut [Entry], by: Sort, reverse: bool) {
    match by {
        Sort::Size => entries.sort_by_key(|entry| entry.file.size),
        Sort::Modified => entries.sort_by_cached_key(|entry| {
            chrono::DateTime::parse_from_rfc3339(&entry.file.modified).ok()
        }),
        Sort::Path | Sort::Name | Sort::Born => {}
    }
    if reverse {
        entries.reverse();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_sorted_by_the_moment_and_not_by_its_text() {
        let entry = |name: &str, size, modified: &str| Entry {
            name: name.into(),
            file: FileEntry {
                path: name.into(),
                size,
                born: String::new(),
                birth_known: true,
                modified: modified.to_owned(),
                mode: 0o100_644,
            },
        };
        let mut entries = [
            entry("a", 3, "2026-01-01T12:00:00+00:00"),
            entry("b", 1, "2026-01-01T12:30:00+02:00"),
            entry("c", 2, "garbled"),
        ];
        let mut names = |by, reverse| {
            entries.sort_by(|a, b| a.name.cmp(&b.name));
            sort(&mut entries, by, reverse);
            let names = entries.iter().map(|entry| entry.name.to_string());
            names.collect::<String>()
        };
        assert_eq!(names(Sort::Name, false), "abc");
        assert_eq!(names(Sort::Name, true), "cba");
        assert_eq!(names(Sort::Size, true), "acb");
        assert_eq!(names(Sort::Modified, true), "abc");
        assert_eq!(names(Sort::Modified, false), "cba");
    }
}
