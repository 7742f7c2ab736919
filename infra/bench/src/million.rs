//! The tree of a million files that queries are measured on: made once beside the program and used again.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::failure::{Explain as _, Outcome};

/// Files in the tree.
pub const FILES: usize = 1_000_000;

/// Files in each directory.
const IN_DIRECTORY: usize = 20;

/// What names are made of.
const WORDS: [&str; 20] = [
    "alpha", "beta", "report", "data", "image", "invoice", "photo", "notes", "draft", "final",
    "backup", "config", "main", "test", "util", "index", "page", "chart", "music", "video",
];
const EXTENSIONS: [&str; 16] = [
    "txt", "pdf", "jpg", "png", "log", "c", "h", "rs", "py", "md", "json", "csv", "xml", "html",
    "gz", "mp3",
];

/// The base name of a file, always the same for the same number.
#[must_use]
pub fn name(number: usize) -> String {
    let mut random = fastrand::Rng::with_seed(number as u64);
    let mut word = || WORDS[random.usize(..WORDS.len())];
    let (first, second) = (word(), word());
    let extension = EXTENSIONS[random.usize(..EXTENSIONS.len())];
    format!("{first}-{second}-{number:07}.{extension}")
}

/// Bytes of a file: most are small, few are large. They are holes, so the disk holds none of them.
fn size(number: usize) -> u64 {
    let mut random = fastrand::Rng::with_seed(!(number as u64));
    match number % 50 {
        0 => random.u64(..1 << 20),
        at if at % 3 == 0 => random.u64(..1 << 14),
        _ => 0,
    }
}

/// Makes the tree below the directory of the program, if it is not there.
///
/// # Errors
/// Where the disk refuses.
pub fn prepare(bench: &Path) -> Outcome<PathBuf> {
    let dir = bench.with_file_name("bench-files").join("million");
    if dir.is_dir() {
        return Ok(dir);
    }
    eprintln!("making {}", dir.display());
    let unfinished = dir.with_extension("unfinished");
    // What is left of a run that was interrupted.
    let _ = fs::remove_dir_all(&unfinished);
    for first in (0..FILES).step_by(IN_DIRECTORY) {
        let number = first / IN_DIRECTORY;
        let directory = unfinished
            .join(format!("{}-{:02}", WORDS[number % 20], number / 2_000))
            .join(format!("{}{:03}", WORDS[number / 20 % 20], number / 400))
            .join(format!("directory{number:05}"));
        fs::create_dir_all(&directory).explain("a directory")?;
        for number in first..first + IN_DIRECTORY {
            let file = File::create(directory.join(name(number))).explain("a file")?;
            file.set_len(size(number)).explain("a file")?;
        }
    }
    fs::rename(&unfinished, &dir).explain("a directory")?;
    Ok(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_sizes_are_the_same_in_every_run() {
        assert_eq!(name(7), name(7));
        assert!(name(7).contains("-0000007."));
        let large = (0..1_000).filter(|number| size(*number) > 1 << 14).count();
        assert!((1..=20).contains(&large), "{large}");
    }
}
