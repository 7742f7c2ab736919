//! `stat`: shows details of files and directories.

use netsocket_protocol::name::Name;

use super::context::{Context, Done, missing};
use crate::outcome::error::Error;
use crate::outcome::exit::Exit;
use crate::output::console::{Message, Stdout};
use crate::output::entries::Entry;
use crate::output::json;
use crate::output::messages;

impl Context {
    pub(crate) async fn stat(&mut self, word: &str, paths: &[Vec<u8>]) -> Done {
        let (mut exit, mut told) = (Exit::Done, false);
        for typed in paths {
            let path = self.remote_path(typed);
            let Some(file) = self.entry(&path).await? else {
                let error: Error = missing(&path);
                if paths.len() == 1 {
                    return Err(error.into());
                }
                // The remaining paths may exist.
                exit = error.exit();
                self.console.error(&error, Stdout::Free);
                continue;
            };
            let mut text = messages::details(&file, self.console.names());
            if told {
                text.insert(0, b'\n');
            }
            told = true;
            let name = Name::from(typed.as_slice());
            let json = json::entry_line(word, &Entry { name, file });
            self.console.print_message(&Message { text, json })?;
        }
        Ok(exit)
    }
}
