//! Large archives through the balancer.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use e2e::client::Client;
use e2e::fleet::{Fleet, NAMES, Plan};
use e2e::old_client::OldClient;
use e2e::process::Process;
use e2e::scratch::Scratch;
use e2e::slow_link::SlowLink;
use e2e::{PATIENCE, archive, eventually};
use rustix::process::Signal;

use crate::world::World;

crate::tests![
    large_archive_over_both_wires,
    several_clients_at_once,
    client_killed_in_the_middle,
    interrupted_client_leaves_a_part,
    target_stays_when_a_server_dies,
];

/// Of each of the two large files.
const LARGE: usize = 150 << 20;
/// What a server may need in all, whatever the archive: less than a third of the one sent here.
const MEMORY: u64 = 96 << 20;
const LONG: Duration = Duration::from_secs(240);

/// A file that no compressor shortens and one that it does, both larger than every buffer on the way.
fn large_tree(length: usize) -> Scratch {
    let dir = Scratch::new("large");
    let mut noise = File::create(dir.path().join("noise.big")).unwrap();
    let mut source = blake3::Hasher::new().finalize_xof();
    io::copy(&mut io::Read::take(&mut source, length as u64), &mut noise).unwrap();
    let mut words = File::create(dir.path().join("words.big")).unwrap();
    let mut left = length;
    for number in 0.. {
        let line =
            format!("line {number} of a file that repeats itself, but never quite\n").repeat(400);
        let part = line.len().min(left);
        words.write_all(&line.as_bytes()[..part]).unwrap();
        left -= part;
        if left == 0 {
            break;
        }
    }
    dir
}

fn assert_is_tree(archive: &Path, tree: &Scratch) {
    let entries = archive::unpack(archive);
    let names: Vec<&[u8]> = entries.keys().map(Vec::as_slice).collect();
    assert_eq!(names, [&b"noise.big"[..], b"words.big"]);
    for (name, entry) in &entries {
        let original = tree.path().join(std::str::from_utf8(name).unwrap());
        assert_eq!(*entry, archive::of_file(&original));
    }
}

fn large_archive_over_both_wires(_: &World) {
    let tree = large_tree(LARGE);
    let fleet = Plan::over(tree.path()).start();
    let client = Client::of(fleet.address());
    let ran = client.run_within(&["w24ft", "big"], LONG);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_is_tree(&client.default_archive(), &tree);

    let mut old = OldClient::open(fleet.address()).unwrap();
    let bytes = old.archive("w24ft big").unwrap().expect("yes");
    old.quit().unwrap();
    let new = std::fs::read(client.default_archive()).unwrap();
    assert!(
        bytes == new,
        "every server sends the same bytes over either wire"
    );
    for server in &fleet.servers {
        let peak = server.process.peak_memory();
        assert!(peak < MEMORY, "{}: {} MiB", server.name, peak >> 20);
    }
    let peak = fleet.balancer.process.peak_memory();
    assert!(peak < MEMORY, "balancer: {} MiB", peak >> 20);
}

fn several_clients_at_once(_: &World) {
    let tree = large_tree(16 << 20);
    let fleet = Plan::over(tree.path()).start();
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let client = Client::of(fleet.address());
                let ran = client.run_within(&["w24ft", "big"], LONG);
                assert_eq!(ran.code, Some(0), "{}", ran.stderr);
                assert_is_tree(&client.default_archive(), &tree);
            });
        }
    });
    for name in NAMES {
        assert_eq!(fleet.balancer.admin.count(name, "total"), 2, "{name}");
    }
}

/// A client in the middle of a transfer: it writes into a pipe that nobody empties, so it cannot end by itself.
struct Stalled {
    process: Process,
    _client: Client,
    _pipe: io::PipeReader,
}

impl Stalled {
    fn start(fleet: &Fleet, words: &[&str]) -> Self {
        let client = Client::of(fleet.address());
        let (reader, writer) = io::pipe().unwrap();
        let mut command = client.command();
        command.args(words);
        let process = Process::start_with_output("netsocket", command, Stdio::from(writer));
        eventually(PATIENCE, "a transfer", || active(fleet).then_some(()));
        Self {
            process,
            _client: client,
            _pipe: reader,
        }
    }
}

fn active(fleet: &Fleet) -> bool {
    NAMES
        .iter()
        .any(|name| fleet.balancer.admin.count(name, "active") > 0)
}

fn client_killed_in_the_middle(_: &World) {
    let tree = large_tree(32 << 20);
    let fleet = Plan::over(tree.path()).start();
    let descriptors = || {
        fleet
            .servers
            .each_ref()
            .map(|server| server.process.descriptors())
    };
    let before = descriptors();
    for _ in NAMES {
        let mut stalled = Stalled::start(&fleet, &["-o", "-", "w24ft", "big"]);
        stalled.process.kill();
        eventually(PATIENCE, "the end of the session", || {
            (!active(&fleet)).then_some(())
        });
    }
    let ended = fleet.balancer.ended_sessions(NAMES.len());
    for record in &ended {
        assert!(
            record["bytes_down"]
                .as_u64()
                .is_some_and(|bytes| bytes < 32 << 20),
            "in the middle: {record}"
        );
    }
    assert_eq!(fleet.balancer.admin.up(), NAMES.len());
    eventually(PATIENCE, "every descriptor of a file server closed", || {
        // A connection of a check may be open at the moment of either count.
        let pairs = descriptors().into_iter().zip(before);
        pairs
            .into_iter()
            .all(|(now, before)| now <= before + 1)
            .then_some(())
    });
    let client = Client::of(fleet.address());
    let ran = client.run_within(&["w24ft", "big"], LONG);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_is_tree(&client.default_archive(), &tree);
}

fn interrupted_client_leaves_a_part(_: &World) {
    let tree = large_tree(64 << 20);
    let fleet = Plan::over(tree.path()).start();
    let mut transfer = Transfer::begin(&fleet);
    transfer.process.signal(Signal::INT);
    assert_eq!(transfer.process.wait(PATIENCE).code(), Some(130));
    assert_untouched(&transfer.client);
}

/// Every server dies for good: the client says so in the end, and the file that was there before is still there.
fn target_stays_when_a_server_dies(_: &World) {
    let tree = large_tree(64 << 20);
    let mut fleet = Plan::over(tree.path()).start();
    let mut transfer = Transfer::begin(&fleet);
    for server in &mut fleet.servers {
        server.process.kill();
    }
    transfer.link.release();
    assert_eq!(transfer.process.wait(PATIENCE).code(), Some(4));
    assert_untouched(&transfer.client);
}

/// A client that has begun to write an archive where an older one is, and cannot end before its link is released. What
/// is left to come is more than all buffers on the way hold.
struct Transfer {
    client: Client,
    process: Process,
    link: SlowLink,
}

impl Transfer {
    fn begin(fleet: &Fleet) -> Self {
        let link = SlowLink::to(fleet.address(), 4 << 20);
        let client = Client::of(link.address());
        let target = client.default_archive();
        std::fs::create_dir(target.parent().unwrap()).unwrap();
        std::fs::write(target, "the one before").unwrap();
        let mut command: Command = client.command();
        command
            .env("NETSOCKET_RETRY_DEADLINE", "1s")
            .args(["w24ft", "big"]);
        let process = Process::start("netsocket", command, Scratch::new("client"));
        eventually(PATIENCE, "a part of the archive", || {
            let parts: Vec<PathBuf> = client.left_over();
            let lengths = parts
                .iter()
                .filter_map(|part| Some(part.metadata().ok()?.len()));
            lengths.max().filter(|length| *length > 1 << 20)
        });
        Self {
            client,
            process,
            link,
        }
    }
}

fn assert_untouched(client: &Client) {
    assert_eq!(
        std::fs::read(client.default_archive()).unwrap(),
        b"the one before"
    );
    let mut left: Vec<_> = client.left_over();
    left.sort();
    let names: Vec<_> = left.iter().filter_map(|path| path.file_name()).collect();
    assert_eq!(
        names,
        [
            ".temp.tar.gz.netsocket-part",
            ".temp.tar.gz.netsocket-state"
        ],
        "what the same command goes on with"
    );
}
