//! The real tools that tell what an answer should be.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::Command;

/// Runs a tool that must succeed, and returns what it printed.
pub(crate) fn run(tool: &str, arguments: &[&OsStr]) -> Vec<u8> {
    let output = Command::new(tool)
        .args(arguments)
        .env("LC_ALL", "C")
        .output()
        .unwrap_or_else(|error| panic!("{tool}: {error}"));
    assert!(
        output.status.success(),
        "{tool} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// What `stat -c` prints for a file, without the newline.
pub(crate) fn stat(format: &str, path: &Path) -> String {
    let output = run("stat", &["-c".as_ref(), format.as_ref(), path.as_ref()]);
    String::from_utf8(output).unwrap().trim_end().to_owned()
}

/// Unpacks a .tar.gz with GNU tar and returns contents and names of what came out.
pub(crate) fn untar(archive: &[u8]) -> BTreeMap<Vec<u8>, Vec<u8>> {
    unpacked_by(archive, "tar", |archive, directory| {
        ["-xzf".as_ref(), archive, "-C".as_ref(), directory]
            .map(OsStr::to_owned)
            .to_vec()
    })
}

/// Unpacks with any tool, given its arguments for the archive and the directory.
pub(crate) fn unpacked_by(
    archive: &[u8],
    tool: &str,
    arguments: impl Fn(&OsStr, &OsStr) -> Vec<std::ffi::OsString>,
) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let work = tempfile::tempdir().unwrap();
    let (file, directory) = (work.path().join("a.tar.gz"), work.path().join("out"));
    fs::write(&file, archive).unwrap();
    fs::create_dir(&directory).unwrap();
    let arguments = arguments(file.as_ref(), directory.as_ref());
    let arguments: Vec<&OsStr> = arguments.iter().map(AsRef::as_ref).collect();
    run(tool, &arguments);
    fs::read_dir(&directory)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let content = fs::read(entry.path()).unwrap();
            (entry.file_name().as_bytes().to_vec(), content)
        })
        .collect()
}

/// Whether a tool is on this machine that not every machine has.
pub(crate) fn is_there(tool: &str) -> bool {
    let found = Command::new(tool).arg("--version").output().is_ok();
    if !found {
        eprintln!("no {tool} here: its part of the test is left out");
    }
    found
}

/// The archive that these files should give, by base name; a name that several files have holds all their contents,
/// sorted.
pub(crate) fn expected(root: &Path, files: &[Vec<u8>]) -> BTreeMap<Vec<u8>, Vec<Vec<u8>>> {
    let mut expected: BTreeMap<Vec<u8>, Vec<Vec<u8>>> = BTreeMap::new();
    for path in files {
        let base = path.rsplit(|byte| *byte == b'/').next().unwrap().to_vec();
        let content = fs::read(root.join(OsStr::from_bytes(path))).unwrap();
        expected.entry(base).or_default().push(content);
    }
    expected
}

/// Compares an unpacked archive with the files that it should hold.
pub(crate) fn assert_holds(unpacked: &BTreeMap<Vec<u8>, Vec<u8>>, root: &Path, files: &[Vec<u8>]) {
    let expected = expected(root, files);
    let mut left = unpacked.clone();
    // First every base name, then the numbers that second files of a name have got.
    let mut numbered: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    for (base, contents) in &expected {
        let first = left
            .remove(base)
            .unwrap_or_else(|| panic!("{} is missing", base.escape_ascii()));
        assert!(
            first == contents[0],
            "{} has another content",
            base.escape_ascii()
        );
        numbered.extend(
            contents[1..]
                .iter()
                .map(|content| (base.clone(), content.clone())),
        );
    }
    let mut left: Vec<Vec<u8>> = left.into_values().collect();
    let mut numbered: Vec<Vec<u8>> = numbered.into_iter().map(|(_, content)| content).collect();
    left.sort();
    numbered.sort();
    assert!(left == numbered, "numbered files differ");
}
