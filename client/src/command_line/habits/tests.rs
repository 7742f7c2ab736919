//! Tests of the table.

use super::*;
use crate::command_line::args::Args;
use crate::command_line::command::Invocation;
use crate::command_line::commands as ours;
use crate::command_line::posix_find;
use crate::command_line::shell_words;

fn said(line: &str) -> String {
    let words = shell_words::split(line.as_bytes()).unwrap();
    Invocation::parse(&words).unwrap_err().to_string()
}

#[test]
fn each_habit_is_answered_with_what_to_use() {
    for Habit {
        place,
        words,
        instead,
    } in all()
    {
        for word in *words {
            let said = match place {
                Place::Command => said(word),
                Place::OptionOf(command) => said(&format!("{command} {word} x")),
                Place::AnyOption => said(&format!("stat {word} x")),
                Place::Flag => Args::parse_words(["netsocket", word, "x"]).unwrap_err(),
            };
            assert!(
                said.contains(word) && said.contains(instead),
                "{word}: {said}"
            );
        }
    }
}

/// As long as the table names no command or option that does not exist.
#[test]
fn what_to_use_exists() {
    for Habit { place, instead, .. } in all() {
        let words: Vec<&str> = instead
            .split([' ', ';', ',', ':'])
            .filter(|word| !word.is_empty())
            .collect();
        for (at, word) in words.iter().enumerate() {
            if !word.starts_with('-') {
                continue;
            }
            let of = words[..at]
                .iter()
                .rev()
                .find_map(|word| ours::find(word.as_bytes()));
            let of = match (of, place) {
                (None, Place::OptionOf(command)) => ours::find(command.as_bytes()),
                (of, _) => of,
            };
            let is_option = of.is_some_and(|command| {
                command.options().any(|spec| {
                    *word == format!("--{}", spec.long)
                        || spec.short.is_some_and(|short| *word == format!("-{short}"))
                })
            });
            let is_flag = Args::flags().iter().any(|flag| word == flag);
            let is_of_find = posix_find::is_primary(word.as_bytes());
            let is_others = instead.contains("PAGER") || instead.contains("!mkdir");
            assert!(is_option || is_flag || is_of_find || is_others, "{instead}");
        }
    }
}

#[test]
fn a_server_is_known_by_its_form() {
    for (line, meant) in [
        ("127.0.0.1:8081 ls", Some("--server 127.0.0.1:8081")),
        ("files.example:8081", Some("--server files.example:8081")),
        ("[::1]:8081 ls", Some("--server [::1]:8081")),
        ("127.0.0.1", Some("--server 127.0.0.1:8081")),
        ("localhost ls", Some("--server localhost:8081")),
        ("files.example ls", Some("--server files.example:8081")),
        ("me@files ls", Some("--server files:8081")),
        (
            "sftp://files.example:22/music",
            Some("--server files.example:22 get /music"),
        ),
        (
            "root@127.0.0.1:/docs",
            Some("netsocket --server 127.0.0.1:8081 get /docs"),
        ),
        (
            "127.0.0.1:/docs/report.pdf x",
            Some("--server 127.0.0.1:8081 get /docs/report.pdf"),
        ),
        (
            "files.example:/docs/",
            Some("--server files.example:8081 get -r /docs/"),
        ),
        ("files:/docs", Some("--server files:8081 get /docs")),
        ("me@files:a.txt", Some("--server files:8081 get /a.txt")),
        (
            "files.example:a/b.txt",
            Some("--server files.example:8081 get /a/b.txt"),
        ),
        (
            "127.0.0.1:9000/a.txt",
            Some("--server 127.0.0.1:9000 get /a.txt"),
        ),
        ("127.0.0.1/a", Some("--server 127.0.0.1:8081 get /a")),
        ("[::1]:/a", Some("--server [::1]:8081 get /a")),
        ("::1 ls", Some("--server [::1]:8081")),
        ("root@127.0.0.1:", Some("--server 127.0.0.1:8081")),
        (
            "http://files.example/a",
            Some("--server files.example:8081 get /a"),
        ),
        ("a:b", None),
        ("a.example/b", None),
        ("[x", None),
        ("@", None),
        ("files.example", None),
        ("report.pdf ls.txt", None),
        ("a/b.txt ls", None),
        ("12:30:x", None),
        (":80", None),
    ] {
        let said = said(line);
        match meant {
            Some(meant) => assert!(said.contains(meant), "{line}: {said}"),
            None => assert!(!said.contains("--server"), "{line}: {said}"),
        }
    }
}
