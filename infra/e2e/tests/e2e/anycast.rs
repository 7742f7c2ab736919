//! Two balancers behind a router that spreads connections over them, as docs/several-balancers.md sets them up: a balancer
//! dies, a machine goes, and clients go on.

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
use e2e::requirement::in_path;
use e2e::scratch::Scratch;
use e2e::{PATIENCE, eventually, files, tool};
use serde_json::{Value, json};

use crate::two_balancers::{balancer, file_servers};
use crate::world::World;

crate::tests![
    #[needs(Bird)]
    new_connections_go_on,
    #[needs(Bird)]
    open_connections_stay_where_next_hops_are_resilient,
];

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

/// For so long at most some new connections fail after a loss.
const MOVE: Duration = Duration::from_secs(5);

/// A client's patience with a connect: longer than one takes, and short beside [`MOVE`].
const CONNECT: Duration = Duration::from_millis(500);

/// So many connections in a row tell of all: a balancer that gets half of them is missed by one run of millions.
const ALL: usize = 24;

/// A network of balancers and file servers, one of clients, and the router between them.
struct Site {
    balancers: [Balancer; 2],
    settings: String,
    router: Machine,
    router_bird: Bird,
    laptop: Machine,
    _servers: [(Process, Machine); 3],
    _networks: [Lan; 2],
}

/// A machine with a balancer and what announces it.
struct Balancer {
    process: Process,
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
struct Connection {
    client: RawClient,
    address: SocketAddr,
    server: Value,
}

impl Bird {
    fn start(machine: &Machine, file: &str, swaps: &[(&str, &str)]) -> Self {
        let dir = Scratch::new("bird");
        let swaps = [&[("log syslog all", "log stderr all")], swaps].concat();
        let file = dir.write("bird.conf", files::text_with(file, &swaps));
        let socket = dir.path().join("bird.ctl");
        let mut command = machine.command(in_path("bird").unwrap());
        command.arg("-f").arg("-c").arg(file);
        command.arg("-s").arg(&socket);
        command.arg("-P").arg(dir.path().join("pid"));
        let mut process = Process::start("bird", command, dir);
        process.logs("Started");
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
        let bird = Bird::start(&machine, BALANCER, &[("192.0.2.1", &gateway)]);
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
    fn has(&self, connection: &Connection) -> bool {
        let open = self.admin(|admin| admin.json("/api/v1/sessions"));
        let sessions = open["sessions"].as_array().unwrap();
        let client = connection.address.to_string();
        sessions.iter().any(|session| session["client"] == client)
    }

    /// Ends what announces it, as systemd does.
    fn stop_announcing(&mut self) {
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

impl Site {
    fn start(world: &World) -> Self {
        let mut lan = Lan::new();
        let mut clients = Lan::numbered(78);
        let (servers, settings) = file_servers(&mut lan, world);
        let router = lan.machine("router");
        let gateway = clients.join(&router, "eth1").to_string();
        let machines = ["balancer1", "balancer2"].map(|name| lan.machine(name));
        let laptop = clients.machine("laptop");
        laptop.ip(&["route", "add", "default", "via", &gateway]);
        let mut command = router.command(in_path("sysctl").unwrap());
        tool::output(command.arg("--load").arg(files::path(ROUTER_KERNEL)));
        let [one, two] = machines.each_ref().map(|of| of.address.to_string());
        let swaps = [("192.0.2.31", one.as_str()), ("192.0.2.32", &two)];
        let router_bird = Bird::start(&router, ROUTER, &swaps);
        let balancers = machines.map(|machine| Balancer::start(machine, &router, &settings));
        Self {
            balancers,
            settings,
            router,
            router_bird,
            laptop,
            _servers: servers,
            _networks: [lan, clients],
        }
    }

    /// A new connection of the client.
    fn connect(&self) -> io::Result<Connection> {
        let shared = SocketAddr::from((SHARED, 8081));
        let connect = || TcpStream::connect_timeout(&shared, CONNECT);
        let stream = self.laptop.inside(connect)?;
        let address = stream.local_addr()?;
        let (client, mut hello) = RawClient::greeted_on(stream)?;
        Ok(Connection {
            client,
            address,
            server: hello["name"].take(),
        })
    }

    /// Whether all new connections succeed; those that were tried.
    fn all_connect(&self) -> Option<Vec<Connection>> {
        (0..ALL).map(|_| self.connect().ok()).collect()
    }

    /// Opens connections until each balancer has as many; those that are too many are closed.
    fn connections(&self, each: usize) -> [Vec<Connection>; 2] {
        let mut held = [Vec::new(), Vec::new()];
        eventually(PATIENCE, "connections through both balancers", || {
            let new = self.connect().ok()?;
            let through = self.balancers.iter().position(|of| of.has(&new))?;
            if held[through].len() < each {
                held[through].push(new);
            }
            held.iter().all(|of| of.len() == each).then_some(())
        });
        held
    }

    fn revive(&mut self, which: usize) {
        let dead = &mut self.balancers[which];
        dead.process = balancer(&dead.machine, &self.settings);
    }

    /// Runs what the document says about the router, and gives back what is printed.
    fn look_at_router(&self) -> String {
        let blocks = files::blocks(&files::text(DOCUMENT), "sh");
        let block = blocks
            .iter()
            .find(|block| block.starts_with("# on the router"));
        let commands = self.router_bird.adapt(block.unwrap());
        let said = tool::output(&mut shell(&self.router, &commands));
        String::from_utf8(said).unwrap()
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

fn working(connections: &mut [Connection]) -> usize {
    connections
        .iter_mut()
        .map(|connection| usize::from(connection.works()))
        .sum()
}

fn new_connections_go_on(world: &World) {
    let mut site = Site::start(world);
    let [mut at_first, mut at_second] = site.connections(ALL);
    // Whichever balancer it comes through, a client is led to the same file server.
    let server = at_first[0].server.clone();
    let mut all = at_first.iter().chain(&at_second);
    assert!(all.all(|connection| connection.server == server));
    // BFD may be up a little later than BGP.
    eventually(PATIENCE, "the router with two of all", || {
        let seen = site.look_at_router();
        let of_all = ["Established", " Up ", "nexthop via"];
        let mut counts = of_all.iter().map(|word| seen.matches(word).count());
        counts.all(|count| count == 2).then_some(())
    });

    site.balancers[0].process.kill();
    let mut meanwhile = eventually(MOVE, "connections through the second one alone", || {
        site.all_connect()
    });
    assert_eq!((working(&mut at_first), working(&mut at_second)), (0, ALL));
    assert!(meanwhile.iter().all(|of| of.server == server));

    // It comes back. Its share of the connections that began without it is taken away from the second one.
    site.revive(0);
    drop(site.connections(1));
    let kept = working(&mut meanwhile);
    assert!((1..ALL).contains(&kept), "{kept} of {ALL}");
    assert_eq!(working(&mut at_second), ALL);

    // A whole machine is gone, and comes back.
    let interface = ["link", "set", "eth0", "down"];
    site.balancers[1].machine.ip(&interface);
    eventually(MOVE, "connections without the machine", || {
        site.all_connect()
    });
    assert_eq!(working(&mut at_second), 0);
    let gateway = site.router.address.to_string();
    let machine = &site.balancers[1].machine;
    machine.ip(&["link", "set", "eth0", "up"]);
    machine.ip(&["route", "add", "default", "via", &gateway]);
    drop(site.connections(1));

    // One reaches no file server.
    for (_, server) in &site._servers {
        let target = server.address.to_string();
        let words = ["route", "add", "blackhole", &target];
        site.balancers[0].machine.ip(&words);
    }
    let all = eventually(PATIENCE, "connections through the ready one", || {
        site.all_connect()
    });
    assert!(all.iter().all(|of| site.balancers[1].has(of)));

    // The last one is taken out, and clients hear of it.
    site.balancers[1].stop_announcing();
    eventually(MOVE, "the word that there is no way", || {
        let error = site.connect().err()?;
        let kinds = [
            io::ErrorKind::NetworkUnreachable,
            io::ErrorKind::HostUnreachable,
        ];
        kinds.contains(&error.kind()).then_some(())
    });
}

fn open_connections_stay_where_next_hops_are_resilient(world: &World) {
    let mut site = Site::start(world);
    let mut next_hops = script("nexthops", &site.router, &files::text(NEXT_HOPS));
    next_hops.logs("/");
    let [mut at_first, mut at_second] = site.connections(ALL);

    site.balancers[0].process.kill();
    let mut meanwhile = eventually(MOVE, "connections through the second one alone", || {
        site.all_connect()
    });
    assert_eq!((working(&mut at_first), working(&mut at_second)), (0, ALL));

    // It comes back, and has new connections; those that are in use stay with the second one.
    site.revive(0);
    at_second.append(&mut meanwhile);
    eventually(PATIENCE, "a new connection through the first one", || {
        assert_eq!(working(&mut at_second), 2 * ALL);
        let new = site.connect().ok()?;
        site.balancers[0].has(&new).then_some(())
    });
    assert_eq!(working(&mut at_second), 2 * ALL);

    // Without it the router goes on with the next hops of BIRD.
    next_hops.kill();
    let after = of_unit(NEXT_HOPS_UNIT, "ExecStopPost=-");
    tool::output(&mut shell(&site.router, &after));
    assert!(site.all_connect().is_some());
}
