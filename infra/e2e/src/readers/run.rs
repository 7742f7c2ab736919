//! Runs a reader on an archive.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use crate::readers::listing::{self, Listed};
use crate::readers::reader::{Gives, Reader};
use crate::readers::sample::Sample;
use crate::readers::toolbox::Toolbox;
use crate::readers::verdict::Verdict;
use crate::scratch::Scratch;

/// How long a reader may take, in the words of `timeout`.
const LIMIT: &str = "120";
/// What `timeout` ends with where that was not enough.
const TIMED_OUT: i32 = 124;
/// The most of an error that is told.
const SHOWN: usize = 120;
/// Lists a tar stream, for readers that only decompress.
const LIST: &str = "python3 \"$SCRIPTS/python/read.py\" tarfile-stream \"$ARCHIVE\"";

/// What came of a reader.
struct Came {
    files: Vec<Listed>,
    error: Option<String>,
}

/// Lets a reader read an archive, and compares what comes with the tree.
///
/// # Panics
/// Where the reader cannot be started at all.
#[must_use]
pub fn verdict(reader: &Reader, archive: &Path, sample: &Sample, toolbox: &Toolbox) -> Verdict {
    let came = read(reader, archive, toolbox);
    Verdict::of(&sample.files, &came.files, came.error)
}

/// The version that a reader tells; nothing where it tells none.
///
/// # Panics
/// Where the shell does not start.
#[must_use]
pub fn version(reader: &Reader, toolbox: &Toolbox) -> String {
    let said = toolbox.command(reader.version).output();
    let said = said.expect("a shell that starts");
    number(&String::from_utf8_lossy(
        &[said.stdout, said.stderr].concat(),
    ))
}

/// The first word that is a version, without what stands around its number.
fn number(text: &str) -> String {
    let words = text.split_whitespace();
    let words = words.map(|word| word.trim_start_matches(|letter: char| letter.is_alphabetic()));
    let numbers: Vec<&str> = words
        .filter(|word| word.starts_with(|first: char| first.is_ascii_digit()))
        .collect();
    let dotted = numbers.iter().find(|word| word.contains('.'));
    let number = dotted.or(numbers.first()).copied().unwrap_or_default();
    // Debian counts from the second number on where upstream began anew.
    let number = number.split_once(':').map_or(number, |(_, rest)| rest);
    let number = number
        .split(['+', ',', ';', ')'])
        .next()
        .unwrap_or_default();
    number.trim_end_matches('.').to_owned()
}

fn read(reader: &Reader, archive: &Path, toolbox: &Toolbox) -> Came {
    let dir = Scratch::in_memory("reader");
    let unpacked = dir.path().join("unpacked");
    fs::create_dir(&unpacked).expect("a folder to unpack into");
    let mut command = toolbox.command(reader.command);
    command.env("ARCHIVE", archive).env("DIR", &unpacked);
    let mut error = run(command, dir.path());
    let stream = dir.path().join("out");
    let files = match reader.gives {
        Gives::Files => listing::of_folder(&unpacked),
        Gives::Lines => lines(&stream, &mut error),
        Gives::Tar => {
            let tar = dir.path().join("stream.tar");
            fs::rename(&stream, &tar).expect("the tar stream");
            let mut list = toolbox.command(LIST);
            list.env("ARCHIVE", &tar);
            let problem = run(list, dir.path());
            error = error.or(problem);
            lines(&stream, &mut error)
        }
    };
    Came { files, error }
}

fn lines(printed: &Path, error: &mut Option<String>) -> Vec<Listed> {
    let text = fs::read(printed).expect("what a reader printed");
    listing::read(&String::from_utf8_lossy(&text)).unwrap_or_else(|problem| {
        error.get_or_insert(problem);
        Vec::new()
    })
}

/// Standard output goes to the file `out`; gives back what was wrong.
fn run(line: Command, dir: &Path) -> Option<String> {
    let mut command = Command::new("timeout");
    command
        .args(["--kill-after=5", LIMIT])
        .arg(line.get_program())
        .args(line.get_args())
        .env_clear()
        .envs(
            line.get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .current_dir(dir);
    let file = |name: &str| File::create(dir.join(name)).expect("a file for output");
    command
        .stdin(std::process::Stdio::null())
        .stdout(file("out"))
        .stderr(file("err"));
    let status = command.status().expect("`timeout` starts");
    let text = fs::read(dir.join("err")).expect("its standard error");
    let text = String::from_utf8_lossy(&text);
    match status.code() {
        Some(0) => None,
        Some(TIMED_OUT) => Some(format!("it took longer than {LIMIT} s")),
        code => Some(complaint(&text, code)),
    }
}

/// The last line that says something.
fn complaint(text: &str, code: Option<i32>) -> String {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    match lines.next_back() {
        Some(line) => line.chars().take(SHOWN).collect(),
        None => code.map_or("a signal".to_owned(), |code| format!("exit code {code}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_found_in_what_a_program_says_of_itself() {
        for (said, version) in [
            ("tar (GNU tar) 1.34\nCopyright (C) 2021", "1.34"),
            ("BusyBox v1.35.0 (Debian 1:1.35.0-4)", "1.35.0"),
            (
                "*** Zstandard CLI (64-bit) v1.5.4, by Yann Collet ***",
                "1.5.4",
            ),
            ("go1.26.8", "1.26.8"),
            ("17.0.15+6-Debian-1", "17.0.15"),
            ("1:1.10.13+submodules", "1.10.13"),
            ("20201030-1", "20201030-1"),
            ("no number", ""),
        ] {
            assert_eq!(number(said), version);
        }
    }
}
