//! Downloads that survive: file servers and the balancer are killed with -9 at random moments, again and again, and every
//! download ends with the right bytes, or with exit code 4 and a part that a later run completes.
//!
//! The short form is part of every test run. `NETSOCKET_SURVIVAL_DOWNLOADS=200` makes it as long as one likes, and
//! `NETSOCKET_SURVIVAL_SEED` brings the killer's decisions of an earlier run back.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use e2e::client::Client;
use e2e::fleet::{Balancer, FileServer, Fleet, Plan};
use e2e::scratch::Scratch;
use e2e::{PATIENCE, eventually, loopback, tree};
use serde_json::Value;

use crate::world::World;

crate::tests![
    downloads_survive_kills,
    dead_past_the_deadline,
    several_files_from_several_servers,
    unpacked_while_a_server_dies,
];

const DOWNLOADS: &str = "NETSOCKET_SURVIVAL_DOWNLOADS";
const SEED: &str = "NETSOCKET_SURVIVAL_SEED";
/// The short form.
const FEW: usize = 24;
/// Downloads at the same time.
const PARALLEL: usize = 4;
/// A download that is not begun, or not completed, this often in a row has not survived.
const TRIES: usize = 40;
/// Three sizes: less than a block, some blocks, many.
const SIZES: [(&str, usize); 3] = [("small", 300 << 10), ("medium", 6 << 20), ("large", 40 << 20)];
/// Files of each size: what an archive of one size holds.
const FILES: usize = 2;
const LONG: Duration = Duration::from_secs(120);
/// So that a server that has come back is soon used again.
const CHECKS: &str = "check_interval = '200ms'\ncheck_timeout = '200ms'\n";

/// A fleet whose every process may be killed and comes back where it was.
struct Service {
    balancer: Option<Balancer>,
    servers: [FileServer; 3],
    settings: String,
}

impl Service {
    fn start(root: &Path) -> Self {
        let Fleet { balancer, servers } = Plan::over(root).start();
        drop(balancer);
        let listen = format!("{}:0", loopback::own_address());
        let mut service = Self {
            balancer: None,
            servers,
            settings: format!("listen = '{listen}'\n{CHECKS}"),
        };
        service.start_balancer();
        let address = service.address();
        // From now on it comes back at the same port.
        service.settings = format!("listen = '{address}'\n{CHECKS}");
        service.wait_until_up();
        service
    }

    fn address(&self) -> std::net::SocketAddr {
        self.balancer.as_ref().expect("a balancer").address
    }

    fn start_balancer(&mut self) {
        let backends = self.servers.each_ref().map(|s| (s.name, s.address));
        let balancer = Balancer::start_as_configured(&self.settings, &backends);
        self.balancer = Some(balancer);
    }

    fn wait_until_up(&self) {
        let admin = self.balancer.as_ref().expect("a balancer").admin;
        let count = self.servers.len();
        eventually(PATIENCE, "every backend up", || {
            (admin.up() == count).then_some(())
        });
    }

    fn kill(&mut self, victim: usize) {
        match self.servers.get_mut(victim) {
            Some(server) => server.process.kill(),
            None => {
                if let Some(balancer) = &mut self.balancer {
                    balancer.process.kill();
                }
            }
        }
    }

    fn restart(&mut self, victim: usize) {
        match self.servers.get_mut(victim) {
            Some(server) => server.restart(),
            None => self.start_balancer(),
        }
    }

    /// Kills and restarts until `stop` is dropped. Returns how often each was killed, the balancer last.
    fn torment(&mut self, mut random: fastrand::Rng, stop: &Receiver<()>) -> [usize; 4] {
        let mut kills = [0; 4];
        loop {
            let victims: Vec<usize> = match random.usize(..8) {
                // Now and then nothing at all is left for a moment.
                0 => vec![0, 1, 2],
                1 | 2 => vec![3],
                number => vec![number % 3],
            };
            let lull = Duration::from_millis(random.u64(50..500));
            let down = Duration::from_millis(random.u64(20..500));
            if passes(stop, lull) {
                return kills;
            }
            for victim in &victims {
                self.kill(*victim);
                kills[*victim] += 1;
            }
            let is_over = passes(stop, down);
            for victim in victims {
                self.restart(victim);
            }
            if is_over {
                return kills;
            }
        }
    }
}

/// Whether the end came before the time was over.
fn passes(stop: &Receiver<()>, time: Duration) -> bool {
    !matches!(stop.recv_timeout(time), Err(RecvTimeoutError::Timeout))
}

/// A tree of files that no compressor shortens.
fn plant() -> Scratch {
    let dir = Scratch::new("survival");
    for (kind, size) in SIZES {
        for number in 0..FILES {
            let path = format!("{kind}/{number}.{kind}");
            tree::put(dir.path(), path.as_bytes(), &tree::noise(path.as_bytes(), size));
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
        all.push(vec!["archive".to_owned(), "--ext".to_owned(), kind.to_owned()]);
    }
    let as_it_comes = |words: Vec<String>| {
        let target = client.home().join("reference");
        let (code, answer) = run(client, &words, &target);
        assert_eq!(code, Some(0), "{answer}");
        let digest = digest_of(&target);
        if let [command, path] = &words[..]
            && command == "get"
        {
            let (_, size) = SIZES.iter().find(|(kind, _)| path.starts_with(kind)).unwrap();
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
    let ran = e2e::process::Ran::of(command, LONG);
    let text = String::from_utf8(ran.stdout).expect("JSON is UTF-8");
    let last = text.lines().last().unwrap_or_default();
    let answer = serde_json::from_str(last).unwrap_or_else(|_| panic!("{text}{}", ran.stderr));
    (ran.code, answer)
}

fn digest_of(path: &Path) -> String {
    blake3::hash(&std::fs::read(path).expect("the file")).to_hex().to_string()
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
    kept: u64,
    stalled_ms: u64,
    bytes_twice: u64,
}

/// Downloads to the end, over as many runs as that takes.
fn survive(client: &Client, download: &Download, target: &Path) -> Story {
    let mut story = Story::default();
    for _ in 0..TRIES {
        let (code, answer) = run(client, &download.words, target);
        match code {
            Some(0) => {
                let figure = |name: &str| answer["journey"][name].as_u64().unwrap();
                story.resumed = figure("resumed");
                story.restarted = figure("restarted");
                story.kept = figure("kept");
                story.stalled_ms = figure("stalled_ms");
                story.bytes_twice = figure("bytes_twice");
                let context = format!("{:?}: {answer}", download.words);
                assert_eq!(answer["digest"], download.digest.as_str(), "{context}");
                assert_eq!(digest_of(target), download.digest, "{context}");
                let left = std::fs::read_dir(target.parent().unwrap()).unwrap().count();
                assert_eq!(left, 1, "only the file: {context}");
                return story;
            }
            Some(3) => story.unmet += 1,
            Some(4) => story.given_up += 1,
            _ => panic!("{:?}: exit code {code:?}, {answer}", download.words),
        }
        assert!(!target.exists(), "never a file that is not whole");
    }
    panic!("{:?} does not come in {TRIES} runs", download.words);
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

    let (next, stories) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let (stop, stopped) = channel();
    let kills = thread::scope(|scope| {
        let killer = scope.spawn(|| service.torment(fastrand::Rng::with_seed(seed), &stopped));
        let workers: Vec<_> = (0..PARALLEL)
            .map(|_| {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::SeqCst);
                        if number >= count {
                            return;
                        }
                        let dir = Scratch::new("download");
                        let target = dir.path().join("x");
                        let story = survive(&client, &all[number % all.len()], &target);
                        stories.lock().unwrap().push(story);
                    }
                })
            })
            .collect();
        let ended: Vec<_> = workers.into_iter().map(thread::ScopedJoinHandle::join).collect();
        drop(stop);
        let kills = killer.join().unwrap();
        ended.into_iter().for_each(|end| end.unwrap());
        kills
    });
    let stories = stories.into_inner().unwrap();
    tell(&stories, kills);
    assert_eq!(stories.len(), count);
    assert!(
        stories.iter().any(|story| story.resumed > 0),
        "no kill met a download: nothing was shown"
    );
    // Of each connection that was lost at most one block, and its frame; a tree that never changes is never begun anew.
    for story in &stories {
        assert!(story.bytes_twice <= story.resumed * (1100 << 10), "{}", story.bytes_twice);
        assert_eq!(story.restarted, 0);
    }
}

fn tell(stories: &[Story], kills: [usize; 4]) {
    let met: Vec<&Story> = stories.iter().filter(|story| story.resumed > 0).collect();
    let mut stalls: Vec<u64> = met.iter().map(|story| story.stalled_ms).collect();
    stalls.sort_unstable();
    let sum = |of: fn(&Story) -> u64| stories.iter().map(of).sum::<u64>();
    let mut twice: Vec<u64> = met.iter().map(|story| story.bytes_twice).collect();
    twice.sort_unstable();
    println!(
        "survival: kills of servers and balancer {kills:?}; {} of {} downloads were hit, {} connections lost; \
         stalled per download hit: median {} ms, worst {} ms; bytes sent twice: median {}, worst {}, all {}; \
         gave up with a part {}, not begun {}",
        met.len(),
        stories.len(),
        sum(|story| story.resumed),
        stalls.get(stalls.len() / 2).unwrap_or(&0),
        stalls.last().unwrap_or(&0),
        twice.get(twice.len() / 2).unwrap_or(&0),
        twice.last().unwrap_or(&0),
        sum(|story| story.bytes_twice),
        stories.iter().map(|story| story.given_up).sum::<usize>(),
        stories.iter().map(|story| story.unmet).sum::<usize>(),
    );
}

/// All are dead for longer than the client waits: exit code 4, and a part that a later run completes.
fn dead_past_the_deadline(_: &World) {
    let root = plant();
    let mut service = Service::start(root.path());
    let link = e2e::slow_link::SlowLink::to(service.address(), 9 << 20);
    for (number, words) in [["get", "large/0.large"], ["get", "large/1.large"]]
        .iter()
        .enumerate()
    {
        if number > 0 {
            break;
        }
        let client = Client::of(link.address());
        let target = client.home().join("x");
        let mut command = client.command();
        command
            .env("NETSOCKET_RETRY_DEADLINE", "1s")
            .args(words)
            .arg("-o")
            .arg(&target);
        let mut process =
            e2e::process::Process::start("netsocket", command, Scratch::new("client"));
        let part: PathBuf = client.home().join(".x.netsocket-part");
        eventually(PATIENCE, "some blocks", || {
            part.metadata().ok().filter(|part| part.len() >= 8 << 20)
        });
        (0..4).for_each(|victim| service.kill(victim));
        link.release();
        assert_eq!(process.wait(PATIENCE).code(), Some(4), "{}", process.log());
        let said = process.log();
        assert!(said.contains("gave up after "), "{said}");
        assert!(said.contains("are kept, the same command goes on"), "{said}");

        (0..4).for_each(|victim| service.restart(victim));
        service.wait_until_up();
        let mut again = Client::of(service.address()).command();
        again.arg("--json").args(words).arg("-o").arg(&target);
        let ran = e2e::process::Ran::of(again, LONG);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let answer: Value = serde_json::from_slice(&ran.stdout).unwrap();
        let kept = answer["journey"]["kept"].as_u64().unwrap();
        assert!(kept >= 8 << 20, "{answer}");
        let original = tree::noise(words[1].as_bytes(), SIZES[2].1);
        assert!(std::fs::read(&target).unwrap() == original);
    }
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
    let ran = e2e::process::Ran::of(command, LONG);
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
    assert!(shares.values().all(|share| *share == 1), "a connection to each: {shares:?}");
}

fn unpacked_while_a_server_dies(_: &World) {
    let root = plant();
    let mut service = Service::start(root.path());
    let link = e2e::slow_link::SlowLink::to(service.address(), 9 << 20);
    let client = Client::of(link.address());
    let into = client.home().join("into");
    let mut command = client.command();
    let servers = format!("{},{}", link.address(), service.address());
    command
        .env("NETSOCKET_SERVER", servers)
        .args(["archive", "--ext", "large", "--extract"])
        .arg(&into);
    let mut process = e2e::process::Process::start("netsocket", command, Scratch::new("client"));
    eventually(PATIENCE, "half a file", || {
        std::fs::read_dir(into.join("large")).ok()?.next()
    });
    let admin = service.balancer.as_ref().unwrap().admin;
    let serving = service
        .servers
        .iter()
        .position(|server| admin.count(server.name, "active") == 1);
    service.kill(serving.expect("the server of the session"));
    link.release();
    assert_eq!(process.wait(PATIENCE).code(), Some(0), "{}", process.log());
    assert!(process.log().contains("; went on with block "), "{}", process.log());
    for number in 0..FILES {
        let path = format!("large/{number}.large");
        let came = std::fs::read(into.join(&path)).unwrap();
        assert!(came == tree::noise(path.as_bytes(), SIZES[2].1), "{path}");
    }
}
