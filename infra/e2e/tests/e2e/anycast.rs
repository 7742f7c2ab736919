//! Several balancers behind a router that spreads connections over them, as docs/several-balancers.md sets them up: a balancer
//! dies, a machine goes, and clients go on.

mod site;

use std::io;
use std::time::Duration;

use e2e::{PATIENCE, eventually};

use crate::world::World;
use site::{EACH, Site, working};

crate::tests![
    #[needs(Bird)]
    new_connections_go_on_without_a_balancer,
    #[needs(Bird)]
    new_connections_go_on_without_a_machine,
    #[needs(Bird)]
    open_connections_stay_where_next_hops_are_resilient,
];

/// For so long at most some new connections fail after a loss, also on a machine with other work to do.
const MOVE: Duration = Duration::from_secs(10);

fn new_connections_go_on_without_a_balancer(world: &World) {
    let mut site = Site::start(2, world);
    let mut held = site.connections(EACH);
    let (mut at_second, mut at_first) = (held.remove(1), held.remove(0));
    // Whichever balancer it comes through, a client is led to the same file server.
    let server = at_first[0].server.clone();
    let mut all = at_first.iter().chain(&at_second);
    assert!(all.all(|connection| connection.server == server));

    site.balancers[0].process.kill();
    let mut meanwhile = eventually(MOVE, "connections through the second one alone", || {
        site.all_connect()
    });
    assert_eq!((working(&mut at_first), working(&mut at_second)), (0, EACH));
    assert!(meanwhile.iter().all(|of| of.server == server));

    // It comes back. Its share of the connections that began without it is taken away from the second one.
    site.revive(0);
    drop(site.connections(1));
    let (kept, all) = (working(&mut meanwhile), meanwhile.len());
    assert!((1..all).contains(&kept), "{kept} of {all}");
    assert_eq!(working(&mut at_second), EACH);
}

fn new_connections_go_on_without_a_machine(world: &World) {
    let mut site = Site::start(2, world);
    let mut at_second = site.connections(EACH).remove(1);
    site.look_at_router();
    site.unplug(1);
    eventually(MOVE, "connections without the machine", || {
        site.all_connect()
    });
    assert_eq!(working(&mut at_second), 0);
    site.plug(1);
    drop(site.connections(1));

    // One reaches no file server.
    site.part_from_file_servers(0);
    let all = eventually(PATIENCE, "connections through the ready one", || {
        site.all_connect()
    });
    assert!(all.iter().all(|of| site.balancers[1].has(of)));

    // The last one is taken out, and clients hear of it. (One that is through by then would wait for long.)
    site.balancers[1].stop_announcing();
    eventually(MOVE, "the word that there is no way", || {
        let error = site.knock().err()?;
        let kinds = [
            io::ErrorKind::NetworkUnreachable,
            io::ErrorKind::HostUnreachable,
        ];
        kinds.contains(&error.kind()).then_some(())
    });
}

fn open_connections_stay_where_next_hops_are_resilient(world: &World) {
    let mut site = Site::start(3, world);
    // As it is by itself: also between those that are left connections move, and are reset.
    let mut held = site.connections(EACH);
    site.balancers[0].process.kill();
    eventually(MOVE, "connections through the others", || {
        site.all_connect()
    });
    let mut left = held.split_off(1).into_iter().flatten().collect::<Vec<_>>();
    let kept = working(&mut left);
    assert!(kept < left.len(), "{kept} of {}", left.len());
    site.revive(0);
    drop(site.connections(1));

    let next_hops = site.next_hops();
    let mut held = site.connections(EACH);
    site.balancers[0].process.kill();
    eventually(MOVE, "connections through the others", || {
        site.all_connect()
    });
    let kept: Vec<_> = held.iter_mut().map(|of| working(of)).collect();
    assert_eq!(kept, [0, EACH, EACH]);

    // The last one is alone for a while.
    site.balancers[1].process.kill();
    let meanwhile = eventually(MOVE, "connections through the last one", || {
        site.all_connect()
    });
    let mut left = held.remove(2);
    left.extend(meanwhile);
    assert_eq!(working(&mut left), left.len());

    // Another one comes back and has new connections; those that are open stay where they are.
    site.revive(0);
    eventually(PATIENCE, "a new connection through the first one", || {
        let new = site.connect().ok()?;
        site.balancers[0].has(&new).then_some(())
    });
    assert_eq!(working(&mut left), left.len());

    // Without it the router goes on with the next hops of BIRD.
    site.stop_next_hops(next_hops);
    assert!(site.all_connect().is_some());
}
