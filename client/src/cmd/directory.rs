//! `cd` and `pwd`: the working directory on the server.

use netsocket_protocol::name::Name;

use super::context::{Context, Done, missing};
use crate::outcome::error::Error;
use crate::outcome::exit::Exit;
use crate::output::colours::is_directory;
use crate::output::console::{Form, Told};
use crate::output::{json, messages};
use crate::session::remote_path;

impl Context {
    /// `cd`
    pub(crate) async fn go_to(&mut self, word: &str, typed: Option<Vec<u8>>) -> Done {
        let path = typed.map_or_else(Vec::new, |typed| self.there(&typed));
        match self.entry(&path).await? {
            Some(entry) if is_directory(&entry) => {
                self.at.remote = path;
                self.told_there(word)
            }
            Some(_) => {
                let path = remote_path::from_root(&path);
                Err(Error::Usage(format!("{path} is not a directory")).into())
            }
            None => Err(missing(&path).into()),
        }
    }

    /// Programs are told where they are now; people see it in the prompt.
    fn told_there(&mut self, word: &str) -> Done {
        match self.console.form {
            Form::Json => self.tell_where(word),
            Form::Text => Ok(Exit::Done),
        }
    }

    /// `pwd`
    pub(crate) fn tell_where(&mut self, word: &str) -> Done {
        let path = remote_path::from_root(&self.at.remote);
        self.tell_place(word, path)
    }

    pub(super) fn tell_place(&mut self, word: &str, path: Name) -> Done {
        let mut text = messages::bytes_of(&path, self.console.names());
        text.push(b'\n');
        let json = json::place_line(word, path);
        self.console.tell(&Told { text, json })?;
        Ok(Exit::Done)
    }
}
