//! The balancer's unit in a systemd that really runs: restarts, reloads and stops as an operator types them.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;

use e2e::booted_systemd::{Booted, FILES};
use e2e::program::Program;
use e2e::raw_backend::RawBackend;
use e2e::{PATIENCE, access_log, eventually, files, loopback};

use crate::world::World;

crate::tests![
    #[needs(BootedSystemd)]
    a_stop_after_a_restart_drains,
    #[needs(BootedSystemd)]
    a_restart_ends_what_was_said_of_a_refused_reload,
];

const UNIT: &str = "netsocket-balancer.service";
const SETTINGS: &str = "balancer.toml";
const LOG: &str = "log";

/// A systemd with the shipped unit, whose programs and settings are in [`FILES`].
fn booted(settings: &str) -> Booted {
    let unit = files::text(&format!("infra/systemd/{UNIT}"))
        .replace("/usr/bin/", &format!("{FILES}/"))
        .replace("/etc/netsocket/", &format!("{FILES}/"));
    let (json, value) = access_log::JSON_FORMAT;
    let here = format!(
        "[Unit]\nDefaultDependencies=no\n\
         [Service]\nUser=nobody\nGroup=nogroup\nEnvironment={json}={value}\n\
         StandardError=append:{FILES}/{LOG}\n"
    );
    let drop_in = format!("{UNIT}.d/here.conf");
    let booted = Booted::with(&[(UNIT, unit), (&drop_in, here)]);
    let program = booted.file(Program::Balancer.name());
    fs::copy(Program::Balancer.path(), program).unwrap();
    fs::write(booted.file(SETTINGS), settings).unwrap();
    booted
}

/// `systemctl reload` finds the admin address in here, so its port has to be known before.
fn settings(backend: &RawBackend) -> String {
    let backend = backend.address();
    let admin = RawBackend::listen().address();
    format!(
        "listen = '127.0.0.1:0'\nadmin = '{admin}'\naccess_log_target = 'stdout'\n\
         [[backends]]\nname = 'only'\naddress = '{backend}'\n"
    )
}

/// Where clients connect.
fn address(booted: &Booted) -> SocketAddr {
    let log = fs::read_to_string(booted.file(LOG)).unwrap();
    let events = access_log::events(&log, "listening");
    let last = events.last().expect("a line about where it listens");
    last["address"].as_str().unwrap().parse().unwrap()
}

fn main_process(booted: &Booted) -> String {
    booted.property(UNIT, "MainPID")
}

/// Another process takes over from the main one.
fn restart(booted: &Booted) {
    let before = main_process(booted);
    booted.systemctl(&["kill", "--kill-whom=main", "--signal=USR2", UNIT]);
    eventually(PATIENCE, "another main process", || {
        let now = main_process(booted);
        (now != before && now != "0").then_some(())
    });
    assert_eq!(booted.property(UNIT, "ActiveState"), "active");
}

/// Both ends of a session.
struct Session {
    client: TcpStream,
    server: TcpStream,
}

impl Session {
    fn open(balancer: SocketAddr, backend: &RawBackend) -> Self {
        let mut client = loopback::connect(balancer).unwrap();
        client.write_all(b">").unwrap();
        let (server, byte) = backend.session();
        assert_eq!(byte, b'>');
        Self { client, server }
    }

    fn relays(&mut self) {
        self.server.write_all(b"<").unwrap();
        self.client.read_exact(&mut [0]).unwrap();
    }
}

/// How often the processes of the unit have logged this.
fn logged(booted: &Booted, message: &str) -> usize {
    let log = fs::read_to_string(booted.file(LOG)).unwrap();
    access_log::events(&log, message).len()
}

/// These stops meet sessions of the old process, and in every second round of both. systemd waits for both processes, and sends
/// the old one a second SIGTERM when the new one has ended.
fn a_stop_after_a_restart_drains(_: &World) {
    let backend = RawBackend::listen();
    let booted = booted(&settings(&backend));
    for round in 1..=5 {
        booted.start(UNIT);
        // The log is written a little later than the unit is ready.
        eventually(PATIENCE, "where the new process listens", || {
            (logged(&booted, "listening") > 2 * (round - 1)).then_some(())
        });
        let address = address(&booted);
        let mut sessions = vec![Session::open(address, &backend)];
        restart(&booted);
        if round % 2 == 0 {
            eventually(PATIENCE, "the new process alone", || {
                (logged(&booted, "handed over") == round).then_some(())
            });
            sessions.push(Session::open(address, &backend));
        }
        // A new process without a session ends at once.
        let stopped = 2 * (round - 1) + usize::from(sessions.len() == 1);
        thread::scope(|scope| {
            let stop = scope.spawn(|| booted.systemctl(&["stop", UNIT]));
            eventually(PATIENCE, "a drain of both", || {
                let draining = logged(&booted, "draining") == 2 * round;
                (draining && logged(&booted, "stopped") == stopped).then_some(())
            });
            for _ in 0..10 {
                assert_eq!(booted.property(UNIT, "ActiveState"), "deactivating");
                sessions.iter_mut().for_each(Session::relays);
            }
            assert!(!stop.is_finished(), "it did not wait for sessions");
            drop(sessions);
            stop.join().unwrap();
        });
        assert_eq!(booted.property(UNIT, "ActiveState"), "inactive");
        assert_eq!(booted.property(UNIT, "Result"), "success");
    }
}

fn a_restart_ends_what_was_said_of_a_refused_reload(_: &World) {
    let backend = RawBackend::listen();
    let right = settings(&backend);
    let booted = booted(&right);
    booted.start(UNIT);
    fs::write(booted.file(SETTINGS), format!("nonsense = 1\n{right}")).unwrap();
    let reload = booted.try_systemctl(&["reload", UNIT]);
    assert!(!reload.status.success(), "{reload:?}");
    let status = || booted.property(UNIT, "StatusText");
    eventually(PATIENCE, "a refused reload in the status", || {
        status().contains("reload refused").then_some(())
    });
    fs::write(booted.file(SETTINGS), right).unwrap();
    restart(&booted);
    eventually(PATIENCE, "a status of the new process", || {
        (!status().contains("reload refused")).then_some(())
    });
    booted.systemctl(&["reload", UNIT]);
    booted.systemctl(&["stop", UNIT]);
    assert_eq!(booted.property(UNIT, "Result"), "success");
}
