//! A real DNS server on a free loopback port, with a file of hosts that changes.

use std::fs;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::process::{Child, Command, Stdio};

use netsocket_balancer::discovery::{Ask as _, Dns, IpFamily, Question};
use rustix::process::{Pid, Signal, geteuid, kill_process};
use tempfile::TempDir;

use crate::running::{eventually, soon};

/// As everywhere in this project: what is missing makes a test fail instead of being left out.
const REQUIRE_STACK: &str = "NETSOCKET_REQUIRE_STACK";
/// A name that is always there.
const CANARY: &str = "canary.test";
/// Somebody else may take the port before the server does.
const PORTS_TO_TRY: u32 = 10;

pub struct Dnsmasq {
    pub address: SocketAddr,
    folder: TempDir,
    child: Child,
}

impl Dnsmasq {
    /// Starts one with such further options and waits until it answers. Where there is none, says that `test` is left
    /// out.
    pub async fn start(test: &str, options: &[&str]) -> Option<Self> {
        if Command::new("dnsmasq").arg("--version").output().is_err() {
            let reason = "`dnsmasq` is not installed (package dnsmasq-base)";
            let required = std::env::var_os(REQUIRE_STACK).is_some_and(|value| value == "1");
            assert!(!required, "{reason}, and {REQUIRE_STACK}=1 allows no skip");
            // Past the capture of the test's output, which is shown for failures only.
            let _ = writeln!(io::stderr(), "skipped: discovery::{test}: {reason}");
            return None;
        }
        for _ in 0..PORTS_TO_TRY {
            if let Some(server) = Self::try_start(options).await {
                return Some(server);
            }
        }
        panic!("no port for dnsmasq");
    }

    async fn try_start(options: &[&str]) -> Option<Self> {
        let folder = TempDir::new().unwrap();
        let hosts = folder.path().join("hosts");
        fs::write(&hosts, lines(&[])).unwrap();
        let address = free_address();
        let mut command = Command::new("dnsmasq");
        command
            .args([
                "--keep-in-foreground",
                "--conf-file=/dev/null",
                "--pid-file",
            ])
            .args([
                "--no-resolv",
                "--no-hosts",
                "--local=/test/",
                "--local-ttl=1",
            ])
            .args(["--listen-address=127.0.0.1", "--bind-interfaces"])
            .arg(format!("--port={}", address.port()))
            .arg(format!("--addn-hosts={}", hosts.display()))
            .args(options)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if geteuid().is_root() {
            // It would become somebody who cannot read our file.
            command.arg("--user=root");
        }
        let mut server = Self {
            address,
            folder,
            child: command.spawn().unwrap(),
        };
        soon(server.answers()).await.then_some(server)
    }

    /// Waits until it answers; whether it does, or has ended.
    async fn answers(&mut self) -> bool {
        let dns = Dns::new(vec![self.address]);
        loop {
            let canary = Question::Addresses {
                host: CANARY.into(),
                port: 1,
                family: IpFamily::default(),
            };
            match dns.ask(canary).await {
                Ok(answer) if !answer.found.is_empty() => return true,
                _ if self.child.try_wait().unwrap().is_some() => return false,
                _ => tokio::task::yield_now().await,
            }
        }
    }

    /// Names these addresses from now on, and no others.
    pub fn name(&self, host: &str, addresses: &[Ipv4Addr]) {
        let named: Vec<_> = addresses.iter().map(|&address| (host, address)).collect();
        fs::write(self.folder.path().join("hosts"), lines(&named)).unwrap();
        self.signal(Signal::HUP);
    }

    /// Says nothing any more; what comes waits.
    pub fn stall(&self) {
        self.signal(Signal::STOP);
    }

    /// Says something again.
    pub fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    /// Ends. Its port refuses.
    pub async fn end(mut self) {
        self.child.kill().unwrap();
        eventually("the end of dnsmasq", || {
            self.child.try_wait().unwrap().is_some()
        })
        .await;
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }
}

impl Drop for Dnsmasq {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(named: &[(&str, Ipv4Addr)]) -> String {
    let line = |(host, address): &(&str, Ipv4Addr)| format!("{address} {host}\n");
    let canary = line(&(CANARY, Ipv4Addr::LOCALHOST));
    named.iter().map(line).chain([canary]).collect()
}

/// A port that is free for both protocols.
fn free_address() -> SocketAddr {
    loop {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = udp.local_addr().unwrap();
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}
