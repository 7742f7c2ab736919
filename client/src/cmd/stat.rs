//! `stat`: shows details of files and directories.

use netsocket_protocol::name::Name;

use super::context::{Context, Done};
use super::operands::{Directories, Meant};
use crate::output::console::{Message, Stdout};
use crate::output::entries::Entry;
use crate::output::json;
use crate::output::messages;

impl Context {
    pub(crate) async fn stat(&mut self, word: &str, paths: &[Vec<u8>]) -> Done {
        let Meant { paths, mut exit } = self.meant(paths, Directories::Taken, Stdout::Free).await?;
        let mut told = false;
        for path in paths {
            let file = match self.existing(&path).await {
                Ok(file) => file,
                Err(error) => {
                    exit = exit.worse(self.pass_over(error.into(), &path)?);
                    continue;
                }
            };
            let mut text = messages::details(&file, self.console.names());
            if told {
                text.insert(0, b'\n');
            }
            told = true;
            let name = Name(path);
            let json = json::entry_line(word, &Entry { name, file });
            self.console.print_message(&Message { text, json })?;
        }
        Ok(exit)
    }
}
