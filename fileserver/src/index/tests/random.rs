//! Random changes of the tree; after each batch of them the index is what a walk finds.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use super::*;

/// Brings a failed run back, given what that printed.
const SEED: &str = "NETSOCKET_TEST_SEED";

/// Batches of a run, and changes in each.
const BATCHES: usize = 150;
const CHANGES: usize = 12;

/// xorshift64: small, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).unwrap()
    }

    /// Few names, so that they meet. Only the last may be hidden: what is written through a name in a hidden directory
    /// to a file that has others is not reported, and left to the next survey.
    fn path(&mut self, depth: usize) -> PathBuf {
        let names = ["a", "b", "a.txt", "b-", "c", "a b", "ü", ".h"];
        let parts = 1 + self.below(depth);
        let shown = names.len() - 1;
        let mut path: PathBuf = (1..parts).map(|_| names[self.below(shown)]).collect();
        path.push(names[self.below(names.len())]);
        path
    }
}

/// What a change was.
enum Done {
    /// A file has another name.
    Linked,
    Other,
}

/// One change, of whatever is there. Most that cannot be done are not: the next one may be.
fn change(dice: &mut Dice, root: &Path, outside: &Path) -> io::Result<Done> {
    let (path, other) = (root.join(dice.path(4)), root.join(dice.path(4)));
    let away = outside.join(dice.path(1));
    match dice.below(20) {
        0..4 => {
            fs::create_dir_all(path.parent().unwrap_or(root))?;
            fs::write(&path, vec![b'x'; dice.below(5_000)])
        }
        4 => {
            use std::io::Write as _;
            fs::OpenOptions::new()
                .append(true)
                .open(&path)?
                .write_all(b"more")
        }
        5 => fs::OpenOptions::new()
            .write(true)
            .open(&path)?
            .set_len(dice.below(100) as u64),
        6..9 => fs::rename(&path, &other),
        9 | 10 => fs::create_dir_all(&path),
        11 => fs::rename(&path, &away),
        12 => fs::rename(&away, &path),
        13 => fs::remove_file(&path),
        14 => fs::remove_dir_all(&path),
        15 | 16 => return fs::hard_link(&path, &other).map(|()| Done::Linked),
        17 => symlink(&other, &path),
        18 => fs::set_permissions(
            &path,
            fs::Permissions::from_mode(0o600 | u32::try_from(dice.below(8)).unwrap() << 3 | 0o100),
        ),
        _ => {
            // A directory that is filled elsewhere and comes in whole.
            let staged = outside.join("staged");
            for _ in 0..dice.below(6) {
                let inner = staged.join(dice.path(3));
                let _ = fs::create_dir_all(inner.parent().unwrap_or(&staged));
                let _ = fs::write(inner, "staged");
            }
            fs::rename(staged, &path)
        }
    }
    .map(|()| Done::Other)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_any_changes_the_index_is_what_a_walk_finds() {
    use std::hash::{BuildHasher as _, Hasher as _};

    let seed = std::env::var(SEED).ok().and_then(|seed| seed.parse().ok());
    let random = || {
        std::collections::hash_map::RandomState::new()
            .build_hasher()
            .finish()
    };
    let seed: u64 = seed.unwrap_or_else(random) | 1;
    eprintln!("{SEED}={seed}");
    let bench = Bench::new(SETTINGS, |_| {});
    let outside = bench.outer.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let root = bench.path("");
    bench.ready().await;
    let mut dice = Dice(seed);
    let mut done = 0;
    for batch in 0..BATCHES {
        for _ in 0..=dice.below(CHANGES) {
            let changed = change(&mut dice, &root, &outside);
            done += usize::from(changed.is_ok());
            // A name that is made, written through and moved out before anyone looks is the one thing that cannot be
            // known: the batch ends with a new name.
            if matches!(changed, Ok(Done::Linked)) {
                break;
            }
        }
        bench
            .compare(&format!("batch {batch}, {SEED}={seed}"))
            .await;
    }
    // Few are impossible, or this tests nothing.
    assert!(done > BATCHES, "{done}");
    assert_eq!(bench.index.gauges().scans(ScanCause::Start), 1);
    assert_eq!(bench.index.gauges().scans(ScanCause::Overflow), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_while_the_tree_is_surveyed_are_not_lost() {
    let settings = Settings {
        rescan_interval: Duration::from_millis(1),
        ..SETTINGS
    };
    let bench = Bench::new(settings, |_| {});
    let outside = bench.outer.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let root = bench.path("");
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for round in 0..40 {
        for _ in 0..20 {
            let _ = change(&mut dice, &root, &outside);
        }
        bench.ready().await;
        bench.compare(&format!("round {round}")).await;
    }
    assert!(bench.index.gauges().scans(ScanCause::Due) > 1);
}
