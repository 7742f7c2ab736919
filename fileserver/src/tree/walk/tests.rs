use std::fs;

use rustix::fs::OFlags;

use super::*;

fn paths(root: &Root) -> Vec<String> {
    part(root, Subtree::default())
}

fn part(root: &Root, part: Subtree<'_>) -> Vec<String> {
    let mut paths = Vec::new();
    walk(
        root,
        &CancellationToken::new(),
        part,
        |_| true,
        |file| {
            paths.push(String::from_utf8(file.path.to_vec()).unwrap());
            ControlFlow::Continue(())
        },
    )
    .unwrap();
    paths
}

#[test]
fn files_come_in_the_order_of_their_components() {
    let tree = tempfile::tempdir().unwrap();
    for path in [
        "b", "a/z", "a.txt", "a/b/c", "a-/x", ".h/x", "a/.x", "B", "a/b.c",
    ] {
        let path = tree.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    std::os::unix::fs::symlink("a", tree.path().join("link")).unwrap();
    let root = Root::open(tree.path()).unwrap();
    assert_eq!(
        paths(&root),
        ["B", "a/b/c", "a/b.c", "a/z", "a-/x", "a.txt", "b"]
    );
}

#[test]
fn a_walk_goes_on_behind_any_path() {
    let tree = tempfile::tempdir().unwrap();
    for path in [
        "b", "a/z", "a.txt", "a/b/c", "a-/x", ".h/x", "a/.x", "B", "a/b.c", "a/b/d/e", "c/b/c",
    ] {
        let path = tree.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    let root = Root::open(tree.path()).unwrap();
    for below in ["", "a", "a/b", "c"] {
        for hidden in [false, true] {
            let whole = |after| Subtree {
                below: below.as_bytes(),
                after,
                hidden,
            };
            let all = part(&root, whole(None));
            assert!(!all.is_empty());
            for after in paths(&root)
                .iter()
                .map(String::as_str)
                .chain(["a/b/b", "a/b/cc", "a/b/c/x", "a/a/a", "zz"])
            {
                let inside = below.is_empty() || after.starts_with(&format!("{below}/"));
                if !inside {
                    continue;
                }
                let expected: Vec<_> = all
                    .iter()
                    .filter(|path| {
                        crate::tree::path_order::compare(path.as_bytes(), after.as_bytes()).is_gt()
                    })
                    .cloned()
                    .collect();
                assert_eq!(
                    part(&root, whole(Some(after.as_bytes()))),
                    expected,
                    "{below} {after}"
                );
            }
        }
    }
    let hidden = Subtree {
        hidden: true,
        ..Subtree::default()
    };
    assert_eq!(part(&root, hidden)[0], ".h/x");
    let nowhere = Subtree {
        below: b"a/no",
        ..Subtree::default()
    };
    assert_eq!(part(&root, nowhere), Vec::<String>::new());
}

/// A chain of directories with a file beside each, made and removed without a path longer than one name.
fn chain(depth: usize) -> (tempfile::TempDir, Root) {
    // In memory where that is possible: on a disk, making and removing it takes longer than the walk.
    let tree = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    let tree = tree.unwrap();
    let root = Root::open(tree.path()).unwrap();
    let mut at = root.directory(b"").unwrap();
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    for _ in 0..depth {
        openat(&at, c"z", OFlags::CREATE | OFlags::RDWR, Mode::RWXU).unwrap();
        rustix::fs::mkdirat(&at, c"d", Mode::RWXU).unwrap();
        at = openat(&at, c"d", flags, Mode::empty()).unwrap();
    }
    (tree, root)
}

#[test]
fn ten_thousand_nested_directories_need_few_descriptors_and_little_stack() {
    let (tree, root) = chain(10_000);
    let (count, most_open) = std::thread::Builder::new()
        .stack_size(128 * 1024)
        .spawn(move || {
            let (mut count, mut most_open) = (0, 0);
            let visit = |file: WalkedFile<'_>| {
                count += 1;
                assert!(file.path.ends_with(b"z"));
                if count % 1_000 == 0 {
                    most_open =
                        std::cmp::max(most_open, fs::read_dir("/proc/self/fd").unwrap().count());
                }
                ControlFlow::Continue(())
            };
            walk(
                &root,
                &CancellationToken::new(),
                Subtree::default(),
                |_| true,
                visit,
            )
            .unwrap();
            (count, most_open)
        })
        .unwrap()
        .join()
        .unwrap();
    assert_eq!(count, 10_000);
    assert!(most_open < 500, "{most_open}");
    // `remove_dir_all` holds a descriptor a level and may run out of them.
    assert!(
        std::process::Command::new("rm")
            .arg("-rf")
            .arg(tree.path())
            .status()
            .unwrap()
            .success()
    );
}

#[test]
fn what_vanishes_is_left_out_and_the_rest_is_still_found() {
    let tree = tempfile::tempdir().unwrap();
    for path in ["a/x", "b/x", "c/x"] {
        fs::create_dir(tree.path().join(path).parent().unwrap()).unwrap();
        fs::write(tree.path().join(path), "").unwrap();
    }
    let root = Root::open(tree.path()).unwrap();
    let mut seen = Vec::new();
    let unreadable = walk(
        &root,
        &CancellationToken::new(),
        Subtree::default(),
        |_| true,
        |file| {
            seen.push(file.path.to_vec());
            if file.path == b"a/x" {
                fs::remove_dir_all(tree.path().join("b")).unwrap();
            }
            ControlFlow::Continue(())
        },
    )
    .unwrap();
    assert_eq!(
        (seen, unreadable.len()),
        (vec![b"a/x".to_vec(), b"c/x".to_vec()], 0)
    );
}

#[test]
fn a_cancelled_walk_stops() {
    let (_tree, root) = chain(3);
    let cancel = CancellationToken::new();
    let mut seen = 0;
    let end = walk(
        &root,
        &cancel,
        Subtree::default(),
        |_| true,
        |_| {
            seen += 1;
            cancel.cancel();
            ControlFlow::Continue(())
        },
    );
    assert!(matches!(end, Err(WalkError::Cancelled)));
    assert_eq!(seen, 1);
}
