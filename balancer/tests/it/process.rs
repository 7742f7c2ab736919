//! The balancer's program as a process of its own.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use netsocket_settings::AdminAddress;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

use crate::running::{eventually, soon};

pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_netsocket-balancer"));
    command.env_clear().stdin(Stdio::null());
    command
}

/// A running program. It does not outlive the test.
pub struct Program {
    pub child: Child,
    pub address: SocketAddr,
    pub admin: AdminAddress,
    log: Arc<Mutex<Vec<String>>>,
}

impl Program {
    pub fn start(backend: SocketAddr) -> Self {
        Self::start_as(program(), backend)
    }

    /// The same by a command that has its settings beside the addresses.
    pub fn start_as(mut command: Command, backend: SocketAddr) -> Self {
        command.args(["--admin", "127.0.0.1:0"]);
        Self::start_whole(command, backend)
    }

    /// The same by a command that has the admin address, too.
    pub fn start_whole(mut command: Command, backend: SocketAddr) -> Self {
        let backend = format!("echo={backend}");
        let mut child = command
            .args(["--listen", "127.0.0.1:0", "--backend", &backend])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = lines
            .by_ref()
            .map(Result::unwrap)
            .find(|line| line.contains(" listening "))
            .unwrap();
        let value = |key: &str| {
            let rest = line.split(key).nth(1).unwrap();
            rest.split(' ').next().unwrap()
        };
        // The rest is read, so that the program never waits for us.
        let log = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                sink.lock().unwrap().push(line);
            }
        });
        Self {
            address: value(" address=").parse().unwrap(),
            admin: value(" admin=").parse().unwrap(),
            child,
            log,
        }
    }

    /// Waits until it would serve a client.
    pub async fn ready(&self) {
        soon(async { while !self.get("/readyz").await.starts_with("HTTP/1.1 200") {} }).await;
    }

    /// Asks the admin HTTP; the whole answer.
    pub async fn get(&self, path: &str) -> String {
        self.ask("GET", path).await
    }

    /// The same by another method, without a body.
    pub async fn ask(&self, method: &str, path: &str) -> String {
        match &self.admin {
            AdminAddress::Tcp(address) => {
                exchange(TcpStream::connect(address).await.unwrap(), method, path).await
            }
            AdminAddress::Unix(file) => {
                exchange(UnixStream::connect(file).await.unwrap(), method, path).await
            }
        }
    }

    /// The value of a metric without labels.
    pub async fn metric(&self, name: &str) -> u64 {
        let page = self.get("/metrics").await;
        let value = |line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok();
        page.lines().find_map(value).unwrap()
    }

    /// Bytes of memory that it has.
    pub fn memory(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let value = |line: &str| {
            line.strip_prefix("VmRSS:")?
                .strip_suffix("kB")?
                .trim()
                .parse()
                .ok()
        };
        let kib: usize = status.lines().find_map(value).unwrap();
        kib << 10
    }

    /// How many lines of its log, and of its successors' logs, hold all these.
    pub fn lines_with(&self, parts: &[&str]) -> usize {
        let log = self.log.lock().unwrap();
        let holds = |line: &&String| parts.iter().all(|part| line.contains(part));
        log.iter().filter(holds).count()
    }

    /// Waits until there is such a line.
    pub async fn said(&self, parts: &[&str]) {
        let said = || self.lines_with(parts) > 0;
        eventually(&format!("{parts:?} in the log"), said).await;
    }

    pub fn signal(&self) {
        self.send(Signal::TERM);
    }

    pub fn send(&self, kind: Signal) {
        send(self.child.id(), kind);
    }

    pub async fn exit_code(&mut self) -> Option<i32> {
        let mut status = None;
        eventually("the end", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        })
        .await;
        status.and_then(|status| status.code())
    }
}

async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    method: &str,
    path: &str,
) -> String {
    let request =
        format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Sends a signal to a process that a test has started, or one of its programs has.
pub fn send(pid: u32, kind: Signal) {
    let pid = Pid::from_raw(pid.try_into().unwrap()).unwrap();
    kill_process(pid, kind).unwrap();
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
