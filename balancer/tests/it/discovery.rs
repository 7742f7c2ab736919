//! Backends behind a name in DNS, as a real server tells them.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use netsocket_balancer::Config;
use netsocket_balancer::backend::Attributes;
use netsocket_balancer::discovery::{Group, IpFamily, Outcome, Question, Rules};
use netsocket_balancer::metrics::names;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::admission::queued;
use crate::peers::{Dnsmasq, Echo, OldDns, Refusal, converse};
use crate::running::{Balancer, NEVER, eventually, soon};

pub const NAMES: [&str; 6] = ["one", "two", "three", "four", "five", "six"];

/// Servers at 127.0.0.11 and on, all at the same port.
pub async fn fleet() -> (Vec<Echo>, Vec<Ipv4Addr>, u16) {
    let ips: Vec<Ipv4Addr> = (11..17)
        .map(|last| Ipv4Addr::new(127, 0, 0, last))
        .collect();
    loop {
        let first = TcpListener::bind((ips[0], 0)).await.unwrap();
        let port = first.local_addr().unwrap().port();
        let mut listeners = vec![first];
        for &ip in &ips[1..] {
            listeners.extend(TcpListener::bind((ip, port)).await);
        }
        if listeners.len() == ips.len() {
            let servers = NAMES.into_iter().zip(listeners);
            let servers = servers.map(|(name, listener)| Echo::on(name, listener));
            return (servers.collect(), ips, port);
        }
    }
}

pub fn by_dns(config: &mut Config, server: SocketAddr, question: Question) {
    config.dns_servers = vec![server];
    config.discovery = Rules {
        min_interval: Duration::from_millis(20),
        max_interval: Duration::from_millis(50),
        hold: Duration::from_millis(300),
    };
    config.groups = vec![Group {
        name: "files".into(),
        question,
        attributes: Attributes::default(),
    }];
}

pub fn files(port: u16) -> Question {
    Question::Addresses {
        host: "files.test".into(),
        port,
        family: IpFamily::default(),
    }
}

pub fn members(balancer: &Balancer) -> Vec<String> {
    let backends = balancer.pool.backends();
    backends
        .iter()
        .map(|backend| backend.name().to_owned())
        .collect()
}

/// A session that stays: whoever it is with has said its name.
pub struct Session {
    stream: BufReader<TcpStream>,
    with: String,
}

impl Session {
    async fn open(balancer: &Balancer) -> Self {
        let mut stream = BufReader::new(balancer.connect().await);
        let mut with = String::new();
        soon(stream.read_line(&mut with)).await.unwrap();
        Self {
            stream,
            with: with.trim_end().to_owned(),
        }
    }

    /// Sends something and has it back.
    async fn works(&mut self) {
        let mut back = [0; 4];
        soon(self.stream.write_all(b"ping")).await.unwrap();
        soon(self.stream.read_exact(&mut back)).await.unwrap();
        assert_eq!(&back, b"ping");
    }
}

/// Sessions that stay open: at least `least`, and as many more as it takes until each of `expected` has one. Nobody else
/// gets any. (Other sessions take their turns meanwhile, so their number does not say who has them.)
pub async fn open(balancer: &Balancer, least: usize, expected: &[&str]) -> Vec<Session> {
    let mut sessions: Vec<Session> = Vec::new();
    let all = |sessions: &[Session]| {
        expected
            .iter()
            .all(|name| sessions.iter().any(|session| session.with == *name))
    };
    while sessions.len() < least || !all(&sessions) {
        let session = Session::open(balancer).await;
        assert!(
            expected.contains(&session.with.as_str()),
            "{}",
            session.with
        );
        assert!(
            sessions.len() < 500,
            "only some of {expected:?} get sessions"
        );
        sessions.push(session);
    }
    sessions
}

async fn leaving(balancer: &Balancer) -> Vec<(String, u64)> {
    let (_, text) = balancer.get("/api/v1/pools").await;
    let status: Value = serde_json::from_str(&text).unwrap();
    let backends = status["pools"][0]["backends"].as_array().unwrap();
    let leaving = backends
        .iter()
        .filter(|backend| backend["state"] == "leaving");
    leaving
        .map(|backend| {
            let name = backend["name"].as_str().unwrap().to_owned();
            (name, backend["active"].as_u64().unwrap())
        })
        .collect()
}

async fn metric(balancer: &Balancer, name: &str, labels: &str) -> f64 {
    let (_, page) = balancer.get("/metrics").await;
    let key = format!("{name}{{{labels}}} ");
    let value = page.lines().find_map(|line| line.strip_prefix(&key));
    value
        .unwrap_or_else(|| panic!("{key} in {page}"))
        .parse()
        .unwrap()
}

#[tokio::test]
async fn scaling_from_three_to_six_to_two_loses_no_session() {
    let test = "scaling_from_three_to_six_to_two_loses_no_session";
    let Some(dns) = Dnsmasq::start(test, &[]).await else {
        return;
    };
    let (_servers, ips, port) = fleet().await;
    dns.name("files.test", &ips[..3]);
    let balancer =
        Balancer::start_with(&[], |config| by_dns(config, dns.address, files(port))).await;
    balancer.up(3).await;
    assert_eq!(
        members(&balancer),
        ["files-127-0-0-11", "files-127-0-0-12", "files-127-0-0-13"]
    );

    // All the while short sessions come and go; `converse` fails for each that is not served.
    let stop = Arc::new(AtomicBool::new(false));
    let (address, over) = (balancer.address, Arc::clone(&stop));
    let load = tokio::spawn(async move {
        let mut served = 0;
        while !over.load(Relaxed) {
            let stream = soon(TcpStream::connect(address)).await.unwrap();
            converse(stream).await;
            served += 1;
        }
        served
    });

    let mut sessions = open(&balancer, 12, &NAMES[..3]).await;
    dns.name("files.test", &ips);
    balancer.up(6).await;
    sessions.extend(open(&balancer, 30, &NAMES).await);

    // Two stay: one of the first, one of those that came.
    dns.name("files.test", &[ips[1], ips[4]]);
    eventually("two members", || balancer.pool.backends().len() == 2).await;
    sessions.extend(open(&balancer, 12, &["two", "five"]).await);
    for session in &mut sessions {
        session.works().await;
    }
    let opened = sessions.len();
    stop.store(true, Relaxed);
    let served = load.await.unwrap();
    assert!(served > 0);

    let gone = ["one", "three", "four", "six"];
    let theirs = |session: &&Session| gone.contains(&session.with.as_str());
    let held = sessions.iter().filter(theirs).count() as u64;
    let left = leaving(&balancer).await;
    let mut names: Vec<&str> = left.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    let expected = [11, 13, 14, 16].map(|last| format!("files-127-0-0-{last}"));
    assert_eq!(names, expected);
    assert_eq!(left.iter().map(|(_, active)| active).sum::<u64>(), held);
    let pool = "pool=\"default\"";
    assert_eq!(metric(&balancer, names::POOL_LEAVING.name, pool).await, 4.0);
    assert_eq!(
        metric(&balancer, names::POOL_LEAVING_SESSIONS.name, pool).await,
        held as f64
    );

    // They leave with their last session.
    sessions.retain(|session| !gone.contains(&session.with.as_str()));
    eventually("all have left", || balancer.pool.leaving().is_empty()).await;
    assert!(leaving(&balancer).await.is_empty());
    drop(sessions);
    balancer.records_of(opened + served).await;
    for record in balancer.records() {
        assert_eq!(
            (record.termination.code(), record.retries()),
            ("--", 0),
            "{record:?}"
        );
    }
}

#[tokio::test]
async fn no_answer_changes_nothing_and_an_empty_one_removes_backends_after_the_hold_time() {
    let test = "no_answer_changes_nothing_and_an_empty_one_removes_backends_after_the_hold_time";
    let Some(dns) = Dnsmasq::start(test, &[]).await else {
        return;
    };
    let (_servers, ips, port) = fleet().await;
    dns.name("files.test", &ips[..2]);
    let balancer =
        Balancer::start_with(&[], |config| by_dns(config, dns.address, files(port))).await;
    balancer.up(2).await;
    let before = balancer.pool.backends();

    dns.stall();
    let group = || balancer.pool.groups()[0].clone();
    eventually("a question in vain", || group().failures > 0).await;
    assert_eq!(
        group().problem.as_deref(),
        Some("no DNS server answered in time")
    );
    let labels = "pool=\"default\",group=\"files\"";
    assert!(metric(&balancer, names::DISCOVERY_FAILURES.name, labels).await >= 1.0);
    // Much longer than an answer holds, and longer than nobody may be named.
    assert!(metric(&balancer, names::DISCOVERY_AGE.name, labels).await > 0.3);
    assert_eq!(
        metric(&balancer, names::DISCOVERY_MEMBERS.name, labels).await,
        2.0
    );
    open(&balancer, 4, &["one", "two"]).await;

    dns.go_on();
    eventually("an answer", || group().last == Some(Outcome::Answered)).await;
    for (backend, same) in balancer.pool.backends().iter().zip(&before) {
        assert!(Arc::ptr_eq(backend, same));
    }

    let mut sessions = open(&balancer, 2, &["one", "two"]).await;
    dns.name("files.test", &[]);
    eventually("nobody is named", || group().last == Some(Outcome::Empty)).await;
    assert_eq!(members(&balancer).len(), 2, "they are held");
    eventually("the hold is over", || balancer.pool.backends().is_empty()).await;
    for session in &mut sessions {
        session.works().await;
    }
    assert_eq!(balancer.get("/readyz").await.0, 503);

    dns.name("files.test", &ips[1..2]);
    balancer.up(1).await;
    open(&balancer, 2, &["two"]).await;

    // An address that refuses is a failure, too.
    dns.end().await;
    eventually("a question in vain", || group().failures > 0).await;
    assert_eq!(members(&balancer), ["files-127-0-0-12"]);
}

#[tokio::test]
async fn records_of_a_service_say_port_weight_and_who_is_a_backup() {
    let servers = [
        Echo::start("light").await,
        Echo::start("heavy").await,
        Echo::start("spare").await,
    ];
    let record = |echo: &Echo, rest: &str| {
        let port = echo.address.port();
        format!("--srv-host=_files._tcp.test,host.test,{port},{rest}")
    };
    let records = [
        record(&servers[0], "10,1"),
        record(&servers[1], "10,3"),
        record(&servers[2], "20,1"),
    ];
    let test = "records_of_a_service_say_port_weight_and_who_is_a_backup";
    let records: Vec<&str> = records.iter().map(String::as_str).collect();
    let Some(dns) = Dnsmasq::start(test, &records).await else {
        return;
    };
    dns.name("host.test", &[Ipv4Addr::LOCALHOST]);
    let service = Question::Services {
        name: "_files._tcp.test".into(),
        family: IpFamily::default(),
    };
    let balancer = Balancer::start_with(&[], |config| by_dns(config, dns.address, service)).await;
    balancer.up(3).await;
    let sessions = open(&balancer, 8, &["light", "heavy"]).await;
    let count = |name: &str| {
        sessions
            .iter()
            .filter(|session| session.with == name)
            .count()
    };
    assert_eq!([count("light"), count("heavy"), count("spare")], [2, 6, 0]);
    let port = servers[2].address.port();
    let backups: Vec<String> = balancer
        .pool
        .backends()
        .iter()
        .filter(|backend| backend.attributes().backup)
        .map(|backend| backend.name().to_owned())
        .collect();
    assert_eq!(backups, [format!("files-127-0-0-1-{port}")]);
}

#[tokio::test]
async fn weights_are_relative_within_one_priority() {
    let names = ["thirty", "twenty", "ten", "spare"];
    let mut servers = Vec::new();
    for name in names {
        servers.push(Echo::start(name).await);
    }
    let ranks = ["10,30", "10,20", "10,10", "20,10000"];
    let records: Vec<String> = servers
        .iter()
        .zip(ranks)
        .map(|(echo, rank)| {
            let port = echo.address.port();
            format!("--srv-host=_files._tcp.test,host.test,{port},{rank}")
        })
        .collect();
    let test = "weights_are_relative_within_one_priority";
    let records: Vec<&str> = records.iter().map(String::as_str).collect();
    let Some(dns) = Dnsmasq::start(test, &records).await else {
        return;
    };
    dns.name("host.test", &[Ipv4Addr::LOCALHOST]);
    let service = Question::Services {
        name: "_files._tcp.test".into(),
        family: IpFamily::default(),
    };
    let balancer = Balancer::start_with(&[], |config| by_dns(config, dns.address, service)).await;
    balancer.up(4).await;
    let mut served = [0; 4];
    for _ in 0..60 {
        let name = converse(balancer.connect().await).await;
        let at = names.iter().position(|known| *known == name).unwrap();
        served[at] += 1;
    }
    assert_eq!(served, [30, 20, 10, 0]);
}

#[tokio::test]
async fn a_server_that_refuses_edns_is_asked_without_it() {
    let echo = Echo::start("one").await;
    for (code, echoes) in [(1, true), (1, false), (4, true), (4, false)] {
        let refusal = Refusal { code, echoes };
        let dns = OldDns::start(refusal, Ipv4Addr::LOCALHOST).await;
        let question = files(echo.address.port());
        let balancer =
            Balancer::start_with(&[], |config| by_dns(config, dns.address, question)).await;
        balancer.up(1).await;
        assert_eq!(
            converse(balancer.connect().await).await,
            "one",
            "{refusal:?}"
        );
        assert!(dns.refused() > 0, "{refusal:?}");
    }
}

#[tokio::test]
async fn a_name_that_cannot_be_resolved_does_not_stop_the_start() {
    let echo = Echo::start("fixed").await;
    // Nobody has this port while we hold it, and nobody answers on it.
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let server = silent.local_addr().unwrap();
    let balancer = Balancer::start_with(&[("fixed", echo.address)], |config| {
        by_dns(config, server, files(1));
    })
    .await;
    balancer.up(1).await;
    assert_eq!(converse(balancer.connect().await).await, "fixed");
    let (_, text) = balancer.get("/api/v1/pools").await;
    let status: Value = serde_json::from_str(&text).unwrap();
    let group = &status["pools"][0]["groups"][0];
    assert_eq!(
        (&group["name"], &group["question"], &group["members"]),
        (&"files".into(), &"files.test:1".into(), &0.into())
    );
    eventually("a question in vain", || {
        balancer.pool.groups()[0].failures > 0
    })
    .await;
}

/// dnsmasq answers so for a name of which `address=` gives it IPv4 only, unless `local=` says that nobody else knows more.
#[tokio::test]
async fn which_of_two_queries_was_refused_is_told() {
    let test = "which_of_two_queries_was_refused_is_told";
    for (more, problem) in [
        (
            "--address=/other.lan/127.0.0.1",
            Some("AAAA query: DNS server answered Query Refused"),
        ),
        ("--local=/half.lan/", None),
    ] {
        let options = ["--address=/half.lan/127.0.0.1", more];
        let Some(dns) = Dnsmasq::start(test, &options).await else {
            return;
        };
        let echo = Echo::start("half").await;
        let question = Question::Addresses {
            host: "half.lan".to_owned(),
            port: echo.address.port(),
            family: IpFamily::default(),
        };
        let balancer =
            Balancer::start_with(&[], |config| by_dns(config, dns.address, question)).await;
        balancer.up(1).await;
        let group = balancer.pool.groups()[0].clone();
        assert_eq!(group.problem.as_deref(), problem);
    }
}

/// Half an answer does not say that an address is gone; the answer to the only query does.
#[tokio::test]
async fn one_family_is_enough_where_the_other_is_refused() {
    let test = "one_family_is_enough_where_the_other_is_refused";
    for family in [IpFamily::Any, IpFamily::V4] {
        // It has no server to ask about AAAA records of names that are not its own.
        let Some(dns) = Dnsmasq::start(test, &[]).await else {
            return;
        };
        let (_servers, ips, port) = fleet().await;
        dns.name("files.lan", &ips[..2]);
        let question = Question::Addresses {
            host: "files.lan".to_owned(),
            port,
            family,
        };
        let balancer = Balancer::start_with(&[], |config| {
            by_dns(config, dns.address, question);
            config.discovery.hold = NEVER;
        })
        .await;
        balancer.up(2).await;
        dns.name("files.lan", &ips[..1]);
        let partial = |balancer: &Balancer| balancer.pool.groups()[0].outcomes[1];
        if family == IpFamily::V4 {
            eventually("one left", || balancer.pool.backends().len() == 1).await;
            assert_eq!(
                (
                    partial(&balancer),
                    balancer.pool.groups()[0].problem.clone()
                ),
                (0, None)
            );
            continue;
        }
        let before = partial(&balancer);
        eventually("three more answers", || partial(&balancer) > before + 2).await;
        assert_eq!(balancer.pool.backends().len(), 2);
    }
}

/// Their answer does not go into one datagram.
#[tokio::test]
async fn many_addresses_are_all_found() {
    let Some(dns) = Dnsmasq::start("many_addresses_are_all_found", &[]).await else {
        return;
    };
    let ips: Vec<Ipv4Addr> = (1..=200)
        .map(|last| Ipv4Addr::new(127, 0, 1, last))
        .collect();
    dns.name("files.test", &ips);
    let balancer = Balancer::start_with(&[], |config| by_dns(config, dns.address, files(1))).await;
    eventually("all found", || balancer.pool.backends().len() == ips.len()).await;
}

#[tokio::test]
async fn a_queued_client_is_served_when_a_server_is_added() {
    let Some(dns) = Dnsmasq::start("a_queued_client_is_served_when_a_server_is_added", &[]).await
    else {
        return;
    };
    let (_servers, ips, port) = fleet().await;
    dns.name("files.test", &ips[..1]);
    let balancer = Balancer::start_with(&[], |config| {
        by_dns(config, dns.address, files(port));
        config.groups[0].attributes.max_connections = NonZeroU32::new(1);
        config.queue.timeout = NEVER;
    })
    .await;
    balancer.up(1).await;
    let mut first = Session::open(&balancer).await;
    let mut waits = BufReader::new(balancer.connect().await);
    queued(&balancer, 1).await;
    dns.name("files.test", &ips[..2]);
    let mut with = String::new();
    soon(waits.read_line(&mut with)).await.unwrap();
    assert_eq!((first.with.as_str(), with.as_str()), ("one", "two\n"));
    first.works().await;
}
