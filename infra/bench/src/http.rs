//! As much HTTP as a load generator needs: any request is answered with the same small reply.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The body of every reply, in bytes.
const BODY: usize = 128;
/// A request head that is longer is not from our load.
const LONGEST_HEAD: usize = 8 * 1024;
const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// Answers the requests of one connection, until it ends or a request asks for its end.
///
/// # Errors
/// Where the connection breaks, or a request head is too long.
pub(crate) async fn answer(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (keep, close) = (reply("keep-alive"), reply("close"));
    let mut received = Vec::with_capacity(512);
    loop {
        while let Some(end) = find(&received, END_OF_HEAD) {
            let wants_close = asks_for_close(&received[..end]);
            received.drain(..end + END_OF_HEAD.len());
            stream
                .write_all(if wants_close { &close } else { &keep })
                .await?;
            if wants_close {
                return stream.shutdown().await;
            }
        }
        if received.len() > LONGEST_HEAD {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if stream.read_buf(&mut received).await? == 0 {
            return Ok(());
        }
    }
}

fn reply(connection: &str) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {BODY}\r\nConnection: {connection}\r\n\r\n"
    );
    let mut reply = head.into_bytes();
    reply.resize(reply.len() + BODY, b'.');
    reply
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

/// Whether a line of the head is `Connection: close`, in any case of letters.
fn asks_for_close(head: &[u8]) -> bool {
    head.split(|byte| *byte == b'\n').any(|line| {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let (name, value) = (parts.next(), parts.next());
        name.is_some_and(|name| name.eq_ignore_ascii_case(b"connection"))
            && value.is_some_and(|value| value.trim_ascii().eq_ignore_ascii_case(b"close"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_header_asks_for_the_end() {
        assert!(asks_for_close(
            b"GET / HTTP/1.1\r\nHost: x\r\nconnection:  Close"
        ));
        assert!(asks_for_close(
            b"GET / HTTP/1.1\r\nConnection: close\r\nHost: x"
        ));
        assert!(!asks_for_close(
            b"GET /Connection:close HTTP/1.1\r\nHost: x"
        ));
        assert!(!asks_for_close(b"GET / HTTP/1.1\r\nConnection: keep-alive"));
    }

    #[test]
    fn a_reply_is_as_long_as_it_says() {
        let reply = reply("close");
        let end = find(&reply, END_OF_HEAD).unwrap() + END_OF_HEAD.len();
        assert_eq!(reply.len() - end, BODY);
        assert_eq!(find(b"abc", b"cd"), None);
    }
}
