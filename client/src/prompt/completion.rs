//! Completion at the cursor: commands, options, option values, local and remote names.
//!
//! Owns: which words are possible and how they are quoted. Does not own: where names come from
//! ([`NameSource`]), nor the keys ([`crate::prompt::line_editor`]).

use std::path::Path;

use netsocket_protocol::name::Name;
use netsocket_protocol::query::Sort;

use crate::command_line::command::Get;
use crate::command_line::commands::{self, CommandSpec, FORMATS, Operand};
use crate::command_line::options::OptionSpec;
use crate::command_line::posix_find;
use crate::command_line::quote::{self, Quote};
use crate::command_line::shell_words::{self, PartialLine};
use crate::session::remote_path;

/// The maximum number of candidates; more are no help, and the line editor has a limit.
pub(crate) const MAX_CANDIDATES: usize = 500;

/// A source of local and remote names.
pub(crate) trait NameSource {
    /// Names with this prefix in a directory on the server, given relative to the root; directories end with a slash.
    /// Empty if the answer takes too long.
    fn remote(&self, directory: &[u8], prefix: &str) -> Vec<String>;
    /// The same for a local directory.
    fn local(&self, directory: &Path, prefix: &str) -> Vec<String>;
    /// The working directory on the server.
    fn at(&self) -> &[u8];
}

/// A candidate for completion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// The text shown in a list.
    pub(crate) shown: String,
    /// The text that replaces the word in the line.
    pub(crate) written: String,
}

/// What can be completed at the cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Command,
    Option(CommandSpec),
    Remote { files: bool },
    Local { files: bool },
    Words(&'static [&'static str]),
    Nothing,
}

/// The candidates at the end of `line`, which is the line up to the cursor, and where the word begins.
pub(crate) fn complete(line: &str, source: &impl NameSource) -> (usize, Vec<Candidate>) {
    let Some(partial) = shell_words::partial(line.as_bytes()) else {
        return (line.len(), Vec::new());
    };
    // A word that is not UTF-8 cannot be completed.
    let Ok(word) = std::str::from_utf8(&partial.word) else {
        return (line.len(), Vec::new());
    };
    let mut candidates = match wanted(&partial, word) {
        Wanted::Command => whole(commands::words(), word, &partial),
        Wanted::Option(command) => options(&command, word),
        Wanted::Words(words) => whole(words.iter().copied(), word, &partial),
        Wanted::Remote { files } => {
            let (typed, prefix) = cut(word);
            let directory = remote_path::resolve(source.at(), typed.as_bytes());
            names(source.remote(&directory, prefix), typed, files, &partial)
        }
        Wanted::Local { files } => {
            let (typed, prefix) = cut(word);
            names(
                source.local(Path::new(typed), prefix),
                typed,
                files,
                &partial,
            )
        }
        Wanted::Nothing => Vec::new(),
    };
    candidates.truncate(MAX_CANDIDATES);
    (partial.start, candidates)
}

/// The arguments of the command just typed, shown as a hint before anything follows it.
#[must_use]
pub(crate) fn arguments(line: &str) -> Option<&'static str> {
    let name = line.strip_suffix(' ')?;
    let command = commands::find(name.as_bytes())?;
    (!command.arguments.is_empty()).then_some(command.arguments)
}

fn wanted(partial: &PartialLine, word: &str) -> Wanted {
    let Some((name, before)) = partial.before.split_first() else {
        return Wanted::Command;
    };
    let Some(command) = commands::find(name) else {
        return Wanted::Nothing;
    };
    let only_operands = before.iter().any(|word| word == b"--");
    if !only_operands {
        let last = before.last();
        if let Some(last) = last.filter(|last| is_primary_with_value(&command, last)) {
            return match &last[..] {
                b"-type" => Wanted::Words(&["f"]),
                _ => Wanted::Nothing,
            };
        }
        if let Some(spec) = last.and_then(|last| waiting(&command, last)) {
            return value(spec);
        }
        if word.starts_with('-') && partial.quote.is_none() {
            return match command.operand {
                Operand::Word(words) => Wanted::Words(words),
                _ => Wanted::Option(command),
            };
        }
    }
    let has_operand = before.iter().any(|word| !word.starts_with(b"-"));
    if command.name == "get" && has_operand && Get::is_local_by_form(word.as_bytes()) {
        return Wanted::Local { files: true };
    }
    match command.operand {
        Operand::Nothing => Wanted::Nothing,
        // They take one.
        Operand::Command | Operand::Word(_) if has_operand => Wanted::Nothing,
        Operand::RemoteFile => Wanted::Remote { files: true },
        Operand::RemoteDirectory => Wanted::Remote { files: false },
        Operand::LocalDirectory => Wanted::Local { files: false },
        Operand::Command => Wanted::Command,
        Operand::Word(words) => Wanted::Words(words),
    }
}

fn is_primary_with_value(command: &CommandSpec, word: &[u8]) -> bool {
    posix_find::is_taken_by(command.name) && posix_find::takes_value(word)
}

/// The option whose value follows that word.
fn waiting(command: &CommandSpec, word: &[u8]) -> Option<&'static OptionSpec> {
    let text = std::str::from_utf8(word).ok()?;
    let is_it = |spec: &&OptionSpec| match text.strip_prefix("--") {
        Some(long) => spec.long == long,
        None => {
            let letters = text.strip_prefix('-');
            letters.is_some_and(|letters| letters.chars().last() == spec.short)
        }
    };
    command
        .options()
        .filter(|spec| spec.value.is_some())
        .find(is_it)
}

fn value(spec: &OptionSpec) -> Wanted {
    const KEYS: [&str; 5] = {
        let mut words = [""; 5];
        let mut at = 0;
        while at < words.len() {
            words[at] = Sort::ALL[at].word();
            at += 1;
        }
        words
    };
    match spec.long {
        "below" => Wanted::Remote { files: false },
        "output" => Wanted::Local { files: true },
        "extract" => Wanted::Local { files: false },
        "format" => Wanted::Words(&FORMATS),
        "sort" => Wanted::Words(&KEYS),
        _ => Wanted::Nothing,
    }
}

/// Splits a typed path after its last slash.
fn cut(word: &str) -> (&str, &str) {
    word.split_at(word.rfind('/').map_or(0, |slash| slash + 1))
}

/// Candidates that complete the word.
fn whole<'a>(
    words: impl Iterator<Item = &'a str>,
    word: &str,
    partial: &PartialLine,
) -> Vec<Candidate> {
    let fitting = words.filter(|known| known.starts_with(word));
    fitting
        .map(|known| Candidate {
            shown: known.to_owned(),
            written: ended(quote::opened(known, partial.quote), partial.quote),
        })
        .collect()
}

fn options(command: &CommandSpec, word: &str) -> Vec<Candidate> {
    let shorts = command.options().filter_map(|spec| spec.short);
    let shorts = shorts.map(|short| format!("-{short}"));
    let longs = command.options().map(|spec| format!("--{}", spec.long));
    let primaries = posix_find::EQUAL
        .iter()
        .filter(|_| posix_find::is_taken_by(command.name))
        .map(|primary| (*primary).to_owned());
    shorts
        .chain(longs)
        .chain(primaries)
        .filter(|option| option.starts_with(word))
        .map(|option| Candidate {
            written: format!("{option} "),
            shown: option,
        })
        .collect()
}

/// Candidates for names. A file completes the word, a directory does not.
fn names(names: Vec<String>, typed: &str, files: bool, partial: &PartialLine) -> Vec<Candidate> {
    names
        .into_iter()
        .filter(|name| files || name.ends_with('/'))
        .map(|name| {
            let path = format!("{typed}{name}");
            // Control characters could drive the terminal.
            let quote = match path.chars().any(char::is_control) {
                true => Some(Quote::AnsiC),
                false => partial.quote,
            };
            let written = quote::opened(&path, quote);
            Candidate {
                written: if name.ends_with('/') {
                    written
                } else {
                    ended(written, quote)
                },
                shown: Name::from(name.as_str()).to_string(),
            }
        })
        .collect()
}

/// Closes the quote and starts the next word.
fn ended(mut word: String, quote: Option<Quote>) -> String {
    word.extend(quote.map(Quote::closing));
    word.push(' ');
    word
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Tree;

    impl NameSource for Tree {
        fn remote(&self, directory: &[u8], prefix: &str) -> Vec<String> {
            let names: &[&str] = match directory {
                b"" => &["a b/", "music/", "notes.txt"],
                b"a b" => &["it's.txt"],
                b"music" => &["covers/", "song.mp3"],
                b"odd" => &["evil\x1b[2J", "two\nlines/"],
                b"odd/two\nlines" => &["x"],
                _ => &[],
            };
            let fitting = names.iter().filter(|name| name.starts_with(prefix));
            fitting.map(|name| (*name).to_owned()).collect()
        }

        fn local(&self, directory: &Path, _: &str) -> Vec<String> {
            vec![
                format!("{}here/", directory.display()).replace('/', "") + "/",
                "file".to_owned(),
            ]
        }

        fn at(&self) -> &[u8] {
            b""
        }
    }

    fn written(line: &str) -> Vec<String> {
        let (start, candidates) = complete(line, &Tree);
        candidates
            .into_iter()
            .map(|candidate| format!("{}{}", &line[..start], candidate.written))
            .collect()
    }

    #[test]
    fn commands_options_and_values() {
        assert_eq!(written("fi"), ["find "]);
        assert_eq!(written("w24fd"), ["w24fdb ", "w24fda "]);
        assert_eq!(written("find --la"), ["find --larger "]);
        let shown = written("get -");
        assert!(
            shown.contains(&"get -r ".to_owned()) && shown.contains(&"get --force ".to_owned())
        );
        assert_eq!(written("get -r"), ["get -r "]);
        assert_eq!(written("find -na"), ["find -name "]);
        assert_eq!(
            written("archive . -new"),
            ["archive . -newermt ", "archive . -newerBt "]
        );
        assert_eq!(written("find . -type "), ["find . -type f "]);
        assert_eq!(written("find . -empty n"), ["find . -empty notes.txt "]);
        assert_eq!(written("find x --sort m"), ["find x --sort modified "]);
        assert_eq!(written("archive --format z"), ["archive --format zst "]);
        assert_eq!(written("help stat"), ["help stat ", "help status "]);
        assert_eq!(written("dirlist -"), ["dirlist -a ", "dirlist -t "]);
        assert_eq!(written("completions b"), ["completions bash "]);
        for nothing in [
            "help get ",
            "completions bash ",
            "status ",
            "wibble ",
            "find --larger ",
            "find -name ",
            "get -na",
            "w24fn ",
            "get a\\",
        ] {
            assert!(written(nothing).is_empty(), "{nothing}");
        }
    }

    #[test]
    fn names_of_the_server_are_quoted_as_the_line_needs_it() {
        assert_eq!(written("mge"), ["mget "]);
        assert_eq!(written("get n"), ["get notes.txt "]);
        assert_eq!(written("get a"), ["get a\\ b/"]);
        assert_eq!(written("get a\\ b/"), ["get a\\ b/it\\'s.txt "]);
        assert_eq!(written("get 'a b/"), ["get 'a b/it'\\''s.txt' "]);
        assert_eq!(written("get \"a b/"), ["get \"a b/it's.txt\" "]);
        assert_eq!(written("cd "), ["cd a\\ b/", "cd music/"]);
        assert_eq!(written("get /music/s"), ["get /music/song.mp3 "]);
        assert_eq!(
            written("ls music/"),
            ["ls music/covers/", "ls music/song.mp3 "]
        );
        assert_eq!(written("find --below m"), ["find --below music/"]);
        assert_eq!(written("find n"), ["find notes.txt "]);
        assert_eq!(written("archive m"), ["archive music/"]);
        assert_eq!(written("get -- m"), ["get -- music/"]);
    }

    #[test]
    fn a_name_that_no_line_can_show_is_written_with_escapes() {
        for line in ["ls odd/", "ls 'odd/", "ls \"odd/", "ls $'odd/"] {
            let expected = ["ls $'odd/evil\\e[2J' ", "ls $'odd/two\\nlines/"];
            assert_eq!(written(line), expected, "{line}");
        }
        assert_eq!(
            written("ls $'odd/two\\nlines/"),
            ["ls $'odd/two\\nlines/x' "]
        );
        let shown: Vec<String> = complete("ls odd/", &Tree)
            .1
            .into_iter()
            .map(|candidate| candidate.shown)
            .collect();
        assert_eq!(shown, ["evil\\u{1b}[2J", "two\\nlines/"]);
    }

    #[test]
    fn names_of_this_machine() {
        assert_eq!(written("lcd "), ["lcd here/"]);
        assert_eq!(written("get x -o "), ["get x -o here/", "get x -o file "]);
        assert_eq!(written("archive -x "), ["archive -x here/"]);
        // Where `get` takes it for local.
        let all = ["get x ./.here/", "get x ./file "];
        assert_eq!(written("get x ./"), all);
        assert_eq!(
            written("mget -r x y ../"),
            ["mget -r x y ../..here/", "mget -r x y ../file "]
        );
        assert_eq!(written("get /music/../n"), ["get /music/../notes.txt "]);
        assert_eq!(written("get x n"), ["get x notes.txt "]);
    }

    #[test]
    fn the_arguments_of_a_command_are_its_hint() {
        assert_eq!(arguments("w24fz "), Some("SIZE1 SIZE2"));
        assert_eq!(arguments("w24fz"), None);
        assert_eq!(arguments("quit "), None);
    }

    proptest! {
        #[test]
        fn no_line_panics(line in "\\PC{0,40}") {
            let (start, candidates) = complete(&line, &Tree);
            prop_assert!(start <= line.len() && line.is_char_boundary(start));
            for candidate in candidates {
                prop_assert!(shell_words::partial(candidate.written.as_bytes()).is_some());
            }
        }
    }
}
