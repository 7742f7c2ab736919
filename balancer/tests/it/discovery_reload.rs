//! Reloads while backends are found in DNS.

use std::net::Ipv4Addr;
use std::time::Duration;

use netsocket_balancer::Config;
use netsocket_balancer::balance::BackendId;
use netsocket_balancer::discovery::{IpFamily, Outcome, Question};

use crate::discovery::{NAMES, by_dns, files, fleet, members, open};
use crate::peers::{Dnsmasq, converse};
use crate::running::{Balancer, eventually, soon};

/// A balancer that has found two servers.
async fn with_two(dns: &Dnsmasq, ips: &[Ipv4Addr], port: u16) -> Balancer {
    dns.name("files.test", &ips[..2]);
    let balancer =
        Balancer::start_with(&[], |config| by_dns(config, dns.address, files(port))).await;
    balancer.up(2).await;
    balancer
}

fn ids(balancer: &Balancer) -> Vec<BackendId> {
    let backends = balancer.pool.backends();
    backends.iter().map(|backend| backend.id()).collect()
}

#[tokio::test]
async fn a_reload_keeps_the_backends_of_a_name_that_stays() {
    let test = "a_reload_keeps_the_backends_of_a_name_that_stays";
    let Some(dns) = Dnsmasq::start(test, &[]).await else {
        return;
    };
    let (_servers, ips, port) = fleet().await;
    let balancer = with_two(&dns, &ips, port).await;
    let before = ids(&balancer);

    // Whatever else changes, they are there at every moment.
    let set = |change: &dyn Fn(&mut Config)| change(&mut balancer.settings.lock().unwrap());
    set(&|config| config.timeouts.idle = Duration::from_secs(77));
    let changes = soon(balancer.lifecycle.reload()).await.unwrap();
    assert_eq!(
        (&changes.changed[..], ids(&balancer)),
        (&["idle_timeout"][..], before.clone())
    );

    // Another name comes, and its backends with its answer.
    set(&|config| {
        let mut more = config.groups[0].clone();
        more.name = "more".into();
        config.groups.push(more);
    });
    let changes = soon(balancer.lifecycle.reload()).await.unwrap();
    assert_eq!(changes.changed, ["backends"]);
    balancer.up(4).await;
    assert_eq!(ids(&balancer)[..2], before);

    // The first one goes, and its backends at once.
    set(&|config| drop(config.groups.remove(0)));
    let changes = soon(balancer.lifecycle.reload()).await.unwrap();
    let gone = ["files-127-0-0-11", "files-127-0-0-12"];
    assert_eq!(changes.backends.removed, gone);
    assert_eq!(members(&balancer), ["more-127-0-0-11", "more-127-0-0-12"]);
    assert!(NAMES[..2].contains(&converse(balancer.connect().await).await.as_str()));
}

/// As `docs/maintenance.md` advises where AAAA queries are refused. Meanwhile DNS does not answer.
#[tokio::test]
async fn a_reload_that_asks_something_else_keeps_the_backends_until_the_answer() {
    let test = "a_reload_that_asks_something_else_keeps_the_backends_until_the_answer";
    let Some(dns) = Dnsmasq::start(test, &[]).await else {
        return;
    };
    let (_servers, ips, port) = fleet().await;
    let balancer = with_two(&dns, &ips, port).await;
    let before = ids(&balancer);
    let group = || balancer.pool.groups()[0].clone();
    for (host, count, family) in [
        ("files.test", 2, IpFamily::V4),
        ("more.test", 3, IpFamily::V4),
        ("more.test", 3, IpFamily::Any),
    ] {
        dns.stall();
        dns.name(host, &ips[..count]);
        let question = Question::Addresses {
            host: host.to_owned(),
            port,
            family,
        };
        let before = ids(&balancer);
        balancer.settings.lock().unwrap().groups[0].question = question;
        let changes = soon(balancer.lifecycle.reload()).await.unwrap();
        assert_eq!(changes.backends.removed, [""; 0], "{host} {family:?}");
        eventually("no answer", || group().failures > 0).await;
        assert_eq!(ids(&balancer), before, "{host} {family:?}");
        open(&balancer, 2, &NAMES[..before.len()]).await;
        dns.go_on();
        balancer.up(count).await;
        eventually("an answer", || group().last == Some(Outcome::Answered)).await;
    }
    assert_eq!(ids(&balancer)[..2], before);

    // Its name is part of theirs: the servers are known all the same.
    dns.stall();
    balancer.settings.lock().unwrap().groups[0].name = "renamed".to_owned();
    let changes = soon(balancer.lifecycle.reload()).await.unwrap();
    assert_eq!(changes.backends.added.len(), 3);
    assert_eq!(members(&balancer)[0], "renamed-127-0-0-11");
    balancer.up(3).await;
}
