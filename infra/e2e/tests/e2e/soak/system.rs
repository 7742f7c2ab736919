//! The system of the soak, and the faults that befall it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use e2e::fleet::{FileServer, NAMES, Plan};
use e2e::lying_dns::{Answer, LyingDns};
use e2e::{PATIENCE, eventually, loopback};

use super::balancer::{Reader, Serving};

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nobody reads the balancer's log for a while.
    LogStalls,
    /// The reader of its log has gone.
    LogBreaks,
    /// The disk of its access log is full.
    DiskFills,
    /// One file server is killed.
    OneDies,
    /// All are.
    AllDie,
    /// The resolver knows no address of the name.
    DnsEmpty,
    /// It names an address where nobody is.
    DnsWrong,
    /// It says nothing.
    DnsSilent,
    /// The balancer reads its settings again.
    Reload,
    /// A new process takes the balancer's place.
    Restart,
}

impl Fault {
    pub(super) const ALL: [Self; 10] = [
        Self::LogStalls,
        Self::LogBreaks,
        Self::DiskFills,
        Self::OneDies,
        Self::AllDie,
        Self::DnsEmpty,
        Self::DnsWrong,
        Self::DnsSilent,
        Self::Reload,
        Self::Restart,
    ];
}

/// What there is to say at the end.
#[derive(Debug)]
pub(super) struct Seen {
    /// Sessions that ended otherwise than with `--`, as the balancer counted them.
    pub(super) ended_badly: f64,
    /// Sessions that a file server had when it was killed.
    pub(super) met_by_kills: f64,
}

/// Three file servers, the resolver that names them, and a balancer that asks it.
pub(super) struct System {
    balancer: Serving,
    servers: [FileServer; 3],
    dead: Vec<usize>,
    dns: LyingDns,
    met_by_kills: f64,
    /// Nobody ever sends: a wait that only time ends.
    pause: (Sender<()>, std::sync::mpsc::Receiver<()>),
}

impl System {
    pub(super) fn start(root: &Path) -> Self {
        let plan = Plan::over(root);
        // An address of a name has no port: it is the same for all of them, on addresses that nobody else has.
        let first = FileServer::start_at(&plan, NAMES[0], own(0));
        let port = first.address.port();
        let second = FileServer::start_at(&plan, NAMES[1], own(port));
        let third = FileServer::start_at(&plan, NAMES[2], own(port));
        let servers = [first, second, third];
        let dns = LyingDns::start(truth(&servers));
        let settings = format!(
            "listen = '{}'\nadmin = '127.0.0.1:0'\ncheck_interval = '500ms'\ncheck_timeout = '500ms'\n\
             flap_hold = '0'\ndns_server = '{}'\ndns_min_interval = '50ms'\ndns_max_interval = '200ms'\n\
             dns_hold = '500ms'\ndrain_timeout = '1m'\n",
            own(0),
            dns.address(),
        );
        let backends = format!(
            "[[backends]]\nname = 'files'\naddress = 'files.test:{port}'\nresolve = 'dns'\n"
        );
        let system = Self {
            balancer: Serving::start(&settings, &backends),
            servers,
            dead: Vec::new(),
            dns,
            met_by_kills: 0.0,
            pause: channel(),
        };
        system.wait_until_up(PATIENCE);
        system
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.balancer.address
    }

    pub(super) fn wait_until_up(&self, limit: Duration) {
        eventually(limit, "every backend up", || {
            (self.balancer.up() == self.servers.len()).then_some(())
        });
    }

    /// Lets time pass.
    pub(super) fn pass(&self, time: Duration) {
        let _ = self.pause.1.recv_timeout(time);
    }

    pub(super) fn begin(&mut self, fault: Fault, random: &mut fastrand::Rng) {
        match fault {
            Fault::LogStalls => self.balancer.read_by(Reader::Stalls),
            Fault::LogBreaks => self.balancer.read_by(Reader::Gone),
            Fault::DiskFills => self.balancer.fill_disk(),
            Fault::OneDies => self.kill(random.usize(..self.servers.len())),
            Fault::AllDie => (0..self.servers.len()).for_each(|victim| self.kill(victim)),
            Fault::DnsEmpty => self.dns.answers(Answer::Empty),
            Fault::DnsWrong => {
                let nobody = loopback::own_address();
                self.dns.answers(Answer::Addresses(vec![nobody]));
            }
            Fault::DnsSilent => self.dns.answers(Answer::Silence),
            Fault::Reload => self.balancer.reload(),
            Fault::Restart => {
                // What ends badly afterwards would be counted by nobody: the old process cannot be asked any more.
                self.repair();
                self.wait_until_up(PATIENCE);
                self.balancer.restart();
            }
        }
    }

    fn kill(&mut self, victim: usize) {
        if !self.dead.contains(&victim) {
            let server = &mut self.servers[victim];
            // Some are cut with a clean end: what they had sent was all that was sent.
            self.met_by_kills += 1.0 + self.balancer.active(&server.address.to_string());
            server.process.kill();
            self.dead.push(victim);
        }
    }

    /// Everything as it should be.
    pub(super) fn repair(&mut self) {
        self.balancer.read_by(Reader::Reads);
        self.balancer.free_disk();
        for victim in std::mem::take(&mut self.dead) {
            self.servers[victim].restart();
        }
        self.dns.answers(truth(&self.servers));
    }

    /// Whether no program has gone that was not killed.
    pub(super) fn is_alive(&mut self) -> bool {
        self.servers
            .iter_mut()
            .all(|server| !server.process.has_ended())
            && self.balancer.is_alive()
    }

    /// Stops the balancer.
    pub(super) fn end(self) -> Seen {
        Seen {
            ended_badly: self.balancer.stop(),
            met_by_kills: self.met_by_kills,
        }
    }
}

fn own(port: u16) -> SocketAddr {
    SocketAddr::from((loopback::own_address(), port))
}

fn truth(servers: &[FileServer; 3]) -> Answer {
    let address = |server: &FileServer| match server.address {
        SocketAddr::V4(address) => *address.ip(),
        SocketAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
    };
    Answer::Addresses(servers.iter().map(address).collect())
}
