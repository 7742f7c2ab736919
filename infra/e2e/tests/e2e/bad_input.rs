//! Wrong bytes over both wires, through the balancer: a clear word where the wire has one, then the end, and nobody
//! else notices.

use std::io::{self, Read as _, Write as _};

use e2e::client::Client;
use e2e::fleet::{Balancer, Fleet, Plan};
use e2e::new_wire::{MAGIC, RawClient, frame, hello, kind};
use e2e::old_client::{self, OldClient, Pace};
use e2e::raw_backend::RawBackend;
use e2e::{PATIENCE, eventually, http, loopback};
use serde_json::Value;

use crate::world::World;

crate::tests![
    old_frames,
    neither_wire,
    new_openings,
    new_requests,
    other_versions,
    stuck_peers,
    wrong_commands_of_a_person,
    admin_requests,
    the_admin_address_for_the_listener,
];

/// A fleet, and a session on each server that must not notice anything.
struct Watched {
    fleet: Fleet,
    bystanders: Vec<OldClient>,
}

impl Watched {
    fn start(world: &World, server_settings: &str) -> Self {
        let root = world.few_files();
        let plan = Plan {
            server_settings,
            ..Plan::over(&root)
        };
        let fleet = plan.start();
        let sessions = fleet.servers.len();
        let bystanders = (0..sessions)
            .map(|_| OldClient::open(fleet.address()).unwrap())
            .collect();
        let mut watched = Self { fleet, bystanders };
        watched.look();
        watched
    }

    fn look(&mut self) {
        for bystander in &mut self.bystanders {
            assert_eq!(bystander.text("dirlist -a").unwrap(), b"apples\npears\n");
        }
        assert_eq!(self.fleet.balancer.admin.up(), self.fleet.servers.len());
    }

    fn old(&self) -> OldClient {
        OldClient::open(self.fleet.address()).unwrap()
    }

    fn greeted(&self) -> RawClient {
        RawClient::greeted(self.fleet.address()).unwrap().0
    }
}

fn old_frames(world: &World) {
    let mut watched = Watched::start(world, "");
    let not_numbers: [&[u8]; 5] = [
        b"0000000000000000000000000000001xdirlist -a\n",
        b"-0000000000000000000000000000011dirlist -a\n",
        b"                              11dirlist -a\n",
        b"dirlist -a\n",
        b"\xff\xff\xff\xff",
    ];
    let too_long: [&[u8]; 3] = [
        b"00000000000000000000000000065537",
        b"99999999999999999999999999999999",
        b"00000000000018446744073709551616",
    ];
    for wrong in not_numbers.iter().chain(&too_long) {
        let mut client = watched.old();
        client.write(wrong).unwrap();
        let said = String::from_utf8(client.frame().unwrap()).unwrap();
        assert!(said.contains("frame"), "{}: {said}", wrong.escape_ascii());
        assert!(matches!(end(client), Ok(0)), "closed behind the sentence");
    }
    for cut in [
        &b"0000000000000"[..],
        b"00000000000000000000000000000011dirl",
    ] {
        let mut client = watched.old();
        client.write(cut).unwrap();
        client.finish().unwrap();
        assert!(
            !client
                .rest()
                .unwrap()
                .starts_with(&old_client::frame(b"apples\npears\n"))
        );
    }
    watched.look();
}

fn neither_wire(world: &World) {
    let mut watched = Watched::start(world, "");
    for garbage in [
        &b"get / HTTP/1.1\r\nHost: x\r\n\r\n"[..],
        b"\x16\x03\x01\x02\x00\x01",
        b"\0",
        b"NETSOCK?",
        b"2",
    ] {
        let mut client = RawClient::silent(watched.fleet.address()).unwrap();
        client.write(garbage).unwrap();
        client
            .closed()
            .unwrap_or_else(|error| panic!("{}: {error}", garbage.escape_ascii()));
    }
    watched.look();
}

fn new_openings(world: &World) {
    let mut watched = Watched::start(world, "");
    let long = [&(64_u32 * 1024 + 1).to_be_bytes()[..], &[kind::HELLO]].concat();
    for opening in [
        frame(
            kind::REQUEST,
            br#"{"command":"directories","order":"name"}"#,
        ),
        frame(kind::HELLO, b"no JSON"),
        frame(kind::HELLO, b"{}"),
        frame(99, b""),
        long,
        b"\xff\xff\xff\xff\xff".to_vec(),
    ] {
        let mut client = RawClient::silent(watched.fleet.address()).unwrap();
        client.write(&[&MAGIC[..], &opening].concat()).unwrap();
        client.greeting().unwrap();
        assert_bad_request(&client.message(kind::ERROR).unwrap());
        client.closed().unwrap();
    }
    watched.look();
}

fn new_requests(world: &World) {
    let mut watched = Watched::start(world, "");
    let request = |text: &str| frame(kind::REQUEST, text.as_bytes());
    let right = request(r#"{"command":"directories","order":"name"}"#);
    // Well framed: the session goes on.
    for wrong in [
        "",
        "null",
        "[1]",
        r#"{"command":"rm"}"#,
        r#"{"command":"directories"}"#,
        r#"{"command":"directories","order":"size"}"#,
        r#"{"command":"directories","order":"name","more":1}"#,
        r#"{"command":"find","query":{"owner":"me"},"limit":1}"#,
        r#"{"command":"find","query":{"size_min":-1},"limit":1}"#,
        r#"{"command":"find","query":{"born_from":"2024-13-01"},"limit":1}"#,
        r#"{"command":"archive","query":{},"compression":"rar"}"#,
    ] {
        let mut client = watched.greeted();
        client
            .write(&[request(wrong), right.clone()].concat())
            .unwrap();
        assert_bad_request(
            &client
                .message(kind::ERROR)
                .unwrap_or_else(|error| panic!("{wrong}: {error}")),
        );
        let said = client
            .message(kind::REPLY)
            .unwrap_or_else(|error| panic!("{wrong}: {error}"));
        assert_eq!(said["names"], serde_json::json!(["apples", "pears"]));
    }
    // Badly framed: the session ends.
    let long = [&(64_u32 * 1024 + 1).to_be_bytes()[..], &[kind::REQUEST]].concat();
    for wrong in [frame(99, b""), frame(0, b"x"), long, vec![0xff; 5]] {
        let mut client = watched.greeted();
        client.write(&wrong).unwrap();
        assert_bad_request(&client.message(kind::ERROR).unwrap());
        client.closed().unwrap();
    }
    // Cut short: nothing is answered as if it were whole.
    let mut client = watched.greeted();
    client.write(&right[..right.len() - 1]).unwrap();
    client.finish().unwrap();
    assert!(client.message(kind::REPLY).is_err());
    watched.look();
}

fn other_versions(world: &World) {
    let mut watched = Watched::start(world, "");
    for version in [0, 2, u16::MAX] {
        let mut client = RawClient::silent(watched.fleet.address()).unwrap();
        client
            .write(&[&MAGIC[..], &hello(version)].concat())
            .unwrap();
        assert_eq!(client.greeting().unwrap()["version"], 1);
        let error = client.message(kind::ERROR).unwrap();
        assert_bad_request(&error);
        let said = error["message"].as_str().unwrap();
        assert!(
            said.contains("version 1") && said.contains(&version.to_string()),
            "{said}"
        );
        client.closed().unwrap();
    }
    watched.look();
}

/// Peers that begin and go no further are let go after the idle timeout; one that goes on is not.
fn stuck_peers(world: &World) {
    let root = world.few_files();
    let plan = Plan {
        server_settings: "idle_timeout = '1s'\n",
        ..Plan::over(&root)
    };
    let fleet = plan.start();
    let mut busy = OldClient::open(fleet.address()).unwrap();
    let mut stuck = Vec::new();
    for begun in [
        &b""[..],
        b"1",
        b"1000000",
        b"100000000000000000000000000000011dirlist",
        b"NET",
        b"NETSOCK\n",
        b"NETSOCK\n\0\0",
    ] {
        let mut client = OldClient::silent(fleet.address(), Pace::Whole).unwrap();
        client.write(begun).unwrap();
        let stream = client.into_stream();
        stream.set_nonblocking(true).unwrap();
        stuck.push(stream);
    }
    eventually(PATIENCE, "the end of stuck sessions", || {
        assert_eq!(busy.text("dirlist -a").unwrap(), b"apples\npears\n");
        stuck.retain_mut(|stream| !is_at_end(stream));
        stuck.is_empty().then_some(())
    });
    busy.quit().unwrap();
}

/// Reads and drops what is there; whether the connection has ended.
fn is_at_end(mut stream: &std::net::TcpStream) -> bool {
    loop {
        match stream.read(&mut [0; 4096]) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() != io::ErrorKind::WouldBlock,
        }
    }
}

fn wrong_commands_of_a_person(world: &World) {
    let watched = Watched::start(world, "");
    let client = Client::of(watched.fleet.address());
    let connected = watched.fleet.balancer.admin.sessions_begun();
    for (words, said) in [
        (&["hello"][..], "hello"),
        (&["dirlist"], "dirlist -a"),
        (&["dirlist", "-x"], "dirlist -a"),
        (&["w24fn"], "w24fn NAME"),
        (&["w24fn", "a/b"], "w24fn NAME"),
        (&["w24fz", "1"], "w24fz SIZE1 SIZE2"),
        (&["w24fz", "2", "1"], "w24fz SIZE1 SIZE2"),
        (&["w24fz", "-1", "1"], "w24fz SIZE1 SIZE2"),
        (&["w24ft"], "w24ft EXT1"),
        (&["w24ft", "a", "b", "c", "d"], "w24ft EXT1"),
        (&["w24fdb", "2024-02-30"], "w24fdb DATE"),
        (&["w24fda", "today"], "w24fda DATE"),
        (&["quitc", "now"], "quitc"),
    ] {
        let ran = client.run(words);
        assert_eq!(ran.code, Some(2), "{words:?}: {}", ran.stderr);
        assert!(
            ran.stdout.is_empty() && ran.stderr.contains(said),
            "{words:?}: {}",
            ran.stderr
        );
        assert_eq!(ran.stderr.lines().count(), 1, "{words:?}: {}", ran.stderr);
    }
    assert_eq!(
        watched.fleet.balancer.admin.sessions_begun(),
        connected,
        "nothing was sent"
    );
}

fn admin_requests(_: &World) {
    let backend = RawBackend::listen();
    let balancer = Balancer::start("", &[("raw", backend.address())], None);
    let admin = balancer.admin.0;
    let long = format!("/{}", "a".repeat(200_000));
    for (method, path, status) in [
        ("POST", "/healthz", 405),
        ("GET", "/nothing", 404),
        ("GET", "/../../etc/passwd", 404),
        ("GET", long.as_str(), 414),
    ] {
        let answer = http::request(admin, method, path, &[], b"").unwrap();
        assert_eq!(
            answer.status,
            status,
            "{method} {}",
            &path[..path.len().min(40)]
        );
    }
    let mut garbage = loopback::connect(admin).unwrap();
    garbage.write_all(b"\0\xff garbage\r\n\r\n").unwrap();
    let mut said = String::new();
    garbage.read_to_string(&mut said).unwrap();
    assert!(said.starts_with("HTTP/1.1 400 "), "{said}");
    let silent: Vec<_> = (0..200)
        .map(|_| loopback::connect(admin).unwrap())
        .collect();
    assert_eq!(
        balancer.admin.page("/healthz").status,
        200,
        "beside {} silent ones",
        silent.len()
    );
}

fn end(mut client: OldClient) -> io::Result<usize> {
    client.rest().map(|rest| rest.len())
}

fn assert_bad_request(error: &Value) {
    assert_eq!(error["kind"], "bad_request", "{error}");
    assert!(
        error["message"]
            .as_str()
            .is_some_and(|text| text.len() > 10),
        "{error}"
    );
}

/// A person who takes one port for the other.
fn the_admin_address_for_the_listener(_: &World) {
    let balancer = Balancer::start("", &[("alpha", ([127, 0, 0, 1], 1).into())], None);
    let admin = balancer.admin.0;
    let ran = Client::of(admin).run(&["ls"]);
    let said = format!(
        "netsocket: {admin} is an HTTP server, not a NetSocket file server. If it is a balancer's admin address, use the port of its listen setting\n"
    );
    assert_eq!((ran.code, ran.stderr), (Some(3), said));
}
