//! `stat`: shows details of files and directories.

use super::context::{Context, Done};
use super::operands::{Directories, Meant};
use crate::output::console::{Message, Stdout};
use crate::output::entries::Entry;
use crate::output::json;
use crate::output::messages;
use crate::session::remote_path;

impl Context {
    pub(crate) async fn stat(&mut self, word: &str, paths: &[Vec<u8>]) -> Done {
        let Meant { paths, mut exit } = self.meant(paths, Directories::Taken, Stdout::Free).await?;
        let (mut told, mut broken) = (false, 0);
        for path in paths {
            let file = match self.existing(&path).await {
                Ok(file) => file,
                Err(error) => {
                    exit = exit.worse(self.pass_over(error.into(), &path)?);
                    continue;
                }
            };
            let name = remote_path::relative(&self.at.remote, &path);
            let mut text = messages::details(&file, &name, self.console.names());
            if told {
                text.insert(0, b'\n');
            }
            told = true;
            broken += usize::from(self.console.splits(&name));
            let json = json::entry_line(word, &Entry { name, file });
            self.console.print_message(&Message { text, json })?;
        }
        self.console.warn_of_newlines(broken, "--json");
        Ok(exit)
    }
}
