//! The tree whose archives the readers read.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};

use crate::readers::kind::Kind;
use crate::readers::listing::{self, Listed};
use crate::scratch::Scratch;
use crate::tree::{noise, put};

/// How many small files there are.
pub const SMALL_FILES: usize = 5_000;
/// Of the files that are larger than several blocks of an archive.
const LARGE: usize = (3 << 20) + 12_345;
/// Of the hole in the sparse file.
const HOLE: u64 = 4 << 20;
/// When the others were last modified.
const ORDINARY: i64 = 1_700_000_000;
/// One more second than eleven octal digits hold.
const FAR: i64 = 1 << 33;

/// A file of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planted {
    /// What is special about it.
    pub kind: Kind,
    /// What a reader has to say of it.
    pub file: Listed,
}

/// The tree, and all that is in it in the order of an archive. It is only read once it stands.
#[derive(Debug)]
pub struct Sample {
    dir: Scratch,
    /// The files.
    pub files: Vec<Planted>,
}

impl Sample {
    /// Plants it.
    ///
    /// # Panics
    /// Where the file system refuses, or keeps another time.
    #[must_use]
    pub fn plant() -> Self {
        let dir = Scratch::in_memory("sample");
        let root = dir.path().join("root");
        fs::create_dir(&root).expect("the root");
        let mut kinds: Vec<(Vec<u8>, Kind)> = special_names();
        for number in 0..SMALL_FILES {
            let name = format!("a/{:02}/{number:05}.txt", number / 100);
            let text = format!("file {number:07}\n");
            put(&root, name.as_bytes(), text.as_bytes());
            kinds.push((name.into_bytes(), Kind::Small));
        }
        for (name, kind) in &kinds {
            if *kind != Kind::Small {
                plant(&root, name, *kind);
            }
            let time = time(*kind);
            set_time(&root.join(OsStr::from_bytes(name)), time);
        }
        kinds.sort();
        let kind_of = |name: &[u8]| {
            let place = kinds.binary_search_by(|(known, _)| known[..].cmp(name));
            kinds[place.expect("a file that was planted")].1
        };
        let files: Vec<Planted> = listing::of_folder(&root)
            .into_iter()
            .map(|file| {
                let kind = kind_of(&file.name);
                let (seconds, nanoseconds) = time(kind);
                let wanted = i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds);
                assert_eq!(
                    file.modified,
                    Some(wanted),
                    "this file system keeps another time for a file with {kind}, and the readers are judged by it"
                );
                Planted { kind, file }
            })
            .collect();
        assert_eq!(files.len(), kinds.len());
        Self { dir, files }
    }

    /// What the file server shares.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }
}

/// Most paths stand behind those of the small files, so that a reader that stops early does so among those.
fn special_names() -> Vec<(Vec<u8>, Kind)> {
    let folders = |length: usize| "folder of a long path/".repeat(length.div_ceil(22));
    [
        (b"large/noise".to_vec(), Kind::Noise),
        (b"large/words".to_vec(), Kind::Words),
        (b"large/sparse".to_vec(), Kind::Sparse),
        (b"special/empty".to_vec(), Kind::Empty),
        (vec![b'n'; 200], Kind::LongName),
        (
            format!("long/{}file", folders(100)).into_bytes(),
            Kind::LongPath,
        ),
        (
            format!("longer/{}file", folders(256)).into_bytes(),
            Kind::LongerPath,
        ),
        ("special/naïve 文件.txt".as_bytes().to_vec(), Kind::Letters),
        (b"special/not \xff\xfe utf-8".to_vec(), Kind::NotUtf8),
        (b"special/new\nline".to_vec(), Kind::Newline),
        (b"-dash".to_vec(), Kind::Dash),
        (b"special/time before 1970".to_vec(), Kind::Before1970),
        (b"special/time after 2242".to_vec(), Kind::After2242),
        (b"special/time with a fraction".to_vec(), Kind::Fraction),
    ]
    .into()
}

fn plant(root: &Path, name: &[u8], kind: Kind) {
    match kind {
        Kind::Noise => drop(put(root, name, &noise(name, LARGE))),
        Kind::Words => {
            let lines = (0..).map(|line| format!("line {line} of a file that repeats itself\n"));
            let text: String = lines.take(LARGE / 40).collect();
            put(root, name, text.as_bytes());
        }
        Kind::Sparse => {
            let path = put(root, name, b"");
            let file = File::options().write(true).open(path).expect("a new file");
            file.set_len(HOLE).expect("a hole");
            std::os::unix::fs::FileExt::write_all_at(&file, b"the end", HOLE).expect("an end");
        }
        Kind::Empty => drop(put(root, name, b"")),
        _ => drop(put(root, name, kind.label().as_bytes())),
    }
}

/// Seconds and nanoseconds since 1970.
fn time(kind: Kind) -> (i64, i64) {
    match kind {
        Kind::Before1970 => (-86_400, 0),
        Kind::After2242 => (FAR, 0),
        Kind::Fraction => (ORDINARY, 123_456_789),
        _ => (ORDINARY, 0),
    }
}

fn set_time(path: &Path, (tv_sec, tv_nsec): (i64, i64)) {
    let time = Timespec { tv_sec, tv_nsec };
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    utimensat(CWD, path, &times, AtFlags::empty()).expect("a time of a file");
}
