//! Lists of files with their digests: of a folder as the system's tools see it, and as a reader prints it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::scratch::Scratch;
use crate::tool;

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The path below the root.
    pub name: Vec<u8>,
    /// Bytes, as the reader says.
    pub size: u64,
    /// SHA-256 of its content, in hexadecimal.
    pub digest: String,
    /// Last modification in nanoseconds since 1970, where the reader says.
    pub modified: Option<i128>,
}

/// Regular files below a folder, sorted by path, component by component: the order of an archive.
///
/// # Panics
/// Where the folder cannot be read.
#[must_use]
pub fn of_folder(root: &Path) -> Vec<Listed> {
    let mut names = Vec::new();
    gather(root, b"", &mut names);
    names.sort_by(|a, b| components(a).cmp(components(b)));
    let digests = digests(root, &names);
    let about = |name: &[u8]| {
        let path = root.join(OsStr::from_bytes(name));
        path.symlink_metadata().expect("a file of the folder")
    };
    names
        .into_iter()
        .zip(digests)
        .map(|(name, digest)| {
            let about = about(&name);
            let seconds = i128::from(about.mtime()) * 1_000_000_000;
            Listed {
                size: about.len(),
                digest,
                modified: Some(seconds + i128::from(about.mtime_nsec())),
                name,
            }
        })
        .collect()
}

fn components(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    name.split(|byte| *byte == b'/')
}

fn gather(folder: &Path, prefix: &[u8], names: &mut Vec<Vec<u8>>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry of a folder");
        let name = [prefix, entry.file_name().as_bytes()].concat();
        let kind = entry.file_type().expect("its type");
        if kind.is_dir() {
            gather(&entry.path(), &[&name[..], b"/"].concat(), names);
        } else if kind.is_file() {
            names.push(name);
        }
    }
}

/// What `sha256sum` says of each.
fn digests(root: &Path, names: &[Vec<u8>]) -> Vec<String> {
    if names.is_empty() {
        return Vec::new();
    }
    let list = Scratch::new("names");
    let file = File::open(list.write("names", names.join(&0))).expect("a list of names");
    let mut command = tool::tool("xargs");
    command
        .args(["--null", "sha256sum", "--zero", "--"])
        .current_dir(root)
        .stdin(file);
    let said = tool::output(&mut command);
    let said = said.strip_suffix(b"\0").unwrap_or(&said);
    let digests: Vec<String> = said
        .split(|byte| *byte == 0)
        .map(|line| String::from_utf8_lossy(&line[..64]).into_owned())
        .collect();
    assert_eq!(digests.len(), names.len(), "a digest for every file");
    digests
}

/// The lines that a reader prints: `SHA256 SIZE MTIME NAME`.
///
/// # Errors
/// The first line that is none of that form.
pub fn read(text: &str) -> Result<Vec<Listed>, String> {
    text.lines()
        .map(|line| read_line(line).ok_or_else(|| format!("it printed {line:?}")))
        .collect()
}

fn read_line(line: &str) -> Option<Listed> {
    let [digest, size, modified, name] = line.split(' ').collect::<Vec<_>>()[..] else {
        return None;
    };
    let modified = match modified {
        "-" => None,
        number => Some(nanoseconds(number)?),
    };
    Some(Listed {
        name: unescape(name)?,
        size: size.parse().ok()?,
        digest: (digest.len() == 64).then(|| digest.to_owned())?,
        modified,
    })
}

/// A decimal number of seconds.
fn nanoseconds(number: &str) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let sign = if whole.starts_with('-') { -1 } else { 1 };
    let fraction = format!("{fraction:0<9}");
    let fraction: i128 = fraction.get(..9)?.parse().ok()?;
    Some(whole.parse::<i128>().ok()? * 1_000_000_000 + sign * fraction)
}

/// Bytes in which some are `%XX`.
fn unescape(name: &str) -> Option<Vec<u8>> {
    let mut parts = name.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(part.get(..2)?, 16).ok()?);
        bytes.extend_from_slice(part.get(2..)?.as_bytes());
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_with_every_byte_of_its_name() {
        let digest = "0".repeat(64);
        let line = format!("{digest} 13 -2.5 a%0Ab%25/%FF%20x");
        let listed = &read(&line).unwrap()[0];
        assert_eq!(listed.name, b"a\nb%/\xff x");
        assert_eq!(listed.size, 13);
        assert_eq!(listed.modified, Some(-2_500_000_000));
        assert_eq!(
            nanoseconds("1700000000.1234567890123"),
            Some(1_700_000_000_123_456_789)
        );
        for wrong in [
            "x 1 2 a",
            &format!("{digest} 1 2 a b"),
            &format!("{digest} 1 2 a%F"),
            &format!("{digest} 1 yesterday a"),
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_folder_is_listed_in_the_order_of_its_archive() {
        let dir = Scratch::new("listed");
        for (name, text) in [("a/b", "b"), ("a-", "-"), ("a/\n", "\n")] {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let listed = of_folder(dir.path());
        let names: Vec<&[u8]> = listed.iter().map(|file| &file.name[..]).collect();
        assert_eq!(names, [&b"a/\n"[..], b"a/b", b"a-"]);
        assert_eq!(
            listed[1].digest,
            "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d"
        );
    }
}
