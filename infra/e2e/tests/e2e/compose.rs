//! `infra/compose.yaml`: what it promises about itself, and its services as processes on machines of their own, with the
//! flags, environment, files and users that it gives them.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use e2e::admin::Admin;
use e2e::client::Client;
use e2e::compose::{self, Compose, Service};
use e2e::dns::Dns;
use e2e::dockerfile::Image;
use e2e::influx::{Influx, TOKEN};
use e2e::kafka::Kafka;
use e2e::lan::{FileSystem, Lan, Machine, program_path};
use e2e::process::Process;
use e2e::program::Program;
use e2e::scratch::Scratch;
use e2e::{PATIENCE, eventually, files, tool};
use serde_json::{Value, json};

use crate::world::World;

crate::tests![
    every_knob_is_used_and_explained,
    only_clients_come_from_elsewhere,
    our_containers_may_do_their_work_only,
    #[needs(Compose)]
    compose_itself_reads_the_same,
    #[needs(Lan)]
    replicas_are_found_by_name,
    #[needs(LanKafkaAndInflux)]
    records_arrive_in_the_database,
];

/// What our programs log with, so that the tests understand it.
const JSON: (&str, &str) = ("NETSOCKET_LOG_FORMAT", "json");

fn every_knob_is_used_and_explained(_: &World) {
    let used: BTreeSet<String> = compose::variables(&files::text(compose::FILE))
        .into_iter()
        .collect();
    let mut knobs: BTreeSet<String> = compose::knobs().into_keys().collect();
    // Read by compose itself.
    assert!(knobs.remove("COMPOSE_PROFILES"));
    assert_eq!(used, knobs);
    // A line of words above each, or above the group that it stands in.
    let text = files::text(compose::KNOBS);
    for group in text.split("\n\n") {
        assert!(group.starts_with('#'), "nothing explains {group}");
    }
}

fn only_clients_come_from_elsewhere(_: &World) {
    let compose = Compose::read(&[]);
    let mut published = BTreeSet::new();
    for service in compose.services() {
        for port in service.list("ports") {
            if !port.starts_with("127.0.0.1:") {
                published.insert((service.name.to_owned(), port));
            }
        }
    }
    let clients = ("balancer".to_owned(), "8081:8081".to_owned());
    assert_eq!(published, BTreeSet::from([clients]));
}

fn our_containers_may_do_their_work_only(_: &World) {
    let compose = Compose::read(&[]);
    let ours: Vec<Service<'_>> = compose.services().filter(Service::is_ours).collect();
    let names: Vec<&str> = ours.iter().map(|service| service.name).collect();
    assert_eq!(names, ["balancer", "collector", "fileserver"]);
    for service in &ours {
        assert_eq!(service.value["read_only"], true, "{}", service.name);
        assert_eq!(
            service.value["cap_drop"],
            json!(["ALL"]),
            "{}",
            service.name
        );
        assert_eq!(service.value["build"]["target"], service.name);
        // Nobody is root, and what is started is what the image starts.
        let image = Image::of(service.name);
        assert_eq!(image.user, "65532:65532");
        assert!(service.value.get("command").is_none(), "{}", service.name);
    }
    for service in compose.services() {
        let options = service.list("security_opt");
        assert_eq!(options, ["no-new-privileges:true"], "{}", service.name);
        for limit in ["mem_limit", "cpus", "pids_limit"] {
            assert!(
                service.value.get(limit).is_some(),
                "{}: {limit}",
                service.name
            );
        }
    }
    // Without the profiles, what is started needs nobody else.
    let always = compose
        .services()
        .filter(|s| s.value.get("profiles").is_none());
    assert_eq!(
        always.map(|s| s.name).collect::<Vec<_>>(),
        ["balancer", "fileserver"]
    );
}

/// For each choice of profiles, the program that people use reads the same services and environments as this test.
fn compose_itself_reads_the_same(_: &World) {
    for profiles in ["", "telemetry", "telemetry,prometheus"] {
        let mut command = tool::tool("docker-compose");
        command.env("COMPOSE_PROFILES", profiles);
        command
            .arg("--file")
            .arg(files::path(compose::FILE))
            .arg("config");
        let said = String::from_utf8(tool::output(&mut command)).unwrap();
        let read = files::yaml("docker-compose config", &said).remove(0);
        let expected = Compose::read(&[]);
        let chosen: Vec<&str> = profiles.split(',').collect();
        for service in expected.services() {
            let found = &read["services"][service.name];
            let wanted = service.list("profiles");
            if !wanted.is_empty() && !wanted.iter().any(|name| chosen.contains(&name.as_str())) {
                continue;
            }
            assert!(found.is_object(), "{profiles:?} lacks {}", service.name);
            for (name, value) in service.environment() {
                let known = &found["environment"][&name];
                assert_eq!(
                    known.as_str().unwrap_or_default(),
                    value,
                    "{name} of {}",
                    service.name
                );
            }
            assert_eq!(found["image"], service.value["image"]);
        }
    }
}

/// A service as one process on one machine.
struct Container {
    process: Process,
    machine: Machine,
}

impl Container {
    /// Starts a service as its image and the file say. `dns` is the address that its resolver asks.
    fn start(lan: &mut Lan, service: Service<'_>, name: &str, dns: Ipv4Addr) -> Self {
        let image = Image::of(service.name);
        let mut tree = FileSystem::new(name);
        let program = program_of(service.name);
        let stage = program.path_for_everybody();
        tree.bind(stage.parent().unwrap(), program_path("").to_str().unwrap());
        tree.write("/etc/resolv.conf", format!("nameserver {dns}\n"));
        for (source, target) in &image.files {
            if source.ends_with(".toml") {
                tree.write(target, files::text(source));
            }
        }
        for (source, target) in service.volumes() {
            tree.bind(&files::path("infra").join(source), &target);
        }
        for mount in service.list("tmpfs") {
            let (path, options) = mount.split_once(':').expect("PATH:OPTIONS");
            tree.memory(path, options);
        }
        tree.read_only();
        let machine = lan.machine_with(name, tree);
        let user = service.user().unwrap_or(&image.user);
        let (user, group) = user.split_once(':').expect("UID:GID");
        let ids = Some((user.parse().unwrap(), group.parse().unwrap()));
        let mut command = machine.command_as(ids, program_path(&image.entrypoint[0]));
        command
            .args(&image.entrypoint[1..])
            .args(&image.command)
            .envs(service.environment())
            .env(JSON.0, JSON.1);
        let process = Process::start(name, command, Scratch::new(name));
        Self { process, machine }
    }

    /// What the image's check of health says.
    fn is_healthy(&self, image: &Image) -> bool {
        let mut check = self.machine.command(program_path(&image.health[0]));
        let output = check.args(&image.health[1..]).output().unwrap();
        output.status.success()
    }
}

fn program_of(service: &str) -> Program {
    match service {
        "balancer" => Program::Balancer,
        "fileserver" => Program::Fileserver,
        "collector" => Program::Collector,
        other => panic!("{other} is none of ours"),
    }
}

/// A balancer and file servers of the file, found by the DNS server that stands for Docker's.
struct Stack {
    dns: Dns,
    name_server: Machine,
    /// Dropped before those behind it.
    balancer: Container,
    servers: Vec<Container>,
    lan: Lan,
    others: Vec<(&'static str, Ipv4Addr)>,
}

impl Stack {
    /// With so many file servers.
    fn up(compose: &Compose, servers: usize) -> Self {
        let mut lan = Lan::new();
        let machine = lan.machine("dns");
        let dns = Dns::start(&machine, &[]);
        let service = compose.service("balancer");
        let balancer = Container::start(&mut lan, service, "balancer", machine.address);
        let mut stack = Self {
            dns,
            name_server: machine,
            balancer,
            servers: Vec::new(),
            lan,
            others: Vec::new(),
        };
        stack.scale(compose, servers);
        stack
    }

    /// As `docker compose up --scale fileserver=N` does: new replicas have names at once, those that go lose them first.
    fn scale(&mut self, compose: &Compose, servers: usize) {
        while self.servers.len() < servers {
            let name = format!("fileserver{}", self.servers.len() + 1);
            let service = compose.service("fileserver");
            let dns = self.name_server.address;
            let server = Container::start(&mut self.lan, service, &name, dns);
            self.servers.push(server);
        }
        let staying = self.servers[..servers].iter();
        let mut names: Vec<(&str, Ipv4Addr)> = self.others.clone();
        names.extend(staying.map(|server| ("fileserver", server.machine.address)));
        self.dns.name(&names);
        for mut server in self.servers.drain(servers..) {
            assert_eq!(server.process.terminate(), Some(0));
        }
    }

    /// Asks the balancer's admin address on its own machine.
    fn ask<T: Send>(&self, question: impl FnOnce(Admin) -> T + Send) -> T {
        let machine = &self.balancer.machine;
        machine.inside(|| question(Admin(machine.at(8404))))
    }

    fn wait_until_up(&self, count: usize) {
        let what = format!("{count} file servers up");
        eventually(PATIENCE, &what, || {
            (self.ask(Admin::up) == count).then_some(())
        });
    }
}

fn replicas_are_found_by_name(_: &World) {
    let compose = Compose::read(&[("NETSOCKET_KAFKA", ""), ("COMPOSE_PROFILES", "")]);
    let mut stack = Stack::up(&compose, 2);
    stack.wait_until_up(2);
    assert!(stack.dns.was_asked("fileserver"));
    for (container, name) in [
        (&stack.balancer, "balancer"),
        (&stack.servers[0], "fileserver"),
    ] {
        assert!(container.is_healthy(&Image::of(name)), "{name}");
    }
    // Three more, with a share of the load within seconds.
    stack.scale(&compose, 5);
    stack.wait_until_up(5);
    let laptop = stack.lan.machine("laptop");
    let client = Client::of(stack.balancer.machine.at(8081));
    eventually(PATIENCE, "sessions on every replica", || {
        let ran = client.run_on(&laptop, &["w24fn", "protocol.md"]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let said = String::from_utf8(ran.stdout).unwrap();
        assert!(said.starts_with("FilePath: protocol.md\n"), "{said}");
        let served = |backend: &Value| backend["total"].as_u64() > Some(0);
        let backends = stack.ask(Admin::backends);
        (backends.len() == 5 && backends.iter().all(served)).then_some(())
    });
    // The old wire's archive goes through the /tmp of the container, which is memory.
    let archive = client.run_on(&laptop, &["w24ft", "md"]);
    assert_eq!(archive.code, Some(0), "{}", archive.stderr);
    // And four go, in good order.
    stack.scale(&compose, 1);
    eventually(PATIENCE, "one backend", || {
        (stack.ask(|admin| admin.backends().len()) == 1).then_some(())
    });
    let ran = client.run_on(&laptop, &["dirlist", "-a"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(stack.balancer.process.terminate(), Some(0));
}

fn records_arrive_in_the_database(_: &World) {
    let compose = Compose::read(&[("INFLUXDB_TOKEN", TOKEN)]);
    let kafka = Kafka::start();
    let influx = Influx::start();
    let mut stack = Stack::up(&compose, 0);
    // Containers of others, of whom only the ports are here.
    let broker = stack.lan.machine("redpanda");
    let database = stack.lan.machine("influxdb");
    broker.forward(broker.at(9092), kafka.broker);
    database.forward(database.at(8086), influx.address);
    stack.others = vec![("redpanda", broker.address), ("influxdb", database.address)];
    // Kafka tells everybody where it listens: on a loopback address, which leads to it from every machine.
    stack.balancer.machine.forward(kafka.broker, kafka.broker);
    stack.scale(&compose, 3);
    for server in &stack.servers {
        server.machine.forward(kafka.broker, kafka.broker);
    }
    let service = compose.service("collector");
    let dns = stack.name_server.address;
    let mut collector = Container::start(&mut stack.lan, service, "collector", dns);
    collector.machine.forward(kafka.broker, kafka.broker);
    stack.wait_until_up(3);
    let flux = r#"from(bucket: "root") |> range(start: -5m)
        |> filter(fn: (r) => r._measurement == "system_stats" and r._field == "active_clients")
        |> group(columns: ["role", "instance"]) |> last()"#;
    eventually(PATIENCE * 2, "points of all four processes", || {
        let rows = influx.query(flux);
        let instances: BTreeSet<_> = rows.iter().filter_map(|row| row.get("instance")).collect();
        let all = ["balancer", "fileserver1", "fileserver2", "fileserver3"];
        all.iter()
            .all(|name| instances.iter().any(|found| found == name))
            .then_some(())
    });
    assert!(collector.is_healthy(&Image::of("collector")));
    assert_eq!(collector.process.terminate(), Some(0));
}
