//! Answers for people: the words and lines of each.

use netsocket_protocol::command::{COMMANDS, Usage};
use netsocket_protocol::message::{FileEntry, Problem, Warning};
use netsocket_protocol::name::Name;
use netsocket_protocol::text::{FILE_NOT_FOUND, NO_FILE_FOUND, file_lines};

use crate::answer::{Answer, Saved};
use crate::error::shown;
use crate::task::LOCAL_COMMANDS;

/// How names stand in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// Byte for byte, for pipes and files.
    Exact,
    /// What is not printable escaped, for terminals.
    Escaped,
}

/// The lines of an answer.
#[must_use]
pub fn answer_lines(answer: &Answer, names: Names) -> Vec<u8> {
    match answer {
        Answer::Help => help().into_bytes(),
        Answer::Names(list) => list
            .iter()
            .flat_map(|name| [bytes_of(name, names), b"\n".to_vec()])
            .flatten()
            .collect(),
        Answer::File(Some(file)) => found(file, names),
        Answer::File(None) => format!("{FILE_NOT_FOUND}\n").into_bytes(),
        Answer::Archive(Some(saved)) => format!("{}\n", saved_sentence(saved)).into_bytes(),
        Answer::Archive(None) => format!("{NO_FILE_FOUND}\n").into_bytes(),
        Answer::Saved(Some(saved)) => {
            format!("saved {}: {}\n", shown(&saved.path), size(saved.bytes)).into_bytes()
        }
        Answer::Saved(None) => format!("{FILE_NOT_FOUND}\n").into_bytes(),
    }
}

fn bytes_of(name: &Name, names: Names) -> Vec<u8> {
    match names {
        Names::Exact => name.as_bytes().to_vec(),
        Names::Escaped => name.to_string().into_bytes(),
    }
}

fn found(file: &FileEntry, names: Names) -> Vec<u8> {
    let lines = file_lines(file, &bytes_of(&file.path, names));
    if names == Names::Exact {
        return lines;
    }
    // The birth time is a text of the server's too. What is escaped already stays as it is.
    let escaped = lines
        .trim_ascii_end()
        .split(|byte| *byte == b'\n')
        .map(|line| format!("{}\n", Name::from(line)));
    escaped.collect::<String>().into_bytes()
}

fn saved_sentence(saved: &Saved) -> String {
    let files = match saved.files {
        1 => "1 file".to_owned(),
        files => format!("{files} files"),
    };
    format!(
        "saved {}: {files}, {}",
        shown(&saved.path),
        size(saved.bytes)
    )
}

/// What a person should know of an archive, a sentence each.
#[must_use]
pub fn warning_sentences(saved: &Saved) -> Vec<String> {
    let mut sentences: Vec<String> = saved.warnings.iter().map(warning_sentence).collect();
    if saved.unlisted > 0 {
        let more = saved.unlisted;
        sentences.push(format!(
            "warning: and {more} more, which the server left out"
        ));
    }
    sentences
}

/// What a person should know of one file in an archive.
fn warning_sentence(warning: &Warning) -> String {
    let path = &warning.path;
    match warning.problem {
        Problem::Unreadable => {
            format!(
                "warning: {path} cannot be read by the server, its content is not in the archive"
            )
        }
        Problem::Vanished => {
            format!("warning: {path} vanished while the archive was made, its entry holds zeros")
        }
        Problem::Shrank => {
            format!(
                "warning: {path} became shorter while the archive was made, its entry is filled with zeros"
            )
        }
        Problem::Grew => {
            format!(
                "warning: {path} became longer while the archive was made, its entry holds only the beginning"
            )
        }
        Problem::Changed => {
            format!(
                "warning: {path} was written to while the archive was made, its entry may mix old and new content"
            )
        }
        Problem::Renamed => {
            format!(
                "warning: {path} shares its name with another file, its entry has a number before the extension"
            )
        }
    }
}

/// A number of bytes, in the largest unit of 1024 that leaves something before the point.
#[must_use]
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    // In tenths, rounded to the nearest; 128 bits have room for ten times any number of bytes.
    let tenths = |shift: u32| (u128::from(bytes) * 10 + (1 << shift >> 1)) >> shift;
    let (unit, tenths) = UNITS
        .into_iter()
        .zip((1..).map(|power| tenths(10 * power)))
        .find(|(unit, tenths)| *tenths < 10_240 || *unit == "EiB")
        .unwrap_or(("B", u128::from(bytes) * 10));
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

/// What stands below the commands in help.
const OUTPUT: &str = "An archive command may end with -o FILE, or -o - for standard output.\n";

/// The commands, a line each, no longer than the terminals of old.
#[must_use]
pub fn help() -> String {
    let typed = |usage: &Usage| format!("{} {}", usage.name, usage.arguments);
    let service = COMMANDS.iter().map(|usage| (typed(usage), usage.about));
    let local = LOCAL_COMMANDS
        .iter()
        .map(|(name, about)| ((*name).to_owned(), *about));
    let rows: Vec<_> = service.chain(local).collect();
    let width = rows.iter().map(|(typed, _)| typed.len()).max().unwrap_or(0);
    let lines = rows
        .iter()
        .map(|(typed, about)| format!("  {typed:width$}  {about}\n"));
    lines.chain([OUTPUT.to_owned()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_exact_for_pipes_and_harmless_for_terminals() {
        let answer = Answer::Names(vec!["a\x1b[2J".into(), Name(vec![0xff])]);
        assert_eq!(
            answer_lines(&answer, Names::Exact),
            b"a\x1b[2J\n\xff\n".to_vec()
        );
        assert_eq!(
            answer_lines(&answer, Names::Escaped),
            b"a\\u{1b}[2J\n\\xff\n".to_vec()
        );
    }

    #[test]
    fn a_file_is_four_lines_on_a_terminal_whatever_it_is_called() {
        let file = FileEntry {
            path: "a\n\x1b".into(),
            size: 1,
            born: "\x1b]0;x\x07".to_owned(),
            birth_known: true,
            modified: String::new(),
            mode: 0o100_644,
        };
        let lines = String::from_utf8(answer_lines(&Answer::File(Some(file)), Names::Escaped));
        assert_eq!(
            lines.unwrap(),
            "FilePath: a\\n\\u{1b}\nFile Size(Bytes): 1\nBirth Time: \\u{1b}]0;x\\u{7}\nAccess Rights: -rw-r--r--\n"
        );
    }

    #[test]
    fn sizes_are_short() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1_048_524, "1023.9 KiB"),
            (1_048_575, "1.0 MiB"),
            (3_565_158, "3.4 MiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn a_saved_archive_is_one_line() {
        let saved = Saved {
            path: "/home/u/w24project/temp.tar.gz".into(),
            files: 12,
            bytes: 3_565_158,
            ..Saved::default()
        };
        assert_eq!(
            saved_sentence(&saved),
            "saved /home/u/w24project/temp.tar.gz: 12 files, 3.4 MiB"
        );
    }

    #[test]
    fn help_has_a_line_for_each_command() {
        let help = help();
        assert_eq!(
            help.lines().count(),
            COMMANDS.len() + LOCAL_COMMANDS.len() + 1
        );
        assert!(help.lines().all(|line| line.len() < 80), "{help}");
        assert!(help.contains("  w24fz SIZE1 SIZE2  "), "{help}");
        assert!(help.contains("  dirlist -a | -t  "), "{help}");
    }
}
