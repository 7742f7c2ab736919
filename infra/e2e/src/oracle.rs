//! What the system's own tools say of a tree, in the terms of the original system.

use std::cmp::Ordering;
use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use crate::scratch::Scratch;
use crate::tool;

/// A file as `find` sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The path below the root.
    pub path: Vec<u8>,
    /// Bytes.
    pub size: u64,
    /// Birth time: seconds since 1970, and nanoseconds.
    pub born: (i64, u32),
    /// Last modification, whole seconds since 1970.
    pub modified: i64,
    /// Permission bits.
    pub mode: u32,
}

impl Found {
    /// Behind the last slash.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        self.path
            .rsplit(|byte| *byte == b'/')
            .next()
            .unwrap_or(&self.path)
    }

    /// Whether its name ends in a dot and `extension`.
    #[must_use]
    pub fn has_extension(&self, extension: &str) -> bool {
        self.name().ends_with(format!(".{extension}").as_bytes())
    }
}

/// Regular files below `root` that are not hidden, as the file servers' user sees them, sorted by path, component by
/// component.
#[must_use]
pub fn files(root: &Path) -> Vec<Found> {
    find(root, &["-type", "f"])
}

/// Those among them that can be read.
#[must_use]
pub fn readable_files(root: &Path) -> Vec<Found> {
    find(root, &["-type", "f", "-readable"])
}

/// Directories directly below `root` that are not hidden, by name.
#[must_use]
pub fn directories(root: &Path) -> Vec<Found> {
    find(root, &["-maxdepth", "1", "-type", "d"])
}

/// The same, oldest first, then by name.
#[must_use]
pub fn directories_by_birth(root: &Path) -> Vec<Found> {
    let mut found = directories(root);
    found.sort_by(|a, b| (a.born, &a.path).cmp(&(b.born, &b.path)));
    found
}

fn find(root: &Path, tests: &[&str]) -> Vec<Found> {
    let mut command = tool::tool("find");
    command.arg(root);
    let (depth, tests) = match tests {
        ["-maxdepth", depth, tests @ ..] => (vec!["-maxdepth", depth], tests),
        tests => (Vec::new(), tests),
    };
    command
        .args(["-mindepth", "1"])
        .args(depth)
        .args(["-name", ".*", "-prune", "-o"])
        .args(tests)
        .args(["-printf", r"%P\0"]);
    tool::as_server_user(&mut command);
    // It fails where a directory is locked, having listed all the others.
    let paths = command.output().expect("`find` starts").stdout;
    let numbers = numbers(root, &paths);
    let fields = |list: &[u8]| -> Vec<Vec<u8>> {
        let list = list.strip_suffix(b"\0").unwrap_or(list);
        list.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect()
    };
    let mut found: Vec<Found> = if paths.is_empty() {
        Vec::new()
    } else {
        let (paths, numbers) = (fields(&paths), fields(&numbers));
        assert_eq!(paths.len(), numbers.len(), "`stat` speaks of every path");
        let both = paths.into_iter().zip(&numbers);
        both.map(|(path, numbers)| read(path, numbers)).collect()
    };
    found.sort_by(|a, b| by_component(&a.path, &b.path));
    found
}

/// What `stat` says of each path; `find` does not know birth times everywhere.
fn numbers(root: &Path, paths: &[u8]) -> Vec<u8> {
    let list = Scratch::new("paths");
    let file = File::open(list.write("paths", paths)).expect("a list of paths");
    let mut command = tool::tool("xargs");
    command
        .args(["--null", "--no-run-if-empty", "stat"])
        .args([r"--printf=%s %.9W %Y %a\0", "--"])
        .current_dir(root)
        .stdin(file);
    tool::output(&mut command)
}

fn read(path: Vec<u8>, numbers: &[u8]) -> Found {
    let numbers = std::str::from_utf8(numbers).expect("numbers");
    let [size, born, modified, mode] = numbers.split(' ').collect::<Vec<_>>()[..] else {
        panic!("four numbers: {numbers:?}");
    };
    let (seconds, nanoseconds) = born.split_once('.').expect("a fraction of a second");
    let born: (i64, u32) = (
        seconds.parse().expect("seconds"),
        nanoseconds.parse().expect("nanoseconds"),
    );
    assert_ne!(
        born.0, 0,
        "this file system keeps no birth times, and the tests need them"
    );
    Found {
        path,
        size: size.parse().expect("a size"),
        born,
        modified: modified.parse().expect("a time"),
        mode: u32::from_str_radix(mode, 8).expect("octal rights"),
    }
}

/// The order of a walk that visits the names of each directory in order.
fn by_component(a: &[u8], b: &[u8]) -> Ordering {
    let components = |path: &[u8]| -> Vec<Vec<u8>> {
        path.split(|byte| *byte == b'/')
            .map(<[u8]>::to_vec)
            .collect()
    };
    components(a).cmp(&components(b))
}

/// The answer to `w24fn` for a file, with size, birth time and rights as `stat` writes them in the time zone `zone`.
/// `shown` is the path in the answer: absolute on the old wire, below the root on the new one.
#[must_use]
pub fn file_lines(root: &Path, zone: &str, file: &Found, shown: &[u8]) -> Vec<u8> {
    let mut command = tool::tool("stat");
    command
        .env("TZ", zone)
        .arg("--printf=\nFile Size(Bytes): %s\nBirth Time: %w\nAccess Rights: %A\n")
        .arg("--")
        .arg(root.join(OsStr::from_bytes(&file.path)));
    [b"FilePath: ", shown, &tool::output(&mut command)].concat()
}

/// The day of a time, in UTC, as `YYYY-MM-DD`.
#[must_use]
pub fn day(seconds: i64) -> String {
    let said = tool::output(tool::tool("date").args(["-u", "+%F", "-d", &format!("@{seconds}")]));
    String::from_utf8_lossy(&said).trim().to_owned()
}
