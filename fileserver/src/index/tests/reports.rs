//! What is reported, what is not, and what cannot be.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_knows_every_change_before_the_question() {
    let bench = Bench::new(
        Settings {
            batch: Duration::from_secs(3600),
            ..SETTINGS
        },
        |root| fs::write(root.join("there"), "x").unwrap(),
    );
    bench.ready().await;
    for n in 0..50 {
        bench.write(&format!("d{n}/new"), "content");
        bench.compare(&n.to_string()).await;
        // Nothing but the question made it look: the batch would take an hour.
        assert!(bench.index.gauges().batches.load(Ordering::SeqCst) > n);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reports_are_taken_in_when_nobody_asks() {
    let bench = Bench::new(SETTINGS, |_| {});
    bench.ready().await;
    bench.write("a/b", "x");
    bench
        .until("taken in", async |bench| match bench.index.mode() {
            Mode::Index { snapshot, .. } => snapshot.files() == 1,
            _ => false,
        })
        .await;
    bench.compare("").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_that_has_been_read_and_not_taken_in_is_not_forgotten() {
    let bench = Bench::new(SETTINGS, |_| {});
    bench.ready().await;
    let held = Arc::clone(&bench.watcher.held);
    bench.write("new", "x");
    bench
        .until("read", async |bench| !bench.watcher.has_events())
        .await;
    assert!(bench.index.has_changes());
    // Nobody waits for ever: the answer lags, and when it lags too much, the tree is walked.
    bench
        .until("walked", async |bench| {
            bench.index.current().await.is_none()
        })
        .await;
    assert!(bench.index.gauges().lag() >= MAX_LAG);
    drop(held);
    bench.compare("released").await;
    assert_eq!(bench.walked().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_reports_make_everything_be_read_again() {
    let bench = Bench::new(SETTINGS, |root| {
        fs::write(root.join("before"), "x").unwrap()
    });
    bench.ready().await;
    bench.watcher.deaf.store(true, Ordering::SeqCst);
    for n in 0..100 {
        bench.write(&format!("d{n}/new"), "content");
    }
    fs::remove_file(bench.path("before")).unwrap();
    bench.watcher.injected.lock().unwrap().push(overflow());
    bench
        .until("surveyed", async |bench| {
            bench.index.gauges().scans(ScanCause::Overflow) > 0
        })
        .await;
    bench.watcher.deaf.store(false, Ordering::SeqCst);
    bench.write("d1/after", "content");
    bench.compare("after an overflow").await;
    assert_eq!(bench.walked().len(), 101);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_reported_is_healed_by_the_next_survey() {
    let settings = Settings {
        rescan_interval: Duration::from_millis(50),
        ..SETTINGS
    };
    let bench = Bench::new(settings, |_| {});
    bench.ready().await;
    bench.watcher.deaf.store(true, Ordering::SeqCst);
    bench.write("never/reported", "x");
    bench
        .until("healed", async |bench| bench.indexed().await.len() == 1)
        .await;
    bench.compare("healed").await;
    assert!(bench.index.gauges().scans(ScanCause::Due) > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tree_with_more_directories_than_watches_is_walked() {
    let settings = Settings {
        max_watches: 3,
        ..SETTINGS
    };
    let bench = Bench::new(settings, |root| {
        for n in 0..5 {
            fs::create_dir(root.join(format!("d{n}"))).unwrap();
        }
    });
    bench
        .until("walking", async |bench| {
            matches!(bench.index.mode(), Mode::Walking)
        })
        .await;
    assert!(bench.index.current().await.is_none());
    bench
        .until("forgotten", async |bench| {
            bench.index.gauges().watches.load(Ordering::SeqCst) == 0
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_directory_that_is_one_too_many_ends_the_index_until_there_is_room() {
    let settings = Settings {
        rescan_interval: Duration::from_millis(50),
        ..SETTINGS
    };
    let bench = Bench::new(settings, |_| {});
    bench.ready().await;
    bench.watcher.left.store(0, Ordering::SeqCst);
    bench.write("d/e/f", "x");
    bench
        .until("walking", async |bench| {
            matches!(bench.index.mode(), Mode::Walking)
        })
        .await;
    assert!(bench.index.current().await.is_none());
    bench.watcher.left.store(i64::MAX, Ordering::SeqCst);
    bench.ready().await;
    bench.compare("room again").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_directory_in_the_place_of_the_root_is_noticed() {
    let bench = Bench::new(SETTINGS, |root| fs::write(root.join("file"), "x").unwrap());
    bench.ready().await;
    let replaced = async |bench: &Bench| bench.index.gauges().root_replaced.load(Ordering::SeqCst);
    assert!(!replaced(&bench).await);
    let (root, away) = (bench.path(""), bench.outer.path().join("away"));
    fs::rename(&root, &away).unwrap();
    fs::create_dir(&root).unwrap();
    bench.until("noticed", replaced).await;
    // What was opened is still served, and followed.
    fs::write(away.join("other"), "y").unwrap();
    bench.compare("moved").await;
    assert_eq!(bench.walked().len(), 2);
    fs::remove_dir(&root).unwrap();
    fs::rename(&away, &root).unwrap();
    bench
        .until("back", async |bench| !replaced(bench).await)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_root_is_empty() {
    let bench = Bench::new(SETTINGS, |root| fs::write(root.join("file"), "x").unwrap());
    bench.ready().await;
    fs::remove_dir_all(bench.path("")).unwrap();
    bench
        .until("noticed", async |bench| {
            bench.index.gauges().root_replaced.load(Ordering::SeqCst)
        })
        .await;
    bench
        .until("empty or walked", async |bench| {
            match bench.index.current().await {
                Some(current) => current.snapshot.files() == 0,
                None => true,
            }
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_within_one_directory_and_a_large_move_are_followed() {
    let bench = Bench::new(SETTINGS, |_| {});
    bench.ready().await;
    for n in 0..3_000 {
        bench.write(&format!("many/{n:04}.txt"), "x");
    }
    bench.compare("created").await;
    for n in 0..30 {
        bench.write(&format!("deep/{n}/a/b/{n}"), "x");
    }
    fs::rename(bench.path("deep"), bench.path("many/deeper")).unwrap();
    bench.compare("moved in").await;
    fs::rename(bench.path("many"), bench.outer.path().join("out")).unwrap();
    bench.compare("moved out").await;
    let watches = bench.index.gauges().watches.load(Ordering::SeqCst);
    assert_eq!((bench.walked().len(), watches), (0, 1));
    // Nothing that happens out there is ours.
    fs::write(bench.outer.path().join("out/stray"), "x").unwrap();
    fs::rename(bench.outer.path().join("out"), bench.path("back")).unwrap();
    bench.compare("moved back").await;
    assert_eq!(bench.walked().len(), 3_031);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_names_of_a_file_change_together() {
    let bench = Bench::new(SETTINGS, |root| fs::write(root.join("a"), "x").unwrap());
    bench.ready().await;
    fs::create_dir(bench.path("d")).unwrap();
    fs::hard_link(bench.path("a"), bench.path("d/b")).unwrap();
    bench.compare("linked").await;
    fs::write(bench.path("d/b"), "longer than before").unwrap();
    bench.compare("written through the other name").await;
    fs::remove_file(bench.path("a")).unwrap();
    fs::write(bench.path("d/b"), "the only name").unwrap();
    bench.compare("one name left").await;
}

#[test]
fn a_file_costs_at_most_120_bytes_beyond_the_names() {
    use super::directories::{Directories, Identity, ROOT};
    use super::segment::{SegmentBuilder, Stored};

    let file = Stored {
        size: 1,
        modified: crate::Timestamp::default(),
        born: crate::Timestamp::default(),
        birth_known: true,
        mode: 0o100_644,
        inode: 1,
        linked: false,
    };
    // Ten files to a directory, as in trees of sources, where directories weigh most.
    let (mut builder, mut table) = (SegmentBuilder::default(), Directories::new());
    let (mut files, mut watch) = (0, 0);
    for a in 0..100 {
        let top = format!("{a:03}");
        let parent = table.insert(ROOT, top.as_bytes());
        for b in 0..100 {
            let name = format!("directory-{b:03}");
            let id = table.insert(parent, name.as_bytes());
            watch += 1;
            table.opened(id, Identity::default(), true, watch);
            for c in 0..10 {
                builder.push(
                    format!("{top}/{name}").as_bytes(),
                    format!("file-{c}").as_bytes(),
                    file,
                );
                files += 1;
            }
        }
    }
    let snapshot = Snapshot::new(builder.finish());
    let (segments, table) = (snapshot.memory().0, table.memory().0);
    let each = (segments + table) as f64 / f64::from(files);
    eprintln!(
        "bytes for each file: {each:.1} (files {:.1})",
        segments as f64 / f64::from(files)
    );
    assert!(each <= 120.0, "{each}");
}

/// Whether the task itself panics, or the work that it has done elsewhere.
#[tokio::test]
async fn after_a_panic_nothing_old_is_answered_and_the_tree_is_scanned_again() {
    let bench = Bench::new(SETTINGS, |root| fs::write(root.join("0"), "x").unwrap());
    for panics in 1..=2 {
        bench.ready().await;
        if panics == 1 {
            bench.supervisor.make_panic("index");
        } else {
            bench.watcher.panics.store(true, Ordering::SeqCst);
        }
        let path = format!("directory/{panics}");
        bench.write(&path, "x");
        bench
            .until("a panic", async |bench| {
                bench.supervisor.panics() == [("index", panics)]
            })
            .await;
        // It may have begun again already; while it has not, requests walk.
        if let Some(current) = bench.index.current().await {
            let all = matcher(&Query::default());
            let found = select::from_index(&current, &all, None, usize::MAX).files;
            assert!(found.iter().any(|file| *file.path == *path.as_bytes()));
        }
        bench.ready().await;
        bench.compare("what came in the meantime").await;
        bench.write(&format!("directory/later/{panics}"), "x");
        bench.compare("and what comes later").await;
        let scans = bench.index.gauges().scans(ScanCause::Start);
        assert_eq!(scans, 1 + panics);
    }
}
