//! The connection alone, over a pipe in memory and with a clock that is moved by hand.

use std::time::Duration;

use bytes::BytesMut;
use netsocket_client::connection::framed::{Connection, Timeouts};
use netsocket_client::outcome::error::Error;
use netsocket_protocol::frame::{FrameCodec, FrameType};
use netsocket_protocol::message::{Message as _, Order, Reply, Request};
use netsocket_protocol::{MAGIC, VERSION};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::time::{Instant, sleep};
use tokio_util::codec::Encoder as _;

use crate::peer::hello;

const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(5),
    answer: Duration::from_secs(30),
    stall: Duration::from_secs(5),
};

const REQUEST: Request = Request::Directories { order: Order::Name };

fn greeting() -> BytesMut {
    let mut bytes = BytesMut::from(&MAGIC[..]);
    let frame = hello(VERSION).to_frame().unwrap();
    FrameCodec::new(1024).encode(frame, &mut bytes).unwrap();
    bytes
}

async fn connected() -> (Connection<DuplexStream>, DuplexStream) {
    let (near, mut far) = duplex(4096);
    far.write_all(&greeting()).await.unwrap();
    let address = "fake:1".parse().unwrap();
    let connection = Connection::open(near, &address, TIMEOUTS, None)
        .await
        .unwrap();
    (connection, far)
}

#[tokio::test(start_paused = true)]
async fn a_slow_server_is_not_a_stalled_one() {
    let (mut connection, mut far) = connected().await;
    let mut answer = BytesMut::new();
    let reply = Reply::Directories {
        names: vec!["a".into()],
        more: false,
    };
    FrameCodec::new(1024)
        .encode(reply.to_frame().unwrap(), &mut answer)
        .unwrap();
    let begun = Instant::now();
    let drip = async {
        for byte in answer {
            sleep(Duration::from_secs(29)).await;
            far.write_u8(byte).await.unwrap();
        }
        far
    };
    let (frame, _far) = tokio::join!(connection.ask(&REQUEST, &|_| ()), drip);
    assert_eq!(frame.unwrap().kind, FrameType::Reply);
    assert!(
        begun.elapsed() > 10 * TIMEOUTS.answer,
        "each byte bought time"
    );
}

#[tokio::test(start_paused = true)]
async fn a_stalled_server_is_given_up_after_the_timeout() {
    let (mut connection, _far) = connected().await;
    let begun = Instant::now();
    let answer = connection.ask(&REQUEST, &|_| ()).await;
    assert!(matches!(answer, Err(Error::Stalled(_))), "{answer:?}");
    assert_eq!(begun.elapsed().as_secs(), TIMEOUTS.answer.as_secs());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_read_is_given_up_too() {
    let (near, mut far) = duplex(1024);
    far.write_all(&greeting()).await.unwrap();
    let address = "fake:1".parse().unwrap();
    let mut connection = Connection::open(near, &address, TIMEOUTS, None)
        .await
        .unwrap();
    let long = Request::Find {
        query: netsocket_protocol::query::Query {
            name: Some("x".repeat(2000).as_str().into()),
            ..Default::default()
        },
        limit: 1,
        sort: netsocket_protocol::query::Sort::Path,
        reverse: false,
    };
    let answer = connection.ask(&long, &|_| ()).await;
    assert!(matches!(answer, Err(Error::Stalled(_))), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn a_greeting_that_drips_is_given_up_after_the_connect_timeout() {
    let (near, mut far) = duplex(4096);
    let drip = async {
        for byte in greeting() {
            sleep(Duration::from_secs(1)).await;
            // The client leaves in the middle.
            let _ = far.write_u8(byte).await;
        }
    };
    let address = "fake:1".parse().unwrap();
    let open = async {
        let begun = Instant::now();
        let opened = Connection::open(near, &address, TIMEOUTS, None).await;
        (opened.err(), begun.elapsed())
    };
    let ((error, waited), ()) = tokio::join!(open, drip);
    assert!(matches!(error, Some(Error::NoGreeting { .. })), "{error:?}");
    assert_eq!(waited.as_secs(), TIMEOUTS.connect.as_secs());
}

#[tokio::test]
async fn the_client_opens_with_magic_hello_and_the_request() {
    let (mut connection, mut far) = connected().await;
    let asking = tokio::spawn(async move { connection.ask(&REQUEST, &|_| ()).await.is_err() });
    let mut sent = [0; 8];
    far.read_exact(&mut sent).await.unwrap();
    assert_eq!(sent, MAGIC);
    let length = far.read_u32().await.unwrap() as usize;
    assert_eq!(far.read_u8().await.unwrap(), FrameType::Hello as u8);
    let mut payload = vec![0; length];
    far.read_exact(&mut payload).await.unwrap();
    let hello: serde_json::Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(hello["version"], 1);
    let length = far.read_u32().await.unwrap() as usize;
    assert_eq!(far.read_u8().await.unwrap(), FrameType::Request as u8);
    let mut payload = vec![0; length];
    far.read_exact(&mut payload).await.unwrap();
    assert_eq!(payload, b"{\"command\":\"directories\",\"order\":\"name\"}");
    drop(far);
    assert!(asking.await.unwrap());
}

#[tokio::test]
async fn a_connection_is_usable_until_the_server_says_or_closes_something() {
    let (mut connection, mut far) = connected().await;
    assert!(connection.is_usable().await);
    far.write_u8(0).await.unwrap();
    assert!(!connection.is_usable().await);
    let (mut connection, far) = connected().await;
    drop(far);
    assert!(!connection.is_usable().await);
}

#[tokio::test(start_paused = true)]
async fn in_a_transfer_the_next_byte_is_due_sooner() {
    let (mut connection, mut far) = connected().await;
    let reply = Reply::Directories {
        names: vec![],
        more: false,
    };
    let mut answer = BytesMut::new();
    FrameCodec::new(1024)
        .encode(reply.to_frame().unwrap(), &mut answer)
        .unwrap();
    far.write_all(&answer).await.unwrap();
    connection.ask(&REQUEST, &|_| ()).await.unwrap();
    connection.set_read_timeout(TIMEOUTS.stall);
    let begun = Instant::now();
    let frame = connection.frame(&|_| ()).await;
    assert!(matches!(frame, Err(Error::Stalled(_))), "{frame:?}");
    assert_eq!(begun.elapsed().as_secs(), TIMEOUTS.stall.as_secs());
    assert!(connection.last_read() <= begun);
    // The next request has all the time again.
    let begun = Instant::now();
    assert!(connection.ask(&REQUEST, &|_| ()).await.is_err());
    assert_eq!(begun.elapsed().as_secs(), TIMEOUTS.answer.as_secs());
}

/// However little of it comes at once.
#[tokio::test]
async fn an_http_server_is_told_from_others() {
    for (pieces, expected) in [
        (&["H", "TT", "P/1.1 400"][..], "is an HTTP server"),
        (&["HTTP/1.1 400 Bad Request"], "is an HTTP server"),
        (&["HTTP"], "speaks another protocol"),
        (&["HTTQ/"], "speaks another protocol"),
        (&["SSH-2.0"], "speaks another protocol"),
        (&["\x15", "\x03\x01\0\x02\x02\x0a"], "speaks TLS: use --tls"),
        (&["\x15\x04"], "speaks another protocol"),
    ] {
        let (near, mut far) = duplex(4096);
        let send = async {
            for piece in pieces {
                far.write_all(piece.as_bytes()).await.unwrap();
                tokio::task::yield_now().await;
            }
            drop(far);
        };
        let address = "fake:1".parse().unwrap();
        let open = Connection::open(near, &address, TIMEOUTS, None);
        let (opened, ()) = tokio::join!(open, send);
        let said = opened.err().unwrap().to_string();
        assert!(said.contains(expected), "{pieces:?}: {said}");
    }
}
