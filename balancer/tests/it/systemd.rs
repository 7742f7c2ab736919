//! The program under a service manager, which the test plays.

use std::net::TcpListener;
use std::os::fd::AsFd;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::peers::{Echo, converse};
use crate::process::{program, send};
use crate::restart::Family;
use crate::running::{PATIENCE, eventually};

/// The program with these sockets from descriptor 3 on, as a manager starts it: a shell stands between, which knows
/// the number of the process.
pub fn activated(listen: &TcpListener, admin: &impl AsFd, names: &str) -> Command {
    let script = "export LISTEN_PID=$$; exec \"$0\" \"$@\" 3<&0 4<&1 </dev/null >/dev/null";
    let copy = |socket: &dyn AsFd| Stdio::from(socket.as_fd().try_clone_to_owned().unwrap());
    let mut command = Command::new("/bin/sh");
    command
        .env_clear()
        .args(["-c", script])
        .arg(program().get_program())
        .env("LISTEN_FDS", "2")
        .env("LISTEN_FDNAMES", names)
        .stdin(copy(listen))
        .stdout(copy(admin));
    command
}

#[tokio::test]
async fn sockets_of_the_manager_are_served_with_those_that_wait_in_them() {
    let echo = Echo::start("echo").await;
    let bind = || TcpListener::bind("127.0.0.1:0").unwrap();
    let (listen, admin) = (bind(), bind());
    let address = listen.local_addr().unwrap();
    // It came before the program did.
    let early = TcpStream::connect(address).await.unwrap();
    let family = Family::start(|_| activated(&listen, &admin, "listen:admin"), echo.address);
    assert_eq!(family.first.address, address);
    assert_eq!(family.first.admin.tcp(), admin.local_addr().ok());
    drop((listen, admin));
    assert_eq!(converse(early).await, "echo");
    // A successor has the manager's sockets, too, whatever the settings say.
    family.restart().await;
    let client = TcpStream::connect(address).await.unwrap();
    assert_eq!(converse(client).await, "echo");
    assert_eq!(
        family
            .first
            .lines_with(&[" listening ", &format!("address={address}")]),
        1
    );
}

#[tokio::test]
async fn all_sockets_for_clients_are_served_also_after_a_restart() {
    let echo = Echo::start("echo").await;
    let bind = |address: &str| TcpListener::bind(address).unwrap();
    let (first, second) = (bind("127.0.0.1:0"), bind("[::1]:0"));
    let addresses = [&first, &second].map(|socket| socket.local_addr().unwrap());
    let family = Family::start(
        |_| activated(&first, &second, "lb.socket:lb.socket"),
        echo.address,
    );
    drop((first, second));
    for restart in [false, true] {
        if restart {
            family.restart().await;
        }
        for address in addresses {
            // One address that is always busy does not keep the other from being served.
            for _ in 0..20 {
                let client = TcpStream::connect(address).await.unwrap();
                assert_eq!(converse(client).await, "echo");
            }
        }
    }
}

#[tokio::test]
async fn a_unix_socket_of_the_manager_is_served_and_stays_the_managers() {
    let echo = Echo::start("echo").await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("admin.sock");
    let listen = TcpListener::bind("127.0.0.1:0").unwrap();
    let admin = UnixListener::bind(&path).unwrap();
    let mut family = Family::start(|_| activated(&listen, &admin, "listen:admin"), echo.address);
    assert_eq!(family.first.admin.path(), Some(path.as_path()));
    drop((listen, admin));
    family.first.ready().await;
    family.restart().await;
    assert!(family.first.get("/healthz").await.ends_with("ok\n"));
    send(family.serving().unwrap(), Signal::TERM);
    eventually("the end", || family.serving().is_none()).await;
    assert_eq!(family.first.exit_code().await, Some(0));
    assert!(path.exists());
}

#[tokio::test]
async fn sockets_that_cannot_be_told_apart_are_refused() {
    let bind = || TcpListener::bind("127.0.0.1:0").unwrap();
    let output = activated(&bind(), &bind(), "a:b")
        .args(["--backend", "a=127.0.0.1:9", "--listen", "127.0.0.1:0"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("2 sockets by the names \"a:b\""), "{said}");
}

pub struct Manager {
    socket: UnixDatagram,
    /// Messages that nobody has asked for yet.
    heard: Vec<String>,
}

impl Manager {
    pub fn at(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self {
            socket,
            heard: Vec::new(),
        }
    }

    /// Waits for a message that begins so, whatever comes before it.
    pub fn hears(&mut self, beginning: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let at = self
                .heard
                .iter()
                .position(|text| text.starts_with(beginning));
            if let Some(at) = at {
                return self.heard.remove(at);
            }
            let message = self.next().filter(|_| Instant::now() < end);
            let Some(message) = message else {
                panic!("never: {beginning}, but {:?}", self.heard);
            };
            self.heard.push(message);
        }
    }

    /// Leaves out what has arrived so far.
    pub fn forget(&mut self) {
        self.heard.clear();
        self.socket.set_nonblocking(true).unwrap();
        while self.next().is_some() {}
        self.socket.set_nonblocking(false).unwrap();
    }

    /// The next message, whatever it is.
    pub fn next(&mut self) -> Option<String> {
        let mut buffer = [0; 512];
        let count = self.socket.recv(&mut buffer).ok()?;
        Some(String::from_utf8(buffer[..count].to_vec()).unwrap())
    }
}

/// The number of the parent of a process.
fn parent(pid: u32) -> u32 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let value = status.lines().find_map(|line| line.strip_prefix("PPid:"));
    value.unwrap().trim().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_reload_is_part_of_the_status_until_the_next_one() {
    let echo = Echo::start("echo").await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notify");
    let file = dir.path().join("balancer.toml");
    std::fs::write(&file, "").unwrap();
    let mut manager = Manager::at(&path);
    let family = Family::start(
        |_| {
            let mut command = program();
            command.env("NOTIFY_SOCKET", &path);
            command.arg("--config").arg(&file);
            command
        },
        echo.address,
    );
    manager.hears("STATUS=1 of 1 backend up");
    std::fs::write(&file, "lissten = 'x'\n").unwrap();
    family.first.send(Signal::HUP);
    let refused = "STATUS=1 of 1 backend up, 0 sessions; reload refused: ";
    manager.hears(&format!("READY=1\n{refused}"));
    manager.hears(refused);

    // With mended settings the new process says nothing of it, again and again.
    std::fs::write(&file, "").unwrap();
    family.restart().await;
    manager.hears("MAINPID=");
    manager.heard.clear();
    let well = manager.hears("STATUS=1 of 1 backend up");
    assert!(!well.contains("refused"), "{well}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_manager_is_told_how_it_goes() {
    let echo = Echo::start("echo").await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notify");
    let mut manager = Manager::at(&path);
    let family = Family::start(
        |_| {
            let mut command = program();
            command.env("NOTIFY_SOCKET", &path);
            command.env(
                "WATCHDOG_USEC",
                Duration::from_millis(400).as_micros().to_string(),
            );
            command
        },
        echo.address,
    );
    manager.hears("READY=1\nSTATUS=");
    for _ in 0..3 {
        manager.hears("WATCHDOG=1");
    }
    manager.hears("STATUS=1 of 1 backend up");

    family.first.send(Signal::HUP);
    let reloading = manager.hears("RELOADING=1\nMONOTONIC_USEC=");
    let usec = reloading.rsplit('=').next().unwrap();
    assert!(usec.parse::<u64>().unwrap() > 0, "{reloading}");
    manager.hears("READY=1\nSTATUS=1 of 1 backend up");
    // A status is repeated though nothing has changed.
    for _ in 0..2 {
        manager.hears("STATUS=1 of 1 backend up");
    }

    let new = family.restart().await;
    assert_eq!(manager.hears("MAINPID="), format!("MAINPID={new}"));
    assert_ne!(
        parent(new),
        family.first.child.id(),
        "a manager notices the end of its own children only"
    );
    manager.hears("WATCHDOG=1");
    send(new, Signal::TERM);
    manager.hears("STOPPING=1");
    eventually("the end", || family.serving().is_none()).await;
}
