//! Faults of machines, networks and resources, as a client of the balancer meets them.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use e2e::admin::Admin;
use e2e::lan::{Lan, Machine};
use e2e::process::Process;
use e2e::program::Program;
use e2e::scratch::Scratch;
use e2e::{PATIENCE, access_log, eventually};

use crate::world::World;

crate::tests![
    #[needs(Root)]
    a_backend_that_vanishes_is_no_clean_end,
    #[needs(Root)]
    local_ports_that_run_out_are_told,
];

/// Keepalive takes a minute, and a look at what is in flight some seconds more.
const NOTICED: Duration = Duration::from_secs(120);

/// A balancer on one machine, and its only backend on another, which the test plays.
struct Pair {
    front: Machine,
    back: Machine,
    listener: TcpListener,
    balancer: Process,
    admin: Admin,
    _lan: Lan,
}

impl Pair {
    fn start(prepare: impl FnOnce(&Machine)) -> Self {
        let mut lan = Lan::new();
        let (front, back) = (lan.machine("front"), lan.machine("back"));
        prepare(&front);
        let listener = back.inside(|| TcpListener::bind(back.at(9000)).unwrap());
        listener.set_nonblocking(true).unwrap();
        let mut command = front.command(Program::Balancer.path());
        command
            .env(access_log::JSON_FORMAT.0, access_log::JSON_FORMAT.1)
            .env(access_log::JSON_SESSIONS.0, access_log::JSON_SESSIONS.1)
            .env("NETSOCKET_CHECK_INTERVAL", "1h")
            .args(["--listen", &front.at(8081).to_string()])
            .args(["--admin", "127.0.0.1:0"])
            .args(["--backend", &format!("back={}", back.at(9000))]);
        let mut balancer = Process::start("balancer", command, Scratch::new("balancer"));
        let admin = Admin(balancer.listening("admin"));
        let pair = Self {
            front,
            back,
            listener,
            balancer,
            admin,
            _lan: lan,
        };
        drop(pair.accept()); // the first check
        pair.front.inside(|| {
            eventually(PATIENCE, "the backend up", || {
                (admin.up() == 1).then_some(())
            });
        });
        pair
    }

    fn address(&self) -> SocketAddr {
        self.front.at(8081)
    }

    /// The backend's side of the next connection.
    fn accept(&self) -> TcpStream {
        let (stream, _) = eventually(PATIENCE, "a connection", || self.listener.accept().ok());
        stream.set_nonblocking(false).unwrap();
        stream
    }

    /// A session: both sides have heard from the other.
    fn session(&self) -> (TcpStream, TcpStream) {
        let mut client = self
            .front
            .inside(|| TcpStream::connect(self.address()).unwrap());
        let mut backend = self.accept();
        client.set_read_timeout(Some(NOTICED)).unwrap();
        backend.set_read_timeout(Some(PATIENCE)).unwrap();
        client.write_all(b"get").unwrap();
        let mut asked = [0; 3];
        backend.read_exact(&mut asked).unwrap();
        backend.write_all(b"part").unwrap();
        let mut part = [0; 4];
        client.read_exact(&mut part).unwrap();
        (client, backend)
    }

    /// The access log, once it has so many sessions.
    fn sessions(&self, count: usize) -> Vec<serde_json::Value> {
        eventually(PATIENCE, "the records of the sessions", || {
            Some(access_log::sessions(&self.balancer.log())).filter(|all| all.len() >= count)
        })
    }
}

/// Neither for a download that stands still nor for a question that is on its way.
fn a_backend_that_vanishes_is_no_clean_end(_: &World) {
    let pair = Pair::start(|_| {});
    let (mut downloading, _there) = pair.session();
    let (mut asking, _too) = pair.session();
    pair.back.ip(&["link", "set", "eth0", "down"]);
    asking.write_all(b"are you there?").unwrap();
    for client in [&mut downloading, &mut asking] {
        let end = client.read(&mut [0; 1]);
        assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
    for session in pair.sessions(2) {
        assert_eq!(session["termination"], "sD", "{session}");
        assert_eq!(session["bytes_down"], 4, "{session}");
    }
}

/// Local ports of the balancer's machine, and clients that are more.
const PORTS: usize = 20;
const CLIENTS: usize = 40;

fn local_ports_that_run_out_are_told(_: &World) {
    let pair = Pair::start(|front| {
        let range = format!("50000 {}", 50000 + PORTS - 1);
        front.inside(|| std::fs::write("/proc/sys/net/ipv4/ip_local_port_range", range).unwrap());
    });
    let mut served = Vec::new();
    let mut refused = 0_u32;
    for _ in 0..CLIENTS {
        // From the other machine, whose ports are its own.
        let mut client = pair
            .back
            .inside(|| TcpStream::connect(pair.address()).unwrap());
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        // Either the backend gets it, or the client is reset.
        client.set_nonblocking(true).unwrap();
        let end = eventually(PATIENCE, "a backend or an end", || {
            if let Ok((backend, _)) = pair.listener.accept() {
                return Some(Some(backend));
            }
            match client.read(&mut [0; 1]) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => None,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => Some(None),
                other => panic!("{other:?}"),
            }
        });
        match end {
            Some(backend) => served.push((client, backend)),
            None => refused += 1,
        }
    }
    // The port of the first check may still be taken.
    assert!(
        served.len() <= PORTS && served.len() + 2 > PORTS,
        "{}",
        served.len()
    );
    let sessions = pair.sessions(refused.try_into().unwrap());
    assert!(
        sessions.iter().all(|it| it["termination"] == "RC"),
        "{sessions:?}"
    );
    let metrics = pair.front.inside(|| pair.admin.metrics());
    let ports = "resource=\"local_ports\"";
    let counted = metrics.sum("netsocket_resource_shortages_total", &[ports]);
    assert!(
        (counted - f64::from(refused)).abs() < 0.5,
        "{counted} of {refused}"
    );
    let page = pair.front.inside(|| pair.admin.page("/").body);
    assert!(
        page.contains(&format!("out of local ports {refused} times")),
        "{page}"
    );
    let lines = access_log::events(&pair.balancer.log(), "connection to a backend not possible");
    // One a second at most, and each tells how many were not logged before it.
    let suppressed: u64 = lines
        .iter()
        .map(|line| line["suppressed"].as_u64().unwrap())
        .sum();
    assert!(
        suppressed + lines.len() as u64 <= refused.into(),
        "{lines:?}"
    );
    assert!((lines.len() as u64) < refused.into(), "{lines:?}");
    assert_eq!(lines[0]["backend"], "back");
    assert_eq!(lines[0]["resource"], "local_ports");
}
