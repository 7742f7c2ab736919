//! Downloads that survive: file servers and the balancer are killed with -9 at random moments, again and again, and every
//! download ends with the right bytes, or with exit code 4 and a part that a later run completes.
//!
//! The short form is part of every test run. `NETSOCKET_SURVIVAL_DOWNLOADS=200` makes it as long as one likes, and
//! `NETSOCKET_SURVIVAL_SEED` brings the killer's decisions of an earlier run back.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use e2e::client::Client;
use e2e::process::{Process, Ran, clean_command};
use e2e::program::Program;
use e2e::scratch::Scratch;
use e2e::slow_link::SlowLink;
use e2e::{PATIENCE, eventually, tree};
use serde_json::Value;

use crate::world::World;
use service::{Service, Victims};

mod service;

crate::tests![
    downloads_survive_kills,
    dead_past_the_deadline,
    several_files_from_several_servers,
    unpacked_while_a_server_dies,
];

const DOWNLOADS: &str = "NETSOCKET_SURVIVAL_DOWNLOADS";
const SEED: &str = "NETSOCKET_SURVIVAL_SEED";
/// The short form.
const FEW: usize = 22;
/// So many times as many downloads are made where no kill meets one.
const MOST: usize = 20;
/// Downloads at the same time.
const PARALLEL: usize = 4;
/// Three sizes: less than a block, some blocks, many.
const SIZES: [(&str, usize); 3] = [
    ("small", 300 << 10),
    ("medium", 6 << 20),
    ("large", 96 << 20),
];
/// Files of each size: what an archive of one size holds.
const FILES: usize = 2;
const LONG: Duration = Duration::from_secs(120);
/// A tree of files that no compressor shortens.
fn plant() -> Scratch {
    let dir = Scratch::new("survival");
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

/// A command that downloads something, and the digest of what it is to bring.
#[derive(Clone)]
struct Download {
    words: Vec<String>,
    digest: String,
}

/// Each plain file and each archive, as they come while nobody is killed.
fn downloads(client: &Client) -> Vec<Download> {
    let mut all = Vec::new();
    for (kind, _) in SIZES {
        for number in 0..FILES {
            all.push(vec!["get".to_owned(), format!("{kind}/{number}.{kind}")]);
        }
        all.push(vec![
            "archive".to_owned(),
            "--ext".to_owned(),
            kind.to_owned(),
        ]);
    }
    let as_it_comes = |words: Vec<String>| {
        let target = client.home().join("reference");
        let (code, answer) = run(client, &words, &target);
        assert_eq!(code, Some(0), "{answer}");
        let digest = digest_of(&target);
        if let [command, path] = &words[..]
            && command == "get"
        {
            let (_, size) = SIZES
                .iter()
                .find(|(kind, _)| path.starts_with(kind))
                .unwrap();
            let original = blake3::hash(&tree::noise(path.as_bytes(), *size));
            assert_eq!(digest, original.to_hex().as_str());
        }
        Download { words, digest }
    };
    all.into_iter().map(as_it_comes).collect()
}

fn run(client: &Client, words: &[String], target: &Path) -> (Option<i32>, Value) {
    let mut command = client.command();
    command.arg("--json").args(words).arg("-o").arg(target);
    let ran = Ran::of(command, LONG);
    let text = String::from_utf8(ran.stdout).expect("JSON is UTF-8");
    let last = text.lines().last().unwrap_or_default();
    let answer: Value =
        serde_json::from_str(last).unwrap_or_else(|_| panic!("{text}{}", ran.stderr));
    (ran.code, answer)
}

fn digest_of(path: &Path) -> String {
    blake3::hash(&std::fs::read(path).expect("the file"))
        .to_hex()
        .to_string()
}

/// What a download went through.
#[derive(Default)]
struct Story {
    /// Runs that found nobody to begin with.
    unmet: usize,
    /// Runs that gave up with a part.
    given_up: usize,
    resumed: u64,
    restarted: u64,
    stalled_ms: u64,
    bytes_twice: u64,
}

/// Downloads to the end, over as many runs as that takes.
fn survive(client: &Client, download: &Download, target: &Path) -> Story {
    let mut story = Story::default();
    let what = format!("{:?} to come", download.words);
    let answer = eventually(LONG, &what, || {
        let (code, answer) = run(client, &download.words, target);
        match code {
            Some(0) => return Some(answer),
            Some(3) => story.unmet += 1,
            Some(4) => story.given_up += 1,
            _ => panic!("{:?}: exit code {code:?}, {answer}", download.words),
        }
        assert!(!target.exists(), "never a file that is not whole");
        None
    });
    let figure = |name: &str| answer["journey"][name].as_u64().unwrap();
    story.resumed = figure("resumed");
    story.restarted = figure("restarted");
    story.stalled_ms = figure("stalled_ms");
    story.bytes_twice = figure("bytes_twice");
    let context = format!("{:?}: {answer}", download.words);
    assert_eq!(answer["digest"], download.digest.as_str(), "{context}");
    assert_eq!(digest_of(target), download.digest, "{context}");
    let left = std::fs::read_dir(target.parent().unwrap()).unwrap().count();
    assert_eq!(left, 1, "only the file: {context}");
    story
}

fn from_environment<T: std::str::FromStr>(name: &str) -> Option<T> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name}={value}")))
}

fn downloads_survive_kills(_: &World) {
    let root = plant();
    let mut service = Service::start(root.path());
    let client = Client::of(service.address());
    let all = downloads(&client);
    let count = from_environment(DOWNLOADS).unwrap_or(FEW);
    let seed = from_environment(SEED).unwrap_or_else(|| fastrand::u64(..));
    println!("survival: {count} downloads, {SEED}={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    for victims in [Victims::OneServer, Victims::Anybody] {
        let (stories, kills) = through_kills(
            &mut service,
            victims,
            random.fork(),
            &client,
            &all,
            count / 2,
        );
        tell(victims, &stories, kills);
        for story in &stories {
            // Of each connection that was lost at most one block and its frame.
            let most = story.resumed * (1100 << 10);
            assert!(story.bytes_twice <= most, "{} bytes", story.bytes_twice);
            assert_eq!(story.restarted, 0, "the tree never changes");
        }
        assert!(stories.len() >= count / 2, "{}", stories.len());
        assert!(
            stories.iter().any(|story| story.resumed > 0),
            "no kill met a download: nothing was shown"
        );
        service.wait_until_up();
    }
}

/// So many downloads, some at the same time, while somebody is killed again and again. On a fast machine it may take
/// more until a kill meets one.
fn through_kills(
    service: &mut Service,
    victims: Victims,
    random: fastrand::Rng,
    client: &Client,
    all: &[Download],
    count: usize,
) -> (Vec<Story>, [usize; 4]) {
    let (next, stories) = (AtomicUsize::new(0), Mutex::new(Vec::<Story>::new()));
    let enough = |number: usize| {
        let stories = stories.lock().unwrap();
        number >= MOST * count || number >= count && stories.iter().any(|story| story.resumed > 0)
    };
    let (stop, stopped) = channel();
    let kills = thread::scope(|scope| {
        let killer = scope.spawn(move || service.torment(victims, random, &stopped));
        let work = || {
            loop {
                let number = next.fetch_add(1, Ordering::SeqCst);
                if enough(number) {
                    return;
                }
                let dir = Scratch::new("download");
                let download = &all[number % all.len()];
                let story = survive(client, download, &dir.path().join("x"));
                stories.lock().unwrap().push(story);
            }
        };
        let workers: Vec<_> = (0..PARALLEL).map(|_| scope.spawn(work)).collect();
        let ended: Vec<_> = workers
            .into_iter()
            .map(thread::ScopedJoinHandle::join)
            .collect();
        // Whatever has become of the workers, the killer ends.
        drop(stop);
        let kills = killer.join().unwrap();
        ended.into_iter().for_each(|end| end.unwrap());
        kills
    });
    (stories.into_inner().unwrap(), kills)
}

fn tell(victims: Victims, stories: &[Story], kills: [usize; 4]) {
    let met: Vec<&Story> = stories.iter().filter(|story| story.resumed > 0).collect();
    let once = met.iter().filter(|story| story.resumed == 1);
    let sum = |of: fn(&Story) -> u64| stories.iter().map(of).sum::<u64>();
    let lost = sum(|story| story.resumed);
    println!(
        "survival: {victims:?}: servers and balancer were killed {kills:?} times; {} of {} downloads lost {lost} connections",
        met.len(),
        stories.len(),
    );
    let figures = [
        (
            "stalled, lost once, ms",
            once.map(|story| story.stalled_ms).collect(),
        ),
        (
            "stalled in all, ms",
            met.iter().map(|story| story.stalled_ms).collect(),
        ),
        (
            "bytes sent twice",
            met.iter().map(|story| story.bytes_twice).collect(),
        ),
    ];
    for (what, values) in figures {
        let mut values: Vec<u64> = values;
        values.sort_unstable();
        let median = values.get(values.len() / 2).unwrap_or(&0);
        let worst = values.last().unwrap_or(&0);
        println!(
            "survival: {what}: median {median}, worst {worst} of {}",
            values.len()
        );
    }
    println!(
        "survival: stalled {} ms a connection lost; gave up with a part {}, found nobody to begin with {}",
        sum(|story| story.stalled_ms) / lost.max(1),
        stories.iter().map(|story| story.given_up).sum::<usize>(),
        stories.iter().map(|story| story.unmet).sum::<usize>(),
    );
}

/// All are dead for longer than the client waits: exit code 4, and a part that a later run completes.
fn dead_past_the_deadline(_: &World) {
    let root = plant();
    let mut service = Service::start(root.path());
    let link = SlowLink::to(service.address(), 9 << 20);
    let words = ["get", "large/0.large", "-o", "x"];
    let client = Client::of(link.address());
    let target = client.home().join("x");
    let mut command = client.command();
    command
        .current_dir(client.home())
        .env("NETSOCKET_RETRY_DEADLINE", "1s")
        .args(words);
    let mut process = Process::start("netsocket", command, Scratch::new("client"));
    let part = client.home().join(".x.netsocket-part");
    eventually(PATIENCE, "some blocks", || {
        part.metadata().ok().filter(|part| part.len() >= 8 << 20)
    });
    (0..4).for_each(|victim| service.kill(victim));
    link.release();
    assert_eq!(process.wait(PATIENCE).code(), Some(4), "{}", process.log());
    let said = process.log();
    assert!(said.contains("gave up after "), "{said}");
    assert!(said.contains("; repeat the command to resume"), "{said}");
    assert!(!target.exists(), "never a file that is not whole");

    (0..4).for_each(|victim| service.restart(victim));
    service.wait_until_up();
    let mut again = Client::of(service.address()).command();
    again.current_dir(client.home()).arg("--json").args(words);
    let ran = Ran::of(again, LONG);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let answer: Value = serde_json::from_slice(&ran.stdout).unwrap();
    let kept = answer["journey"]["kept"].as_u64().unwrap();
    assert!(kept >= 8 << 20, "{answer}");
    assert!(std::fs::read(&target).unwrap() == tree::noise(b"large/0.large", SIZES[2].1));
}

fn several_files_from_several_servers(_: &World) {
    let root = plant();
    let service = Service::start(root.path());
    let client = Client::of(service.address());
    let into = client.home().join("into");
    std::fs::create_dir(&into).unwrap();
    let names: Vec<String> = SIZES
        .iter()
        .flat_map(|(kind, _)| (0..FILES).map(move |number| format!("{kind}/{number}.{kind}")))
        .collect();
    let mut command = client.command();
    command.args(["get", "--parallel", "3"]).args(&names);
    command.arg("-o").arg(&into);
    let ran = Ran::of(command, LONG);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    for name in &names {
        let (kind, base) = name.split_once('/').unwrap();
        let (_, size) = SIZES.iter().find(|(known, _)| *known == kind).unwrap();
        let came = std::fs::read(into.join(base)).unwrap();
        assert!(came == tree::noise(name.as_bytes(), *size), "{name}");
    }
    let admin = service.balancer.as_ref().unwrap().admin;
    let shares: BTreeMap<&str, u64> = service
        .servers
        .iter()
        .map(|server| (server.name, admin.count(server.name, "total")))
        .collect();
    assert!(
        shares.values().all(|share| *share == 1),
        "a connection to each: {shares:?}"
    );
}

fn unpacked_while_a_server_dies(_: &World) {
    let root = plant();
    let mut service = Service::start(root.path());
    let link = SlowLink::to(service.address(), 9 << 20);
    let home = Scratch::new("home");
    let into = home.path().join("into");
    // The link carries one connection; the next address of the list goes past it.
    let servers = format!("{},{}", link.address(), service.address());
    let mut command = clean_command(Program::Client.path());
    command
        .env("HOME", home.path())
        .args([
            "--server",
            &servers,
            "archive",
            "--ext",
            "large",
            "--extract",
        ])
        .arg(&into);
    let mut process = Process::start("netsocket", command, Scratch::new("client"));
    eventually(PATIENCE, "half a file", || {
        std::fs::read_dir(into.join("large")).ok()?.next()?.ok()
    });
    let admin = service.balancer.as_ref().unwrap().admin;
    let serving = service
        .servers
        .iter()
        .position(|server| admin.count(server.name, "active") == 1);
    service.kill(serving.expect("the server of the session"));
    link.release();
    assert_eq!(process.wait(PATIENCE).code(), Some(0), "{}", process.log());
    assert!(
        process.log().contains("; resumed at block "),
        "{}",
        process.log()
    );
    for number in 0..FILES {
        let path = format!("large/{number}.large");
        let came = std::fs::read(into.join(&path)).unwrap();
        assert!(came == tree::noise(path.as_bytes(), SIZES[2].1), "{path}");
    }
}
