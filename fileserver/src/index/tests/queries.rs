//! Every query gets the same answer from the index and from a walk.

use netsocket_protocol::query::Sort;

use super::*;
use crate::index::select::from_index;
use crate::index::select::{FileReader, sorted};
use crate::query::search::sort;

fn fill(root: &Path) {
    let names = [
        "a.txt",
        "b.TXT",
        "a.tar.gz",
        "report-2024.pdf",
        "report.pdf",
        "x",
        "ä.txt",
        "-",
        ".hidden.txt",
    ];
    for d in 0..12 {
        let directory = root.join(["", "a", "a/b", "a-", "c/d/e", "c/.h"][d % 6]);
        fs::create_dir_all(&directory).unwrap();
        for (n, name) in names.iter().enumerate() {
            let path = directory.join(name);
            fs::write(&path, vec![0; (n * 37 + d * 11) % 100]).unwrap();
            let time = std::time::UNIX_EPOCH
                + Duration::from_millis((n as u64 * 7 + d as u64) * 86_400_250);
            fs::File::options()
                .write(true)
                .open(&path)
                .unwrap()
                .set_modified(time)
                .unwrap();
        }
    }
    for n in 0..3_000 {
        let directory = root.join(format!("many/{}", n % 17));
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join(format!("{n:05}.log")), vec![0; n % 251]).unwrap();
    }
}

fn queries() -> Vec<Query> {
    let all = Query::default();
    let mut queries = vec![all.clone()];
    for name in ["a.txt", "report.pdf", "00042.log", "none", ".hidden.txt"] {
        queries.push(Query {
            name: Some(name.into()),
            ..all.clone()
        });
    }
    for glob in [
        "*",
        "*.txt",
        "report*",
        "*2024*",
        "?.txt",
        "0004?.log",
        "*{a,b}*",
        "[!a]*",
        "a*g*",
        "",
        "*.log",
    ] {
        queries.push(Query {
            glob: Some(glob.to_owned()),
            ..all.clone()
        });
    }
    for (size_min, size_max) in [
        (Some(0), Some(0)),
        (Some(200), None),
        (None, Some(10)),
        (Some(9), Some(3)),
        (Some(u64::MAX), Some(u64::MAX)),
    ] {
        queries.push(Query {
            size_min,
            size_max,
            ..all.clone()
        });
    }
    for below in ["a", "a/b", "many/3", "c", "c/.h", "none"] {
        queries.push(Query {
            below: Some(below.into()),
            extensions: vec!["txt".into(), "log".into()],
            ..all.clone()
        });
    }
    for (from, before) in [
        ("1970-01-05", "1970-01-20"),
        ("1970-01-08T00:00:02.250Z", "2100-01-01"),
    ] {
        queries.push(Query {
            modified_from: from.parse().ok(),
            modified_before: before.parse().ok(),
            ..all.clone()
        });
    }
    for moment in ["1990-01-01", "2100-01-01"] {
        queries.push(Query {
            born_before: moment.parse().ok(),
            ..all.clone()
        });
    }
    queries
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_index_says_what_a_walk_says() {
    let bench = Bench::new(SETTINGS, fill);
    bench.ready().await;
    let current = bench.index.current().await.unwrap();
    let mut hits = 0;
    for query in queries() {
        let matcher = matcher(&query);
        for after in [None, Some(&b"a/b/x"[..]), Some(b"many/16/zz"), Some(b"zzz")] {
            for limit in [1, 7, usize::MAX] {
                let search = WalkSearch {
                    matcher: &matcher,
                    after: after
                        .filter(|after| crate::tree::path_order::is_below(after, &matcher.below)),
                    limit,
                    check_readable: false,
                };
                let walked = search
                    .run(&bench.root, &CancellationToken::new())
                    .unwrap()
                    .files;
                let indexed = from_index(&current, &matcher, search.after, limit).files;
                assert_eq!(indexed, walked, "{query:?} {after:?} {limit}");
                hits += walked.len();
            }
        }
    }
    assert!(hits > 10_000, "{hits}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_are_sorted_alike() {
    let bench = Bench::new(SETTINGS, fill);
    bench.ready().await;
    let current = bench.index.current().await.unwrap();
    let everything = bench.walked();
    for by in Sort::ALL {
        for reverse in [false, true] {
            for limit in [1, 100, 10_000] {
                let places = sorted(
                    &current.snapshot,
                    &matcher(&Query::default()),
                    by,
                    reverse,
                    limit,
                );
                let mut reader = FileReader::new(&current.snapshot);
                let indexed: Vec<_> = places.iter().map(|at| reader.read(*at)).collect();
                let mut walked = everything.clone();
                sort(&mut walked, by, reverse);
                walked.truncate(limit);
                assert_eq!(indexed, walked, "{by:?} {reverse} {limit}");
            }
        }
    }
}
