//! A small tree for a demo without a directory of one's own.

use std::fs;
use std::io;
use std::path::Path;

/// Directories and files, with the text of each file and how often it is repeated.
const FILES: [(&str, &str, usize); 12] = [
    (
        "documents/report.pdf",
        "%PDF-1.4 a sample, not a real document\n",
        2_000,
    ),
    (
        "documents/minutes.pdf",
        "%PDF-1.4 minutes of a meeting that never was\n",
        400,
    ),
    (
        "documents/letter.txt",
        "Dear reader,\nthis tree is made for the demo and removed after it.\n",
        1,
    ),
    (
        "documents/archive/2024/report.pdf",
        "%PDF-1.4 the report of the year before\n",
        1_000,
    ),
    ("music/song with spaces.mp3", "not really music ", 20_000),
    ("pictures/größe.jpg", "not really a picture ", 30_000),
    ("pictures/holiday/sea.jpg", "waves ", 50_000),
    (
        "projects/hello/main.c",
        "#include <stdio.h>\nint main(void) { puts(\"hello\"); }\n",
        1,
    ),
    (
        "projects/hello/README.txt",
        "A program that says hello.\n",
        1,
    ),
    ("projects/numbers.csv", "1,2,3,5,8,13,21\n", 5_000),
    (
        "notes.txt",
        "Try: dirlist -a, w24fn report.pdf, w24ft pdf txt\n",
        1,
    ),
    (".hidden/secret.txt", "Hidden paths are never shared.\n", 1),
];

/// Makes the tree below `root`, which exists.
pub(crate) fn make(root: &Path) -> io::Result<()> {
    for (path, text, times) in FILES {
        let file = root.join(path);
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(file, text.repeat(times))?;
    }
    Ok(())
}
