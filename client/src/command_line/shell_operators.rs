//! What a shell would do with a line at the prompt or of a batch, and this program does not: redirections, pipes, several
//! commands on one line.

use netsocket_protocol::name::Name;

use crate::command_line::commands;
use crate::command_line::shell_words;

/// Operators of shells, the longer ones first.
const OPERATORS: [&str; 12] = [
    "2>>", "2>", "&>", "&&", "1>", ">>", ">", "||", "|", "<<", "<", ";",
];

/// Why a line cannot be run, if it has an operator that only a shell knows: what to type instead. A quoted one is a name.
pub(crate) fn refusal(line: &[u8]) -> Option<String> {
    let words = shell_words::typed(line);
    if let Some(operator) = between_commands(&words) {
        return Some(one_command(operator));
    }
    let (first, rest) = words.split_first()?;
    let (at, operator) = rest
        .iter()
        .enumerate()
        .find_map(|(at, word)| operator(word).map(|operator| (at, operator)))?;
    let file = match &rest[at][operator.len()..] {
        b"" => rest.get(at + 1).copied(),
        file => Some(file),
    };
    Some(match (operator, file) {
        (">" | "1>", Some(file)) if keeps(first) => {
            format!("There is no {operator} here: use -o {}", Name::from(file))
        }
        (">" | "1>", Some(file)) if matches!(*first, b"cat" | b"less" | b"more") => {
            let (get, file) = (rest[..at].join(&b' '), Name::from(file));
            format!(
                "There is no {operator} here: get {} -o {file}",
                Name::from(get)
            )
        }
        ("&&" | "||" | ";", _) => one_command(operator),
        _ => {
            let typed = Name::from(line.trim_ascii());
            format!("There is no {operator} here; in a shell: netsocket {typed}")
        }
    })
}

fn one_command(operator: &str) -> String {
    format!("There is no {operator} here: one line is one command")
}

/// An operator without a blank before it, and a command behind it: without one, it is a part of a name.
fn between_commands(words: &[&[u8]]) -> Option<&'static str> {
    let is_plain = |word: &[u8]| !word.iter().any(|byte| b"'\"\\".contains(byte));
    let is_command = |word: &[u8]| commands::find(word).is_some();
    words.iter().enumerate().find_map(|(at, word)| {
        let mut operators = ["&&", "||", ";"].into_iter();
        operators.find(|operator| {
            let sign = operator.as_bytes();
            let found = word.windows(sign.len()).position(|part| part == sign);
            is_plain(word)
                && found.is_some_and(|found| match &word[found + sign.len()..] {
                    b"" => words.get(at + 1).is_some_and(|next| is_command(next)),
                    behind => is_command(behind),
                })
        })
    })
}

fn operator(word: &[u8]) -> Option<&'static str> {
    if word == b"&" {
        return Some("&");
    }
    OPERATORS
        .into_iter()
        .find(|operator| word.starts_with(operator.as_bytes()))
}

/// Whether the command takes `-o`.
fn keeps(command: &[u8]) -> bool {
    commands::find(command)
        .is_some_and(|command| command.options().any(|spec| spec.long == "output"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_would_do_has_another_way() {
        for (line, said) in [
            ("get x > out.txt", "There is no > here: use -o out.txt"),
            ("get x >out.txt", "There is no > here: use -o out.txt"),
            ("archive 1> 'a b'", "There is no 1> here: use -o 'a b'"),
            ("w24ft pdf > x.tgz", "There is no > here: use -o x.tgz"),
            ("cat a b > c", "There is no > here: get a b -o c"),
            (
                "ls > list",
                "There is no > here; in a shell: netsocket ls > list",
            ),
            (
                "get x >> out",
                "There is no >> here; in a shell: netsocket get x >> out",
            ),
            (
                "get x >",
                "There is no > here; in a shell: netsocket get x >",
            ),
            (
                "ls | wc -l",
                "There is no | here; in a shell: netsocket ls | wc -l",
            ),
            ("ls |wc", "There is no | here; in a shell: netsocket ls |wc"),
            (
                "get x 2>/dev/null",
                "There is no 2> here; in a shell: netsocket get x 2>/dev/null",
            ),
            (
                "get x &",
                "There is no & here; in a shell: netsocket get x &",
            ),
            (
                "find < names",
                "There is no < here; in a shell: netsocket find < names",
            ),
            ("cd a && ls", "There is no && here: one line is one command"),
            ("cd a ; ls", "There is no ; here: one line is one command"),
            ("cd a; ls", "There is no ; here: one line is one command"),
            ("cd a;ls", "There is no ; here: one line is one command"),
            ("ls; pwd", "There is no ; here: one line is one command"),
            ("cd a&& ls", "There is no && here: one line is one command"),
            ("cd a ;ls -l", "There is no ; here: one line is one command"),
            ("cd a||exit", "There is no || here: one line is one command"),
        ] {
            assert_eq!(refusal(line.as_bytes()).as_deref(), Some(said), "{line}");
        }
    }

    #[test]
    fn a_name_may_have_any_character() {
        for line in [
            "",
            "get 'a > b'",
            "get '>' '|x'",
            "get \\> \">>\"",
            "get $'>'",
            "get a>b x|y a&b r;s",
            "get a; b",
            "get a;",
            "get 'a; ls' b",
            "get 'a;' ls",
            "get a\\; ls",
            "get R&D",
            "get &amp",
        ] {
            assert_eq!(refusal(line.as_bytes()), None, "{line}");
        }
    }
}
