//! A tree with everything in it that file names and file systems can do to a server.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, mknodat};

/// Levels of the deepest directory.
pub(crate) const DEPTH: usize = 320;

/// More than sockets, blocks under way and buffers hold together; as [`random`] bytes it does not compress.
pub(crate) const MORE_THAN_BUFFERS: usize = 48 << 20;

/// The tree, and beside it what must never be reached.
pub(crate) struct Tree {
    outer: tempfile::TempDir,
    pub(crate) root: PathBuf,
}

impl Tree {
    pub(crate) fn empty() -> Self {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("root");
        fs::create_dir(&root).unwrap();
        Self { outer, root }
    }

    /// With one of each kind.
    pub(crate) fn hostile() -> Self {
        let tree = Self::empty();
        for (path, content) in [
            (&b"alpha/report.pdf"[..], &b"the first report"[..]),
            (b"beta dir/report.pdf", b"the second report, longer"),
            (b"beta dir/report (1).pdf", b"a real one"),
            (b"Zulu/report.pdf", b"upper case comes first"),
            (b"alpha/with space.txt", b"space"),
            (b"alpha/quote's \"x\" `y` $z.txt", b"quotes"),
            (b"alpha/new\nline.txt", b"newline"),
            (b"alpha/-rf", b"looks like a flag"),
            ("ünïcödé/naïve ☃.txt".as_bytes(), b"unicode"),
            (b"bytes\xff/not\xfeutf8.txt", b"no utf-8"),
            (b"alpha/empty.txt", b""),
            (b".hidden/secret.txt", b"hidden"),
            (b"alpha/.dotfile.txt", b"hidden"),
            (b"alpha/.dots/inner.txt", b"hidden"),
        ] {
            tree.write(path, content);
        }
        for length in [100, 101, 255] {
            let stem = "n".repeat(length - 4);
            tree.write(format!("long/{stem}.txt").as_bytes(), b"long name");
        }
        tree.write(b"beta dir/random.bin", &random(2_621_443, 1));
        let sparse = fs::File::create(tree.path(b"beta dir/sparse.bin")).unwrap();
        sparse.set_len(3 << 20).unwrap();
        let deep = "d/".repeat(DEPTH);
        tree.write(format!("{deep}deepest.txt").as_bytes(), b"deep");
        tree.put_traps();
        tree
    }

    /// Links out of the tree, and things that are no files.
    fn put_traps(&self) {
        let outside = self.outer.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("outside.txt"), "must not be read").unwrap();
        symlink("../outside/outside.txt", self.root.join("link.txt")).unwrap();
        symlink(&outside, self.root.join("linked-directory")).unwrap();
        symlink("report.pdf", self.root.join("alpha/inner-link.pdf")).unwrap();
        mknodat(
            CWD,
            self.root.join("fifo.txt"),
            FileType::Fifo,
            Mode::RWXU,
            0,
        )
        .unwrap();
        drop(UnixListener::bind(self.root.join("socket.txt")).unwrap());
    }

    pub(crate) fn path(&self, relative: &[u8]) -> PathBuf {
        self.root.join(OsStr::from_bytes(relative))
    }

    pub(crate) fn write(&self, relative: &[u8], content: &[u8]) {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        // Whatever the umask.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    }

    /// A second root with the same files, times kept.
    pub(crate) fn copy(&self) -> PathBuf {
        let copy = self.outer.path().join("copy");
        crate::tools::run("cp", &["-a".as_ref(), self.root.as_ref(), copy.as_ref()]);
        copy
    }
}

/// Bytes that do not compress, always the same for the same seed.
pub(crate) fn random(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// The regular files below a directory whose paths have no hidden component, told by `find`: relative paths, sorted
/// component by component.
pub(crate) fn visible_files(root: &Path, conditions: &[&str]) -> Vec<Vec<u8>> {
    let mut arguments: Vec<&OsStr> = vec![root.as_ref()];
    arguments.extend(
        [
            "-mindepth",
            "1",
            "-name",
            ".*",
            "-prune",
            "-o",
            "-type",
            "f",
        ]
        .map(OsStr::new),
    );
    arguments.extend(conditions.iter().map(OsStr::new));
    arguments.extend(["-printf", "%P\\0"].map(OsStr::new));
    let output = crate::tools::run("find", &arguments);
    let mut paths: Vec<Vec<u8>> = output
        .split(|byte| *byte == 0)
        .filter(|path| !path.is_empty())
        .map(<[u8]>::to_vec)
        .collect();
    paths.sort_by(|a, b| {
        let components = |path: &[u8]| {
            path.split(|byte| *byte == b'/')
                .map(<[u8]>::to_vec)
                .collect::<Vec<_>>()
        };
        components(a).cmp(&components(b))
    });
    paths
}
