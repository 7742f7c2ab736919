//! Everything at once, at random: what happens to a log, a disk, a backend, a resolver or the balancer itself must not
//! reach the bytes of a download.
//!
//! The short form is part of every test run. `NETSOCKET_SOAK_MINUTES=30` makes it as long as one likes, and
//! `NETSOCKET_SOAK_SEED` brings the decisions of an earlier run back.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use e2e::client::Client;
use e2e::process::Ran;
use e2e::scratch::Scratch;
use e2e::{PATIENCE, eventually, tree};
use serde_json::Value;

use crate::world::World;
use system::{Fault, System};

mod balancer;
mod system;

crate::tests![
    #[needs(Root)]
    downloads_go_on_whatever_fails,
];

const MINUTES: &str = "NETSOCKET_SOAK_MINUTES";
const SEED: &str = "NETSOCKET_SOAK_SEED";
/// The short form.
const SHORT: Duration = Duration::from_secs(30);
/// Downloads at the same time.
const PARALLEL: usize = 3;
/// Files, of less than a block and of some.
const SIZES: [(&str, usize); 2] = [("small", 300 << 10), ("medium", 5 << 20)];
const FILES: usize = 2;
/// One run of a client, and a download over as many runs as it takes.
const LONG: Duration = Duration::from_secs(180);

/// A command that downloads something, and the digest of what it is to bring.
struct Download {
    words: Vec<String>,
    digest: String,
}

/// What downloads went through.
#[derive(Debug, Default)]
struct Story {
    downloads: usize,
    /// Runs that found nobody, and runs that gave up with a part.
    unmet: u32,
    given_up: u32,
    /// Connections that were lost and made up for within a run.
    resumed: u64,
}

fn plant() -> Scratch {
    let dir = Scratch::new("soak");
    for (kind, size) in SIZES {
        for number in 0..FILES {
            let path = format!("{kind}/{number}.{kind}");
            tree::put(
                dir.path(),
                path.as_bytes(),
                &tree::noise(path.as_bytes(), size),
            );
        }
    }
    dir
}

/// Each plain file, and an archive, as they come while nothing fails.
fn downloads(client: &Client) -> Vec<Download> {
    let mut all = Vec::new();
    for (kind, size) in SIZES {
        for number in 0..FILES {
            let path = format!("{kind}/{number}.{kind}");
            let original = blake3::hash(&tree::noise(path.as_bytes(), size));
            all.push(Download {
                words: vec!["get".to_owned(), path],
                digest: original.to_hex().to_string(),
            });
        }
    }
    let words = ["archive", "--ext", "medium"].map(str::to_owned).to_vec();
    let target = client.home().join("reference");
    let (code, answer) = run(client, &words, &target);
    assert_eq!(code, Some(0), "{answer}");
    let digest = digest_of(&target);
    all.push(Download { words, digest });
    all
}

fn run(client: &Client, words: &[String], target: &Path) -> (Option<i32>, Value) {
    let mut command = client.command();
    command.arg("--json").args(words).arg("-o").arg(target);
    let ran = Ran::of(command, LONG);
    let text = String::from_utf8(ran.stdout).expect("JSON is UTF-8");
    let last = text.lines().last().unwrap_or_default();
    let answer = serde_json::from_str(last).unwrap_or_else(|_| panic!("{text}{}", ran.stderr));
    (ran.code, answer)
}

fn digest_of(path: &Path) -> String {
    let bytes = std::fs::read(path).expect("the file");
    blake3::hash(&bytes).to_hex().to_string()
}

/// Downloads to the end, over as many runs as that takes.
fn download(client: &Client, download: &Download, story: &Mutex<Story>) {
    let dir = Scratch::new("download");
    let target = dir.path().join("x");
    let words = &download.words;
    let answer = eventually(LONG, &format!("{words:?} to come"), || {
        let (code, answer) = run(client, words, &target);
        let mut story = story.lock().unwrap();
        match code {
            Some(0) => return Some(answer),
            Some(3) => story.unmet += 1,
            Some(4) => story.given_up += 1,
            _ => panic!("{words:?}: exit code {code:?}, {answer}"),
        }
        assert!(!target.exists(), "never a file that is not whole");
        None
    });
    assert_eq!(digest_of(&target), download.digest, "{words:?}: {answer}");
    let mut story = story.lock().unwrap();
    story.downloads += 1;
    story.resumed += answer["journey"]["resumed"].as_u64().unwrap();
}

fn from_environment<T: std::str::FromStr>(name: &str) -> Option<T> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name}={value}")))
}

fn downloads_go_on_whatever_fails(_: &World) {
    let minutes: Option<u64> = from_environment(MINUTES);
    let length = minutes.map_or(SHORT, |minutes| Duration::from_secs(60 * minutes));
    let seed = from_environment(SEED).unwrap_or_else(|| fastrand::u64(..));
    println!("soak: {length:?}, {SEED}={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let root = plant();
    let mut system = System::start(root.path());
    let client = Client::of(system.address());
    let all = downloads(&client);
    let (story, faults) = (Mutex::new(Story::default()), Mutex::new(BTreeMap::new()));
    let (next, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        let work = || {
            while !over.load(Ordering::SeqCst) {
                let number = next.fetch_add(1, Ordering::SeqCst);
                download(&client, &all[number % all.len()], &story);
            }
        };
        let workers: Vec<_> = (0..PARALLEL).map(|_| scope.spawn(work)).collect();
        let chaos = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            torment(&mut system, &mut random, length, &faults);
        }));
        // Whatever has become of it, the downloads end.
        over.store(true, Ordering::SeqCst);
        let ended: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
        chaos.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        ended.into_iter().for_each(|end| end.unwrap());
    });
    let story = story.into_inner().unwrap();
    let faults = faults.into_inner().unwrap();
    println!("soak: {story:?}; {faults:?}");
    let seen = system.end();
    println!("soak: {seen:?}");
    assert!(story.downloads >= PARALLEL, "{story:?}");
    // A client that found nobody was refused by the balancer, with a code that says why, or cut by a kill.
    let failed = f64::from(story.unmet + story.given_up);
    let explained = seen.ended_badly + seen.met_by_kills;
    assert!(
        failed <= explained,
        "{failed} failed, {explained} explained: {seen:?}"
    );
}

/// One fault after the other, now and then some at the same time, until the time is over.
fn torment(
    system: &mut System,
    random: &mut fastrand::Rng,
    length: Duration,
    faults: &Mutex<BTreeMap<String, usize>>,
) {
    let mut left = length;
    // Each at least once, then at random.
    let mut first = Fault::ALL.to_vec();
    random.shuffle(&mut first);
    while !left.is_zero() {
        let mut round = vec![
            first
                .pop()
                .unwrap_or_else(|| Fault::ALL[random.usize(..Fault::ALL.len())]),
        ];
        if first.is_empty() && random.bool() {
            round.push(Fault::ALL[random.usize(..Fault::ALL.len())]);
        }
        let mut what = String::new();
        for fault in &round {
            *faults
                .lock()
                .unwrap()
                .entry(format!("{fault:?}"))
                .or_default() += 1;
            let _ = write!(what, " {fault:?}");
            system.begin(*fault, random);
        }
        let lasts = Duration::from_millis(random.u64(100..1500)).min(left);
        system.pass(lasts);
        system.repair();
        let lull = Duration::from_millis(random.u64(50..400));
        system.pass(lull);
        left = left.saturating_sub(lasts + lull);
        assert!(system.is_alive(), "gone after{what}");
    }
    assert!(first.is_empty(), "the time was too short for {first:?}");
    system.repair();
    system.wait_until_up(PATIENCE);
}
