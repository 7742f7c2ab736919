//! The access log beside that of a real HAProxy: the same scripted sessions through both, and the same fields, but for
//! the differences that docs/access-log.md lists with their reasons.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use e2e::admin::Admin;
use e2e::process::{Process, clean_command};
use e2e::program::Program;
use e2e::scratch::Scratch;
use e2e::{PATIENCE, eventually};
use rustix::net::sockopt::set_socket_linger;

use crate::world::World;

crate::tests![
    #[needs(Peers)]
    the_same_sessions_have_the_same_fields,
];

/// One proxy, its only backend, which the test plays, and what its log says.
struct Site {
    address: SocketAddr,
    backend: TcpListener,
    process: Process,
    queue: Queue,
    /// What health checks connect to, so that they are not taken for sessions.
    _checks: Option<TcpListener>,
}

/// Where the number of waiting clients can be asked.
enum Queue {
    Haproxy(PathBuf),
    Ours(Admin),
}

/// The fields of one session that must not depend on the proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Fields {
    server: String,
    /// Whether Tw and Tc are -1.
    unreached: [bool; 2],
    /// `None` where the system's buffers decide.
    bytes: Option<u64>,
    termination: String,
    /// Connections and retries.
    connections: String,
    queues: String,
}

impl Fields {
    fn of(line: &str) -> Self {
        let words: Vec<&str> = line.split(' ').collect();
        let [
            _,
            _,
            _,
            server,
            timers,
            bytes,
            termination,
            connections,
            queues,
        ] = words[..]
        else {
            panic!("{line}");
        };
        let timers: Vec<&str> = timers.split('/').collect();
        let [queue, connect, _] = timers[..] else {
            panic!("{line}");
        };
        let bytes: u64 = bytes.parse().unwrap();
        Self {
            server: server.to_owned(),
            unreached: [queue == "-1", connect == "-1"],
            bytes: Some(bytes).filter(|bytes| *bytes < 1000),
            termination: termination.to_owned(),
            connections: connections.to_owned(),
            queues: queues.to_owned(),
        }
    }
}

impl Site {
    fn haproxy() -> Self {
        let backend = listener();
        let dir = Scratch::new("haproxy");
        let stats = dir.path().join("stats");
        // HAProxy cannot choose a port by itself and say which: this one was free a moment ago.
        let address = listener().local_addr().unwrap();
        let text = format!(
            "global\n log stdout format raw local0\n stats socket {}\n\
             defaults\n mode tcp\n option tcplog\n log global\n retries 0\n\
             timeout connect 2s\n timeout client 1500ms\n timeout server 1500ms\n timeout queue 1s\n\
             frontend main\n bind {address}\n default_backend default\n\
             backend default\n server m1 {} maxconn 1\n",
            stats.display(),
            backend.local_addr().unwrap(),
        );
        let config = dir.write("haproxy.cfg", text);
        let mut command = clean_command("haproxy");
        command.arg("-db").arg("-f").arg(config);
        let mut process = Process::start("haproxy", command, dir);
        eventually(PATIENCE, "HAProxy's statistics", || {
            assert!(!process.has_ended(), "{}", process.log());
            UnixStream::connect(&stats).ok()
        });
        Self {
            address,
            backend,
            process,
            queue: Queue::Haproxy(stats),
            _checks: None,
        }
    }

    fn ours() -> Self {
        // The system accepts there, which is enough for a check.
        let (backend, checks) = (listener(), listener());
        let dir = Scratch::new("balancer");
        let text = format!(
            "listen = '127.0.0.1:0'\nadmin = '127.0.0.1:0'\nidle_timeout = '1500ms'\n\
             half_close_timeout = '1500ms'\nqueue_timeout = '1s'\ncheck_interval = '1h'\n\
             [[backends]]\nname = 'm1'\naddress = '{}'\nmax_connections = 1\n\
             check_port = {}\n",
            backend.local_addr().unwrap(),
            checks.local_addr().unwrap().port(),
        );
        let config = dir.write("balancer.toml", text);
        let mut command = clean_command(Program::Balancer.path());
        command.env("NETSOCKET_LOG_FORMAT", "json");
        command.arg("--config").arg(config);
        let mut process = Process::start("balancer", command, dir);
        let address = process.listening("address");
        let admin = Admin(process.listening("admin"));
        let site = Self {
            address,
            backend,
            process,
            queue: Queue::Ours(admin),
            _checks: Some(checks),
        };
        eventually(PATIENCE, "the backend up", || {
            (admin.up() == 1).then_some(())
        });
        site
    }

    fn connect(&self) -> TcpStream {
        let client = TcpStream::connect(self.address).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client
    }

    fn accept(&self) -> TcpStream {
        let (stream, _) = eventually(PATIENCE, "a connection", || self.backend.accept().ok());
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// A session in which nobody has said anything.
    fn session(&self) -> (TcpStream, TcpStream) {
        (self.connect(), self.accept())
    }

    /// The same after the client has asked.
    fn asked(&self) -> (TcpStream, TcpStream) {
        let (mut client, mut backend) = self.session();
        client.write_all(b"x").unwrap();
        backend.read_exact(&mut [0; 1]).unwrap();
        (client, backend)
    }

    /// Waits until so many clients wait.
    fn queued(&self, count: u32) {
        eventually(PATIENCE, "clients in the queue", || {
            (self.waiting() >= f64::from(count)).then_some(())
        });
    }

    fn waiting(&self) -> f64 {
        match &self.queue {
            Queue::Ours(admin) => admin.metrics().sum("netsocket_queued", &[]),
            Queue::Haproxy(_) => self.column(2),
        }
    }

    /// A column of HAProxy's statistics of its backend: 2 is `qcur`, 4 `scur`.
    fn column(&self, number: usize) -> f64 {
        let Queue::Haproxy(path) = &self.queue else {
            return 0.0;
        };
        let mut stats = UnixStream::connect(path).unwrap();
        stats.write_all(b"show stat\n").unwrap();
        let mut table = String::new();
        stats.read_to_string(&mut table).unwrap();
        let row = |line: &str| {
            let is_backend = line.starts_with("default,BACKEND,");
            let column = line.split(',').nth(number)?;
            column.parse().ok().filter(|_| is_backend)
        };
        table.lines().find_map(row).unwrap()
    }

    /// Waits until no session is open.
    fn idle(&self) {
        eventually(PATIENCE, "no session", || (self.open() < 0.5).then_some(()));
    }

    fn open(&self) -> f64 {
        match &self.queue {
            Queue::Ours(admin) => admin.metrics().sum("netsocket_sessions_active", &[]),
            Queue::Haproxy(_) => self.column(4),
        }
    }

    /// The line of the client at that port, once it is there.
    fn line(&self, port: u16) -> String {
        let start = format!("127.0.0.1:{port} [");
        eventually(PATIENCE, "the line of a session", || {
            let log = self.process.log();
            log.lines()
                .find(|line| line.starts_with(&start))
                .map(str::to_owned)
        })
    }
}

/// A socket that never blocks, at a port of the system's choice.
fn listener() -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    listener
}

fn port(client: &TcpStream) -> u16 {
    client.local_addr().unwrap().port()
}

fn reset(stream: TcpStream) {
    set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
}

/// Reads until the end, whichever it is.
fn read_out(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
}

/// Writes until the proxy takes no more.
fn flood(mut stream: &TcpStream) {
    stream
        .set_write_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    while stream.write(&[7; 1 << 16]).is_ok() {}
}

/// Plays a session and gives back the port of its client, once the session is over.
type Script = fn(&Site) -> u16;

/// The codes that HAProxy may give, and ours, where they are not the same.
type Difference = Option<(&'static [&'static str], &'static str)>;

/// What is played, and where the codes differ. HAProxy's timeouts of both sides run out within a millisecond of each other
/// where they are equal.
const SCRIPTS: [(&str, Script, Difference); 14] = [
    ("both sides close", both_close, None),
    ("the client resets", client_resets, None),
    ("the backend resets", backend_resets, None),
    ("nobody says anything", nobody_speaks, None),
    ("the client does not read", client_does_not_read, None),
    ("the backend does not read", backend_does_not_read, None),
    ("the client ends, the backend is silent", client_ends, None),
    ("waits, then is served", waits_and_is_served, None),
    (
        "waits behind another, then is served",
        waits_behind_another,
        None,
    ),
    ("waits for too long", waits_too_long, None),
    ("waits and resets", waits_and_resets, Some((&["CD"], "CQ"))),
    (
        "asked, the backend is silent",
        asked_in_vain,
        Some((&["cD", "sD"], "sD")),
    ),
    (
        "the backend stops in its answer",
        half_an_answer,
        Some((&["cD", "sD"], "sD")),
    ),
    (
        "the backend ends, the client does not",
        backend_ends,
        Some((&["cD"], "cL")),
    ),
];

fn both_close(site: &Site) -> u16 {
    let (mut client, mut backend) = site.asked();
    backend.write_all(b"answer").unwrap();
    drop(backend);
    read_out(&mut client);
    port(&client)
}

fn client_resets(site: &Site) -> u16 {
    let (client, mut backend) = site.asked();
    let number = port(&client);
    reset(client);
    read_out(&mut backend);
    number
}

fn backend_resets(site: &Site) -> u16 {
    let (mut client, backend) = site.asked();
    reset(backend);
    read_out(&mut client);
    port(&client)
}

fn nobody_speaks(site: &Site) -> u16 {
    let (mut client, _backend) = site.session();
    read_out(&mut client);
    port(&client)
}

fn client_does_not_read(site: &Site) -> u16 {
    let (client, backend) = site.asked();
    flood(&backend);
    site.line(port(&client));
    port(&client)
}

fn backend_does_not_read(site: &Site) -> u16 {
    let (client, _backend) = site.session();
    flood(&client);
    site.line(port(&client));
    port(&client)
}

fn client_ends(site: &Site) -> u16 {
    let (mut client, _backend) = site.asked();
    client.shutdown(Shutdown::Write).unwrap();
    read_out(&mut client);
    port(&client)
}

fn asked_in_vain(site: &Site) -> u16 {
    let (mut client, _backend) = site.asked();
    read_out(&mut client);
    port(&client)
}

fn half_an_answer(site: &Site) -> u16 {
    let (mut client, mut backend) = site.asked();
    backend.write_all(b"half").unwrap();
    read_out(&mut client);
    port(&client)
}

fn backend_ends(site: &Site) -> u16 {
    let (client, mut backend) = site.asked();
    backend.write_all(b"answer").unwrap();
    backend.shutdown(Shutdown::Write).unwrap();
    site.line(port(&client));
    port(&client)
}

/// A session takes the only place; then it ends, and those who wait are served in turn.
fn serve_the_queue(site: &Site, count: u32) -> u16 {
    let (first, backend) = site.asked();
    let mut waiting = Vec::new();
    for number in 1..=count {
        waiting.push(site.connect());
        site.queued(number);
    }
    let mut last = port(&first);
    drop((first, backend));
    for mut client in waiting {
        // The line counts the sessions that are open: the one before is over by then.
        site.line(last);
        let mut backend = site.accept();
        backend.write_all(b"served").unwrap();
        drop(backend);
        read_out(&mut client);
        last = port(&client);
    }
    last
}

fn waits_and_is_served(site: &Site) -> u16 {
    serve_the_queue(site, 1)
}

fn waits_behind_another(site: &Site) -> u16 {
    serve_the_queue(site, 2)
}

fn waits_too_long(site: &Site) -> u16 {
    let (_first, _backend) = site.asked();
    let mut waits = site.connect();
    read_out(&mut waits);
    site.line(port(&waits));
    port(&waits)
}

fn waits_and_resets(site: &Site) -> u16 {
    let (_first, _backend) = site.asked();
    let waits = site.connect();
    site.queued(1);
    let number = port(&waits);
    reset(waits);
    site.line(number);
    number
}

fn the_same_sessions_have_the_same_fields(_: &World) {
    let play = |site: Site| {
        SCRIPTS.map(|(_, script, _)| {
            let line = site.line(script(&site));
            // The session beside it is over, too, before the next begins.
            site.idle();
            line
        })
    };
    let (haproxys, ours) = std::thread::scope(|scope| {
        let haproxys = scope.spawn(|| play(Site::haproxy()));
        let ours = play(Site::ours());
        (haproxys.join().unwrap(), ours)
    });
    for (((what, _, differs), haproxy), ours) in SCRIPTS.iter().zip(haproxys).zip(ours) {
        println!("beside: {what}\nbeside:   {haproxy}\nbeside:   {ours}");
        let (mut haproxy, mut ours) = (Fields::of(&haproxy), Fields::of(&ours));
        if let Some((theirs, own)) = differs {
            assert!(theirs.contains(&haproxy.termination.as_str()), "{what}");
            assert_eq!(ours.termination, *own, "{what}");
            haproxy.termination.clear();
            ours.termination.clear();
        }
        assert_eq!(haproxy, ours, "{what}");
    }
}
