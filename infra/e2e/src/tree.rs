//! The tree that the file servers share in the tests: every kind of name and file that has broken a file server.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{CWD, Mode, mkfifoat};

use crate::scratch::Scratch;
use crate::{PATIENCE, eventually};

/// How many small files there are.
pub const SMALL_FILES: usize = 10_000;

/// How deep the deepest file lies.
pub const DEPTH: usize = 300;

/// The longest name that Linux allows.
pub const LONGEST: usize = 255;

/// Files whose names are hard, each with its path below the root. No two share a base name.
pub const HARD_NAMES: [&[u8]; 14] = [
    b"Music & Films/song number one.txt",
    b"quo'te \"dir\"/it's \"quoted\".txt",
    b"new\nline/li\nne.txt",
    "ünïcødé 文件/naïve-文.txt".as_bytes(),
    b"bytes-\xff\xfe/raw-\x80\xff.txt",
    b"-dash/-rf.txt",
    b"tab\tand\\backslash/b\\s\tt.txt",
    b"star*?/[x]*.txt",
    b"$(touch x)/`id`;ls.txt",
    b"percent%s/100%n.txt",
    b" leading and trailing / spaces .txt ",
    b"escape/\x1b[31mred\x07.txt",
    b"docs/dots..txt.",
    b"docs/noextension",
];

/// A tree of regular, odd and forbidden files. It is only read once it stands.
#[derive(Debug)]
pub struct Tree {
    dir: Scratch,
    /// A whole second, since 1970: part of the files was born before it, the rest at or after it.
    pub midnight: i64,
}

impl Tree {
    /// Plants it; takes about two seconds, one of them waiting for a second to pass.
    ///
    /// # Panics
    /// Where the file system refuses.
    #[must_use]
    pub fn plant() -> Self {
        let dir = Scratch::new("tree");
        let root = dir.path().join("root");
        fs::create_dir(&root).expect("the root");
        plant_outside(dir.path());
        plant_hard_names(&root);
        plant_duplicates(&root);
        let midnight = pass_a_second();
        plant_sizes(&root);
        plant_rights(&root);
        plant_hidden(&root);
        plant_strangers(&root);
        plant_long_names(&root);
        plant_deep(&root);
        plant_small(&root);
        Self { dir, midnight }
    }

    /// What the file servers share.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }

    /// A time zone in which [`Tree::midnight`] is 00:00 of the day that UTC has then: the only way to see files on both
    /// sides of a day without waiting for one, because birth times cannot be set.
    #[must_use]
    pub fn time_zone(&self) -> String {
        let second = self.midnight.rem_euclid(86_400);
        format!(
            "ETE{:02}:{:02}:{:02}",
            second / 3600,
            second / 60 % 60,
            second % 60
        )
    }
}

impl Drop for Tree {
    /// Unlocks what is locked, so that it can be removed by others than root.
    fn drop(&mut self) {
        let locked = self.root().join("locked directory");
        let _ = fs::set_permissions(locked, Permissions::from_mode(0o755));
    }
}

/// Bytes that no compressor shortens, the same for the same name.
#[must_use]
pub fn noise(name: &[u8], length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new()
        .update(name)
        .finalize_xof()
        .fill(&mut bytes);
    bytes
}

/// Writes a file and the directories above it.
///
/// # Panics
/// Where the file system refuses.
pub fn put(root: &Path, path: &[u8], bytes: &[u8]) -> PathBuf {
    let path = root.join(OsStr::from_bytes(path));
    fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
    fs::write(&path, bytes).expect("a file");
    path
}

fn plant_outside(above: &Path) {
    put(above, b"outside/outside.txt", b"not for clients");
    put(
        above,
        b"outside/more/outside.txt",
        b"not for clients either",
    );
}

fn plant_hard_names(root: &Path) {
    for (index, path) in HARD_NAMES.iter().enumerate() {
        put(root, path, &noise(path, 100 + index));
    }
    put(root, b"docs/readme.md", b"# Read me\n");
    put(root, b"docs/archive.tar.gz", &noise(b"tar.gz", 3000));
    put(root, b"top.md", b"directly below the root\n");
}

/// `report.pdf` three times, and one whose name is the one that a second file would get.
fn plant_duplicates(root: &Path) {
    for (dir, name) in [
        ("a", "report.pdf"),
        ("b", "report.pdf"),
        ("c", "report (1).pdf"),
        ("d", "report.pdf"),
    ] {
        put(
            root,
            format!("copies/{dir}/{name}").as_bytes(),
            &noise(dir.as_bytes(), 500),
        );
    }
}

/// Around the sizes of a tar record and of a block.
fn plant_sizes(root: &Path) {
    let block = 1 << 20;
    for size in [
        0,
        1,
        511,
        512,
        513,
        1023,
        1024,
        1025,
        65_536,
        block - 1,
        block,
        block + 1,
    ] {
        put(
            root,
            format!("sizes/{size}.dat").as_bytes(),
            &noise(b"size", size),
        );
    }
    let sparse = put(root, b"sparse/sparse.img", b"");
    let mut sparse = File::options()
        .write(true)
        .open(sparse)
        .expect("the sparse file");
    sparse.set_len(8 << 20).expect("a hole");
    sparse
        .seek(SeekFrom::Start(5 << 20))
        .expect("a place in it");
    sparse.write_all(b"an island").expect("an island");
}

fn plant_rights(root: &Path) {
    for mode in [0o444, 0o755, 0o604, 0o4755, 0o2644, 0o1644] {
        let path = put(root, format!("rights/{mode:o}.mode").as_bytes(), b"rights");
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("rights");
    }
    let locked = put(root, b"locked/locked.txt", b"nobody reads this");
    fs::set_permissions(locked, Permissions::from_mode(0o000)).expect("rights");
    let inside = put(root, b"locked directory/inside.txt", b"nobody finds this");
    let locked = inside.parent().expect("a parent");
    fs::set_permissions(locked, Permissions::from_mode(0o000)).expect("rights");
    fs::create_dir(root.join("empty directory")).expect("a directory");
}

fn plant_hidden(root: &Path) {
    for path in [
        ".hidden/in hidden.txt",
        "docs/.hidden.txt",
        "docs/.git/config.txt",
        "docs/.git/deeper/deep.txt",
        "..twice/x.txt",
    ] {
        put(root, path.as_bytes(), b"hidden");
    }
}

/// What is no regular file, and links to what is outside or nowhere.
fn plant_strangers(root: &Path) {
    let strangers = root.join("strangers");
    fs::create_dir(&strangers).expect("a directory");
    for (target, link) in [
        ("../../outside/outside.txt", "strangers/link to file.txt"),
        ("../../outside", "strangers/link to directory"),
        ("../outside", "linked directory"),
        ("..", "strangers/loop"),
        ("nowhere", "strangers/dangling.txt"),
        ("../docs/readme.md", "strangers/link inside.md"),
        ("/etc/passwd", "strangers/passwd.txt"),
    ] {
        symlink(target, root.join(link)).expect("a link");
    }
    mkfifoat(CWD, strangers.join("pipe.txt"), Mode::from_raw_mode(0o644)).expect("a pipe");
    // The file stays when the listener goes.
    UnixListener::bind(strangers.join("socket.txt")).expect("a socket");
}

/// Two files of one name that has no room for a number, and names in two-byte letters.
fn plant_long_names(root: &Path) {
    let longest = format!("{}.long", "n".repeat(LONGEST - 5));
    put(
        root,
        format!("long/a/{longest}").as_bytes(),
        b"the first of its name",
    );
    put(
        root,
        format!("long/b/{longest}").as_bytes(),
        b"the second of its name",
    );
    put(
        root,
        format!("long/c/{}.long", "ö".repeat(125)).as_bytes(),
        b"two-byte letters",
    );
    // 100 and 101 bytes: what fits into the name of a tar header, and what does not.
    for length in [95, 96] {
        put(
            root,
            format!("long/d/{}.long", "m".repeat(length)).as_bytes(),
            b"around 100",
        );
    }
}

fn plant_deep(root: &Path) {
    let path = format!("{}bottom.deep", "d/".repeat(DEPTH));
    put(root, path.as_bytes(), b"far down");
}

fn plant_small(root: &Path) {
    for number in 0..SMALL_FILES {
        let dir = root.join(format!("many/{:02}", number % 100));
        if number < 100 {
            fs::create_dir_all(&dir).expect("a directory");
        }
        fs::write(
            dir.join(format!("{number:05}.small")),
            format!("file {number}\n"),
        )
        .expect("a file");
    }
}

/// Waits until a whole second has begun, and says which. File times lag behind the clock by up to one tick of the
/// kernel, 10 ms at most, so the second must have gone on a little.
fn pass_a_second() -> i64 {
    let now = || {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("after 1970")
    };
    let midnight = now().as_secs() + 1;
    eventually(PATIENCE, "the next second", || {
        (now() > Duration::from_secs(midnight) + Duration::from_millis(20)).then_some(())
    });
    i64::try_from(midnight).expect("a time before the year 292 billion")
}
