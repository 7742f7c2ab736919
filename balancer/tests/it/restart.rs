//! A new process takes over the listening sockets of the old one, and no client notices.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::peers::{Echo, Puppet, converse};
use crate::process::{Program, program, send};
use crate::running::{eventually, read_to_end, soon};

const RESTARTS: usize = 20;
const CLIENTS: usize = 4;

/// A program and its successors. None of them outlives the test.
pub struct Family {
    pub first: Program,
    pub dir: TempDir,
}

impl Family {
    pub fn start(command: impl FnOnce(&TempDir) -> Command, backend: std::net::SocketAddr) -> Self {
        let whole = |dir: &TempDir| {
            let mut command = command(dir);
            command.args(["--admin", "127.0.0.1:0"]);
            command
        };
        Self::start_whole(whole, backend)
    }

    /// The same by a command that has the admin address, too.
    pub fn start_whole(
        command: impl FnOnce(&TempDir) -> Command,
        backend: std::net::SocketAddr,
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut command = command(&dir);
        command.env("NETSOCKET_PID_FILE", dir.path().join("pid"));
        // Successors are in it, too.
        command.process_group(0);
        Self {
            first: Program::start_whole(command, backend),
            dir,
        }
    }

    fn pid_file(&self) -> PathBuf {
        self.dir.path().join("pid")
    }

    /// The number of the process that serves.
    pub fn serving(&self) -> Option<u32> {
        let text = fs::read_to_string(self.pid_file()).ok()?;
        text.trim().parse().ok()
    }

    /// Has the process that serves start its successor, and waits until it has handed over; the number of that one.
    pub async fn restart(&self) -> u32 {
        eventually("it serves", || self.serving().is_some()).await;
        let old = self.serving().unwrap();
        send(old, Signal::USR2);
        let new = || self.serving().filter(|&pid| pid != old);
        eventually("a successor", || new().is_some()).await;
        let new = new().unwrap();
        let told = ["handed over", &format!("successor={new}")];
        self.first.said(&told).await;
        new
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        // Nobody is left where all went well.
        if let Some(group) = Pid::from_raw(self.first.child.id().cast_signed()) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_twenty_restarts_in_a_row_lose_no_connection() {
    let echo = Echo::start("echo").await;
    let family = Family::start(
        |_| {
            let mut command = program();
            command.env("NETSOCKET_DRAIN_TIMEOUT", "10m");
            command.env("NETSOCKET_ACCESS_LOG_TARGET", "off");
            command
        },
        echo.address,
    );
    family.first.ready().await;
    let address = family.first.address;
    // One that lives longer than twenty generations.
    let mut long = TcpStream::connect(address).await.unwrap();
    let mut hello = [0; 5];
    soon(long.read_exact(&mut hello)).await.unwrap();

    let (over, served) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (over, served) = (Arc::clone(&over), Arc::clone(&served));
        clients.spawn(async move {
            while !over.load(SeqCst) {
                // Neither refused nor reset: it is connected, and everything comes back.
                let client = soon(TcpStream::connect(address)).await.unwrap();
                assert_eq!(converse(client).await, "echo");
                served.fetch_add(1, SeqCst);
            }
        });
    }
    let mut pids = vec![family.serving().unwrap()];
    for _ in 0..RESTARTS {
        let before = served.load(SeqCst);
        pids.push(family.restart().await);
        eventually("clients are served", || served.load(SeqCst) >= before + 20).await;
    }
    over.store(true, SeqCst);
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
    pids.sort_unstable();
    pids.dedup();
    assert_eq!(pids.len(), RESTARTS + 1);
    assert_eq!(
        family
            .first
            .lines_with(&["took over from the old process", "restarts=20"]),
        1
    );

    // The admin address is the newest one's; the oldest has its session still, and ends with it.
    assert!(
        family
            .first
            .get("/readyz")
            .await
            .starts_with("HTTP/1.1 200")
    );
    let mut first = family;
    assert!(first.first.child.try_wait().unwrap().is_none());
    soon(long.write_all(b"still")).await.unwrap();
    soon(long.shutdown()).await.unwrap();
    assert_eq!(read_to_end(&mut long).await, (b"still".to_vec(), false));
    assert_eq!(first.first.exit_code().await, Some(0));

    send(first.serving().unwrap(), Signal::TERM);
    eventually("the last one is gone, and its pid file", || {
        first.serving().is_none()
    })
    .await;
    assert!(std::net::TcpStream::connect(address).is_err());
    println!("{} clients over {RESTARTS} restarts", served.load(SeqCst));
}

#[tokio::test]
async fn a_new_process_with_bad_settings_leaves_the_old_one_serving() {
    let echo = Echo::start("echo").await;
    let family = Family::start(
        |dir| {
            let file = dir.path().join("balancer.toml");
            fs::write(&file, "").unwrap();
            let mut command = program();
            command.arg("--config").arg(file);
            command
        },
        echo.address,
    );
    family.first.ready().await;
    let old = family.serving();
    let file = family.dir.path().join("balancer.toml");
    fs::write(&file, "lissten = 'x'\n").unwrap();
    family.first.send(Signal::USR2);
    let told = ["restart failed", "gave up", "lissten: unknown key"];
    family.first.said(&told).await;
    assert_eq!(family.serving(), old);
    let client = TcpStream::connect(family.first.address).await.unwrap();
    assert_eq!(converse(client).await, "echo");
    // What is quoted of a file is for terminals.
    fs::write(&file, "workers =\n").unwrap();
    family.first.send(Signal::USR2);
    family.first.said(&["restart failed", "is missing"]).await;
    let told = family.first.get("/api/v1/pools").await;
    assert!(told.contains(":1:10: the value is missing\""), "{told}");
    // And when it is mended, the next attempt succeeds; what needed a restart is in force.
    fs::write(&file, "workers = 1\n").unwrap();
    assert_ne!(Some(family.restart().await), old);
    let config = family.first.get("/api/v1/config").await;
    assert!(config.contains("\"workers\":\"1\""), "{config}");
}

#[tokio::test]
async fn a_program_that_is_gone_or_new() {
    let echo = Echo::start("echo").await;
    let family = Family::start(
        |dir| {
            let place = dir.path().join("netsocket-balancer");
            symlink(program().get_program(), &place).unwrap();
            let mut command = Command::new(place);
            command.env_clear();
            command
        },
        echo.address,
    );
    family.first.ready().await;
    let place = family.dir.path().join("netsocket-balancer");
    fs::remove_file(&place).unwrap();
    family.first.send(Signal::USR2);
    family
        .first
        .said(&["restart failed", "cannot start the new process"])
        .await;
    let advice = format!("See to it that `{} --version` works", place.display());
    let told = family.first.get("/api/v1/pools").await;
    assert!(told.contains(&advice), "{told}");
    // What is put in its place is what is started.
    symlink("/bin/false", &place).unwrap();
    family.first.send(Signal::USR2);
    family
        .first
        .said(&["restart failed", "no answer, exit status: 1"])
        .await;
    fs::remove_file(&place).unwrap();
    symlink(program().get_program(), &place).unwrap();
    family.restart().await;
}

#[tokio::test]
async fn a_successor_that_is_not_ready_in_time_is_ended() {
    // Connects, and never answers: the first check takes its time.
    let puppet = Puppet::start().await;
    let family = Family::start(
        |_| {
            let mut command = program();
            for (key, value) in [
                ("RESTART_TIMEOUT", "500ms"),
                ("CHECK_KIND", "exchange"),
                ("CHECK_EXPECT", "x"),
                ("CHECK_INTERVAL", "10m"),
                ("CHECK_TIMEOUT", "10m"),
            ] {
                command.env(format!("NETSOCKET_{key}"), value);
            }
            command
        },
        puppet.address,
    );
    eventually("it serves", || family.serving().is_some()).await;
    let old = family.serving();
    let _first_check = puppet.accept().await;
    family.first.send(Signal::USR2);
    let mut check = puppet.accept().await;
    family
        .first
        .said(&["restart failed", "not ready within 500ms"])
        .await;
    // It is gone, and with it its check.
    assert!(matches!(soon(check.read(&mut [0])).await, Ok(0) | Err(_)));
    assert_eq!(family.serving(), old);
    assert!(family.first.get("/healthz").await.ends_with("ok\n"));
}

#[tokio::test]
async fn the_old_process_writes_to_the_access_log_that_a_rotation_has_made() {
    let echo = Echo::start("echo").await;
    let family = Family::start(
        |dir| {
            let mut command = program();
            command.env("NETSOCKET_ACCESS_LOG_TARGET", dir.path().join("access"));
            command
        },
        echo.address,
    );
    family.first.ready().await;
    let mut client = TcpStream::connect(family.first.address).await.unwrap();
    let from = client.local_addr().unwrap().to_string();
    let mut hello = [0; 5];
    soon(client.read_exact(&mut hello)).await.unwrap();
    let new = family.restart().await;

    let (log, rotated) = (
        family.dir.path().join("access"),
        family.dir.path().join("access.1"),
    );
    fs::rename(&log, &rotated).unwrap();
    send(new, Signal::HUP);
    eventually("the new process has opened it anew", || log.exists()).await;
    soon(client.shutdown()).await.unwrap();
    read_to_end(&mut client).await;
    eventually("the session's line", || {
        fs::read_to_string(&log).unwrap().contains(&from)
    })
    .await;
    assert!(!fs::read_to_string(&rotated).unwrap().contains(&from));
}
