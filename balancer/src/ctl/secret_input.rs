//! A secret that is typed: asked for, not shown, and typed twice where it is a new one.

use std::io::{self, BufRead, IsTerminal as _, Write as _};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// What Ctrl-C types where it is no signal.
const INTERRUPT: char = '\x03';

/// A new secret from standard input: its first line. At a terminal, it is asked for twice on standard error, without echo.
///
/// # Errors
/// Standard input cannot be read; at a terminal, the two lines differ, or Ctrl-C was typed.
pub fn new_secret() -> io::Result<String> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return line(&mut stdin.lock());
    }
    let first = asked("Secret: ")?;
    match asked("Again: ")? == first {
        true => Ok(first),
        false => Err(io::Error::other("the two lines differ")),
    }
}

fn asked(prompt: &str) -> io::Result<String> {
    let mut stderr = io::stderr();
    stderr.write_all(prompt.as_bytes())?;
    let typed = {
        let _hidden = Hidden::start()?;
        line(&mut io::stdin().lock())
    };
    // The line end was not shown either.
    stderr.write_all(b"\n")?;
    let typed = typed?;
    match typed.contains(INTERRUPT) {
        true => Err(io::Error::new(io::ErrorKind::Interrupted, "interrupted")),
        false => Ok(typed),
    }
}

fn line(input: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    input.read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// No echo, and no signals that would end the program without it; put back when dropped.
struct Hidden {
    before: Termios,
}

impl Hidden {
    fn start() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut hidden = before.clone();
        hidden.local_modes -= LocalModes::ECHO | LocalModes::ISIG;
        tcsetattr(io::stdin(), OptionalActions::Flush, &hidden)?;
        Ok(Self { before })
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // There is nobody left who could be told.
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.before);
    }
}
