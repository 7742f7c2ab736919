//! Texts of results and warnings for users.

use netsocket_protocol::message::{FileEntry, Problem, Warning};
use netsocket_protocol::name::Name;
use netsocket_protocol::text::{
    FILE_NOT_FOUND, NO_FILE_FOUND, birth_time, file_lines, rights, time,
};

use crate::outcome::answer::{Answer, Saved, TransferStats};
use crate::output::colours::is_directory;
use crate::text::{files, shown, size};

/// How names are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// Byte for byte, for pipes and files.
    Exact,
    /// With unprintable characters escaped, for terminals.
    Escaped,
}

/// The text of an answer.
#[must_use]
pub(crate) fn answer_lines(answer: &Answer, names: Names) -> Vec<u8> {
    match answer {
        Answer::Names(list) => list
            .iter()
            .flat_map(|name| [bytes_of(name, names), b"\n".to_vec()])
            .flatten()
            .collect(),
        Answer::File(Some(file)) => found(file, names),
        Answer::File(None) => format!("{FILE_NOT_FOUND}\n").into_bytes(),
        Answer::Archive(Some(saved)) => format!("{}\n", saved_sentence(saved)).into_bytes(),
        Answer::Archive(None) => format!("{NO_FILE_FOUND}\n").into_bytes(),
        Answer::Saved(Some(saved)) => format!("{}\n", fetched_sentence(saved)).into_bytes(),
        Answer::Saved(None) => format!("{FILE_NOT_FOUND}\n").into_bytes(),
    }
}

/// The bytes to print for a name.
#[must_use]
pub(crate) fn bytes_of(name: &Name, names: Names) -> Vec<u8> {
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
    // The birth time is text from the server as well. Escaping twice changes nothing.
    let escaped = lines
        .trim_ascii_end()
        .split(|byte| *byte == b'\n')
        .map(|line| format!("{}\n", Name::from(line)));
    escaped.collect::<String>().into_bytes()
}

/// Reports a saved archive.
fn saved_sentence(saved: &Saved) -> String {
    format!(
        "saved {}: {}, {}{}",
        shown(&saved.path),
        files(saved.files),
        size(saved.bytes),
        stats_text(&saved.stats)
    )
}

/// Reports a saved file.
fn fetched_sentence(saved: &Saved) -> String {
    if saved.was_there {
        let (path, size) = (shown(&saved.path), size(saved.bytes));
        return format!("{path} is there already: {size}");
    }
    format!(
        "saved {}: {}{}",
        shown(&saved.path),
        size(saved.bytes),
        stats_text(&saved.stats)
    )
}

/// Warnings, one sentence each, worded by `sentence`.
#[must_use]
pub(crate) fn warning_sentences(
    warnings: &[Warning],
    unlisted: u64,
    sentence: fn(&Warning) -> String,
) -> Vec<String> {
    let mut sentences: Vec<String> = warnings.iter().map(sentence).collect();
    if unlisted > 0 {
        sentences.push(format!(
            "warning: {unlisted} more, not listed by the server"
        ));
    }
    sentences
}

/// A warning about what a list lacks.
pub(crate) fn list_warning(warning: &Warning) -> String {
    let path = &warning.path;
    if is_about_directory(warning) {
        format!("warning: the server cannot read {path}; what is below it is missing from the list")
    } else {
        format!("warning: the server cannot read {path}")
    }
}

/// Whether a warning is about a directory and everything below it.
fn is_about_directory(warning: &Warning) -> bool {
    warning.path.as_bytes().ends_with(b"/")
}

/// A warning about one file, or about one directory, in an archive.
pub(crate) fn archive_warning(warning: &Warning) -> String {
    let path = &warning.path;
    match warning.problem {
        Problem::Unreadable if is_about_directory(warning) => {
            format!(
                "warning: the server cannot read {path}; what is below it is missing from the archive"
            )
        }
        Problem::Unreadable => {
            format!(
                "warning: the server cannot read {path}; its content is missing from the archive"
            )
        }
        Problem::Vanished => {
            format!(
                "warning: {path} disappeared while the archive was made; its entry is filled with zeros"
            )
        }
        Problem::Shrank => {
            format!(
                "warning: {path} became shorter while the archive was made; its entry is padded with zeros"
            )
        }
        Problem::Grew => {
            format!(
                "warning: {path} grew while the archive was made; its entry holds only the beginning"
            )
        }
        Problem::Changed => {
            format!(
                "warning: {path} was modified while the archive was made; its entry may mix old and new content"
            )
        }
        Problem::Renamed => {
            format!(
                "warning: {path} has the same name as another file; its entry has a number before the extension"
            )
        }
    }
}

/// A warning about a plain file. A file with zeros in place of data is an error instead.
pub(crate) fn file_warning(warning: &Warning) -> String {
    let path = &warning.path;
    match warning.problem {
        Problem::Grew => {
            format!(
                "warning: {path} grew during the download; only the size it had at the start was downloaded"
            )
        }
        Problem::Changed => {
            format!(
                "warning: {path} was modified during the download; the copy may mix old and new content"
            )
        }
        Problem::Unreadable | Problem::Vanished | Problem::Shrank | Problem::Renamed => {
            format!("warning: the copy of {path} is incomplete")
        }
    }
}

/// How a download was kept, restarted or resumed; empty if nothing happened.
fn stats_text(stats: &TransferStats) -> String {
    let mut words = String::new();
    if stats.kept > 0 {
        words.push_str(&format!(", {} already downloaded", size(stats.kept)));
    }
    if stats.restarted > 0 {
        words.push_str(&format!(", restarted {}", times(stats.restarted)));
    }
    if stats.resumed > 0 {
        let seconds = stats.stalled.as_secs_f64();
        let twice = size(stats.bytes_twice);
        words.push_str(&format!(
            ", resumed {} ({seconds:.1} s without data, {twice} sent twice)",
            times(stats.resumed)
        ));
    }
    words
}

fn times(count: u32) -> String {
    match count {
        1 => "once".to_owned(),
        count => format!("{count} times"),
    }
}

/// Reports an unpacked archive.
#[must_use]
pub(crate) fn unpacked_sentence(saved: &Saved) -> String {
    let unpacked = saved.unpacked.unwrap_or_default();
    let kept = match unpacked.kept {
        0 => String::new(),
        kept if kept == saved.files => ", all there already".to_owned(),
        kept => format!(", {kept} of them there already"),
    };
    format!(
        "unpacked into {}: {}, {}{kept}{}",
        shown(&saved.path),
        files(saved.files),
        size(unpacked.bytes),
        stats_text(&saved.stats)
    )
}

/// The details of a file or directory, one line each.
#[must_use]
pub(crate) fn details(entry: &FileEntry, names: Names) -> Vec<u8> {
    let kind = if is_directory(entry) {
        "directory"
    } else {
        "file"
    };
    let born = birth_time(entry);
    let modified = time(&entry.modified);
    let path = match entry.path.as_bytes() {
        b"" => b"/".to_vec(),
        _ => bytes_of(&entry.path, names),
    };
    let mut lines = [b"    Path: ", &path[..], b"\n"].concat();
    let mut line = |text: String| {
        // Escaped, as times come from the server.
        lines.extend_from_slice(Name::from(text.as_str()).to_string().as_bytes());
        lines.push(b'\n');
    };
    line(format!("    Type: {kind}"));
    if !is_directory(entry) {
        line(match entry.size {
            bytes @ ..1024 => format!("    Size: {bytes}"),
            bytes => format!("    Size: {bytes} ({})", size(bytes)),
        });
    }
    line(format!(
        "  Rights: {} ({:04o})",
        rights(entry.mode),
        entry.mode & 0o7777
    ));
    line(format!("    Born: {born}"));
    line(format!("Modified: {modified}"));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::answer::Unpacked;

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
    fn what_happened_on_the_way_is_told() {
        let stats = TransferStats {
            kept: 2048,
            resumed: 2,
            restarted: 1,
            stalled: std::time::Duration::from_millis(1_250),
            bytes_twice: 1 << 20,
        };
        let saved = Saved {
            path: "x".into(),
            files: 1,
            bytes: 4096,
            stats,
            ..Saved::default()
        };
        let way = ", 2.0 KiB already downloaded, restarted once, resumed 2 times (1.2 s without data, 1.0 MiB sent twice)";
        assert_eq!(fetched_sentence(&saved), format!("saved x: 4.0 KiB{way}"));
        for (files, kept, said) in [
            (1, 0, ": 1 file, 1.0 GiB"),
            (4, 4, ": 4 files, 1.0 GiB, all there already"),
            (4, 3, ": 4 files, 1.0 GiB, 3 of them there already"),
        ] {
            let saved = Saved {
                files,
                unpacked: Some(Unpacked {
                    bytes: 1 << 30,
                    kept,
                }),
                ..saved.clone()
            };
            let expected = format!("unpacked into x{said}{way}");
            assert_eq!(unpacked_sentence(&saved), expected);
        }
        assert_eq!(stats_text(&TransferStats::default()), "");
    }

    #[test]
    fn all_that_is_known_of_an_entry_is_a_line_each() {
        let mut entry = FileEntry {
            path: "a\nb".into(),
            size: 76_000,
            born: "2026-11-22T11:13:29.123456789+00:00".to_owned(),
            birth_known: true,
            modified: "\x1b[2J".to_owned(),
            mode: 0o100_644,
        };
        let text = String::from_utf8(details(&entry, Names::Escaped)).unwrap();
        assert_eq!(
            text,
            "    Path: a\\nb\n    Type: file\n    Size: 76000 (74.2 KiB)\n  Rights: -rw-r--r-- (0644)\n    \
             Born: 2026-11-22 11:13:29.123456789 +0000\nModified: \\u{1b}[2J\n"
        );
        entry.mode = 0o040_755;
        entry.path = "".into();
        let text = String::from_utf8(details(&entry, Names::Exact)).unwrap();
        assert!(
            text.starts_with("    Path: /\n    Type: directory\n  Rights: drwxr-xr-x (0755)\n")
        );
    }
}
