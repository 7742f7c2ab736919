//! A router with balancers and file servers on one side and a client on the other, with the files of `infra/anycast`.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use e2e::admin::Admin;
use e2e::lan::{Lan, Machine};
use e2e::new_wire::{RawClient, frame, kind};
use e2e::process::Process;
use e2e::program::Program;
use e2e::scratch::Scratch;
use e2e::tool::in_path;
use e2e::{PATIENCE, eventually, files, tool};
use serde_json::{Value, json};

use crate::two_balancers::{balancer, file_servers};
use crate::world::World;

const DOCUMENT: &str = "docs/several-balancers.md";
const BALANCER: &str = "infra/anycast/balancer.conf";
const ROUTER: &str = "infra/anycast/router.conf";
const ROUTER_KERNEL: &str = "infra/anycast/router-sysctl.conf";
const ANNOUNCE: &str = "infra/anycast/netsocket-announce";
const ANNOUNCE_UNIT: &str = "infra/anycast/netsocket-announce.service";
const NEXT_HOPS: &str = "infra/anycast/netsocket-nexthops";
const NEXT_HOPS_UNIT: &str = "infra/anycast/netsocket-nexthops.service";

/// Where clients connect: nobody else in the test has such an address, so it is the documented one.
const SHARED: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 10);

/// A client's patience with a connect: longer than one takes, and short beside the time that a loss may take.
const CONNECT: Duration = Duration::from_millis(500);

/// Connections to hold through each balancer: enough that chance does not spare them all.
pub(super) const EACH: usize = 16;

/// So many connections in a row tell of all: one balancer of three is missed by one run of 10^8.
const ALL: usize = 48;

/// A network of balancers and file servers, one of clients, and the router between them.
pub(super) struct Site {
    pub(super) balancers: Vec<Balancer>,
    settings: String,
    router: Machine,
    router_bird: Bird,
    laptop: Machine,
    servers: [(Process, Machine); 3],
    _networks: [Lan; 2],
}

/// A machine with a balancer and what announces it.
pub(super) struct Balancer {
    pub(super) process: Process,
    announce: Process,
    bird: Bird,
    machine: Machine,
}

/// BIRD on a machine.
struct Bird {
    socket: PathBuf,
    _process: Process,
}

/// A connection of a client that a file server has greeted.
pub(super) struct Connection {
    client: RawClient,
    address: SocketAddr,
    /// Whose greeting it was.
    pub(super) server: Value,
}

impl Bird {
    fn start(machine: &Machine, configuration: &str) -> Self {
        let dir = Scratch::new("bird");
        let configuration = configuration.replace("log syslog all", "log stderr all");
        let file = dir.write("bird.conf", &configuration);
        let socket = dir.path().join("bird.ctl");
        let mut command = machine.command(in_path("bird").unwrap());
        command.arg("-f").arg("-c").arg(file);
        command.arg("-s").arg(&socket);
        command.arg("-P").arg(dir.path().join("pid"));
        let mut process = Process::start("bird", command, dir);
        eventually(PATIENCE, "a BIRD that takes commands", || {
            assert!(!process.has_ended(), "{configuration}");
            socket.exists().then_some(())
        });
        Self {
            socket,
            _process: process,
        }
    }

    /// Commands of a document or a unit, where `birdc` is for this BIRD.
    fn adapt(&self, commands: &str) -> String {
        let adapted = format!("birdc -s {}", self.socket.display());
        commands.replace("birdc", &adapted)
    }
}

impl Balancer {
    fn start(machine: Machine, router: &Machine, settings: &str) -> Self {
        let gateway = router.address.to_string();
        machine.ip(&["route", "add", "default", "via", &gateway]);
        let prepare = of_unit(ANNOUNCE_UNIT, "ExecStartPre=+");
        tool::output(&mut shell(&machine, &prepare));
        let process = balancer(&machine, settings);
        let configuration = files::text_with(BALANCER, &[("192.0.2.1", &gateway)]);
        let bird = Bird::start(&machine, &configuration);
        Self {
            announce: announce(&machine, &bird),
            process,
            bird,
            machine,
        }
    }

    fn admin<T: Send>(&self, question: impl FnOnce(Admin) -> T + Send) -> T {
        let address = SocketAddr::from(([127, 0, 0, 1], 8404));
        self.machine.inside(|| question(Admin(address)))
    }

    /// Whether a connection goes through this one.
    pub(super) fn has(&self, connection: &Connection) -> bool {
        let open = self.admin(|admin| admin.json("/api/v1/sessions"));
        let sessions = open["sessions"].as_array().unwrap();
        let client = connection.address.to_string();
        sessions.iter().any(|session| session["client"] == client)
    }

    /// Ends what announces it, as systemd does.
    pub(super) fn stop_announcing(&mut self) {
        self.announce.kill();
        let after = self.bird.adapt(&of_unit(ANNOUNCE_UNIT, "ExecStopPost=-"));
        tool::output(&mut shell(&self.machine, &after));
    }
}

/// The documented script, which asks the balancer at the admin address that it has by default.
fn announce(machine: &Machine, bird: &Bird) -> Process {
    let program = Program::Balancer.path();
    let swaps = [
        ("netsocket-balancer health", "PROGRAM health"),
        (" --config \"$settings\"", ""),
    ];
    let text = bird.adapt(&files::text_with(ANNOUNCE, &swaps));
    let text = text.replace("PROGRAM", program.to_str().unwrap());
    script("announce", machine, &text)
}

fn script(name: &str, machine: &Machine, text: &str) -> Process {
    let dir = Scratch::new(name);
    let file = dir.write(name, text);
    let mut command = machine.command("/bin/sh");
    command.arg(file);
    Process::start(name, command, dir)
}

/// A line of commands on a machine.
fn shell(machine: &Machine, line: &str) -> Command {
    let mut command = machine.command("/bin/sh");
    command.args(["-ec", line]);
    command
}

/// The command behind a key of a unit.
fn of_unit(unit: &str, key: &str) -> String {
    let text = files::text(unit);
    let found = text.lines().find_map(|line| line.strip_prefix(key));
    found
        .unwrap_or_else(|| panic!("{unit} has no {key}"))
        .to_owned()
}

/// The router's configuration, which has two balancers, and the further ones as its reader would add them.
fn for_router(balancers: &[Machine]) -> String {
    let addresses: Vec<_> = balancers.iter().map(|of| of.address.to_string()).collect();
    let swaps = [
        ("192.0.2.31", addresses[0].as_str()),
        ("192.0.2.32", &addresses[1]),
    ];
    let mut text = files::text_with(ROUTER, &swaps);
    for (machine, address) in balancers.iter().zip(&addresses).skip(2) {
        let neighbor = format!("{{ neighbor {address} as 64513; }}");
        text += &format!("protocol bgp {} from balancer {neighbor}\n", machine.name);
    }
    text
}

impl Site {
    /// A network of that many balancers.
    pub(super) fn start(count: usize, world: &World) -> Self {
        let mut lan = Lan::new();
        let mut clients = Lan::numbered(78);
        let (servers, settings) = file_servers(&mut lan, world);
        let router = lan.machine("router");
        let gateway = clients.join(&router, "eth1").to_string();
        let machines: Vec<_> = (1..=count)
            .map(|number| lan.machine(&format!("balancer{number}")))
            .collect();
        let laptop = clients.machine("laptop");
        laptop.ip(&["route", "add", "default", "via", &gateway]);
        let sysctl = |machine: &Machine| machine.command(in_path("sysctl").unwrap());
        let load = format!("--load={}", files::path(ROUTER_KERNEL).display());
        tool::output(sysctl(&router).arg(load));
        // Between namespaces the kernel goes by the hash of the client's socket, which a retransmission would change.
        tool::output(sysctl(&laptop).arg("net.core.txrehash=0"));
        let router_bird = Bird::start(&router, &for_router(&machines));
        let balancers = machines.into_iter();
        Self {
            balancers: balancers
                .map(|machine| Balancer::start(machine, &router, &settings))
                .collect(),
            settings,
            router,
            router_bird,
            laptop,
            servers,
            _networks: [lan, clients],
        }
    }

    /// The client connects to the shared address, and says nothing.
    pub(super) fn knock(&self) -> io::Result<TcpStream> {
        let shared = SocketAddr::from((SHARED, 8081));
        let connect = || TcpStream::connect_timeout(&shared, CONNECT);
        self.laptop.inside(connect)
    }

    /// A new connection of the client.
    pub(super) fn connect(&self) -> io::Result<Connection> {
        let stream = self.knock()?;
        let address = stream.local_addr()?;
        let (client, mut hello) = RawClient::greeted_on(stream)?;
        Ok(Connection {
            client,
            address,
            server: hello["name"].take(),
        })
    }

    /// Whether all new connections succeed; those that were tried.
    pub(super) fn all_connect(&self) -> Option<Vec<Connection>> {
        (0..ALL).map(|_| self.connect().ok()).collect()
    }

    /// Opens connections until each balancer has as many; those that are too many are closed.
    pub(super) fn connections(&self, each: usize) -> Vec<Vec<Connection>> {
        let mut held: Vec<_> = self.balancers.iter().map(|_| Vec::new()).collect();
        eventually(PATIENCE, "connections through all balancers", || {
            let new = self.connect().ok()?;
            let through = self.balancers.iter().position(|of| of.has(&new))?;
            if held[through].len() < each {
                held[through].push(new);
            }
            held.iter().all(|of| of.len() == each).then_some(())
        });
        held
    }

    /// Starts a balancer that was killed.
    pub(super) fn revive(&mut self, which: usize) {
        let dead = &mut self.balancers[which];
        dead.process = balancer(&dead.machine, &self.settings);
    }

    /// Takes a whole machine away.
    pub(super) fn unplug(&self, which: usize) {
        self.balancers[which]
            .machine
            .ip(&["link", "set", "eth0", "down"]);
    }

    /// Gives it back.
    pub(super) fn plug(&self, which: usize) {
        let machine = &self.balancers[which].machine;
        machine.ip(&["link", "set", "eth0", "up"]);
        let gateway = self.router.address.to_string();
        machine.ip(&["route", "add", "default", "via", &gateway]);
    }

    /// Takes the way to the file servers away from a balancer.
    pub(super) fn part_from_file_servers(&self, which: usize) {
        for (_, server) in &self.servers {
            let target = server.address.to_string();
            let words = ["route", "add", "blackhole", &target];
            self.balancers[which].machine.ip(&words);
        }
    }

    /// The documented script of the router, which has begun.
    pub(super) fn next_hops(&self) -> Process {
        let mut process = script("nexthops", &self.router, &files::text(NEXT_HOPS));
        process.logs("next hops: ");
        process
    }

    /// Ends it as systemd does.
    pub(super) fn stop_next_hops(&self, mut process: Process) {
        process.kill();
        let after = of_unit(NEXT_HOPS_UNIT, "ExecStopPost=-");
        tool::output(&mut shell(&self.router, &after));
    }

    /// Looks as the document says whether the router has found all. BFD may be up a little later than BGP.
    pub(super) fn look_at_router(&self) {
        let blocks = e2e::markdown::Document::read(DOCUMENT).texts("sh");
        let mut blocks = blocks.iter();
        let block = blocks.find(|block| block.starts_with("# on the router"));
        let commands = self.router_bird.adapt(block.unwrap());
        eventually(PATIENCE, "BGP, BFD and a route to all", || {
            let said = tool::output(&mut shell(&self.router, &commands));
            let said = String::from_utf8(said).unwrap();
            let of_each = ["Established", " Up ", "nexthop via"];
            let mut counts = of_each.iter().map(|word| said.matches(word).count());
            counts
                .all(|count| count == self.balancers.len())
                .then_some(())
        });
    }
}

impl Connection {
    /// Whether the file server answers a request.
    fn works(&mut self) -> bool {
        let request = json!({"command": "directories", "order": "name"}).to_string();
        let request = frame(kind::REQUEST, request.as_bytes());
        let sent = self.client.write(&request);
        sent.and_then(|()| self.client.message(kind::REPLY)).is_ok()
    }
}

/// How many of them still work.
pub(super) fn working(connections: &mut [Connection]) -> usize {
    connections
        .iter_mut()
        .map(|connection| usize::from(connection.works()))
        .sum()
}
