//! What several tests share because it only stands and is read: two trees, and a release.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use e2e::release;
use e2e::scratch::Scratch;
use e2e::tree::{self, Tree};

/// Made when first asked for, removed at the end of the run.
#[derive(Default)]
pub(crate) struct World {
    tree: OnceLock<Tree>,
    few: OnceLock<Scratch>,
    release: OnceLock<Scratch>,
}

impl World {
    /// Every kind of file and name, and ten thousand small files.
    pub(crate) fn tree(&self) -> &Tree {
        self.tree.get_or_init(Tree::plant)
    }

    /// All that a release is made of.
    pub(crate) fn release(&self) -> &Path {
        self.release.get_or_init(release::make).path()
    }

    /// Two directories and three files, for tests that are about something else.
    pub(crate) fn few_files(&self) -> PathBuf {
        let few = self.few.get_or_init(|| {
            let dir = Scratch::new("few");
            tree::put(dir.path(), b"apples/one.txt", b"one\n");
            tree::put(dir.path(), b"pears/two.txt", b"two\n");
            tree::put(
                dir.path(),
                b"pears/noise.bin",
                &tree::noise(b"noise", 3 << 20),
            );
            dir
        });
        few.path().canonicalize().expect("the path of a tree")
    }
}
