//! A file server that dies takes nobody but its own sessions with it.

use std::collections::BTreeMap;
use std::io::{self, Write as _};

use e2e::client::Client;
use e2e::fleet::{Fleet, NAMES, Plan};
use e2e::old_client::OldClient;
use e2e::process::Process;
use e2e::{PATIENCE, eventually};
use serde_json::Value;

use crate::world::World;

crate::tests![killed_and_restarted, prompt_goes_on_with_another_server];

/// So that a dead backend stays "up" for a second: long enough for hundreds of sessions, short enough for a test.
const CHECKS: &str = "check_interval = '400ms'\ncheck_timeout = '200ms'\n";
const VICTIM: &str = "mirror1";
const DIRECTORIES: &[u8] = b"apples\npears\n";

fn killed_and_restarted(world: &World) {
    let root = world.few_files();
    let plan = Plan {
        balancer_settings: CHECKS,
        ..Plan::over(&root)
    };
    let mut fleet = plan.start();
    let mut held = one_session_on_each(&fleet);

    fleet.server(VICTIM).process.kill();
    let sessions = use_until_down(&fleet);
    assert!(
        sessions > NAMES.len(),
        "the dead one was still up for {sessions} sessions"
    );
    let backend = fleet.balancer.admin.backend(VICTIM);
    assert_eq!(backend["state"], "down");
    assert!(
        backend["reason"]
            .as_str()
            .is_some_and(|reason| !reason.is_empty()),
        "{backend}"
    );
    let met_the_dead = |session: &Value| {
        let failures = session["failures"].as_array();
        failures.is_some_and(|all| all.iter().any(|failure| failure["backend"] == VICTIM))
    };
    // The log comes a moment after the sessions. One that never met the dead backend has shown nothing.
    eventually(PATIENCE, "a session that met the dead backend", || {
        let sessions = fleet.balancer.sessions();
        sessions.iter().any(met_the_dead).then_some(())
    });
    (0..9).for_each(|_| use_both_wires(&fleet));

    let mut dead = held.remove(VICTIM).unwrap();
    assert!(
        dead.text("dirlist -a").is_err(),
        "a session on the dead server"
    );
    for session in held.values_mut() {
        assert_eq!(
            session.text("dirlist -a").unwrap(),
            DIRECTORIES,
            "a session on another"
        );
    }

    fleet.server(VICTIM).restart();
    eventually(PATIENCE, "the restarted backend up", || {
        (fleet.balancer.admin.up() == NAMES.len()).then_some(())
    });
    let before = NAMES.map(|name| fleet.balancer.admin.count(name, "total"));
    for _ in 0..10 * NAMES.len() {
        old_session(&fleet);
    }
    let after = NAMES.map(|name| fleet.balancer.admin.count(name, "total"));
    assert_eq!(
        after,
        before.map(|total| total + 10),
        "each gets its share again"
    );
    for session in held.into_values() {
        session.quit().unwrap();
    }
}

/// A person at the prompt whose server dies between two commands gets the next answer from another one.
fn prompt_goes_on_with_another_server(world: &World) {
    let mut fleet = Plan::over(&world.few_files()).start();
    let (input, mut typed) = io::pipe().unwrap();
    let client = Client::of(fleet.address());
    let mut prompt = Process::start_with_input("netsocket", client.command(), input.into());
    let answers = |prompt: &Process| prompt.log().matches("apples\npears\n").count();
    for round in 1..=NAMES.len() {
        typed.write_all(b"dirlist -a\n").unwrap();
        eventually(PATIENCE, "an answer", || {
            (answers(&prompt) == round).then_some(())
        });
        if round == NAMES.len() {
            break;
        }
        let admin = fleet.balancer.admin;
        let serving = NAMES
            .into_iter()
            .find(|name| admin.count(name, "active") == 1);
        fleet
            .server(serving.expect("the server of the session"))
            .process
            .kill();
    }
    typed.write_all(b"quitc\n").unwrap();
    assert_eq!(prompt.wait(PATIENCE).code(), Some(0));
    let again = prompt
        .log()
        .lines()
        .filter(|line| line.contains("reconnecting to"))
        .count();
    assert_eq!(
        again,
        NAMES.len() - 1,
        "a line for each new connection: {}",
        prompt.log()
    );
}

/// An open session on each backend, by its name.
fn one_session_on_each(fleet: &Fleet) -> BTreeMap<&'static str, OldClient> {
    let mut held = BTreeMap::new();
    while held.len() < NAMES.len() {
        let mut session = OldClient::open(fleet.address()).unwrap();
        assert_eq!(session.text("dirlist -a").unwrap(), DIRECTORIES);
        let name = NAMES.into_iter().find(|name| {
            !held.contains_key(name) && fleet.balancer.admin.count(name, "active") == 1
        });
        held.insert(
            name.expect("the session is on a backend that had none"),
            session,
        );
    }
    held
}

/// Sessions over both wires, none of which may fail, for as long as the balancer takes the dead backend for up.
fn use_until_down(fleet: &Fleet) -> usize {
    let mut sessions = 0;
    eventually(PATIENCE, "the dead backend down", || {
        use_both_wires(fleet);
        sessions += 1;
        (fleet.balancer.admin.backend(VICTIM)["state"] == "down").then_some(())
    });
    sessions
}

fn use_both_wires(fleet: &Fleet) {
    (0..NAMES.len()).for_each(|_| old_session(fleet));
    let ran = Client::of(fleet.address()).run(&["dirlist", "-a"]);
    assert_eq!(
        (ran.code, ran.stdout.as_slice()),
        (Some(0), DIRECTORIES),
        "{}",
        ran.stderr
    );
}

fn old_session(fleet: &Fleet) {
    let mut client = OldClient::open(fleet.address()).unwrap();
    assert_eq!(client.text("dirlist -a").unwrap(), DIRECTORIES);
    client.quit().unwrap();
}
