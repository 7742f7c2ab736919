//! Blocks of a terminal: what is typed behind `$ `, what is typed at the client's prompt, and what is shown for it.

use crate::shell::{Statement, statements};

/// Before a statement of a shell.
const SHELL: &str = "$ ";

/// How the client's prompt begins and ends; between them is where `cd` has gone.
const PROMPT: (&str, &str) = ("netsocket", "> ");

/// A statement and what it shows.
#[derive(Debug, PartialEq, Eq)]
pub struct Example {
    /// What is typed in the shell.
    pub statement: Statement,
    /// The lines below it, those typed at a prompt left out.
    pub shown: Vec<String>,
    /// What is typed at the client's prompt.
    pub session: Vec<String>,
}

impl Example {
    /// A statement that shows nothing.
    #[must_use]
    pub fn of(statement: Statement) -> Self {
        Self {
            statement,
            shown: Vec::new(),
            session: Vec::new(),
        }
    }

    /// Whether it says only what to type.
    #[must_use]
    pub fn shows_nothing(&self) -> bool {
        self.shown.is_empty() && self.session.is_empty()
    }
}

/// The examples in a block.
///
/// # Errors
/// Where a statement is none, or something is shown before one.
pub fn examples(block: &str) -> Result<Vec<Example>, String> {
    let mut all: Vec<Example> = Vec::new();
    let mut lines = block.lines();
    while let Some(line) = lines.next() {
        if let Some(typed) = line.strip_prefix(SHELL) {
            let mut typed = typed.to_owned();
            let read = loop {
                match (statements(&typed), lines.clone().next()) {
                    (Err(_), Some(_)) => {
                        typed.push('\n');
                        typed.push_str(lines.next().unwrap_or_default());
                    }
                    (read, _) => break read?,
                }
            };
            all.extend(read.into_iter().map(Example::of));
            continue;
        }
        let example = all.last_mut().ok_or(format!("nobody typed for {line}"))?;
        match at_prompt(line) {
            Some(typed) => example.session.push(typed.to_owned()),
            None => example.shown.push(line.to_owned()),
        }
    }
    Ok(all)
}

/// What is typed at the client's prompt.
fn at_prompt(line: &str) -> Option<&str> {
    let (place, typed) = line.strip_prefix(PROMPT.0)?.split_once(PROMPT.1)?;
    (place.is_empty() || place.starts_with(':')).then_some(typed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_read_as_it_was_typed() {
        let block = "$ netsocket <<'END'\nls\nEND\na/\n$ netsocket\nhello\nnetsocket> cd a\nnetsocket:a> ls\nb\n> c\n";
        let read = examples(block).unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!(read[0].statement.calls[0].input, "ls\n");
        assert_eq!(read[0].shown, ["a/"]);
        assert_eq!(read[1].session, ["cd a", "ls"]);
        assert_eq!(read[1].shown, ["hello", "b", "> c"]);
    }

    #[test]
    fn what_nobody_typed_is_a_mistake() {
        assert!(examples("shown\n$ a\n").is_err());
        assert!(examples("$ a 'b\n").is_err());
    }
}
