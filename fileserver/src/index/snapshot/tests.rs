use proptest::prelude::*;

use super::*;
use crate::tree::metadata::Timestamp;

fn stored(size: u64) -> Stored {
    let time = Timestamp {
        seconds: -1 - i64::try_from(size).unwrap(),
        nanos: 999_999_999,
    };
    Stored {
        size,
        modified: time,
        born: time,
        birth_known: size.is_multiple_of(2),
        mode: 0o100_644,
        inode: size << 33,
        linked: size.is_multiple_of(3),
    }
}

type Model = BTreeMap<Path, Stored>;

fn snapshot(model: &Model) -> Snapshot {
    let mut builder = SegmentBuilder::default();
    for (path, stored) in model {
        put(&mut builder, path, Some(*stored));
    }
    Snapshot::new(builder.finish())
}

fn check(snapshot: &Snapshot, model: &Model) {
    let mut seen = Vec::new();
    snapshot.each(|path, stored| seen.push((Path(path.to_vec()), stored)));
    let expected: Vec<_> = model.iter().map(|(p, s)| (p.clone(), *s)).collect();
    assert_eq!(seen, expected);
    assert_eq!(snapshot.files(), model.len() as u64);
}

fn count(snapshot: &Snapshot, range: Range<Position>) -> usize {
    let ordinal = |at: Position| {
        let before = &snapshot.segments[..at.segment as usize];
        before.iter().map(|s| s.len()).sum::<usize>() + at.file as usize
    };
    ordinal(range.end) - ordinal(range.start)
}

/// Many files in few directories, so that segments begin and end within them.
fn large() -> Model {
    (0..10_000_u64)
        .map(|n| {
            (
                Path(format!("d{}/e{}/f{n:05}", n % 7, n % 3).into_bytes()),
                stored(n),
            )
        })
        .collect()
}

#[test]
fn files_of_many_segments_are_found_changed_and_taken_out() {
    let mut model = large();
    let mut tree = snapshot(&model);
    assert!(tree.segments().len() > 5);
    check(&tree, &model);
    for (path, stored) in &model {
        assert_eq!(tree.get(&path.0), Some(*stored));
    }
    assert_eq!(tree.get(b"d0/e0"), None);
    for (directory, files) in [
        ("", 10_000),
        ("d3", 1_429),
        ("d3/e1", 476),
        ("d", 0),
        ("d9", 0),
    ] {
        assert_eq!(
            count(&tree, tree.below(directory.as_bytes())),
            files,
            "{directory}"
        );
    }
    // Everything of one directory, file by file, and one file before and behind everything.
    let mut edits = Edits::new();
    for path in model.keys().filter(|path| path.0.starts_with(b"d2/")) {
        edits.insert(path.clone(), None);
    }
    edits.insert(Path(b"a".to_vec()), Some(stored(1)));
    edits.insert(Path(b"z/z".to_vec()), Some(stored(2)));
    edits.insert(Path(b"not/there".to_vec()), None);
    tree = tree.edited(&edits);
    for (path, edit) in edits {
        match edit {
            Some(stored) => model.insert(path, stored),
            None => model.remove(&path),
        };
    }
    check(&tree, &model);
    assert!(tree.segments().iter().all(|segment| segment.len() >= FEW));
}

#[test]
fn a_change_leaves_other_segments_as_they_are() {
    let tree = snapshot(&large());
    let edits = Edits::from([(Path(b"d3/e1/new".to_vec()), Some(stored(3)))]);
    let changed = tree.edited(&edits);
    let selected = |a: &Arc<Segment>| changed.segments().iter().any(|b| Arc::ptr_eq(a, b));
    let others = tree.segments().iter().filter(|a| !selected(a)).count();
    assert_eq!(others, 1);
}

#[test]
fn a_thousand_small_changes_leave_no_small_segments() {
    let mut tree = snapshot(&large());
    for n in 0..1_000_u64 {
        let directory = format!("d{}/new{n}", n % 7);
        let files = Model::from([(Path(format!("{directory}/x").into_bytes()), stored(n))]);
        tree = tree.replaced(directory.as_bytes(), snapshot(&files).segments);
    }
    assert_eq!(tree.files(), 11_000);
    let small = tree.segments().iter().filter(|s| s.len() < FEW).count();
    assert!(small <= 1 && tree.segments().len() < 40, "{small}");
}

#[test]
fn a_chain_of_directories_costs_no_square() {
    let mut path = Vec::new();
    let mut builder = SegmentBuilder::default();
    for depth in 0..5_000 {
        builder.push(&path, b"z", stored(depth));
        path = path_order::join(&path, b"d");
    }
    // They come from the deepest up: `d` is before `z`.
    let tree = Snapshot::new(builder.finish());
    let (rest, names) = tree.memory();
    assert!(rest + names < 5_000 * 150, "{rest} {names}");
}

/// Names of few letters, so that files and directories meet.
fn path() -> impl Strategy<Value = Path> {
    proptest::collection::vec("[ab.-]{1,2}", 1..4)
        .prop_map(|parts| Path(parts.join("/").into_bytes()))
}

#[derive(Debug, Clone)]
enum Change {
    Edit(Vec<(Path, Option<u64>)>),
    Replace(Path, Vec<(Path, u64)>),
}

fn change() -> impl Strategy<Value = Change> {
    let edits = proptest::collection::vec((path(), proptest::option::of(0..99_u64)), 0..20);
    let files = proptest::collection::vec((path(), 0..99_u64), 0..20);
    prop_oneof![
        edits.prop_map(Change::Edit),
        (path(), files).prop_map(|(directory, files)| Change::Replace(directory, files)),
    ]
}

proptest! {
    #[test]
    fn any_changes_give_what_a_map_gives(changes in proptest::collection::vec(change(), 0..12)) {
        let mut model = Model::new();
        let mut tree = Snapshot::default();
        for change in changes {
            match change {
                Change::Edit(edits) => {
                    let edits: Edits = edits.into_iter().map(|(p, s)| (p, s.map(stored))).collect();
                    tree = tree.edited(&edits);
                    for (path, edit) in edits {
                        match edit {
                            Some(stored) => model.insert(path, stored),
                            None => model.remove(&path),
                        };
                    }
                }
                Change::Replace(directory, files) => {
                    let files: Model = files
                        .into_iter()
                        .map(|(p, s)| (Path(path_order::join(&directory.0, &p.0)), stored(s)))
                        .collect();
                    tree = tree.replaced(&directory.0, snapshot(&files).segments);
                    model.retain(|path, _| !path_order::is_below(&path.0, &directory.0));
                    model.extend(files);
                }
            }
            check(&tree, &model);
            for directory in ["", "a", "a/b", "b-", "zz"] {
                let below = model.keys().filter(|p| path_order::is_below(&p.0, directory.as_bytes()));
                prop_assert_eq!(count(&tree, tree.below(directory.as_bytes())), below.count());
            }
        }
    }
}
