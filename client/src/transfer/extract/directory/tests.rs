use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

use super::*;
use crate::transfer::extract::extractor::BlockExtractor;

fn entry(path: &str, content: &[u8]) -> Entry {
    Entry {
        path: path.as_bytes().to_vec(),
        mode: 0o104_640,
        size: content.len() as u64,
        modified: 1_700_000_000,
    }
}

fn open(path: &Path, overwrites: bool) -> Result<ExtractRoot, Error> {
    let options = ExtractOptions {
        overwrites,
        ..ExtractOptions::default()
    };
    ExtractRoot::open(path, options)
}

fn put(tree: &mut ExtractRoot, path: &str, content: &[u8]) -> Result<(), Error> {
    tree.begin(entry(path, content))?;
    for piece in content.chunks(3) {
        tree.content(piece)?;
    }
    tree.end()
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn files_get_their_directories_permissions_and_times() {
    let dir = tempfile::tempdir().unwrap();
    let into = dir.path().join("new");
    let mut tree = open(&into, false).unwrap();
    put(&mut tree, "a", b"").unwrap();
    put(&mut tree, "d/e/b", b"content").unwrap();
    put(&mut tree, "d/e/c", b"more").unwrap();
    put(&mut tree, "d/f", b"back").unwrap();
    tree.finish().unwrap();
    assert_eq!(names(&into), ["a", "d"]);
    assert_eq!(names(&into.join("d")), ["e", "f"]);
    assert_eq!(names(&into.join("d/e")), ["b", "c"]);
    let there = fs::metadata(into.join("d/e/b")).unwrap();
    assert_eq!(fs::read(into.join("d/e/b")).unwrap(), b"content");
    assert_eq!(
        there.mode() & 0o7777,
        0o640,
        "never one that runs as its owner"
    );
    assert_eq!(there.mtime(), 1_700_000_000);
}

#[test]
fn nothing_leads_out_of_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let into = dir.path().join("in");
    let mut tree = open(&into, true).unwrap();
    for path in [
        "/x",
        "../x",
        "a/../../x",
        "a//x",
        "./x",
        "",
        "a/",
        "..",
        "a\0b",
    ] {
        let said = put(&mut tree, path, b"x").unwrap_err().to_string();
        assert!(
            said.contains("leads outside the directory"),
            "{path}: {said}"
        );
    }
    // What is left where the beginning of a path is left out.
    let stripped = ExtractOptions {
        strip: 2,
        ..ExtractOptions::default()
    };
    let mut part = ExtractRoot::open(&dir.path().join("part"), stripped).unwrap();
    for path in ["aa../x", "aa/x", "aa", "a"] {
        let said = put(&mut part, path, b"x").unwrap_err().to_string();
        assert!(
            said.contains("leads outside the directory"),
            "{path}: {said}"
        );
    }
    put(&mut part, "a/x", b"x").unwrap();
    assert_eq!(names(&dir.path().join("part")), ["x"]);
    fs::remove_dir_all(dir.path().join("part")).unwrap();
    // A link inside that leads out: neither gone through nor written through.
    let outside = dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("file"), "precious").unwrap();
    symlink(&outside, into.join("link")).unwrap();
    symlink(outside.join("file"), into.join("other")).unwrap();
    assert!(matches!(
        put(&mut tree, "link/file", b"x"),
        Err(Error::Target { .. })
    ));
    put(&mut tree, "other", b"x").unwrap();
    assert_eq!(fs::read(outside.join("file")).unwrap(), b"precious");
    assert_eq!(names(&outside), ["file"]);
    assert!(fs::symlink_metadata(into.join("other")).unwrap().is_file());
    assert_eq!(names(dir.path()), ["in", "outside"]);
}

#[test]
fn what_is_there_stays_unless_it_is_forced() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("b"), "mine").unwrap();
    symlink("nowhere", dir.path().join("c")).unwrap();
    let mut tree = open(dir.path(), false).unwrap();
    for name in ["a", "b", "c"] {
        put(&mut tree, name, b"theirs").unwrap();
    }
    let said = tree.finish().unwrap_err().to_string();
    assert!(said.starts_with("did not overwrite 2 files in "), "{said}");
    assert!(
        said.ends_with(" already there (use --force): b, c"),
        "{said}"
    );
    assert_eq!(fs::read(dir.path().join("b")).unwrap(), b"mine");

    // Of the same size and time it is what an earlier run has made.
    let mut tree = open(dir.path(), false).unwrap();
    put(&mut tree, "a", b"theirs").unwrap();
    tree.finish().unwrap();

    let mut tree = open(dir.path(), true).unwrap();
    for name in ["a", "b", "c"] {
        put(&mut tree, name, b"forced").unwrap();
        assert_eq!(fs::read(dir.path().join(name)).unwrap(), b"forced");
    }
    tree.finish().unwrap();
    assert_eq!(names(dir.path()), ["a", "b", "c"]);
}

#[test]
fn what_has_the_same_size_is_compared() {
    let dir = tempfile::tempdir().unwrap();
    // As a plain download leaves it: of another time.
    fs::write(dir.path().join("same"), "theirs").unwrap();
    let before = fs::metadata(dir.path().join("same")).unwrap().mtime();
    let mut tree = open(dir.path(), false).unwrap();
    put(&mut tree, "same", b"theirs").unwrap();
    put(&mut tree, "new", b"more").unwrap();
    assert_eq!(tree.finish().unwrap().kept, 1);
    let after = fs::metadata(dir.path().join("same")).unwrap().mtime();
    assert_eq!(after, before, "it is left as it is");

    for other in ["thorns", "their", "theirs+", "thei\0s"] {
        fs::write(dir.path().join("same"), other).unwrap();
        let mut tree = open(dir.path(), false).unwrap();
        put(&mut tree, "same", b"theirs").unwrap();
        let said = tree.finish().unwrap_err().to_string();
        assert!(
            said.ends_with(" with different content (use --force): same"),
            "{other:?}: {said}"
        );
        assert_eq!(fs::read(dir.path().join("same")).unwrap(), other.as_bytes());
    }
    // It ends while it is compared.
    fs::write(dir.path().join("same"), "theirs").unwrap();
    let mut tree = open(dir.path(), false).unwrap();
    tree.begin(entry("same", b"theirs")).unwrap();
    fs::write(dir.path().join("same"), "the").unwrap();
    tree.content(b"theirs").unwrap();
    tree.end().unwrap();
    tree.finish().unwrap_err();
}

#[test]
fn what_this_run_has_made_it_may_make_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut tree = open(dir.path(), false).unwrap();
    put(&mut tree, "a", b"before").unwrap();
    tree.restart();
    put(&mut tree, "a", b"afterwards").unwrap();
    tree.finish().unwrap();
    assert_eq!(fs::read(dir.path().join("a")).unwrap(), b"afterwards");
}

#[test]
fn a_directory_in_the_way_is_said() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("a")).unwrap();
    fs::write(dir.path().join("f"), "").unwrap();
    let mut tree = open(dir.path(), true).unwrap();
    let said = put(&mut tree, "a", b"x").unwrap_err().to_string();
    assert!(said.ends_with("a: is a directory"), "{said}");
    let said = put(&mut tree, "f/x", b"x").unwrap_err().to_string();
    assert!(
        said.ends_with("/f: it is a file, where a directory has to go"),
        "{said}"
    );
    symlink("a", dir.path().join("link")).unwrap();
    let said = tree.make_directory(b"link/x").unwrap_err().to_string();
    assert!(
        said.ends_with("/link: it is a link, where a directory has to go"),
        "{said}"
    );
    assert!(open(&dir.path().join("f"), false).is_err());
    assert!(open(&dir.path().join("no/where"), false).is_err());
}

#[test]
fn directories_are_made_below_and_nowhere_else() {
    let dir = tempfile::tempdir().unwrap();
    let into = dir.path().join("in");
    let options = ExtractOptions {
        strip: 2,
        ..ExtractOptions::default()
    };
    let mut tree = ExtractRoot::open(&into, options).unwrap();
    for path in ["d/a", "d/a/b", "d/a"] {
        tree.make_directory(path.as_bytes()).unwrap();
    }
    assert_eq!(names(&into), ["a"]);
    assert_eq!(names(&into.join("a")), ["b"]);
    for path in ["d/../x", "d//x", "d/", "d", "d/a/../../x"] {
        let made = tree.make_directory(path.as_bytes());
        assert!(matches!(made, Err(Error::Unpack(_))), "{path}");
    }
    assert_eq!(names(dir.path()), ["in"]);
}

#[test]
fn half_a_file_is_never_left() {
    let dir = tempfile::tempdir().unwrap();
    let mut tree = open(dir.path(), false).unwrap();
    tree.begin(entry("a", b"abcdef")).unwrap();
    tree.content(b"abc").unwrap();
    assert_eq!(names(dir.path()).len(), 1);
    drop(tree);
    assert!(names(dir.path()).is_empty());
}

#[test]
fn blocks_are_decompressed_to_no_more_than_was_announced() {
    let dir = tempfile::tempdir().unwrap();
    let bomb = zstd::bulk::compress(&vec![0; 4 << 20], 3).unwrap();
    let tree = open(dir.path(), false).unwrap();
    let mut unpacking = BlockExtractor::new(tree, true, 1 << 20).unwrap();
    assert!(matches!(unpacking.block(&bomb), Err(Error::Unpack(_))));
    assert!(matches!(unpacking.block(b"garbage"), Err(Error::Unpack(_))));
}

#[test]
fn permissions_are_those_that_the_umask_leaves_unless_they_are_preserved() {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let umask = status.lines().find_map(|line| line.strip_prefix("Umask:"));
    let umask = u32::from_str_radix(umask.unwrap().trim(), 8).unwrap();
    for (preserves_permissions, expected) in [(false, 0o777 & !umask), (true, 0o777)] {
        let dir = tempfile::tempdir().unwrap();
        let options = ExtractOptions {
            preserves_permissions,
            ..ExtractOptions::default()
        };
        let mut tree = ExtractRoot::open(dir.path(), options).unwrap();
        let open_to_all = Entry {
            mode: 0o107_777,
            ..entry("a", b"x")
        };
        tree.begin(open_to_all).unwrap();
        tree.content(b"x").unwrap();
        tree.end().unwrap();
        let mode = fs::metadata(dir.path().join("a")).unwrap().mode();
        assert_eq!(mode & 0o7777, expected, "{umask:o}");
    }
}

#[test]
fn the_bytes_of_the_files_are_counted_from_the_last_start() {
    let dir = tempfile::tempdir().unwrap();
    let mut tree = open(dir.path(), false).unwrap();
    put(&mut tree, "a", b"123").unwrap();
    tree.restart();
    put(&mut tree, "a", b"1234").unwrap();
    put(&mut tree, "d/b", b"12345").unwrap();
    assert_eq!(tree.finish().unwrap().bytes, 9);
}

#[test]
fn permissions_of_a_private_directory_are_those_of_the_umask() {
    let dir = tempfile::tempdir().unwrap();
    let mut tree = open(dir.path(), false).unwrap();
    put(&mut tree, "d/a", b"x").unwrap();
    let mode = fs::metadata(dir.path().join("d"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o700, 0o700);
}
