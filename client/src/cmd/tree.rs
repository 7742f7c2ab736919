//! `tree`: directories and files as a tree.

use netsocket_protocol::name::Name;

use super::context::{Context, Done, missing};
use crate::command_line::command::{ListFormat, TreeView};
use crate::outcome::error::Error;
use crate::outcome::exit::Exit;
use crate::output::colours::is_directory;
use crate::output::console::Form;
use crate::output::entries::Entry;
use crate::output::tree::Tree;
use crate::session::remote_path;

impl Context {
    pub(crate) async fn tree(&mut self, word: &str, view: &TreeView) -> Done {
        let typed = view.path.clone().unwrap_or_default();
        let done = self.tree_of(word, view, &typed).await;
        let path = self.remote_path(&typed);
        self.exit_of(done, &path)
    }

    async fn tree_of(&mut self, word: &str, view: &TreeView, typed: &[u8]) -> Done {
        if view.directories_only && self.console.form == Form::Json {
            let said = "tree -d has no JSON, which lists files: du --json lists directories";
            return Err(Error::Usage(said.to_owned()).into());
        }
        let top = self.single(typed).await?;
        match self.entry(&top).await? {
            Some(entry) if is_directory(&entry) => {}
            Some(_) => {
                let path = remote_path::from_root(&top);
                return Err(Error::Usage(format!("{path} is not a directory")).into());
            }
            None => return Err(missing(&top).into()),
        }
        let request = Self::all_below(&top);
        let mut tree = Tree::new(view.depth, view.directories_only);
        let mut listing = self.session.list(&request, &mut self.console).await?;
        let skipped = if top.is_empty() { 0 } else { top.len() + 1 };
        while let Some(part) = listing.next().await? {
            if self.console.form == Form::Json {
                let entries: Vec<Entry> = part
                    .into_iter()
                    .filter(|file| tree.has_level_of(file, skipped))
                    .map(|file| Entry {
                        name: file.path.clone(),
                        file,
                    })
                    .collect();
                self.console
                    .entries(word, &entries, ListFormat::default(), false)?;
                continue;
            }
            for file in part {
                tree.add(file, skipped);
            }
        }
        if self.console.form == Form::Text {
            let top = match typed {
                b"" => Name::from("."),
                typed if remote_path::pattern(typed).is_some() => {
                    remote_path::relative(&self.at.remote, &top)
                }
                typed => Name::from(typed),
            };
            let broken = self.console.tree(&top, &tree)?;
            self.console.warn_of_newlines(broken, "--json");
        }
        self.tell_lacking(word)?;
        Ok(Exit::Done)
    }
}
