//! `cd` and `pwd`: the working directory on the server.

use netsocket_protocol::name::Name;

use super::context::{Context, Done, missing};
use crate::outcome::error::Error;
use crate::outcome::exit::Exit;
use crate::output::colours::is_directory;
use crate::output::console::{Form, Message};
use crate::output::{json, messages};
use crate::session::remote_path;

impl Context {
    /// `cd`
    pub(crate) async fn change_directory(&mut self, word: &str, typed: Option<Vec<u8>>) -> Done {
        let path =
            match typed.as_deref() {
                None | Some(b"~") => Vec::new(),
                Some(b"-") => self.at.remote_before.clone().ok_or_else(|| {
                    Error::Usage("there is no directory to go back to".to_owned())
                })?,
                // The root is where one is at home on the server.
                Some([b'~', rest @ ..]) if rest.starts_with(b"/") => {
                    self.check_dots(rest).await?;
                    self.remote_path(rest)
                }
                Some(typed) => self.single(typed).await?,
            };
        match self.entry(&path).await? {
            Some(entry) if is_directory(&entry) => {
                let before = std::mem::replace(&mut self.at.remote, path);
                self.at.remote_before = Some(before);
                self.print_directory_as_json(word)
            }
            Some(_) => {
                let path = remote_path::from_root(&path);
                Err(Error::Usage(format!("{path} is not a directory")).into())
            }
            None => Err(missing(&path).into()),
        }
    }

    /// JSON output reports the new directory; users see it in the prompt.
    fn print_directory_as_json(&mut self, word: &str) -> Done {
        match self.console.form {
            Form::Json => self.print_directory(word),
            Form::Text => Ok(Exit::Done),
        }
    }

    /// `pwd`
    pub(crate) fn print_directory(&mut self, word: &str) -> Done {
        let path = remote_path::from_root(&self.at.remote);
        self.print_path(word, path)
    }

    pub(super) fn print_path(&mut self, word: &str, path: Name) -> Done {
        let mut text = messages::bytes_of(&path, self.console.names());
        text.push(b'\n');
        let json = json::place_line(word, path);
        self.console.print_message(&Message { text, json })?;
        Ok(Exit::Done)
    }
}
