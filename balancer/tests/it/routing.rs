//! Routing by what clients send first, over real sockets. What hellos say is tested with the rules (`core/routing`).

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::peers::Echo;
use crate::running::{Balancer, read_to_end, reset, soon};
use crate::services::start;

fn with_length(width: usize, bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
    [&length[4 - width..], bytes].concat()
}

fn extension(kind: u16, bytes: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &with_length(2, bytes)].concat()
}

/// A TLS 1.3 hello that asks for `name` and is `padding` bytes longer than it must be, as with the key shares of today.
fn hello(name: &str, padding: usize) -> Vec<u8> {
    let server_name = [&[0][..], &with_length(2, name.as_bytes())].concat();
    let extensions = [
        extension(21, &vec![0; padding]),
        extension(0, &with_length(2, &server_name)),
        extension(13, &with_length(2, &[8, 7, 8, 4])),
        extension(43, &with_length(1, &[3, 4])),
        extension(10, &with_length(2, &[0, 29])),
        extension(
            51,
            &with_length(2, &[&[0, 29][..], &with_length(2, &[9; 32])].concat()),
        ),
    ]
    .concat();
    let body = [
        &[3, 3][..],
        &[7; 32],
        &with_length(1, &[1; 32]),
        &with_length(2, &[0x13, 1, 0x13, 2]),
        &with_length(1, &[0]),
        &with_length(2, &extensions),
    ]
    .concat();
    let message = [&[1][..], &with_length(3, &body)].concat();
    [&[0x16, 3, 1][..], &with_length(2, &message)].concat()
}

/// Says its name when its client has said something, and then sends that back.
async fn quiet(name: &'static str) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut all = Vec::new();
                let _ = stream.read_to_end(&mut all).await;
                if !all.is_empty() {
                    let _ = stream
                        .write_all(&[name.as_bytes(), b" ", &all].concat())
                        .await;
                }
            });
        }
    });
    address
}

/// A service that knows names, protocols and networks.
async fn balancer() -> Balancer {
    let (a, b) = (quiet("a").await, quiet("b").await);
    let (ssh, rest) = (quiet("ssh").await, Echo::start("rest").await);
    let text = format!(
        "route_timeout = '400ms'\n\
         [[pools]]\nname = 'a'\nbackends = ['a={a}']\n[[pools]]\nname = 'b'\nbackends = ['b={b}']\n\
         [[pools]]\nname = 'ssh'\nbackends = ['s={ssh}']\n[[pools]]\nname = 'rest'\nbackends = ['r={}']\n\
         [[services]]\nname = 'door'\nlisten = '127.0.0.1:0'\npool = 'rest'\n\
         routes = [\n  {{ name = 'far', from = '192.0.2.0/24', refuse = true }},\n\
           {{ name = 'a', server_name = 'a.example', pool = 'a' }},\n\
           {{ name = 'below', server_name = ['*.b.example', 'b.example'], pool = 'b' }},\n\
           {{ name = 'no-name', first_bytes = 'tls', refuse = true }},\n\
           {{ name = 'ssh', first_bytes = 'ssh', pool = 'ssh' }},\n]\n",
        rest.address
    );
    // The task of the echo lives as long as the test.
    std::mem::forget(rest);
    start(&text).await
}

/// Sends this in such pieces, and returns everything that comes back.
async fn said(balancer: &Balancer, bytes: &[u8], piece: usize) -> (Vec<u8>, bool) {
    let mut client = balancer.connect_to("door").await;
    client.set_nodelay(true).unwrap();
    for piece in bytes.chunks(piece) {
        if client.write_all(piece).await.is_err() {
            break;
        }
        tokio::task::yield_now().await;
    }
    let _ = client.shutdown().await;
    read_to_end(&mut client).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_choose_the_pool_and_are_handed_on_unchanged() {
    let balancer = balancer().await;
    for (bytes, pool) in [
        (hello("a.example", 0), "a"),
        (hello("A.EXAMPLE", 3000), "a"),
        (hello("x.y.b.example", 1800), "b"),
        (hello("b.example", 0), "b"),
        (b"SSH-2.0-test\r\n".to_vec(), "ssh"),
    ] {
        for piece in [1, 1000, 1 << 20] {
            let expected = [pool.as_bytes(), b" ", &bytes].concat();
            let (answer, was_reset) = said(&balancer, &bytes, piece).await;
            assert_eq!(
                (answer == expected, was_reset),
                (true, false),
                "{pool} {piece}"
            );
        }
    }
    // One that is no TLS, and none that is known.
    assert_eq!(
        said(&balancer, b"hello", 1).await,
        (b"rest\nhello".to_vec(), false)
    );
    let (_, page) = balancer.get("/metrics").await;
    for line in [
        "netsocket_routed_total{service=\"door\",rule=\"a\"} 6",
        "netsocket_routed_total{service=\"door\",rule=\"below\"} 6",
        "netsocket_routed_total{service=\"door\",rule=\"ssh\"} 3",
        "netsocket_routed_total{service=\"door\",rule=\"far\"} 0",
        "netsocket_routed_total{service=\"door\",rule=\"none\"} 1",
        "netsocket_backend_sessions_total{pool=\"a\",backend=\"a\"} 6",
    ] {
        assert!(page.lines().any(|found| found == line), "{line}\n{page}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_first_bytes_are_refused_with_their_own_codes() {
    let balancer = balancer().await;
    let whole = hello("a.example", 0);
    let mut endless = vec![0x16, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff];
    endless.resize(200 << 10, 0);
    let mut lies = whole.clone();
    lies[6..9].copy_from_slice(&[0, 0, 9]);
    for (bytes, code) in [
        (hello("c.example", 0), "PQ"),
        (endless, "PD"),
        (lies, "PD"),
        (whole[..60].to_vec(), "CH"),
        (b"".to_vec(), "CH"),
    ] {
        balancer.forget_records();
        let (answer, _) = said(&balancer, &bytes, 1 << 20).await;
        assert_eq!(
            (
                answer.as_slice(),
                balancer.record().await.termination.code()
            ),
            (&b""[..], code)
        );
    }
    // One that never ends its hello; one that says nothing waits for the server to begin.
    balancer.forget_records();
    let mut client = balancer.connect_to("door").await;
    client.write_all(&whole[..100]).await.unwrap();
    assert!(read_to_end(&mut client).await.1, "reset");
    assert_eq!(balancer.record().await.termination.code(), "cH");
    let mut silent = balancer.connect_to("door").await;
    let mut greeting = [0; 5];
    soon(silent.read_exact(&mut greeting)).await.unwrap();
    assert_eq!(&greeting, b"rest\n");
    // Many that hang in their hello disturb nobody.
    let mut hanging: Vec<TcpStream> = Vec::new();
    for _ in 0..200 {
        let mut client = balancer.connect_to("door").await;
        client.write_all(&whole[..100]).await.unwrap();
        hanging.push(client);
    }
    let expected = [&b"a "[..], &whole].concat();
    assert_eq!(said(&balancer, &whole, 9).await, (expected, false));
    hanging.into_iter().for_each(reset);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_default_service_may_have_rules_and_a_proxys_client_is_the_one_they_are_about() {
    let near = quiet("near").await;
    let rest = quiet("rest").await;
    let text = format!(
        "listen = '127.0.0.1:0'\nbackends = ['r={rest}']\nproxy_from = '127.0.0.0/8'\n\
         [[pools]]\nname = 'near'\nbackends = ['n={near}']\n\
         [[routes]]\nfrom = '192.0.2.0/24'\nserver_name = 'a.example'\npool = 'near'\n"
    );
    let balancer = start(&text).await;
    let hello = hello("a.example", 100);
    for (from, pool) in [("192.0.2.9", "near"), ("198.51.100.1", "rest")] {
        let mut client = balancer.connect().await;
        let header = format!("PROXY TCP4 {from} 192.0.2.1 1 2\r\n");
        client
            .write_all(&[header.as_bytes(), &hello].concat())
            .await
            .unwrap();
        client.shutdown().await.unwrap();
        let expected = [pool.as_bytes(), b" ", &hello].concat();
        assert_eq!(read_to_end(&mut client).await, (expected, false));
    }
}
