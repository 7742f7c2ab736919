//! The TLS handshake of a connection, before the first byte of its session.
//!
//! Owns: its timeout, and the classification of its failures. Does not own: certificates
//! ([`crate::security::credentials`]), nor what happens to a connection after a failure.

use std::io;
use std::time::Duration;

use netsocket_credentials::refusal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// How long the whole handshake may take, counted from the accept.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);

/// How long a connection is still read after a failed handshake, so that the alert reaches the client.
const LINGER: Duration = Duration::from_secs(1);

/// The type of the TLS record every client sends first.
const HANDSHAKE_RECORD: u8 = 22;

/// Why a TLS handshake failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandshakeError {
    /// The connection ended before its first byte, as those of health checks do; not a fault.
    #[error("the connection closed without sending a byte")]
    Left,
    /// The client does not speak TLS; nothing was read from the connection.
    #[error("the client does not use TLS")]
    NoTls(TcpStream),
    /// The connection ended or failed during the handshake.
    #[error("the connection ended during the handshake: {0}")]
    CutShort(io::Error),
    /// The handshake did not complete in time.
    #[error("the handshake did not complete within {TIMEOUT:?}")]
    Late,
    /// One side rejected the other.
    #[error(transparent)]
    Refused(rustls::Error),
}

impl HandshakeError {
    /// Every value of [`Self::label`].
    pub(crate) const LABELS: [&str; 8] = [
        "bad_certificate",
        "cut_short",
        "incompatible",
        "late",
        "no_certificate",
        "no_tls",
        "not_trusted",
        "other",
    ];

    /// The label of this fault in metrics; nothing if it is not a fault.
    pub(crate) fn label(&self) -> Option<&'static str> {
        Some(match self {
            Self::Left => return None,
            Self::NoTls(_) => "no_tls",
            Self::CutShort(_) => "cut_short",
            Self::Late => "late",
            Self::Refused(error) => refusal(error),
        })
    }

    fn of(error: io::Error) -> Self {
        match error.downcast::<rustls::Error>() {
            Ok(error) => Self::Refused(error),
            Err(error) => Self::CutShort(error),
        }
    }
}

/// Does the server's side of the handshake.
pub(crate) async fn handshake(
    stream: TcpStream,
    acceptor: &TlsAcceptor,
) -> Result<TlsStream<TcpStream>, HandshakeError> {
    timeout(TIMEOUT, accept(stream, acceptor))
        .await
        .unwrap_or(Err(HandshakeError::Late))
}

async fn accept(
    stream: TcpStream,
    acceptor: &TlsAcceptor,
) -> Result<TlsStream<TcpStream>, HandshakeError> {
    let mut first = [0];
    match stream.peek(&mut first).await {
        Ok(0) | Err(_) => return Err(HandshakeError::Left),
        Ok(_) if first != [HANDSHAKE_RECORD] => return Err(HandshakeError::NoTls(stream)),
        Ok(_) => {}
    }
    match acceptor.accept(stream).into_fallible().await {
        Ok(stream) => Ok(stream),
        Err((error, stream)) => {
            let error = HandshakeError::of(error);
            if matches!(error, HandshakeError::Refused(_)) {
                linger(stream).await;
            }
            Err(error)
        }
    }
}

/// Reads what the client still sends: closing a socket with unread bytes sends a reset, which can discard our alert.
async fn linger(mut stream: TcpStream) {
    let reading = async {
        stream.shutdown().await?;
        let mut nowhere = [0; 1024];
        while stream.read(&mut nowhere).await? > 0 {}
        io::Result::Ok(())
    };
    // However it ends, the connection is over.
    let _ = timeout(LINGER, reading).await;
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use netsocket_credentials::authority::Authority;
    use netsocket_credentials::{certificates, key, server_config};
    use tokio::net::TcpListener;

    use super::*;

    fn acceptor() -> TlsAcceptor {
        let dir = tempfile::tempdir().unwrap();
        let files = Authority::new("test").issue(&["localhost"]);
        let files = files.write(dir.path(), "server");
        let config = server_config().unwrap().with_no_client_auth();
        let chain = certificates(&files.certificate).unwrap();
        let config = config.with_single_cert(chain, key(&files.key).unwrap());
        TlsAcceptor::from(Arc::new(config.unwrap()))
    }

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap());
        let (client, accepted) = tokio::join!(client, listener.accept());
        (client.unwrap(), accepted.unwrap().0)
    }

    /// The paused clock advances when all tasks wait, so the test does not wait for the timeout.
    #[tokio::test(start_paused = true)]
    async fn silence_has_an_end() {
        let acceptor = acceptor();
        // Of the record that follows, only the beginning ever comes.
        for begun in [&b""[..], b"\x16", b"\x16\x03\x01\x02\0\x01\0\x01\xfc"] {
            let (mut client, server) = pair().await;
            client.write_all(begun).await.unwrap();
            let began = tokio::time::Instant::now();
            let error = handshake(server, &acceptor).await.unwrap_err();
            assert_eq!(error.label(), Some("late"), "{error}");
            // The wheel of the timer turns in milliseconds.
            let over = began.elapsed() - TIMEOUT;
            assert!(over < Duration::from_millis(10), "{over:?}");
        }
    }

    #[tokio::test]
    async fn a_client_that_just_leaves_is_no_fault() {
        let (client, server) = pair().await;
        drop(client);
        let error = handshake(server, &acceptor()).await.unwrap_err();
        assert_eq!(error.label(), None, "{error}");
    }

    #[tokio::test]
    async fn what_is_not_tls_is_left_unread() {
        let (mut client, server) = pair().await;
        client.write_all(b"NETSOCK\n").await.unwrap();
        drop(client);
        let error = handshake(server, &acceptor()).await.unwrap_err();
        assert_eq!(error.label(), Some("no_tls"), "{error}");
        let HandshakeError::NoTls(mut stream) = error else {
            panic!("{error}");
        };
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        assert_eq!(bytes, b"NETSOCK\n");
    }

    #[test]
    fn every_fault_has_a_word_that_metrics_know() {
        for error in [
            HandshakeError::Late,
            HandshakeError::CutShort(io::ErrorKind::UnexpectedEof.into()),
            HandshakeError::Refused(rustls::Error::NoCertificatesPresented),
            HandshakeError::Refused(rustls::CertificateError::Expired.into()),
            HandshakeError::Refused(rustls::Error::AlertReceived(
                rustls::AlertDescription::UnknownCA,
            )),
            HandshakeError::Refused(rustls::PeerIncompatible::NoCipherSuitesInCommon.into()),
            HandshakeError::Refused(rustls::Error::DecryptError),
        ] {
            let label = error.label();
            assert!(label.is_some_and(|label| HandshakeError::LABELS.contains(&label)));
        }
    }
}
