//! The files that are downloaded, and everything that is asked for.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::{Explain as _, Outcome};

/// Kinds of files, how many of each, and the bytes of the smallest and of the largest. Half a hundred files are enough to
/// have every kind of answer; one of them lasts longer than the time between two kills.
const KINDS: [(&str, usize, usize, usize); 3] = [
    ("small", 30, 1 << 10, 200 << 10),
    ("medium", 9, 5 << 20, 5 << 20),
    ("large", 1, 100 << 20, 100 << 20),
];

/// Archives, as they are asked for.
pub(super) const ARCHIVES: [&[&str]; 2] = [
    &["archive", "--ext", "small"],
    &["archive", "--ext", "medium", "--format", "zst"],
];

/// Something to ask for, and the digest of what is to come.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// A command of the client, but for where it saves.
    pub(super) words: Vec<String>,
    pub(super) digest: blake3::Hash,
}

/// The tree.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) root: PathBuf,
    /// By kind.
    files: Vec<Vec<Wanted>>,
}

impl Tree {
    /// Makes it: always the same bytes, which no compressor shortens.
    pub(super) fn plant(root: &Path) -> Outcome<Self> {
        let mut random = fastrand::Rng::with_seed(40);
        let mut files = Vec::new();
        for (kind, count, least, most) in KINDS {
            fs::create_dir_all(root.join(kind)).explain("a directory")?;
            let mut all = Vec::new();
            for number in 0..count {
                let mut bytes = vec![0; random.usize(least..=most)];
                random.fill(&mut bytes);
                let path = format!("{kind}/{number:02}.{kind}");
                fs::write(root.join(&path), &bytes).explain(&path)?;
                all.push(Wanted {
                    words: vec!["get".to_owned(), path],
                    digest: blake3::hash(&bytes),
                });
            }
            files.push(all);
        }
        Ok(Self {
            root: root.to_path_buf(),
            files,
        })
    }

    /// What to ask for next: more small files than large ones, and now and then an archive.
    pub(super) fn choose<'a>(
        &'a self,
        archives: &'a [Wanted],
        random: &mut fastrand::Rng,
    ) -> Option<&'a Wanted> {
        let of_kind = match random.usize(..10) {
            0..=3 => self.files.first(),
            4..=5 => self.files.get(1),
            6 => self.files.get(2),
            _ => None,
        };
        let all = of_kind.map_or(archives, Vec::as_slice);
        random.choice(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_asked_for_and_has_its_own_digest() {
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::plant(dir.path()).unwrap();
        let all = tree.files.concat();
        assert_eq!(all.len(), 40);
        for wanted in &all {
            let bytes = fs::read(tree.root.join(&wanted.words[1])).unwrap();
            assert_eq!(blake3::hash(&bytes), wanted.digest, "{:?}", wanted.words);
        }
        let archives = ARCHIVES.map(|words| Wanted {
            words: words.iter().map(ToString::to_string).collect(),
            digest: blake3::hash(b"?"),
        });
        let mut random = fastrand::Rng::with_seed(1);
        let mut asked = std::collections::BTreeSet::new();
        for _ in 0..2_000 {
            asked.insert(&tree.choose(&archives, &mut random).unwrap().words);
        }
        assert_eq!(asked.len(), all.len() + archives.len());
    }
}
