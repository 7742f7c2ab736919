use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::core::connect_failure::ConnectFailure;
use crate::core::health::{Expect, Intervals};
use crate::core::proxy_protocol::ProxySend;

const LIMIT: Duration = Duration::from_secs(20);

fn checks(probe: Probe) -> Checks {
    Checks {
        intervals: Intervals::every(LIMIT),
        timeout: LIMIT,
        probe,
        close: Close::Reset,
        proxy: ProxySend::Off,
        agent: None,
    }
}

fn exchange(send: &[u8], expect: &[u8]) -> Probe {
    Probe::Exchange {
        send: send.to_vec(),
        expect: Expect::Bytes(expect.to_vec()),
    }
}

/// The result of a check, and what the backend does meanwhile with its connection.
async fn meet<T>(
    checks: &Checks,
    backend: impl AsyncFnOnce(TcpStream) -> T,
) -> (Result<(), CheckFailure>, T) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let serve = async {
        let (stream, _) = listener.accept().await.unwrap();
        backend(stream).await
    };
    let address = address.into();
    tokio::join!(run_check(checks, &address, None, None), serve)
}

/// Reads the request, answers, and waits for the end of the check.
async fn answer(mut stream: TcpStream, length: usize, answer: &[u8]) -> Vec<u8> {
    let mut request = vec![0; length];
    stream.read_exact(&mut request).await.unwrap();
    stream.write_all(answer).await.unwrap();
    let _ = stream.read(&mut [0]).await;
    request
}

#[tokio::test]
async fn the_connection_ends_as_it_is_set() {
    for close in [Close::Reset, Close::Fin] {
        let checks = Checks {
            close,
            ..checks(Probe::Connect)
        };
        let (passed, end) = meet(&checks, async |mut stream| stream.read_u8().await).await;
        assert_eq!(passed, Ok(()));
        let kind = match close {
            Close::Reset => std::io::ErrorKind::ConnectionReset,
            Close::Fin => std::io::ErrorKind::UnexpectedEof,
        };
        assert_eq!(end.unwrap_err().kind(), kind);
    }
}

#[tokio::test]
async fn nobody_there() {
    let gone = std::net::TcpListener::bind(("127.0.0.1", 0))
        .unwrap()
        .local_addr()
        .unwrap();
    let failure = run_check(&checks(exchange(b"x", b"y")), &gone.into(), None, None)
        .await
        .unwrap_err();
    assert_eq!(failure, CheckFailure::Connect(ConnectFailure::Refused));
}

#[tokio::test]
async fn the_right_answer_in_pieces() {
    let checks = checks(exchange(b"PING\r\n", b"+PONG"));
    let (passed, request) = meet(&checks, async |mut stream| {
        stream.set_nodelay(true).unwrap();
        stream.write_all(b"hello\r\n+PO").await.unwrap();
        stream.flush().await.unwrap();
        answer(stream, 6, b"NG\r\n").await
    })
    .await;
    assert_eq!(
        (passed, request.as_slice()),
        (Ok(()), b"PING\r\n".as_slice())
    );
}

#[tokio::test]
async fn an_answer_that_ends_wrong() {
    let checks = checks(exchange(b"", b"+PONG"));
    let (failed, ()) = meet(&checks, async |mut stream| {
        stream.write_all(b"-BUSY\n").await.unwrap()
    })
    .await;
    assert_eq!(failed.unwrap_err().to_string(), r#"wrong answer "-BUSY\n""#);
}

#[tokio::test]
async fn an_answer_without_end() {
    let checks = checks(exchange(b"", b"never"));
    let (failed, ()) = meet(&checks, async |mut stream| {
        while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
    })
    .await;
    assert_eq!(failed.unwrap_err().label(), "wrong-answer");
}

#[tokio::test]
async fn a_reset_in_place_of_an_answer() {
    let checks = checks(exchange(b"x", b"y"));
    let (failed, ()) = meet(&checks, async |mut stream| {
        stream.read_u8().await.unwrap();
        stream.set_zero_linger().unwrap();
    })
    .await;
    assert_eq!(
        failed.unwrap_err().to_string(),
        "connection lost before the answer, got nothing"
    );
}

#[tokio::test]
async fn an_answer_that_does_not_come() {
    let short = Checks {
        timeout: Duration::from_millis(50),
        ..checks(exchange(b"", b"y"))
    };
    // The backend only ends when the check has.
    let (failed, _) = meet(&short, async |mut stream| {
        stream.write_all(b"wait").await.unwrap();
        stream.read(&mut [0]).await
    })
    .await;
    assert_eq!(
        failed.unwrap_err().to_string(),
        r#"no expected answer in time, got "wait""#
    );
}

#[tokio::test]
async fn http_by_its_status() {
    let probe = || Probe::Http {
        path: "/up".into(),
        host: Some("h".into()),
        statuses: "204".parse().unwrap(),
    };
    let length = http_request("/up", Some("h"), "").len();
    for (line, result) in [
        ("HTTP/1.1 204 No Content\r\n\r\n", Ok(())),
        (
            "HTTP/1.1 200 OK\r\n\r\n",
            Err(CheckFailure::WrongStatus(200)),
        ),
    ] {
        let (got, request) = meet(&checks(probe()), async |stream| {
            answer(stream, length, line.as_bytes()).await
        })
        .await;
        assert_eq!(got, result);
        assert!(request.starts_with(b"GET /up HTTP/1.1\r\nHost: h\r\n"));
    }
}

#[tokio::test]
async fn a_check_sends_a_proxy_header_without_a_client() {
    for (proxy, header) in [
        (ProxySend::V1, &b"PROXY UNKNOWN\r\n"[..]),
        (ProxySend::V2, &b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"[..]),
    ] {
        let checks = Checks {
            proxy,
            ..checks(exchange(b"ping", b"pong"))
        };
        let expected = [header, b"ping"].concat();
        let length = expected.len();
        let (passed, request) = meet(&checks, async |stream| {
            answer(stream, length, b"pong").await
        })
        .await;
        assert_eq!((passed, request), (Ok(()), expected));
    }
}
