//! Two balancers behind one address, as docs/several-balancers.md sets them up: one dies, and clients go on.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use e2e::admin::Admin;
use e2e::client::Client;
use e2e::lan::{Lan, Machine};
use e2e::process::Process;
use e2e::program::Program;
use e2e::scratch::Scratch;
use e2e::{PATIENCE, eventually, files, tool};
use serde_json::Value;

use crate::world::World;

crate::tests![
    #[needs(Keepalived)]
    a_dead_balancer_is_replaced,
];

const KEEPALIVED: &str = "infra/keepalived/keepalived.conf";
const BALANCER: &str = "infra/config/balancer-pair.toml";
/// The documented addresses are for examples only; those of the test's network stand in for them.
const SHARED: (&str, &str) = ("192.0.2.10", "10.77.0.100");
const NAMES: [&str; 3] = ["server", "mirror1", "mirror2"];

/// Nobody tells a client that the address has moved, so this is what it waits at most for a connection.
const MOVE: Duration = Duration::from_secs(5);

/// A machine with a balancer and its keepalived.
struct Pair {
    balancer: Process,
    keepalived: Process,
    machine: Machine,
}

impl Pair {
    fn start(machine: Machine, settings: &str) -> Self {
        let mut pair = Self {
            balancer: balancer(&machine, settings),
            keepalived: keepalived(&machine),
            machine,
        };
        pair.keepalived.logs("Entering BACKUP STATE");
        pair
    }

    /// Whether the shared address is on this machine.
    fn has_address(&self) -> bool {
        let mut command = self.machine.command("/bin/ip");
        command.args(["-json", "address", "show", "dev", "eth0"]);
        let said: Value = serde_json::from_slice(&tool::output(&mut command)).unwrap();
        let addresses = said[0]["addr_info"].as_array().unwrap();
        addresses.iter().any(|address| address["local"] == SHARED.1)
    }

    fn admin<T: Send>(&self, question: impl FnOnce(Admin) -> T + Send) -> T {
        let address = SocketAddr::from(([127, 0, 0, 1], 8404));
        self.machine.inside(|| question(Admin(address)))
    }

    /// The file servers that had sessions here.
    fn used(&self) -> Vec<String> {
        let backends = self.admin(Admin::backends);
        let used = backends
            .iter()
            .filter(|backend| backend["total"].as_u64() > Some(0));
        used.map(|backend| backend["name"].as_str().unwrap().to_owned())
            .collect()
    }
}

pub(crate) fn balancer(machine: &Machine, settings: &str) -> Process {
    let dir = Scratch::new(&machine.name);
    let file = dir.write("balancer.toml", settings);
    let mut command = machine.command(Program::Balancer.path());
    command.arg("--config").arg(file);
    let mut process = Process::start(&machine.name, command, dir);
    process.logs("listening");
    process
}

fn keepalived(machine: &Machine) -> Process {
    let dir = Scratch::new("keepalived");
    let file = dir.write("keepalived.conf", settings());
    let mut command = machine.command("/usr/sbin/keepalived");
    command
        .args(["--dont-fork", "--log-console", "--log-detail", "--vrrp"])
        .args(["--config-id", &machine.name])
        .arg("--use-file")
        .arg(file);
    for (flag, name) in [("--pid", "pid"), ("--vrrp_pid", "vrrp.pid")] {
        command.arg(flag).arg(dir.path().join(name));
    }
    Process::start("keepalived", command, dir)
}

/// The documented file with what is different here: the address, and where the program is.
fn settings() -> String {
    let program = Program::Balancer.path_for_everybody();
    let swaps = [
        (SHARED.0, SHARED.1),
        ("/usr/bin/netsocket-balancer", program.to_str().unwrap()),
        // The settings are the test's; the admin address is that of the file.
        (" --config /etc/netsocket/balancer.toml", ""),
        ("user netsocket", "user nobody"),
        // The test's copy of the program is in a directory that others may write to.
        ("enable_script_security", ""),
    ];
    files::text_with(KEEPALIVED, &swaps)
}

/// Three file servers, and the documented settings of a balancer with their addresses.
pub(crate) fn file_servers(lan: &mut Lan, world: &World) -> ([(Process, Machine); 3], String) {
    let servers = NAMES.map(|name| file_server(lan, name, world));
    let [one, two, three] = servers
        .each_ref()
        .map(|(_, machine)| machine.address.to_string());
    let swaps = [
        ("192.0.2.21", one.as_str()),
        ("192.0.2.22", &two),
        ("192.0.2.23", &three),
    ];
    (servers, files::text_with(BALANCER, &swaps))
}

fn file_server(lan: &mut Lan, name: &str, world: &World) -> (Process, Machine) {
    let machine = lan.machine(name);
    let mut command = machine.command(Program::Fileserver.path());
    command.args(["--name", name, "--listen", "0.0.0.0:9000", "--root"]);
    command.arg(world.few_files());
    let mut process = Process::start(name, command, Scratch::new(name));
    process.logs("listening");
    (process, machine)
}

fn a_dead_balancer_is_replaced(world: &World) {
    let mut lan = Lan::new();
    let (_servers, text) = file_servers(&mut lan, world);
    let machines = ["balancer1", "balancer2"].map(|name| lan.machine(name));
    let [mut first, mut second] = machines.map(|machine| Pair::start(machine, &text));
    let laptop = lan.machine("laptop");
    let shared = SocketAddr::new(SHARED.1.parse::<IpAddr>().unwrap(), 8081);
    let client = Client::of(shared);
    let asks = || client.run_on(&laptop, &["w24fn", "one.txt"]);
    eventually(PATIENCE, "the first one with the address", || {
        (first.has_address() && asks().code == Some(0)).then_some(())
    });
    assert!(!second.has_address());
    assert!(second.used().is_empty());
    for _ in 0..5 {
        assert_eq!(asks().code, Some(0));
    }

    first.balancer.kill();
    eventually(MOVE, "a session with the other one", || {
        (asks().code == Some(0)).then_some(())
    });
    assert!(second.has_address() && !first.has_address());
    for _ in 0..5 {
        assert_eq!(asks().code, Some(0));
    }
    // The client has the same file server as before, though nobody told this balancer.
    let chosen = second.used();
    assert_eq!(chosen.len(), 1, "{chosen:?}");

    // The first one is back, and the address stays where it is, until that whole machine is gone.
    first.balancer = balancer(&first.machine, &text);
    eventually(PATIENCE, "the first one ready", || {
        first
            .keepalived
            .log()
            .matches("Entering BACKUP STATE")
            .nth(1)
            .map(drop)
    });
    assert!(second.has_address() && !first.has_address());
    second.machine.ip(&["link", "set", "eth0", "down"]);
    eventually(MOVE, "a session with the first one", || {
        (asks().code == Some(0)).then_some(())
    });
    assert_eq!(first.used(), chosen);
    second.keepalived.terminate();
}
