//! Archives as the real `tar` unpacks them.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use blake3::Hash;

use crate::scratch::Scratch;
use crate::tool;

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Bytes.
    pub size: u64,
    /// BLAKE3 of its bytes.
    pub digest: Hash,
    /// Last modification, whole seconds since 1970.
    pub modified: i64,
    /// Permission bits.
    pub mode: u32,
}

/// The entries of an archive by name.
pub type Entries = BTreeMap<Vec<u8>, Entry>;

/// Unpacks a tar.gz with `tar`, which must not complain. Two entries of one name are an error.
///
/// # Panics
/// Where `tar` fails, or an entry is anything but a regular file beside the others.
#[must_use]
pub fn unpack(archive: &Path) -> Entries {
    let dir = Scratch::new("unpacked");
    let mut tar = tool::tool("tar");
    tar.args([
        "--extract",
        "--gzip",
        "--keep-old-files",
        "--preserve-permissions",
    ])
    .args(["--no-same-owner", "--file"])
    .arg(archive)
    .arg("--directory")
    .arg(dir.path());
    let said = tar.output().expect("`tar` starts");
    let complaint = String::from_utf8_lossy(&said.stderr);
    assert!(
        said.status.success() && complaint.is_empty(),
        "tar: {} {complaint}",
        said.status
    );
    fs::read_dir(dir.path())
        .expect("the unpacked files")
        .map(|entry| {
            let entry = entry.expect("an unpacked file");
            (
                entry.file_name().as_bytes().to_vec(),
                of_file(&entry.path()),
            )
        })
        .collect()
}

/// The same for an archive in memory.
///
/// # Panics
/// As [`unpack`].
#[must_use]
pub fn unpack_bytes(archive: &[u8]) -> Entries {
    let dir = Scratch::new("archive");
    unpack(&dir.write("archive.tar.gz", archive))
}

/// What a correct archive says of the file at `path`.
///
/// # Panics
/// Where it cannot be read, or is no regular file.
#[must_use]
pub fn of_file(path: &Path) -> Entry {
    let about = path.symlink_metadata().expect("a file");
    assert!(about.is_file(), "{} is no regular file", path.display());
    let mut hasher = blake3::Hasher::new();
    let mut file = fs::File::open(path).expect("a file that we made");
    std::io::copy(&mut file, &mut hasher).expect("its bytes");
    Entry {
        size: about.len(),
        digest: hasher.finalize(),
        modified: about.mtime(),
        mode: about.mode() & 0o7777,
    }
}
