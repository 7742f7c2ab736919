//! Start and stop: what an operator and a service manager see.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use e2e::client::Client;
use e2e::fleet::{Balancer, NAMES, Plan};
use e2e::new_wire::RawClient;
use e2e::old_client::OldClient;
use e2e::process::{Process, Ran, clean_command};
use e2e::program::Program;
use e2e::raw_backend::RawBackend;
use e2e::scratch::Scratch;
use e2e::{PATIENCE, access_log, archive, eventually, loopback, tree};
use rustix::process::Signal;
use serde_json::Value;

use crate::world::World;

crate::tests![
    no_backend_at_all,
    balancer_lets_a_session_end,
    balancer_ends_a_session_at_the_deadline,
    second_signal_ends_at_once,
    file_server_ends_when_asked,
    answers_end_before_their_servers,
    balancer_comes_back_on_its_port,
    too_many_sessions,
    backend_by_host_name,
    admin_address_by_host_name_and_zone,
    address_in_use,
    root_that_is_no_directory,
];

const CHECKS: &str = "check_interval = '200ms'\n";

/// An address where nobody listens, now or later.
fn nobody() -> SocketAddr {
    let listener = TcpListener::bind((loopback::own_address(), 0)).unwrap();
    listener.local_addr().unwrap()
}

fn no_backend_at_all(_: &World) {
    let address = nobody();
    let balancer = Balancer::start(CHECKS, &[("server", address)], None);
    let ready = eventually(PATIENCE, "a verdict about the backend", || {
        let refused = balancer.admin.backend("server");
        let reason = refused["reason"].as_str()?;
        reason
            .contains("refused")
            .then(|| balancer.admin.page("/readyz"))
    });
    assert_eq!(ready.status, 503);
    assert!(!ready.body.trim().is_empty(), "a reason");
    assert_eq!(balancer.admin.page("/healthz").status, 200);

    assert_refused(balancer.address);
    let record = balancer.ended_sessions(1).remove(0);
    assert_eq!(record["termination"], "SC", "{record}");
    let ran = Client::of(balancer.address).run(&["dirlist", "-a"]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert!(ran.stderr.contains("no healthy server"), "{}", ran.stderr);

    let backend = TcpListener::bind(address).unwrap();
    eventually(PATIENCE, "ready", || {
        (balancer.admin.page("/readyz").status == 200).then_some(())
    });
    drop(backend);
    eventually(PATIENCE, "not ready", || {
        (balancer.admin.page("/readyz").status == 503).then_some(())
    });
}

/// A client that is let go without a byte; so soon that it may not even see its connection stand.
fn assert_refused(address: SocketAddr) {
    match RawClient::silent(address) {
        Ok(mut client) => client.closed().unwrap(),
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
    }
}

/// A balancer with one session, one byte of it gone up, and told to end.
fn draining(settings: &str) -> (Balancer, TcpStream, TcpStream) {
    let backend = RawBackend::listen();
    let balancer = Balancer::start(settings, &[("raw", backend.address())], None);
    eventually(PATIENCE, "the backend up", || {
        (balancer.admin.up() == 1).then_some(())
    });
    let mut client = loopback::connect(balancer.address).unwrap();
    client.write_all(b">").unwrap();
    let (server, _) = backend.session();
    balancer.process.signal(Signal::TERM);
    eventually(PATIENCE, "nothing more accepted", || {
        TcpStream::connect(balancer.address).err()
    });
    (balancer, client, server)
}

/// The record of the one session that carried bytes: connections that asked whether the balancer still accepts, and
/// came before it stopped, have records too.
fn record_of_session(balancer: &Balancer) -> Value {
    // The log comes a moment after the session.
    let mut sessions = eventually(PATIENCE, "the record of the session", || {
        let mut sessions = balancer.sessions();
        sessions.retain(|session| session["bytes_up"] != 0);
        (!sessions.is_empty()).then_some(sessions)
    });
    assert_eq!(sessions.len(), 1, "{sessions:?}");
    sessions.remove(0)
}

fn balancer_lets_a_session_end(_: &World) {
    let (mut balancer, mut client, mut server) = draining("");
    assert!(!balancer.process.has_ended(), "a session is open");
    for _ in 0..3 {
        client.write_all(b"question").unwrap();
        server.read_exact(&mut [0; 8]).unwrap();
        server.write_all(b"answer").unwrap();
        client.read_exact(&mut [0; 6]).unwrap();
    }
    drop((client, server));
    assert_eq!(balancer.process.wait(PATIENCE).code(), Some(0));
    let record = record_of_session(&balancer);
    assert_eq!(record["termination"], "--", "{record}");
    assert_eq!(
        (&record["bytes_up"], &record["bytes_down"]),
        (&25.into(), &18.into()),
        "{record}"
    );
}

fn balancer_ends_a_session_at_the_deadline(_: &World) {
    let (mut balancer, mut client, _server) = draining("drain_timeout = '300ms'\n");
    assert_eq!(balancer.process.wait(PATIENCE).code(), Some(0));
    // An end or a reset, but no byte.
    assert!(!matches!(client.read(&mut [0]), Ok(1)));
    let record = record_of_session(&balancer);
    assert_eq!(record["termination"], "KD", "{record}");
}

fn second_signal_ends_at_once(_: &World) {
    let (mut balancer, _client, _server) = draining("drain_timeout = '10m'\n");
    balancer.process.signal(Signal::INT);
    balancer.process.wait(Duration::from_secs(5));
}

fn file_server_ends_when_asked(world: &World) {
    let mut fleet = Plan::over(&world.few_files()).start();
    let mut idle = OldClient::open(fleet.address()).unwrap();
    idle.text("dirlist -a").unwrap();
    for server in &mut fleet.servers {
        assert_eq!(server.process.terminate(), Some(0), "{}", server.name);
    }
    assert!(
        idle.text("dirlist -a").is_err(),
        "an idle session is closed"
    );
    drop(idle);
    assert_eq!(fleet.balancer.process.terminate(), Some(0));
}

/// Every process of the fleet is told to end in the middle of a transfer, which is finished first.
fn answers_end_before_their_servers(_: &World) {
    let tree = Scratch::new("noise");
    let noise = tree::noise(b"ending", 24 << 20);
    tree::put(tree.path(), b"noise.bin", &noise);
    let mut fleet = Plan::over(tree.path()).start();
    let (mut reader, writer) = io::pipe().unwrap();
    let client = Client::of(fleet.address());
    let mut command = client.command();
    command.args(["-o", "-", "w24ft", "bin"]);
    let mut process = Process::start_with_output("netsocket", command, writer.into());
    // Nothing is taken out of the pipe before all have been told, so the transfer cannot be over.
    let mut archive = vec![0; 1];
    reader.read_exact(&mut archive).unwrap();
    fleet.balancer.process.signal(Signal::TERM);
    fleet
        .servers
        .iter()
        .for_each(|server| server.process.signal(Signal::TERM));
    fleet.balancer.process.logs("draining");
    reader.read_to_end(&mut archive).unwrap();
    assert_eq!(process.wait(PATIENCE).code(), Some(0));
    let entries = archive::unpack_bytes(&archive);
    assert_eq!(entries[&b"noise.bin"[..]].digest, blake3::hash(&noise));
    assert_eq!(fleet.balancer.process.wait(PATIENCE).code(), Some(0));
    for server in &mut fleet.servers {
        assert_eq!(
            server.process.wait(PATIENCE).code(),
            Some(0),
            "{}",
            server.name
        );
    }
}

/// At once, although connections of its former life linger in the system.
fn balancer_comes_back_on_its_port(_: &World) {
    let backend = RawBackend::listen();
    let backends = [("raw", backend.address())];
    let settings = format!("listen = '{}'\n", nobody());
    for _ in 0..3 {
        let mut balancer = Balancer::start_as_configured(&settings, &backends);
        eventually(PATIENCE, "the backend up", || {
            (balancer.admin.up() == 1).then_some(())
        });
        let mut client = loopback::connect(balancer.address).unwrap();
        client.write_all(b">").unwrap();
        let (server, _) = backend.session();
        // The balancer closes first, so that its end waits in the system.
        balancer.process.signal(Signal::TERM);
        drop(server);
        assert_eq!(client.read(&mut [0]).unwrap(), 0);
        drop(client);
        assert_eq!(balancer.process.wait(PATIENCE).code(), Some(0));
    }
}

fn too_many_sessions(world: &World) {
    let root = world.few_files();
    let plan = Plan {
        server_settings: "max_sessions = 1\n",
        balancer_settings: "check_interval = '10m'\n",
        ..Plan::over(&root)
    };
    let fleet = plan.start();
    let mut held = Vec::new();
    // A health check takes a place for a moment, so the first sessions may be refused.
    eventually(PATIENCE, "a session on each server", || {
        let mut client = OldClient::open(fleet.address()).ok()?;
        client.text("dirlist -a").ok()?;
        held.push(client);
        (held.len() == NAMES.len()).then_some(())
    });
    let ran = Client::of(fleet.address()).run(&["dirlist", "-a"]);
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    let mut old = OldClient::open(fleet.address()).unwrap();
    assert!(old.text("dirlist -a").is_err());
    for client in held {
        client.quit().unwrap();
    }
    eventually(PATIENCE, "room again", || {
        (Client::of(fleet.address()).run(&["dirlist", "-a"]).code == Some(0)).then_some(())
    });
}

fn backend_by_host_name(_: &World) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let settings = format!("backends = ['local=localhost:{port}']\n");
    let balancer = Balancer::start(&settings, &[], None);
    eventually(PATIENCE, "the backend up", || {
        (balancer.admin.up() == 1).then_some(())
    });
    assert_eq!(
        balancer.admin.backend("local")["address"],
        format!("127.0.0.1:{port}")
    );
}

/// `health` and `ctl` read an address as everything else does.
fn admin_address_by_host_name_and_zone(world: &World) {
    let ran = |program: Program, words: &[&str], admin: &str| {
        let mut command = clean_command(program.path());
        command.args(words).args(["--admin", admin]);
        Ran::of(command, PATIENCE)
    };
    let balancer = Balancer::start(CHECKS, &[("server", nobody())], None);
    let by_name = format!("localhost:{}", balancer.admin.0.port());
    for words in [&["health"][..], &["ctl", "backends"]] {
        let ran = ran(Program::Balancer, words, &by_name);
        assert_eq!(ran.code, Some(0), "{words:?}: {}", ran.stderr);
    }

    let mut server = clean_command(Program::Fileserver.path());
    server.env(access_log::JSON_FORMAT.0, access_log::JSON_FORMAT.1);
    server.args(["--listen", "127.0.0.1:0", "--admin", "[::1]:0", "--root"]);
    server.arg(world.few_files());
    let mut server = Process::start("server", server, Scratch::new("server"));
    server.logs("\"message\":\"admin\"");
    let admin = &access_log::events(&server.log(), "admin")[0]["address"];
    let admin: SocketAddr = admin.as_str().unwrap().parse().unwrap();
    for host in ["[::1]", "[::1%lo]", "[::1%1]"] {
        let admin = format!("{host}:{}", admin.port());
        let ran = ran(Program::Fileserver, &["health"], &admin);
        assert_eq!(ran.code, Some(0), "{admin}: {}", ran.stderr);
    }
}

fn address_in_use(world: &World) {
    let taken = TcpListener::bind((loopback::own_address(), 0)).unwrap();
    let taken = taken
        .local_addr()
        .map(|address| (address.to_string(), taken));
    let (address, _taken) = taken.unwrap();
    let root = world.few_files();
    let root = root.to_str().unwrap();
    let backend = format!("server={}", nobody());
    let balancer = |listen: &str, admin: &str| {
        let mut command = clean_command(Program::Balancer.path());
        command.args(["--backend", &backend, "--listen", listen, "--admin", admin]);
        command
    };
    let mut server = clean_command(Program::Fileserver.path());
    server.args(["--root", root, "--listen", &address]);
    let commands = [
        balancer(&address, "127.0.0.1:0"),
        balancer("127.0.0.1:0", &address),
        server,
    ];
    for command in commands {
        let shown = format!("{command:?}");
        let ran = Ran::of(command, PATIENCE);
        assert_eq!(ran.code, Some(2), "{shown}: {}", ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 1, "{shown}: {}", ran.stderr);
        assert!(ran.stderr.contains(&address), "{shown}: {}", ran.stderr);
    }
}

fn root_that_is_no_directory(world: &World) {
    let root = world.few_files();
    for wrong in ["missing", "apples/one.txt"] {
        let wrong = root.join(wrong);
        let mut command = clean_command(Program::Fileserver.path());
        command
            .args(["--listen", "127.0.0.1:0", "--root"])
            .arg(&wrong);
        let ran = Ran::of(command, PATIENCE);
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
        assert!(
            ran.stderr.contains(wrong.to_str().unwrap()),
            "{}",
            ran.stderr
        );
    }
}
