//! Reads the PROXY protocol header, with which a proxy names the client, before the first byte of the session.
//!
//! Owns: reading the header and not a byte more, and its timeout. Does not own: the format of the header
//! (`netsocket-proxy-protocol`), nor what happens to a connection without one.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use netsocket_proxy_protocol::{Command, Error, Parsed, parse};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long the whole header may take. A proxy sends it at once, so this leaves time for a retransmission.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Room for a header grows by so much at a time, as its bytes come: one that only announces a great length holds no more.
const STEP: usize = 2 << 10;

/// Why there is no valid PROXY header.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProxyHeaderError {
    /// The connection ended before its first byte, as those of health checks do; not a fault.
    #[error("the connection closed without sending a byte")]
    Left,
    /// The connection ended or failed in the middle of the header.
    #[error("the connection ended in the middle of the PROXY header")]
    CutShort,
    /// The header was not complete in time.
    #[error("no complete PROXY header within {TIMEOUT:?}")]
    Late,
    /// The bytes are not a valid header.
    #[error(transparent)]
    Wrong(#[from] Error),
}

impl ProxyHeaderError {
    /// Every value of [`Self::label`].
    pub(crate) const LABELS: [&str; 10] = [
        "bad_address",
        "bad_checksum",
        "bad_command",
        "bad_family",
        "bad_tlv",
        "bad_version",
        "cut_short",
        "late",
        "not_proxy",
        "too_long",
    ];

    /// The label of this fault in metrics; nothing if it is not a fault.
    pub(crate) fn label(&self) -> Option<&'static str> {
        match self {
            Self::Left => None,
            Self::CutShort => Some("cut_short"),
            Self::Late => Some("late"),
            Self::Wrong(error) => Some(error.label()),
        }
    }
}

/// Reads the header and nothing after it. Returns the client's address, or the connection's own `peer` if the header
/// names no client (`LOCAL` or `UNKNOWN`).
pub(crate) async fn read_proxy_header(
    stream: &TcpStream,
    peer: SocketAddr,
) -> Result<SocketAddr, ProxyHeaderError> {
    timeout(TIMEOUT, read(stream, peer))
        .await
        .unwrap_or(Err(ProxyHeaderError::Late))
}

async fn read(stream: &TcpStream, peer: SocketAddr) -> Result<SocketAddr, ProxyHeaderError> {
    let mut received = Vec::new();
    loop {
        let need = match parse(&received)? {
            Parsed::Header(header) => {
                let client = header.source();
                return Ok(client
                    .filter(|_| header.command == Command::Proxy)
                    .unwrap_or(peer));
            }
            Parsed::Incomplete { need } => need,
        };
        let had = received.len();
        received.resize(need.min(had + STEP), 0);
        let count = receive(stream, &mut received[had..]).await;
        match count {
            Ok(0) | Err(_) if had == 0 => return Err(ProxyHeaderError::Left),
            Ok(0) | Err(_) => return Err(ProxyHeaderError::CutShort),
            Ok(count) => received.truncate(had + count),
        }
    }
}

async fn receive(stream: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        stream.readable().await?;
        match stream.try_read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use netsocket_proxy_protocol::{
        Checksum, DEFAULT_MAX_LEN, Tlv, encode_v1, encode_v1_unknown, encode_v2, encode_v2_local,
        encode_v2_with_tlvs, kind,
    };
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (TcpStream, TcpStream, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap());
        let (client, accepted) = tokio::join!(client, listener.accept());
        let (server, peer) = accepted.unwrap();
        let client = client.unwrap();
        client.set_nodelay(true).unwrap();
        (client, server, peer)
    }

    #[tokio::test]
    async fn a_header_is_read_and_not_a_byte_of_the_session() {
        let (source, listener) = (
            "192.0.2.7:51234".parse().unwrap(),
            "198.51.100.1:8081".parse().unwrap(),
        );
        for (header, told) in [
            (encode_v1(source, listener), true),
            (encode_v2(source, listener), true),
            (encode_v1_unknown(), false),
            (encode_v2_local(), false),
        ] {
            let (mut client, mut server, peer) = pair().await;
            let sent = [header.as_bytes(), b"1"].concat();
            client.write_all(&sent).await.unwrap();
            let found = read_proxy_header(&server, peer).await.unwrap();
            assert_eq!(found, if told { source } else { peer });
            drop(client);
            let mut session = Vec::new();
            server.read_to_end(&mut session).await.unwrap();
            assert_eq!(session, b"1");
        }
    }

    /// A header of that length, the chain of a client's certificate in it.
    fn long_header(source: SocketAddr, len: usize) -> Vec<u8> {
        let value = vec![7; len - 16 - 12 - 3];
        let chain = Tlv {
            kind: kind::SSL,
            value: &value,
        };
        let listener = "198.51.100.1:8081".parse().unwrap();
        encode_v2_with_tlvs(source, listener, &[chain], Checksum::None).unwrap()
    }

    #[tokio::test]
    async fn a_header_of_sixteen_kibibytes_is_read_however_it_is_split() {
        let source = "192.0.2.7:51234".parse().unwrap();
        let header = long_header(source, DEFAULT_MAX_LEN);
        for split in [1, 15, 16, 17, 2063, 2064, 2065, 9000, header.len() - 1] {
            let (mut client, mut server, peer) = pair().await;
            let (first, rest) = header.split_at(split);
            let rest = [rest, b"1"].concat();
            let send = async {
                client.write_all(first).await.unwrap();
                tokio::task::yield_now().await;
                client.write_all(&rest).await.unwrap();
                client
            };
            let (found, client) = tokio::join!(read_proxy_header(&server, peer), send);
            assert_eq!(found.unwrap(), source, "split at {split}");
            drop(client);
            let mut session = Vec::new();
            server.read_to_end(&mut session).await.unwrap();
            assert_eq!(session, b"1", "split at {split}");
        }
        let (mut client, server, peer) = pair().await;
        let longer = long_header(source, DEFAULT_MAX_LEN + 1);
        client.write_all(&longer[..16]).await.unwrap();
        let error = read_proxy_header(&server, peer).await.unwrap_err();
        assert_eq!(error.label(), Some("too_long"), "{error}");
    }

    /// The paused clock advances when all tasks wait, so the test does not wait for the timeout.
    #[tokio::test(start_paused = true)]
    async fn silence_has_an_end() {
        for begun in [&b""[..], b"PROXY TCP4 192.0.2.7"] {
            let (mut client, server, peer) = pair().await;
            client.write_all(begun).await.unwrap();
            let began = tokio::time::Instant::now();
            let error = read_proxy_header(&server, peer).await.unwrap_err();
            assert_eq!(error.label(), Some("late"), "{error}");
            // The wheel of the timer turns in milliseconds.
            let over = began.elapsed() - TIMEOUT;
            assert!(over < Duration::from_millis(10), "{over:?}");
        }
    }

    #[tokio::test]
    async fn an_end_within_the_header_is_a_fault_and_one_before_it_is_none() {
        for (begun, label) in [
            (&b""[..], None),
            (b"PROXY TCP4 192", Some("cut_short")),
            (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0", Some("cut_short")),
            (b"1", Some("not_proxy")),
            (b"PROXY TCP4 a b 1 2\r\n", Some("bad_address")),
        ] {
            let (mut client, server, peer) = pair().await;
            client.write_all(begun).await.unwrap();
            drop(client);
            let error = read_proxy_header(&server, peer).await.unwrap_err();
            assert_eq!(error.label(), label, "{error}");
            assert!(label.is_none_or(|label| ProxyHeaderError::LABELS.contains(&label)));
        }
    }

    #[test]
    fn every_fault_has_a_word() {
        for error in [
            Error::NotProxy,
            Error::TooLong { max: 1 },
            Error::BadVersion(1),
            Error::BadCommand(1),
            Error::BadFamily(1),
            Error::BadAddress,
            Error::BadTlv,
            Error::BadChecksum,
        ] {
            let label = ProxyHeaderError::Wrong(error).label();
            assert!(label.is_some_and(|label| ProxyHeaderError::LABELS.contains(&label)));
        }
    }
}
