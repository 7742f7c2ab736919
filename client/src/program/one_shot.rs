//! The command on the command line: a single one, after which the program ends.
//!
//! Owns: what makes no sense there, and what to type instead. Does not own: running it ([`crate::program::run_command`]).

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use netsocket_protocol::name::Name;

use crate::command_line::command::{Command, Invocation};
use crate::command_line::commands;
use crate::command_line::quote::pasteable;
use crate::outcome::error::Error;
use crate::outcome::exit::Exit;
use crate::program::output_flag::no_output;
use crate::program::run_command::{Program, SHELL_MARK};
use crate::program::signals::Interrupts;

impl Program {
    /// Runs the command given on the command line.
    pub async fn one_shot(&mut self, words: Vec<OsString>, interrupts: &mut Interrupts) -> Exit {
        let words: Vec<Vec<u8>> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
        self.begins(&words);
        let parsed = match line_of_shell(&words).or_else(|| self.batch_file(&words)) {
            Some(refusal) => Err(Error::Usage(refusal)),
            None => Invocation::parse(&words),
        };
        let has_output = self.context.output.is_some();
        let parsed = parsed.and_then(
            |invocation| match refusal(&invocation.command, has_output) {
                Some(refusal) => Err(Error::Usage(refusal)),
                None => Ok(invocation),
            },
        );
        match parsed {
            Ok(invocation) => self.run_interruptible(&words, invocation, interrupts).await,
            Err(error) => self.not_parsed(&words, &error),
        }
        .exit
    }

    /// What is said of a single word that is the name of a file with commands.
    fn batch_file(&self, words: &[Vec<u8>]) -> Option<String> {
        let [word] = words else {
            return None;
        };
        if commands::find(word).is_some() {
            return None;
        }
        let path = Path::new(OsStr::from_bytes(word));
        // A FIFO would wait for somebody to write.
        let is_file = path.metadata().is_ok_and(|there| there.is_file());
        let mut begin = Vec::new();
        let file = is_file.then(|| File::open(path).ok()).flatten()?;
        file.take(MOST_LOOKED_AT).read_to_end(&mut begin).ok()?;
        if !reads_as_batch(&begin) {
            return None;
        }
        let flags = self.flags.iter().map(|word| pasteable(word) + " ");
        let (flags, file) = (flags.collect::<String>(), pasteable(word));
        let word = Name::from(word.as_slice());
        Some(format!(
            "unknown command '{word}': netsocket {flags}< {file} runs the commands in that file"
        ))
    }
}

/// So many bytes tell whether a file has commands.
const MOST_LOOKED_AT: u64 = 4096;

/// Whether the first line that says something begins with a command.
fn reads_as_batch(begin: &[u8]) -> bool {
    let lines = begin.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let mut lines = lines.filter(|line| !line.is_empty() && !line.starts_with(b"#"));
    let Some(line) = lines.next() else {
        return false;
    };
    let line = line.strip_prefix(b"-").unwrap_or(line).trim_ascii_start();
    let word = line.split(u8::is_ascii_whitespace).next();
    word.is_some_and(|word| commands::find(word).is_some())
}

/// Why a command is refused that would have no effect.
fn refusal(command: &Command, has_output: bool) -> Option<String> {
    const ONLY: &str = "works only at the prompt or in a batch, for the commands that follow";
    match command {
        Command::ChangeDirectory(directory) => {
            let directory = directory.as_deref().map(pasteable);
            let path = directory.unwrap_or_else(|| "/".to_owned());
            Some(format!("cd {ONLY}: give paths, as in netsocket ls {path}"))
        }
        Command::ChangeLocalDirectory(_) => {
            Some(format!("lcd {ONLY}: use the shell's cd, or -o DIR"))
        }
        command => no_output(command, has_output),
    }
}

/// What is said of `!COMMAND`.
fn line_of_shell(words: &[Vec<u8>]) -> Option<String> {
    let (first, rest) = words.split_first()?;
    let command = first.strip_prefix(&[SHELL_MARK])?;
    let command = command.trim_ascii();
    let command = (!command.is_empty()).then(|| String::from_utf8_lossy(command).into_owned());
    let line: Vec<String> = command
        .into_iter()
        .chain(rest.iter().map(|word| pasteable(word)))
        .collect();
    let instead = match &line[..] {
        [] => String::new(),
        line => format!(": in a shell, it is {}", line.join(" ")),
    };
    Some(format!("! works only at the prompt or in a batch{instead}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &[&str]) -> Option<String> {
        let words: Vec<Vec<u8>> = line.iter().map(|word| word.as_bytes().to_vec()).collect();
        line_of_shell(&words).or_else(|| {
            let invocation = Invocation::parse(&words).unwrap();
            refusal(&invocation.command, false)
        })
    }

    #[test]
    fn a_batch_is_known_by_its_first_command() {
        for text in [
            "ls\n",
            "# today\n\n  get x\n",
            "-cd docs\r\nls",
            "- mget x",
            "w24ft pdf",
        ] {
            assert!(reads_as_batch(text.as_bytes()), "{text}");
        }
        for text in ["", "# ls\n", "Dear all\nls\n", "\u{0}ls", "lsx"] {
            assert!(!reads_as_batch(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn what_would_have_no_effect_names_what_has() {
        for (line, instead) in [
            (&["cd", "a b"][..], ": give paths, as in netsocket ls 'a b'"),
            (&["cd"], "netsocket ls /"),
            (&["lcd", "/tmp"], ": use the shell's cd, or -o DIR"),
            (
                &["! ls -l"],
                "! works only at the prompt or in a batch: in a shell, it is ls -l",
            ),
            (&["!", "ls", "a b"], ": in a shell, it is ls 'a b'"),
            (&["!"], "! works only at the prompt or in a batch"),
        ] {
            let said = said(line).unwrap();
            assert!(said.ends_with(instead), "{line:?}: {said}");
        }
        for line in [
            &["pwd"][..],
            &["lpwd"],
            &["lls"],
            &["quit"],
            &["cd", "--help"],
        ] {
            assert_eq!(said(line), None, "{line:?}");
        }
    }
}
