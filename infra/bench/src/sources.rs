//! The trees that file servers are measured with: made once beside the program and used again.

use std::env;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::failure::{Explain as _, Failure, Outcome};

/// Source files in the tree, as nearly as whole packages allow.
const FILES: usize = 14_000;

/// Packages that are mostly data or generated tables would not be what source code is like.
const LARGEST_FILE: u64 = 1 << 20;

/// Sparse files and the bytes of each: 20 GB in all.
const SPARSE: (usize, u64) = (4, 5_000_000_000);

/// Bytes of the plain file.
pub const PLAIN_BYTES: u64 = 1 << 30;

/// The name of the plain file.
pub const PLAIN: &str = "plain.bin";

/// The directories, below that of the program.
#[derive(Debug, Clone)]
pub struct Sources {
    /// About 14,000 source files, from the packages that cargo has unpacked.
    pub code: PathBuf,
    /// 20 GB of holes.
    pub sparse: PathBuf,
    /// One file that does not compress.
    pub plain: PathBuf,
}

impl Sources {
    /// Makes what is not there yet.
    ///
    /// # Errors
    /// Where cargo has unpacked no packages, or the disk refuses.
    pub fn prepare(bench: &Path) -> Outcome<Self> {
        let place = bench.with_file_name("bench-files");
        let sources = Self {
            code: place.join("code"),
            sparse: place.join("sparse"),
            plain: place.join("plain"),
        };
        once(&sources.code, copy_packages)?;
        once(&sources.sparse, |dir| {
            for number in 0..SPARSE.0 {
                let file = File::create(dir.join(format!("{number}.img"))).explain("a file")?;
                file.set_len(SPARSE.1).explain("a sparse file")?;
            }
            Ok(())
        })?;
        once(&sources.plain, |dir| {
            let mut file = File::create(dir.join(PLAIN)).explain("a file")?;
            let mut random = fastrand::Rng::with_seed(7);
            let mut piece = vec![0; 1 << 20];
            for _ in 0..PLAIN_BYTES >> 20 {
                random.fill(&mut piece);
                file.write_all(&piece).explain("a file")?;
            }
            Ok(())
        })?;
        Ok(sources)
    }
}

/// Makes a directory as a whole or not at all.
fn once(dir: &Path, make: impl FnOnce(&Path) -> Outcome) -> Outcome {
    if dir.is_dir() {
        return Ok(());
    }
    eprintln!("making {}", dir.display());
    let unfinished = dir.with_extension("unfinished");
    // What is left of a run that was interrupted.
    let _ = fs::remove_dir_all(&unfinished);
    fs::create_dir_all(&unfinished).explain("a directory")?;
    make(&unfinished)?;
    fs::rename(&unfinished, dir).explain("a directory")
}

/// Copies packages in the order of their names until there are enough files.
fn copy_packages(target: &Path) -> Outcome {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")));
    let registries = home.unwrap_or_default().join("registry/src");
    let mut packages = Vec::new();
    for registry in entries(&registries)? {
        packages.extend(entries(&registry)?);
    }
    packages.sort_by(|a, b| a.file_name().cmp(&b.file_name()));
    let mut files = 0;
    for package in packages {
        if files >= FILES {
            return Ok(());
        }
        let name = package.file_name().unwrap_or_default();
        files += copy(&package, &target.join(name))?;
    }
    Err(Failure::new(format!(
        "{} has only {files} files of the {FILES} that are needed",
        registries.display()
    )))
}

/// Copies a directory but hidden and very large files. Returns how many files there were.
fn copy(from: &Path, to: &Path) -> Outcome<usize> {
    fs::create_dir_all(to).explain("a directory")?;
    let mut files = 0;
    for entry in entries(from)? {
        let name = entry.file_name().unwrap_or_default();
        let metadata = entry.symlink_metadata().explain("a file")?;
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if metadata.is_dir() {
            files += copy(&entry, &to.join(name))?;
        } else if metadata.is_file() && metadata.len() <= LARGEST_FILE {
            fs::copy(&entry, to.join(name)).explain("a file")?;
            files += 1;
        }
    }
    Ok(files)
}

fn entries(dir: &Path) -> Outcome<Vec<PathBuf>> {
    let entries = fs::read_dir(dir).explain(&dir.display().to_string())?;
    let paths = entries.map(|entry| Ok(entry.explain("a directory")?.path()));
    paths.collect()
}
