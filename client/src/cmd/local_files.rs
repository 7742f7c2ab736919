//! `lls` and `lmkdir`: the local directory, without leaving the prompt.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;
use std::process::Command;

use netsocket_protocol::name::Name;
use netsocket_settings::reason;

use super::context::{Context, Done};
use crate::outcome::error::Error;
use crate::outcome::exit::Exit;
use crate::output::console::Form;

impl Context {
    /// Runs `ls` in the local directory with these arguments.
    pub(crate) async fn list_local(&mut self, arguments: &[OsString]) -> Done {
        let mut ls = match arguments.iter().any(|word| self.is_local_pattern(word)) {
            true => self.expanding(arguments),
            false => Command::new("ls"),
        };
        if ls.get_args().next().is_none() {
            ls.args(arguments);
        }
        if let Some(local) = &self.at.local {
            ls.current_dir(local);
        }
        let output = tokio::task::spawn_blocking(move || ls.output());
        let output = output
            .await
            .unwrap_or_else(|error| Err(std::io::Error::other(error)));
        let output =
            output.map_err(|error| Error::Shell(format!("cannot run ls: {}", reason(&error))))?;
        self.console.print(&output.stdout)?;
        if output.status.success() {
            return Ok(Exit::Done);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.trim_end().trim_start_matches("ls: ");
        Err(Error::Shell(said.to_owned()).into())
    }

    /// Whether a word has to be expanded: a file of that very name takes precedence.
    fn is_local_pattern(&self, word: &OsStr) -> bool {
        let is_pattern = word.as_bytes().iter().any(|byte| b"*?[".contains(byte));
        is_pattern && self.local_path(Path::new(word)).symlink_metadata().is_err()
    }

    /// `ls` with the patterns among the words expanded by a shell, which leaves those without a match as they are.
    fn expanding(&self, words: &[OsString]) -> Command {
        let mut script = b"exec ls".to_vec();
        for word in words {
            script.push(b' ');
            match self.is_local_pattern(word) {
                true => script.extend(pattern(word.as_bytes())),
                false => script.extend(quoted(word.as_bytes())),
            }
        }
        let mut shell = Command::new("/bin/sh");
        shell.arg("-c").arg(OsString::from_vec(script));
        shell
    }

    pub(crate) fn make_local_directory(&mut self, word: &str, typed: &Path) -> Done {
        let path = self.local_path(typed);
        std::fs::create_dir(&path).map_err(|error| Error::target(&path, &error))?;
        match self.console.form {
            Form::Json => {
                let path = std::path::absolute(&path).unwrap_or(path);
                self.print_path(word, Name::from(path.as_os_str().as_bytes()))
            }
            Form::Text => Ok(Exit::Done),
        }
    }
}

/// A word in single quotes, for any shell and any bytes.
fn quoted(word: &[u8]) -> Vec<u8> {
    let mut text = vec![b'\''];
    for byte in word {
        match byte {
            b'\'' => text.extend(b"'\\''"),
            byte => text.push(*byte),
        }
    }
    text.push(b'\'');
    text
}

/// A pattern, with everything quoted that has no meaning in it.
fn pattern(word: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(word.len() * 2);
    for part in word.chunk_by(|one, next| is_special(*one) == is_special(*next)) {
        match part.first().is_some_and(|byte| is_special(*byte)) {
            true => text.extend(part),
            false => text.extend(quoted(part)),
        }
    }
    text
}

fn is_special(byte: u8) -> bool {
    b"*?[]!-".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_patterns_mean_anything_to_the_shell() {
        for (word, written) in [
            (&b"*.bin"[..], &b"*'.bin'"[..]),
            (b"[!a-c]$(x)?", b"[!'a'-'c']'$(x)'?"),
            (b"it's*", b"'it'\\''s'*"),
        ] {
            assert_eq!(pattern(word), written);
        }
    }
}
