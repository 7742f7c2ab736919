//! The command on the command line: a single one, after which the program ends.
//!
//! Owns: what makes no sense there, and what to type instead. Does not own: running it ([`crate::program::run_command`]).

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;

use crate::command_line::command::{Command, Invocation};
use crate::command_line::manual;
use crate::command_line::quote::pasteable;
use crate::outcome::error::Error;
use crate::outcome::exit::Exit;
use crate::output::console::Stdout;
use crate::program::run_command::{Program, SHELL_MARK};
use crate::program::signals::Interrupts;

impl Program {
    /// Runs the command given on the command line.
    pub async fn one_shot(&mut self, words: Vec<OsString>, interrupts: &mut Interrupts) -> Exit {
        let words: Vec<Vec<u8>> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
        self.begins(&words);
        let parsed = match line_of_shell(&words) {
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
            Err(error) => self.failed(&error, Stdout::Free),
        }
        .exit
    }
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
        command if has_output && !command.takes_output() => {
            let names = manual::commands_with_option("output").join(", ");
            Some(format!("-o (--output) works only with {names}"))
        }
        _ => None,
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
