//! The program itself: flags, lines on standard error, signals, exit codes; and a user who may not read everything.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::{fs, thread};

use netsocket_protocol::message::{
    Compression, EntryNames, Layout, Plan, Problem, Request, Resume,
};
use netsocket_protocol::query::Query;
use rustix::process::{Pid, Signal, kill_process};

use crate::new_client::NewClient;
use crate::old_client::OldClient;
use crate::server::{PATIENCE, eventually, patiently};
use crate::tools::untar;
use crate::tree::{Tree, random};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_netsocket-fileserver");

/// A user who owns nothing here.
const NOBODY: u32 = 65_534;

/// The program with nothing in its environment that could be a setting.
pub(crate) fn program(path: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(path);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("NETSOCKET_") {
            command.env_remove(name);
        }
    }
    command.env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

pub(crate) struct Running {
    child: Child,
    pub(crate) address: SocketAddr,
    /// Lines of its log after the one that tells the address.
    pub(crate) log: mpsc::Receiver<String>,
}

impl Running {
    /// Starts it on a port of the system's choice and reads the address from its log.
    pub(crate) fn start(command: &mut Command, root: &Path) -> Self {
        Self::try_start(command, root).expect("it should listen")
    }

    /// Nothing where it ends before it listens.
    fn try_start(command: &mut Command, root: &Path) -> Option<Self> {
        let mut child = command
            .args(["--listen", "127.0.0.1:0", "--name", "under-test", "--root"])
            .arg(root)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = lines.find_map(|line| {
            let line = line.unwrap();
            let address = line.split("address=").nth(1)?.split(' ').next()?.to_owned();
            line.contains("listening").then(|| address.parse().unwrap())
        });
        let Some(address) = address else {
            child.wait().unwrap();
            return None;
        };
        // What it has to say later must not fill the pipe.
        let (sender, log) = mpsc::channel();
        thread::spawn(move || {
            lines
                .map_while(Result::ok)
                .try_for_each(|line| sender.send(line))
        });
        Some(Self {
            child,
            address,
            log,
        })
    }

    /// The next line of the log with these words.
    pub(crate) fn logged(&self, words: &str) -> String {
        loop {
            let line = self.log.recv_timeout(PATIENCE).unwrap();
            if line.contains(words) {
                return line;
            }
        }
    }

    pub(crate) fn hang_up(&self) {
        self.signal(Signal::HUP);
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    async fn ended(&mut self) -> ExitStatus {
        eventually(async || self.child.try_wait().unwrap()).await
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs to the end: exit code, standard output, standard error.
fn outcome(arguments: &[&str]) -> (i32, String, String) {
    let output = program(PROGRAM).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn what_is_wrong_is_one_line_and_exit_code_2() {
    let work = tempfile::tempdir().unwrap();
    let work = work.path().to_str().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let config = format!("{work}/config.toml");
    fs::write(&config, "lisen = '127.0.0.1:0'\n").unwrap();
    for (arguments, named) in [
        (&["--root", work, "--listen", &taken][..], taken.as_str()),
        (&["--root", &config, "--listen", "127.0.0.1:0"], &config),
        (
            &["--root", "/nonexistent/x", "--listen", "127.0.0.1:0"],
            "/nonexistent/x",
        ),
        (&["--config", &config], "lisen"),
        (&["--listen", "nowhere"], "nowhere"),
        (&["--config", "/nonexistent/x.toml"], "/nonexistent/x.toml"),
    ] {
        let (code, _, said) = outcome(arguments);
        assert_eq!((code, said.lines().count()), (2, 1), "{said}");
        assert!(said.contains(named), "{said}");
    }
}

#[test]
fn version_and_check_config_print_one_line_and_end() {
    let (code, said, _) = outcome(&["--version"]);
    assert_eq!(
        (code, said.as_str()),
        (
            0,
            concat!("netsocket-fileserver ", env!("CARGO_PKG_VERSION"), "\n")
        )
    );
    let listen = ["--listen", "127.0.0.1:9000"];
    let (code, said, _) = outcome(&[&["--check-config", "--root", "/tmp"], &listen[..]].concat());
    assert_eq!(
        (code, said.as_str()),
        (0, "OK: serves /tmp on 127.0.0.1:9000\n")
    );
}

/// Whether it is checked or started, with all that is wrong besides.
#[test]
fn a_root_that_cannot_be_shared_is_a_problem_of_the_settings() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(
        file.path(),
        "listen = 'x'\nroot = '/no/such'\nspool_dir = '/etc/passwd'\n",
    )
    .unwrap();
    let path = file.path().to_str().unwrap();
    for check in [&["--check-config"][..], &[]] {
        for (root, problem) in [
            ("/no/such", "no such file or directory"),
            ("/etc/passwd", "not a directory"),
        ] {
            let flags = ["--root", root, "--listen", "127.0.0.1:9000"];
            let (code, said, error) = outcome(&[&flags[..], check].concat());
            let expected = format!("netsocket-fileserver: --root: root = \"{root}\": {problem}\n");
            assert_eq!((code, said.as_str(), error), (2, "", expected));
        }
        let (code, _, error) = outcome(&[&["--config", path], check].concat());
        assert_eq!(code, 2);
        for problem in [
            ":1:1: listen = \"x\": ",
            ":2:1: root = \"/no/such\": no such file or directory\n",
            ":3:1: spool_dir = \"/etc/passwd\": not a directory\n",
        ] {
            assert!(error.contains(&format!("{path}{problem}")), "{error}");
        }
    }
}

/// The reason once, and without the system's number.
#[test]
fn an_address_that_is_taken_is_said_once() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, _, error) = outcome(&["--root", "/tmp", "--listen", &address]);
    let expected = format!("netsocket-fileserver: listen {address}: address already in use\n");
    assert_eq!((code, error.as_str()), (2, expected.as_str()));
}

#[tokio::test]
async fn a_signal_stops_it_with_exit_code_0() {
    let tree = Tree::empty();
    for signal in [Signal::TERM, Signal::INT] {
        let mut running = Running::start(&mut program(PROGRAM), &tree.root);
        let mut client = NewClient::connect(running.address).await;
        running.signal(signal);
        assert!(client.frame().await.is_none());
        assert_eq!(running.ended().await.code(), Some(0));
    }
}

#[tokio::test]
async fn a_stalled_archive_costs_little_memory_and_a_second_signal_does_not_wait_for_it() {
    let tree = Tree::empty();
    tree.write(b"large", &random(160 << 20, 17));
    let mut running = Running::start(&mut program(PROGRAM), &tree.root);
    let mut client = NewClient::connect(running.address).await;
    client.ask_archive(Query::default()).await;
    let plan: Plan = client.message().await;
    // One block has passed through all stages.
    client.frame().await.unwrap();
    running.signal(Signal::TERM);
    // The first signal has been understood when nobody can connect any more.
    eventually(async || {
        tokio::net::TcpStream::connect(running.address)
            .await
            .is_err()
            .then_some(())
    })
    .await;
    assert_eq!(running.child.try_wait().unwrap(), None);
    let peak = peak_memory(running.child.id());
    assert!(peak < 64 << 20, "{peak}");
    running.signal(Signal::TERM);
    assert_eq!(running.ended().await.code(), Some(1));
    let mut blocks = 1;
    while patiently(client.frame()).await.is_some() {
        blocks += 1;
    }
    assert!(blocks < plan.blocks);
}

/// How often the memory of clients that take nothing is looked at.
const LOOKS: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_archives_at_once_keep_to_the_memory_of_few() {
    let tree = Tree::empty();
    tree.write(b"large", &random(64 << 20, 29));
    let sparse = fs::File::create(tree.path(b"sparse")).unwrap();
    sparse.set_len(20 << 30).unwrap();
    let running = Running::start(
        program(PROGRAM).env("NETSOCKET_MAX_ARCHIVES", "8"),
        &tree.root,
    );
    let idle = peak_memory(running.child.id());
    let mut clients = Vec::new();
    for _ in 0..8 {
        let mut client = NewClient::connect(running.address).await;
        client.ask_archive(Query::default()).await;
        let plan: Plan = client.message().await;
        clients.push((client, plan));
    }
    // Each in turn takes a block: so all of them have blocks under way, and more waiting.
    for _ in 0..LOOKS {
        for (client, _) in &mut clients {
            client.block().await;
        }
    }
    let peak = peak_memory(running.child.id()) - idle;
    assert!(peak < 64 << 20, "{peak}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archive_of_2_gb_survives_the_kill_of_its_server() {
    let tree = Tree::empty();
    for number in 0..4 {
        tree.write(
            format!("{number}-random").as_bytes(),
            &random(6 << 20, number),
        );
        let sparse = fs::File::create(tree.path(format!("{number}-sparse").as_bytes())).unwrap();
        sparse.set_len(512 << 20).unwrap();
    }
    let copy = tree.copy();
    let mut first = Running::start(&mut program(PROGRAM), &tree.root);
    let second = Running::start(&mut program(PROGRAM), &copy);
    let mut client = NewClient::connect(second.address).await;
    let whole = client.archive(Query::default()).await;
    assert!(whole.plan.tar_bytes > 2 << 30);

    let mut client = NewClient::connect(first.address).await;
    client.ask_archive(Query::default()).await;
    let plan: Plan = client.message().await;
    let mut bytes = Vec::new();
    let mut next = 0;
    while next < plan.blocks / 2 {
        bytes.extend_from_slice(&client.block().await.bytes);
        next += 1;
    }
    first.child.kill().unwrap();
    assert!(!first.ended().await.success());
    // What was on its way still comes; a block that is cut short is no block.
    while let Some(frame) = client.frame().await {
        let block = netsocket_protocol::block::Block::from_payload(frame.payload).unwrap();
        assert_eq!(block.index, next);
        bytes.extend_from_slice(&block.bytes);
        next += 1;
    }
    assert!(
        next < plan.blocks,
        "it was killed too late to show anything"
    );

    let mut client = NewClient::connect(second.address).await;
    client
        .send(&Request::Archive {
            query: Query::default(),
            compression: Compression::Gzip,
            level: None,
            names: EntryNames::Base,
            layout: Layout::Blocks,
            resume: Some(Resume {
                plan: plan.plan,
                block: next,
                sketch: None,
                state: None,
            }),
        })
        .await;
    let rest: Plan = client.message().await;
    assert_eq!(rest.first_block, next);
    bytes.extend_from_slice(&client.rest_of_archive(rest).await.bytes);
    assert_eq!(
        blake3::hash(&bytes).to_hex().to_string(),
        whole.trailer.digest
    );
}

#[tokio::test]
async fn a_confined_server_answers_on_both_wires() {
    let tree = Tree::empty();
    tree.write(b"directory/file.txt", b"content");
    let spool = tempfile::tempdir().unwrap();
    let mut required = program(PROGRAM);
    required
        .env("NETSOCKET_CONFINEMENT", "required")
        .env("NETSOCKET_SPOOL_DIR", spool.path());
    let Some(running) = Running::try_start(&mut required, &tree.root) else {
        eprintln!("no Landlock here: nothing is tested");
        return;
    };
    let status = fs::read_to_string(format!("/proc/{}/status", running.child.id())).unwrap();
    assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    let mut old = OldClient::connect(running.address).await;
    assert_eq!(untar(&old.archive("w24ft txt").await.unwrap()).len(), 1);
    assert!(old.ask("w24fn file.txt").await.contains("Birth Time: "));
    let mut new = NewClient::connect(running.address).await;
    assert_eq!(new.archive(Query::default()).await.plan.files, 1);
}

/// The most bytes of memory that the process has had at a time.
fn peak_memory(pid: u32) -> u64 {
    let mut status = String::new();
    let mut file = fs::File::open(format!("/proc/{pid}/status")).unwrap();
    file.read_to_string(&mut status).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[tokio::test]
async fn what_may_not_be_read_is_left_out_and_named() {
    let tree = Tree::empty();
    for path in [
        &b"open/a.txt"[..],
        b"open/secret.txt",
        b"locked/b.txt",
        b"secrets/only.key",
    ] {
        tree.write(path, b"content");
    }
    let allow = |path: &[u8], mode| {
        fs::set_permissions(tree.path(path), fs::Permissions::from_mode(mode)).unwrap()
    };
    for (path, mode) in [
        (&b""[..], 0o755),
        (b"open", 0o755),
        (b"open/a.txt", 0o644),
        (b"open/secret.txt", 0o000),
        (b"locked", 0o000),
        (b"secrets", 0o755),
        (b"secrets/only.key", 0o000),
    ] {
        allow(path, mode);
    }
    fs::set_permissions(
        tree.root.parent().unwrap(),
        fs::Permissions::from_mode(0o755),
    )
    .unwrap();

    // Root may read everything, so then another user runs the program, from where that user can reach it.
    let place = tempfile::tempdir().unwrap();
    let mut command = if rustix::process::geteuid().is_root() {
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let copy = place.path().join("netsocket-fileserver");
        fs::copy(PROGRAM, &copy).unwrap();
        let mut command = program(copy);
        command.uid(NOBODY).gid(NOBODY);
        command
    } else {
        program(PROGRAM)
    };
    let running = Running::start(&mut command, &tree.root);
    let mut client = NewClient::connect(running.address).await;
    let archive = client.archive(Query::default()).await;
    let warnings: Vec<(String, Problem)> = archive
        .trailer
        .warnings
        .iter()
        .map(|warning| (warning.path.to_string(), warning.problem))
        .collect();
    let unreadable = |path: &str| (path.to_owned(), Problem::Unreadable);
    assert_eq!(
        warnings,
        [
            unreadable("locked/"),
            unreadable("open/secret.txt"),
            unreadable("secrets/only.key")
        ]
    );
    assert_eq!(
        untar(&archive.bytes).into_keys().collect::<Vec<_>>(),
        [b"a.txt"]
    );

    client
        .ask_archive(Query {
            extensions: vec!["key".into()],
            ..Query::default()
        })
        .await;
    let error = client.error().await;
    assert_eq!(error.message, "No file found that the server may read");
    allow(b"locked", 0o755);
}

#[tokio::test]
async fn each_request_is_one_line_and_no_name_can_forge_another() {
    let tree = Tree::empty();
    tree.write(b"a\nb.txt", b"content");
    let running = Running::start(&mut program(PROGRAM), &tree.root);
    let mut old = OldClient::connect(running.address).await;
    let peer = old.stream.local_addr().unwrap();
    assert!(old.ask("w24fn a\nb.txt").await.starts_with("FilePath: "));
    let line = running.logged("netsocket_fileserver::access");
    let said =
        format!("peer={peer} wire=old command=\"w24fn a\\\\nb.txt\" result=\"ok\" files=1 bytes=");
    assert!(line.contains(&said), "{line}");
    let mut new = NewClient::connect(running.address).await;
    new.archive(Query::default()).await;
    let line = running.logged("netsocket_fileserver::access");
    assert!(
        line.contains("wire=new command=\"archive\" result=\"ok\" files=1 bytes="),
        "{line}"
    );
    assert_eq!(old.archive("w24fz 9 1").await, None);
    let line = running.logged("netsocket_fileserver::access");
    assert!(
        line.contains("command=\"w24fz 9 1\" result=\"bad_request\"") && line.contains("SIZE1"),
        "{line}"
    );
}

#[tokio::test]
async fn without_descriptors_it_waits_and_does_not_spin() {
    let tree = Tree::empty();
    tree.write(b"directory/file", b"x");
    let mut command = program("sh");
    command.args(["-c", "ulimit -n 30; exec \"$0\" \"$@\"", PROGRAM]);
    let running = Running::start(&mut command, &tree.root);
    let mut clients = Vec::new();
    for _ in 0..60 {
        clients.push(OldClient::connect_silently(running.address).await);
    }
    // These lines come at most once a second.
    for _ in 0..3 {
        let line = running.logged("cannot accept");
        assert!(line.contains("too many open files"), "{line}");
    }
    let spent = cpu_ticks(running.child.id());
    assert!(spent < 50, "{spent} hundredths of a second in two");
    drop(clients);
    let mut client = OldClient::connect(running.address).await;
    assert_eq!(client.ask("dirlist -a").await, "directory\n");
}

/// Processor time of the process, in ticks of which a second has a hundred.
fn cpu_ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    // User and system time, fields 14 and 15 of `proc_pid_stat(5)`, where the name is the second.
    [fields[11], fields[12]]
        .iter()
        .map(|ticks| ticks.parse::<u64>().unwrap())
        .sum()
}
