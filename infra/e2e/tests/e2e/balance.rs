//! Sessions are dealt out in turn, exactly.

use std::thread;

use e2e::fleet::{Fleet, NAMES, Plan};
use e2e::old_client::OldClient;
use e2e::{PATIENCE, eventually};

use crate::world::World;

crate::tests![round_robin_is_exact, hundreds_of_sessions_at_once];

const ROUNDS: usize = 20;
const THREADS: usize = 4;
/// Sessions on each server at the same time.
const MANY: usize = 100;

fn round_robin_is_exact(world: &World) {
    let fleet = Plan::over(&world.few_files()).start();
    let sessions = ROUNDS * NAMES.len();
    (0..sessions).for_each(|_| session(&fleet));
    assert_counts(&fleet, ROUNDS);

    // The same from several clients at once: all workers deal from one hand.
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| (0..sessions / THREADS).for_each(|_| session(&fleet)));
        }
    });
    assert_counts(&fleet, 2 * ROUNDS);
}

fn hundreds_of_sessions_at_once(world: &World) {
    let fleet = Plan::over(&world.few_files()).start();
    let before = descriptors(&fleet);
    let mut clients: Vec<OldClient> = (0..MANY * NAMES.len())
        .map(|_| OldClient::open(fleet.address()).unwrap())
        .collect();
    for client in &mut clients {
        assert_eq!(client.text("dirlist -a").unwrap(), b"apples\npears\n");
    }
    for name in NAMES {
        assert_eq!(
            fleet.balancer.admin.count(name, "active"),
            MANY as u64,
            "{name}"
        );
    }
    clients
        .into_iter()
        .for_each(|client| client.quit().unwrap());
    assert_counts(&fleet, MANY);
    // A connection of a check may be open at the moment of either count.
    eventually(PATIENCE, "every descriptor closed", || {
        (descriptors(&fleet) <= before + 2).then_some(())
    });
}

fn descriptors(fleet: &Fleet) -> usize {
    let servers = fleet
        .servers
        .iter()
        .map(|server| server.process.descriptors());
    servers.sum::<usize>() + fleet.balancer.process.descriptors()
}

fn session(fleet: &Fleet) {
    let mut client = OldClient::open(fleet.address()).unwrap();
    assert_eq!(client.text("dirlist -a").unwrap(), b"apples\npears\n");
    client.quit().unwrap();
}

/// By everything that counts: the balancer's log, its API, its metrics, and the log of each file server.
fn assert_counts(fleet: &Fleet, each: usize) {
    let ended = fleet.balancer.ended_sessions(each * NAMES.len());
    assert_eq!(ended.len(), each * NAMES.len());
    for server in &fleet.servers {
        let name = server.name;
        let logged = ended.iter().filter(|session| session["backend"] == name);
        assert_eq!(logged.count(), each, "{name}: records of sessions");
        assert_eq!(
            fleet.balancer.admin.count(name, "total"),
            each as u64,
            "{name}: total"
        );
        assert_eq!(
            fleet.balancer.admin.count(name, "active"),
            0,
            "{name}: active"
        );
        let label = format!("backend=\"{name}\"");
        let metrics = fleet.balancer.admin.metrics();
        let counted = metrics.sum("netsocket_backend_sessions_total", &[&label]);
        assert!(
            (counted - each as f64).abs() < 0.5,
            "{name}: {counted} in the metrics"
        );
        eventually(PATIENCE, "the requests in the log of a file server", || {
            let requests = server.requests();
            let lists = requests.iter().filter(|request| {
                request["command"]
                    .as_str()
                    .is_some_and(|command| command.starts_with("dirlist"))
            });
            (lists.count() == each).then_some(())
        });
    }
}
