use bytes::Bytes;
use netsocket_protocol::query::Query;

use super::*;

fn request() -> Request {
    Request::archive(Query::default())
}

fn source() -> Source {
    Source::File {
        identity: "i".to_owned(),
        size: 9,
    }
}

fn block(bytes: &'static [u8]) -> VerifiedBlock {
    VerifiedBlock {
        bytes: Bytes::from_static(bytes),
        checksum: crc32fast::hash(bytes),
        state: None,
    }
}

fn write(part: &mut PartialFile, bytes: &'static [u8]) {
    let line = part.writing(block(bytes))().unwrap();
    part.wrote(bytes.len() as u64, line);
}

/// A part of two blocks that a program has left.
fn left(target: &Path) {
    let mut part = PartialFile::create(target, &request(), &source()).unwrap();
    write(&mut part, b"abc");
    write(&mut part, b"defg");
}

fn found(target: &Path) -> Box<ResumePoint> {
    match PartialFile::find(target, &request()).unwrap() {
        Existing::Resumable(found) => found,
        other => panic!("{other:?}"),
    }
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
fn what_was_left_is_gone_on_with_and_becomes_the_target() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("x");
    left(&target);
    assert_eq!(
        names(dir.path()),
        [".x.netsocket-part", ".x.netsocket-state"]
    );
    assert_eq!(kept(&target).unwrap().bytes, 7);

    let mut found = found(&target);
    assert_eq!(found.source, source());
    assert_eq!(
        found.position,
        Position {
            blocks: 2,
            bytes: 7,
            state: None
        }
    );
    assert_eq!(found.hasher.finalize(), blake3::hash(b"abcdefg"));
    write(&mut found.part, b"hi");
    found.part.commit().unwrap();
    assert_eq!(fs::read(&target).unwrap(), b"abcdefghi");
    assert_eq!(names(dir.path()), ["x"]);
    assert_eq!(kept(&target), None);
}

#[test]
fn a_target_that_is_replaced_keeps_its_permissions() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("x");
    fs::write(&target, "old").unwrap();
    fs::set_permissions(&target, Permissions::from_mode(0o600)).unwrap();
    let mut part = PartialFile::create(&target, &request(), &source()).unwrap();
    write(&mut part, b"new");
    assert_eq!(fs::read(&target).unwrap(), b"old");
    part.commit().unwrap();
    assert_eq!(fs::read(&target).unwrap(), b"new");
    assert_eq!(fs::metadata(&target).unwrap().mode() & 0o777, 0o600);
}

#[test]
fn a_part_without_a_block_is_not_left() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("x");
    drop(PartialFile::create(&target, &request(), &source()).unwrap());
    assert!(names(dir.path()).is_empty());
}

#[test]
fn what_a_crash_cut_off_is_written_again_and_what_is_right_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("x");
    let [part, state] = beside(&target).unwrap();
    // Bytes without their line, a torn line, and a line without its bytes.
    for cut in 0..3 {
        left(&target);
        let text = fs::read(&state).unwrap();
        match cut {
            0 => fs::write(&part, b"abcdefghij").unwrap(),
            1 => fs::write(&state, &text[..text.len() - 2]).unwrap(),
            _ => fs::write(&part, b"abcdef").unwrap(),
        }
        let mut found = found(&target);
        let there = if cut == 0 { &b"abcdefg"[..] } else { b"abc" };
        let bytes = there.len() as u64;
        assert_eq!(found.position.bytes, bytes, "{cut}");
        assert_eq!(found.hasher.finalize(), blake3::hash(there));
        write(&mut found.part, b"!");
        drop(found);
        let again = self::found(&target);
        assert_eq!(again.position.bytes, bytes + 1, "{cut}");
    }
}

#[test]
fn bytes_that_were_changed_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("x");
    let [part, state] = beside(&target).unwrap();
    left(&target);
    fs::write(&part, b"abXdefg").unwrap();
    let find = || PartialFile::find(&target, &request()).unwrap();
    assert!(matches!(find(), Existing::Damaged(7)));
    fs::remove_file(&state).unwrap();
    assert!(matches!(find(), Existing::Damaged(7)));
    // A new one takes the place of either.
    drop(PartialFile::create(&target, &request(), &source()).unwrap());
    assert!(matches!(find(), Existing::Nothing));
}

#[test]
fn a_part_of_something_else_is_not_gone_on_with() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("x");
    left(&target);
    let other = Request::archive(Query {
        size_min: Some(1),
        ..Query::default()
    });
    assert!(matches!(
        PartialFile::find(&target, &other).unwrap(),
        Existing::Other(7)
    ));
}

#[test]
fn two_programs_do_not_write_the_same_part() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("x");
    let mut one = PartialFile::create(&target, &request(), &source()).unwrap();
    write(&mut one, b"abc");
    let said = PartialFile::find(&target, &request())
        .unwrap_err()
        .to_string();
    assert!(said.starts_with("another download"), "{said}");
    assert!(PartialFile::create(&target, &request(), &source()).is_err());
    one.commit().unwrap();
    assert!(matches!(
        PartialFile::find(&target, &request()).unwrap(),
        Existing::Nothing
    ));
    assert_eq!(fs::read(&target).unwrap(), b"abc");
}

#[test]
fn a_link_in_its_place_is_never_written_through() {
    let dir = tempfile::tempdir().unwrap();
    let (target, victim) = (dir.path().join("x"), dir.path().join("victim"));
    fs::write(&victim, "precious").unwrap();
    let [part, _] = beside(&target).unwrap();
    std::os::unix::fs::symlink(&victim, &part).unwrap();
    assert!(PartialFile::find(&target, &request()).is_err());
    assert!(PartialFile::create(&target, &request(), &source()).is_err());
    assert_eq!(fs::read(&victim).unwrap(), b"precious");
}

#[test]
fn a_step_back_forgets_the_present_answer_only() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("x");
    let mut part = PartialFile::create(&target, &request(), &source()).unwrap();
    write(&mut part, b"abc");
    part.answer_begins();
    write(&mut part, b"wrong");
    part.rewind().unwrap();
    write(&mut part, b"right");
    drop(part);
    assert_eq!(found(&target).hasher.finalize(), blake3::hash(b"abcright"));
}

#[test]
fn a_long_name_is_cut_and_stays_one_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let names = ["a", "b"].map(|end| format!("{}{end}", "n".repeat(254)));
    for name in &names {
        left(&dir.path().join(name));
    }
    for name in &names {
        assert_eq!(found(&dir.path().join(name)).position.bytes, 7);
    }
    assert_eq!(hidden(b"x", PART_END), ".x.netsocket-part");
    assert!(hidden(&[b'n'; 255], STATE_END).len() <= NAME_MAX);
}
