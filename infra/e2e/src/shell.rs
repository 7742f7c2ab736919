//! What a shell would start: the commands in a script of a document, in every branch, without running any.
//!
//! Knows as much of the language of shells as documents need; what it does not know is an error, so that nothing is passed over.

use std::iter::Peekable;
use std::str::Chars;

/// One program that is started, as it is typed: quotes are gone, nothing is expanded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Call {
    /// `NAME=VALUE` before it.
    pub environment: Vec<(String, String)>,
    /// The program and its arguments.
    pub words: Vec<String>,
    /// The lines of its here-document.
    pub input: String,
}

impl Call {
    /// What is started.
    #[must_use]
    pub fn program(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    /// Its arguments.
    #[must_use]
    pub fn arguments(&self) -> &[String] {
        self.words.get(1..).unwrap_or_default()
    }
}

/// What is typed before Enter does something: a line, or several that belong together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statement {
    /// As it is typed.
    pub text: String,
    /// What it may start.
    pub calls: Vec<Call>,
}

/// Words that are part of the language where a command may begin.
const KEYWORDS: [&str; 11] = [
    "if", "then", "elif", "else", "fi", "while", "until", "do", "done", "{", "}",
];

/// The statements of a script.
///
/// # Errors
/// What this reader does not understand.
pub fn statements(script: &str) -> Result<Vec<Statement>, String> {
    let mut all = Vec::new();
    let mut text = String::new();
    for line in script.lines() {
        text.push_str(line);
        text.push('\n');
        if line.ends_with('\\') {
            continue;
        }
        match Reader::read(&text) {
            Ok(calls) => {
                let text = std::mem::take(&mut text).trim_end().to_owned();
                if !calls.is_empty() {
                    all.push(Statement { text, calls });
                }
            }
            // More lines belong to it.
            Err(Problem::Unfinished) => {}
            Err(Problem::Unknown(what)) => return Err(format!("{what} in {text}")),
        }
    }
    match text.is_empty() {
        true => Ok(all),
        false => Err(format!("no end of {text}")),
    }
}

#[derive(Debug)]
enum Problem {
    Unfinished,
    Unknown(String),
}

struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
    calls: Vec<Call>,
    /// Words whose here-documents begin with the next line, and the calls that they are for.
    awaited: Vec<(String, usize)>,
    /// `if` and loops that are open.
    depth: usize,
}

impl<'a> Reader<'a> {
    fn read(text: &'a str) -> Result<Vec<Call>, Problem> {
        let mut reader = Self {
            rest: text.chars().peekable(),
            calls: Vec::new(),
            awaited: Vec::new(),
            depth: 0,
        };
        reader.commands(None)?;
        match reader.depth == 0 && reader.awaited.is_empty() {
            true => Ok(reader.calls),
            false => Err(Problem::Unfinished),
        }
    }

    /// Commands up to the closing character of a substitution, or to the end.
    fn commands(&mut self, end: Option<char>) -> Result<(), Problem> {
        let mut call = Call::default();
        loop {
            let next = self.rest.peek().copied();
            match next {
                None if end.is_some() => return Err(Problem::Unfinished),
                None => break,
                Some(_) if next == end => {
                    self.rest.next();
                    break;
                }
                Some(' ' | '\t') => drop(self.rest.next()),
                Some('\\') if self.rest.clone().nth(1) == Some('\n') => drop(self.rest.nth(1)),
                Some('#') => while self.rest.next_if(|c| *c != '\n').is_some() {},
                Some(';' | '&' | '|' | '\n') => {
                    self.rest.next();
                    self.end(&mut call);
                    if next == Some('\n') {
                        self.here_documents()?;
                    }
                }
                Some('(' | ')' | '`') => {
                    return Err(Problem::Unknown(format!("a bare {next:?}")));
                }
                Some('<' | '>') => self.redirection()?,
                Some(_) => {
                    let word = self.word()?;
                    // The number of a descriptor that is redirected.
                    let redirects = matches!(self.rest.peek(), Some('<' | '>'));
                    if !(redirects && word.chars().all(|c| c.is_ascii_digit())) {
                        self.take(&mut call, word)?;
                    }
                }
            }
        }
        self.end(&mut call);
        Ok(())
    }

    fn end(&mut self, call: &mut Call) {
        let call = std::mem::take(call);
        if !call.words.is_empty() {
            self.calls.push(call);
        }
    }

    /// A word behind those that a command has already.
    fn take(&mut self, call: &mut Call, word: String) -> Result<(), Problem> {
        if !call.words.is_empty() {
            call.words.push(word);
            return Ok(());
        }
        match word.as_str() {
            "if" | "while" | "until" => self.depth += 1,
            "fi" | "done" => self.depth = self.depth.saturating_sub(1),
            "for" | "case" | "function" | "select" | "[[" => {
                return Err(Problem::Unknown(word));
            }
            _ => {}
        }
        if KEYWORDS.contains(&word.as_str()) || word == "!" {
            return Ok(());
        }
        match word.split_once('=') {
            Some((name, value)) if is_name(name) => {
                call.environment.push((name.to_owned(), value.to_owned()));
            }
            _ => call.words.push(word),
        }
        Ok(())
    }

    fn redirection(&mut self) -> Result<(), Problem> {
        let mut operator = String::new();
        while let Some(c) = self.rest.next_if(|c| "<>&".contains(*c)) {
            operator.push(c);
        }
        while self.rest.next_if(|c| *c == ' ').is_some() {}
        let target = self.word()?;
        match (operator.as_str(), target.is_empty()) {
            (_, true) => Err(Problem::Unknown(format!("{operator} to nowhere"))),
            ("<<", _) => {
                self.awaited.push((target, self.calls.len()));
                Ok(())
            }
            ("<" | ">" | ">>" | ">&", _) => Ok(()),
            _ => Err(Problem::Unknown(operator)),
        }
    }

    /// The here-documents of the line that has just ended.
    fn here_documents(&mut self) -> Result<(), Problem> {
        for (end, call) in std::mem::take(&mut self.awaited) {
            let mut input = String::new();
            loop {
                let mut line = String::new();
                while let Some(c) = self.rest.next_if(|c| *c != '\n') {
                    line.push(c);
                }
                if self.rest.next().is_none() && line != end {
                    return Err(Problem::Unfinished);
                }
                if line == end {
                    break;
                }
                input.push_str(&line);
                input.push('\n');
            }
            if let Some(call) = self.calls.get_mut(call) {
                call.input = input;
            }
        }
        Ok(())
    }

    /// One word without its quotes. A substitution stays as it is, and what it starts is found, too.
    fn word(&mut self) -> Result<String, Problem> {
        let mut word = String::new();
        let mut quoted = false;
        while let Some(c) = self.rest.peek().copied() {
            match c {
                '"' => {
                    self.rest.next();
                    quoted = !quoted;
                }
                '\'' if !quoted => {
                    self.rest.next();
                    loop {
                        match self.rest.next() {
                            None => return Err(Problem::Unfinished),
                            Some('\'') => break,
                            Some(c) => word.push(c),
                        }
                    }
                }
                '\\' => {
                    self.rest.next();
                    match self.rest.next() {
                        None => return Err(Problem::Unfinished),
                        Some('\n') => {}
                        Some(c) if quoted && !"\"\\$`".contains(c) => word.extend(['\\', c]),
                        Some(c) => word.push(c),
                    }
                }
                '$' => self.expansion(&mut word)?,
                _ if !quoted && " \t\n;&|<>()`".contains(c) => break,
                _ => word.extend(self.rest.next()),
            }
        }
        match quoted {
            true => Err(Problem::Unfinished),
            false => Ok(word),
        }
    }

    /// From a `$` on: a substitution of a command, or whatever stays as it is.
    fn expansion(&mut self, word: &mut String) -> Result<(), Problem> {
        word.extend(self.rest.next());
        if self.rest.next_if_eq(&'(').is_none() {
            return Ok(());
        }
        let before: String = self.rest.clone().collect();
        self.commands(Some(')'))?;
        let after = self.rest.clone().collect::<String>();
        let inside = before.strip_suffix(&after).unwrap_or(&before);
        word.push('(');
        word.push_str(inside);
        Ok(())
    }
}

fn is_name(word: &str) -> bool {
    let mut letters = word.chars();
    letters
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && letters.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words of every call, each call as one line.
    fn calls(script: &str) -> Vec<String> {
        let statements = statements(script).unwrap();
        let calls = statements.iter().flat_map(|statement| &statement.calls);
        calls.map(|call| call.words.join("|")).collect()
    }

    #[test]
    fn words_are_what_a_shell_makes_of_them() {
        for (script, expected) in [
            ("a b  c # d", &["a|b|c"][..]),
            ("a 'b c' \"d 'e\" f\\ g", &["a|b c|d 'e|f g"]),
            ("a \\\n  b", &["a|b"]),
            ("a --x=\"$Y z\"", &["a|--x=$Y z"]),
            ("a x=1 b#c", &["a|x=1|b#c"]),
            ("# only words", &[]),
            ("a 2>&1 > /dev/null < in b", &["a|b"]),
            ("a 10 > out", &["a|10"]),
        ] {
            assert_eq!(calls(script), expected, "{script}");
        }
    }

    #[test]
    fn every_branch_is_found() {
        for (script, expected) in [
            ("a && b || c; d | e &", &["a", "b", "c", "d", "e"][..]),
            (
                "while sleep 1; do\n  if a; then b 1; else c 2; fi\ndone",
                &["sleep|1", "a", "b|1", "c|2"],
            ),
            (
                "kill \"$(cat \"$(where x)\")\" y",
                &["where|x", "cat|$(where x)", "kill|$(cat \"$(where x)\")|y"],
            ),
            ("! a", &["a"]),
        ] {
            assert_eq!(calls(script), expected, "{script}");
        }
    }

    #[test]
    fn lines_that_belong_together_are_one_statement() {
        let script = "a 1\n\nX=1 b <<'END' | c\nfirst\n\nsecond\nEND\nwhile a; do\nb\ndone\n";
        let statements = statements(script).unwrap();
        let texts: Vec<&str> = statements.iter().map(|s| s.text.as_str()).collect();
        let here = "X=1 b <<'END' | c\nfirst\n\nsecond\nEND";
        assert_eq!(texts, ["a 1", here, "while a; do\nb\ndone"]);
        let call = &statements[1].calls[0];
        assert_eq!(call.environment, [("X".to_owned(), "1".to_owned())]);
        assert_eq!(call.input, "first\n\nsecond\n");
        assert_eq!((call.program(), call.arguments()), ("b", &[][..]));
    }

    #[test]
    fn what_is_not_known_is_said() {
        for script in [
            "for x in y; do a; done",
            "a `b`",
            "(a)",
            "case x in",
            "a 'b",
            "if a; then b",
            "a <<X\nb",
            "a <<< b",
        ] {
            assert!(statements(script).is_err(), "{script}");
        }
    }
}
