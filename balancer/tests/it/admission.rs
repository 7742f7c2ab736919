//! Who is let in, who waits, and who is not served.

use std::collections::VecDeque;
use std::time::Duration;

use netsocket_balancer::admission::Refusal;
use netsocket_balancer::metrics::names;
use netsocket_balancer::{BackendAddress, Config, SessionRecord};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::peers::{Echo, Puppet, converse};
use crate::running::{Balancer, NEVER, eventually, read_to_end, soon};

/// A client that is reset without a byte.
async fn refused(balancer: &Balancer) {
    // The reset may already meet the connect.
    let Ok(mut client) = TcpStream::connect(balancer.address).await else {
        return;
    };
    let (bytes, reset) = read_to_end(&mut client).await;
    assert!(bytes.is_empty() && reset, "a refused client is reset");
}

fn codes(records: &[SessionRecord]) -> Vec<&'static str> {
    records
        .iter()
        .map(|record| record.termination.code())
        .collect()
}

async fn echo(change: impl FnOnce(&mut Config)) -> (Echo, Balancer) {
    let echo = Echo::start("echo").await;
    let balancer = Balancer::start_with(&[("echo", echo.address)], change).await;
    balancer.up(1).await;
    (echo, balancer)
}

/// So many clients refused for this.
async fn count(balancer: &Balancer, refusal: Refusal) -> u64 {
    let (_, page) = balancer.get("/metrics").await;
    let name = format!(
        "{}{{{}=\"{}\"}} ",
        names::REFUSED.name,
        names::LABEL_REASON,
        refusal.label()
    );
    let value = |line: &str| line.strip_prefix(&name)?.parse().ok();
    page.lines().find_map(value).unwrap()
}

#[tokio::test]
async fn networks_that_are_denied() {
    let (_echo, balancer) = echo(|config| {
        config.limits.deny = ["127.0.0.0/8".parse().unwrap()].into_iter().collect();
    })
    .await;
    refused(&balancer).await;
    assert_eq!(codes(&balancer.records_of(1).await), ["PR"]);
    assert_eq!(count(&balancer, Refusal::Denied).await, 1);
}

#[tokio::test]
async fn networks_that_are_allowed() {
    for (network, serves) in [("127.0.0.1", true), ("127.0.0.2", false)] {
        let (_echo, balancer) = echo(|config| {
            config.limits.allow = [network.parse().unwrap()].into_iter().collect();
        })
        .await;
        if serves {
            assert_eq!(converse(balancer.connect().await).await, "echo");
        } else {
            refused(&balancer).await;
        }
    }
}

#[tokio::test]
async fn connections_at_a_time() {
    for (refusal, code) in [(Refusal::ListenerFull, "RR"), (Refusal::AddressFull, "PC")] {
        let (_echo, balancer) = echo(|config| {
            let two = Some(2.try_into().unwrap());
            match refusal {
                Refusal::ListenerFull => config.limits.connections = two,
                _ => config.limits.address.connections = two,
            }
        })
        .await;
        let mut first = balancer.connect().await;
        let mut second = balancer.connect().await;
        first.read_u8().await.unwrap();
        second.read_u8().await.unwrap();
        refused(&balancer).await;
        assert_eq!(codes(&balancer.records_of(1).await), [code]);
        assert_eq!(count(&balancer, refusal).await, 1);
        // One leaves, and there is room again.
        drop(first);
        balancer.records_of(2).await;
        assert_eq!(converse(balancer.connect().await).await, "echo");
    }
}

#[tokio::test]
async fn connections_in_time() {
    for (refusal, code) in [(Refusal::Rate, "RT"), (Refusal::AddressRate, "PT")] {
        let (_echo, balancer) = echo(|config| {
            let rate = Some("3/1d".parse().unwrap());
            match refusal {
                Refusal::Rate => config.limits.rate = rate,
                _ => config.limits.address.rate = rate,
            }
        })
        .await;
        for served in 1..=3 {
            assert_eq!(converse(balancer.connect().await).await, "echo");
            // Of two workers the other one may be faster with its record.
            balancer.records_of(served).await;
        }
        refused(&balancer).await;
        let mut codes = codes(&balancer.records_of(4).await);
        codes.sort_unstable();
        assert_eq!(codes, ["--", "--", "--", code]);
        assert_eq!(count(&balancer, refusal).await, 1);
    }
}

/// A balancer before a puppet that takes one session at a time.
async fn narrow(change: impl FnOnce(&mut Config)) -> (Puppet, Balancer) {
    let puppet = Puppet::start().await;
    let balancer = Balancer::start_with(&[("puppet", puppet.address)], |config| {
        config.backends = vec![BackendAddress {
            attributes: netsocket_balancer::backend::Attributes {
                max_connections: Some(1.try_into().unwrap()),
                ..Default::default()
            },
            ..config.backends.remove(0)
        }];
        change(config);
    })
    .await;
    drop(puppet.accept().await); // the first check
    balancer.up(1).await;
    (puppet, balancer)
}

/// Waits until so many are in the queue.
pub async fn queued(balancer: &Balancer, count: usize) {
    soon(async {
        let wanted = format!("{} {count}", names::QUEUED.name);
        while !balancer
            .get("/metrics")
            .await
            .1
            .lines()
            .any(|line| line == wanted)
        {}
    })
    .await;
}

#[tokio::test]
async fn clients_without_a_free_backend_wait_in_order() {
    let (puppet, balancer) = narrow(|_| {}).await;
    let mut served = balancer.connect().await;
    let mut clients = vec![served.local_addr().unwrap()];
    let mut backend = puppet.accept().await;
    let mut waiting = VecDeque::new();
    for number in 0..5_u8 {
        let mut client = balancer.connect().await;
        client.write_all(&[number]).await.unwrap();
        clients.push(client.local_addr().unwrap());
        waiting.push_back(client);
        queued(&balancer, waiting.len()).await;
    }
    for number in 0..5_u8 {
        drop((served, backend));
        backend = puppet.accept().await;
        served = waiting.pop_front().unwrap();
        assert_eq!(soon(backend.read_u8()).await.unwrap(), number);
        queued(&balancer, 4 - usize::from(number)).await;
    }
    drop((served, backend));
    // Sessions end on several workers, so their records may come in any order.
    let records = balancer.records_of(6).await;
    let of = |client| {
        records
            .iter()
            .find(|record| record.client == client)
            .unwrap()
    };
    let told: Vec<_> = clients
        .into_iter()
        .map(|client| (of(client).queued_behind, of(client).waited))
        .collect();
    let expected = [
        (0, false),
        (0, true),
        (1, true),
        (2, true),
        (3, true),
        (4, true),
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn the_wait_has_a_limit_and_so_has_the_queue() {
    let (puppet, balancer) = narrow(|config| {
        config.queue.length = 1;
        config.queue.timeout = Duration::from_secs(2);
    })
    .await;
    let _served = balancer.connect().await;
    let _backend = puppet.accept().await;
    let mut waits = balancer.connect().await;
    queued(&balancer, 1).await;
    refused(&balancer).await;
    assert_eq!(codes(&balancer.records_of(1).await), ["SQ"]);
    let (bytes, reset) = read_to_end(&mut waits).await;
    assert!(bytes.is_empty() && reset);
    let records = balancer.records_of(2).await;
    assert_eq!(codes(&records), ["SQ", "sQ"]);
    // The time in the queue is known also where it led to nothing.
    assert!(records[0].queue.is_none() && !records[0].waited);
    let queue = records[1].queue.unwrap();
    assert!(
        queue >= Duration::from_secs(2) && queue <= records[1].total,
        "{queue:?}"
    );
    queued(&balancer, 0).await;
}

#[tokio::test]
async fn a_client_that_leaves_the_queue_is_not_served() {
    let (puppet, balancer) = narrow(|config| config.queue.timeout = NEVER).await;
    let served = balancer.connect().await;
    let backend = puppet.accept().await;
    let leaves = balancer.connect().await;
    queued(&balancer, 1).await;
    let mut stays = balancer.connect().await;
    stays.write_all(b"s").await.unwrap();
    queued(&balancer, 2).await;
    leaves.set_zero_linger().unwrap();
    drop(leaves);
    assert_eq!(codes(&balancer.records_of(1).await), ["CQ"]);
    queued(&balancer, 1).await;
    drop((served, backend));
    let mut backend = puppet.accept().await;
    assert_eq!(soon(backend.read_u8()).await.unwrap(), b's');
}

/// A client that is introduced by `header`.
async fn introduced(balancer: &Balancer, header: &[u8]) -> TcpStream {
    let mut client = balancer.connect().await;
    client.write_all(header).await.unwrap();
    client
}

fn trusting(config: &mut Config) {
    config.proxy.from = ["127.0.0.0/8".parse().unwrap()].into_iter().collect();
}

#[tokio::test]
async fn a_trusted_peer_says_who_the_client_is() {
    let (_echo, balancer) = echo(trusting).await;
    let header = b"PROXY TCP4 192.0.2.7 198.51.100.1 51234 8081\r\n";
    // However it arrives, and whatever comes behind it in the same packet.
    let whole = introduced(&balancer, &[&header[..], b"x"].concat()).await;
    let mut pieces = balancer.connect().await;
    pieces.set_nodelay(true).unwrap();
    for byte in header.iter().chain(b"x") {
        pieces.write_all(&[*byte]).await.unwrap();
    }
    for mut client in [whole, pieces] {
        let mut said = [0; 6];
        soon(client.read_exact(&mut said)).await.unwrap();
        assert_eq!(&said, b"echo\nx");
    }
    for record in balancer.records_of(2).await {
        assert_eq!(record.client, "192.0.2.7:51234".parse().unwrap());
        assert_eq!(record.traffic.up, 1, "the header is no traffic");
    }
}

/// A header of that length, with the chain of a client's certificate in it.
fn long_header(len: usize) -> Vec<u8> {
    // The fixed part, the addresses, this field's prefix, and the checksum's field.
    let value = vec![7; len - 16 - 12 - 3 - 7];
    let chain = netsocket_proxy_protocol::Tlv {
        kind: netsocket_proxy_protocol::kind::SSL,
        value: &value,
    };
    let client = "192.0.2.7:51234".parse().unwrap();
    let listener = "198.51.100.1:8081".parse().unwrap();
    let checksum = netsocket_proxy_protocol::Checksum::Crc32c;
    netsocket_proxy_protocol::encode_v2_with_tlvs(client, listener, &[chain], checksum).unwrap()
}

#[tokio::test]
async fn a_header_with_a_certificate_chain_is_taken_however_it_is_split() {
    const LONGEST: usize = netsocket_proxy_protocol::DEFAULT_MAX_LEN;
    let (_echo, balancer) = echo(trusting).await;
    let header = long_header(LONGEST);
    assert_eq!(header.len(), LONGEST);
    let splits = [1, 16, 17, 2049, LONGEST - 1, LONGEST];
    for split in splits {
        let mut client = balancer.connect().await;
        client.set_nodelay(true).unwrap();
        let (first, rest) = header.split_at(split);
        client.write_all(first).await.unwrap();
        tokio::task::yield_now().await;
        client.write_all(&[rest, b"x"].concat()).await.unwrap();
        let mut said = [0; 6];
        soon(client.read_exact(&mut said)).await.unwrap();
        assert_eq!(&said, b"echo\nx", "split at {split}");
    }
    for record in balancer.records_of(splits.len()).await {
        assert_eq!(record.client, "192.0.2.7:51234".parse().unwrap());
        assert_eq!(record.traffic.up, 1, "the header is no traffic");
    }
    balancer.forget_records();
    let mut client = introduced(&balancer, &long_header(LONGEST + 1)[..16]).await;
    assert!(read_to_end(&mut client).await.1);
    assert_eq!(codes(&balancer.records_of(1).await), ["PH"]);
}

/// A byte now and then does not put the limit off.
#[tokio::test]
async fn a_long_header_that_trickles_in_has_an_end() {
    let (_echo, balancer) = echo(|config| {
        trusting(config);
        config.proxy.timeout = Duration::from_millis(300);
    })
    .await;
    let mut client = balancer.connect().await;
    let header = long_header(16_000);
    let mut bytes = header.iter();
    let mut pace = tokio::time::interval(Duration::from_millis(20));
    let end = soon(async {
        loop {
            pace.tick().await;
            if let Err(error) = client.write_all(&[*bytes.next().unwrap()]).await {
                return error.kind();
            }
        }
    })
    .await;
    assert_eq!(end, std::io::ErrorKind::ConnectionReset);
    assert_eq!(codes(&balancer.records_of(1).await), ["cR"]);
}

#[tokio::test]
async fn a_trusted_peer_that_says_nothing_right() {
    let (_echo, balancer) = echo(|config| {
        trusting(config);
        config.proxy.timeout = NEVER;
    })
    .await;
    let mut wrong = introduced(&balancer, b"GET / HTTP/1.1\r\n\r\n").await;
    assert!(read_to_end(&mut wrong).await.1);
    let mut gone = introduced(&balancer, b"PROXY TC").await;
    gone.shutdown().await.unwrap();
    assert!(read_to_end(&mut gone).await.1);
    assert_eq!(codes(&balancer.records_of(2).await), ["PH", "CR"]);

    let (_echo, balancer) = echo(|config| {
        trusting(config);
        config.proxy.timeout = Duration::from_millis(200);
    })
    .await;
    let mut silent = balancer.connect().await;
    assert!(read_to_end(&mut silent).await.1);
    assert_eq!(codes(&balancer.records_of(1).await), ["cR"]);
}

#[tokio::test]
async fn lists_judge_the_real_client() {
    let (_echo, balancer) = echo(|config| {
        trusting(config);
        config.limits.deny = ["192.0.2.0/24".parse().unwrap()].into_iter().collect();
    })
    .await;
    let mut client = introduced(&balancer, b"PROXY TCP4 192.0.2.7 198.51.100.1 5 80\r\n").await;
    assert!(read_to_end(&mut client).await.1);
    assert_eq!(codes(&balancer.records_of(1).await), ["PR"]);
    let client = introduced(&balancer, b"PROXY TCP4 192.0.3.7 198.51.100.1 5 80\r\n").await;
    assert_eq!(converse(client).await, "echo");
}

#[tokio::test]
async fn a_header_of_anybody_else_is_passed_on() {
    let (_balancer, mut client, mut backend) = Puppet::session(|_| {}).await;
    let header = b"PROXY TCP4 192.0.2.7 198.51.100.1 51234 8081\r\n";
    client.write_all(header).await.unwrap();
    let mut received = vec![0; header.len()];
    soon(backend.read_exact(&mut received)).await.unwrap();
    assert_eq!(received, header);
}

#[tokio::test]
async fn backends_get_a_header_where_they_want_one() {
    for send in [
        netsocket_balancer::ProxySend::V1,
        netsocket_balancer::ProxySend::V2,
    ] {
        let (balancer, mut client, mut backend) =
            Puppet::session(|config| config.proxy.send = send).await;
        client.write_all(b"hello").await.unwrap();
        let mut received = Vec::new();
        while !received.ends_with(b"hello") {
            received.push(soon(backend.read_u8()).await.unwrap());
        }
        let Ok(netsocket_proxy_protocol::Parsed::Header(header)) =
            netsocket_proxy_protocol::parse(&received)
        else {
            panic!("{received:?}")
        };
        assert_eq!(header.source(), Some(client.local_addr().unwrap()));
        assert_eq!(header.destination(), Some(balancer.address));
        assert_eq!(&received[header.len..], b"hello");
        drop(client);
        let wait = timeout(Duration::from_secs(20), backend.read_u8());
        assert!(wait.await.unwrap().is_err());
        drop(backend);
        assert_eq!(balancer.record().await.traffic.up, 5);
    }
}

#[tokio::test]
async fn bytes_of_a_session_show_while_it_lives() {
    let (balancer, mut client, mut backend) = Puppet::session(|_| {}).await;
    client.write_all(&[1; 3000]).await.unwrap();
    backend.read_exact(&mut [0; 3000]).await.unwrap();
    let figures = || balancer.pool.backends()[0].figures();
    eventually("the bytes show", || figures().bytes_up == 3000).await;
    assert_eq!(figures().finished, 0);
    drop(client);
    drop(backend);
    balancer.record().await;
    assert_eq!(figures().bytes_up, 3000, "and are counted once");
}
