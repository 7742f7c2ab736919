//! What a shell would do with a line at the prompt or of a batch, and this program does not: redirections, pipes, several
//! commands on one line.

use netsocket_protocol::name::Name;

use crate::command_line::commands;
use crate::command_line::shell_line::{Place, equal};
use crate::command_line::shell_words;

/// Operators of shells, the longer ones first.
const OPERATORS: [&str; 12] = [
    "2>>", "2>", "&>", "&&", "1>", ">>", ">", "||", "|", "<<", "<", ";",
];

/// Those between commands.
const SEVERAL: [&str; 3] = ["&&", "||", ";"];

/// Those after which standard output is no longer the terminal.
const OF_STDOUT: [&str; 5] = ["|", ">", "1>", ">>", "&>"];

/// Why a line cannot be run, if it has an operator that only a shell knows: what to type instead. A quoted one is a name.
pub(crate) fn refusal(line: &[u8], place: &Place<'_>) -> Option<String> {
    let words = shell_words::typed(line);
    if let Some(operator) = between_commands(&words) {
        return Some(one_command(operator));
    }
    let first = words.first()?;
    let (at, operator) = words
        .iter()
        .enumerate()
        .skip(1)
        .find_map(|(at, word)| operator(word).map(|operator| (at, operator)))?;
    let (head, tail) = words.split_at(at);
    if operator == "#" {
        return Some("a comment has a line of its own; quote # in a name".to_owned());
    }
    let several = |word: &&[u8]| operator_of(word).is_some_and(|found| SEVERAL.contains(&found));
    if let Some(word) = tail.iter().find(|word| several(word)) {
        return Some(one_command(operator_of(word).unwrap_or(operator)));
    }
    let file = redirected(operator, tail);
    Some(match (operator, file) {
        (">" | "1>", Some(file)) if keeps(first) => {
            format!("{}: use -o {}", not_here(operator), Name::from(file))
        }
        // Of several files, `get` would make several.
        (">" | "1>", Some(file)) if is_shown(first) && is_one_file(head) => {
            let (get, file) = (head[1..].join(&b' '), Name::from(file));
            format!("{}: get {} -o {file}", not_here(operator), Name::from(get))
        }
        _ => format!(
            "{}{}",
            not_here(operator),
            instead(operator, head, tail, place)
        ),
    })
}

/// That only a shell knows it.
fn not_here(operator: &str) -> String {
    match operator.contains(['<', '>']) {
        true => format!("{operator} does not redirect here"),
        false => format!("there is no {operator} here"),
    }
}

/// The file of a redirection.
fn redirected<'a>(operator: &str, tail: &[&'a [u8]]) -> Option<&'a [u8]> {
    match &tail.first()?[operator.len()..] {
        b"" => tail.get(1).copied(),
        file => Some(file),
    }
}

/// What to type instead, in a shell or here, if anything does the same.
fn instead(operator: &str, head: &[&[u8]], tail: &[&[u8]], place: &Place<'_>) -> String {
    let typed_tail = Name::from(tail.join(&b' '));
    if operator.starts_with('<') {
        return ": no command reads standard input".to_owned();
    }
    if operator == "|" && redirected(operator, tail).is_some_and(|reader| is_ours(reader, tail)) {
        return ": get and archive take names and patterns, and archive the conditions of find"
            .to_owned();
    }
    let is_whole = is_whole(operator, tail);
    if head.first() == Some(&&b"lls"[..]) && is_whole {
        let arguments = head[1..].iter().copied().chain(tail.iter().copied());
        let ls: Vec<&[u8]> = [&b"ls"[..]].into_iter().chain(arguments).collect();
        let ls = Name::from(ls.join(&b' '));
        return format!(": use !{ls}, or in a shell: {ls}");
    }
    let to_stdout = tail
        .iter()
        .any(|word| operator_of(word).is_some_and(|found| OF_STDOUT.contains(&found)));
    let words = shell_words::split(&head.join(&b' ')).ok();
    match words.and_then(|words| equal(&words, to_stdout, place)) {
        Some(line) if is_whole => format!("; in a shell: {line} {typed_tail}"),
        _ => ": only a shell knows it".to_owned(),
    }
}

/// Whether what begins with the operator can stand behind a command as it is.
fn is_whole(operator: &str, tail: &[&[u8]]) -> bool {
    if operator == "&" {
        return tail.len() == 1;
    }
    if redirected(operator, tail).is_none_or(|word| operator_of(word).is_some()) {
        return false;
    }
    // Behind the file of a redirection more arguments would follow.
    let is_alone = tail
        .first()
        .is_some_and(|word| word.len() == operator.len());
    let next = tail.get(if is_alone { 2 } else { 1 });
    operator == "|" || next.is_none_or(|word| operator_of(word).is_some())
}

/// Whether a pipe leads to a command of this program, which a shell does not know: `find | get`, `find | xargs get`.
fn is_ours(reader: &[u8], tail: &[&[u8]]) -> bool {
    const OF_SHELLS: [&[u8]; 8] = [
        b"cat", b"less", b"more", b"ls", b"find", b"stat", b"du", b"tree",
    ];
    let is_ours = |word: &[u8]| {
        let known = commands::find(word).is_some();
        known && !OF_SHELLS.contains(&word)
    };
    is_ours(reader) || reader == b"xargs" && tail.iter().any(|word| is_ours(word))
}

/// Whether the command shows files.
fn is_shown(command: &[u8]) -> bool {
    matches!(command, b"cat" | b"less" | b"more")
}

/// Whether a command has one operand, which is no pattern.
fn is_one_file(head: &[&[u8]]) -> bool {
    let mut operands = head.iter().skip(1).filter(|word| !word.starts_with(b"-"));
    let one = operands.next();
    one.is_some_and(|word| !word.iter().any(|byte| b"*?[{".contains(byte)))
        && operands.next().is_none()
}

fn one_command(operator: &str) -> String {
    format!("there is no {operator} here: one line is one command")
}

/// An operator without a blank before it, and a command behind it: without one, it is a part of a name.
fn between_commands(words: &[&[u8]]) -> Option<&'static str> {
    let is_plain = |word: &[u8]| !word.iter().any(|byte| b"'\"\\".contains(byte));
    let is_command = |word: &[u8]| commands::find(word).is_some();
    words.iter().enumerate().find_map(|(at, word)| {
        let mut operators = SEVERAL.into_iter();
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
    match word {
        b"&" => Some("&"),
        b"#" => Some("#"),
        word => operator_of(word),
    }
}

fn operator_of(word: &[u8]) -> Option<&'static str> {
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
            (
                "get x > out.txt",
                "> does not redirect here: use -o out.txt",
            ),
            ("get x >out.txt", "> does not redirect here: use -o out.txt"),
            (
                "archive 1> 'a b'",
                "1> does not redirect here: use -o 'a b'",
            ),
            (
                "w24ft pdf > x.tgz",
                "> does not redirect here: use -o x.tgz",
            ),
            ("cat a > c", "> does not redirect here: get a -o c"),
            (
                "cat a b > c",
                "> does not redirect here; in a shell: netsocket cat a b > c",
            ),
            (
                "cat *.txt > c",
                "> does not redirect here; in a shell: netsocket cat '*.txt' > c",
            ),
            (
                "lls -l 'a b' | head",
                "there is no | here: use !ls -l 'a b' | head, or in a shell: ls -l 'a b' | head",
            ),
            (
                "find x | xargs get",
                "there is no | here: get and archive take names and patterns, and archive the conditions of find",
            ),
            (
                "find -0 | xargs -0 tar c",
                "there is no | here; in a shell: netsocket find -0 | xargs -0 tar c",
            ),
            (
                "archive 2>/dev/null | tar t",
                "2> does not redirect here; in a shell: netsocket archive -o - 2>/dev/null | tar t",
            ),
            (
                "get x 2>/dev/null y",
                "2> does not redirect here: only a shell knows it",
            ),
            ("cd x | wc", "there is no | here: only a shell knows it"),
            ("ls |", "there is no | here: only a shell knows it"),
            (
                "ls | wc && pwd",
                "there is no && here: one line is one command",
            ),
            (
                "get x # the newest",
                "a comment has a line of its own; quote # in a name",
            ),
            (
                "ls -la > x",
                "> does not redirect here; in a shell: netsocket ls -la > x",
            ),
            (
                "ls > list",
                "> does not redirect here; in a shell: netsocket ls > list",
            ),
            (
                "get x >> out",
                ">> does not redirect here; in a shell: netsocket get x -o - >> out",
            ),
            ("get x >", "> does not redirect here: only a shell knows it"),
            (
                "ls | wc -l",
                "there is no | here; in a shell: netsocket ls | wc -l",
            ),
            ("ls |wc", "there is no | here; in a shell: netsocket ls |wc"),
            (
                "get x 2>/dev/null",
                "2> does not redirect here; in a shell: netsocket get x 2>/dev/null",
            ),
            (
                "get x &",
                "there is no & here; in a shell: netsocket get x &",
            ),
            (
                "find < names",
                "< does not redirect here: no command reads standard input",
            ),
            ("cd a && ls", "there is no && here: one line is one command"),
            ("cd a ; ls", "there is no ; here: one line is one command"),
            ("cd a; ls", "there is no ; here: one line is one command"),
            ("cd a;ls", "there is no ; here: one line is one command"),
            ("ls; pwd", "there is no ; here: one line is one command"),
            ("cd a&& ls", "there is no && here: one line is one command"),
            ("cd a ;ls -l", "there is no ; here: one line is one command"),
            ("cd a||exit", "there is no || here: one line is one command"),
        ] {
            let refused = refusal(line.as_bytes(), &Place::default());
            assert_eq!(refused.as_deref(), Some(said), "{line}");
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
            "get '#' x#y #x#",
        ] {
            let refused = refusal(line.as_bytes(), &Place::default());
            assert_eq!(refused, None, "{line}");
        }
    }
}
