//! Servers within TLS, and those with which TLS does not come about.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use netsocket_client::command_line::args::Args;
use netsocket_client::config::settings;
use netsocket_client::config::user_directories::UserDirectories;
use netsocket_client::connection::framed::{Connection, Timeouts};
use netsocket_client::connection::tls::Security;
use netsocket_client::outcome::exit::Exit;
use netsocket_credentials::authority::{Authority, Issued};
use netsocket_credentials::{authorities, certificates, key, provider, server_config};
use netsocket_protocol::frame::{Frame, FrameCodec, FrameType};
use netsocket_protocol::message::{Hello, Message, Order, Reply, Request};
use netsocket_protocol::security::{TLS_WANTED, TOKEN_WANTED, Token};
use netsocket_protocol::{MAGIC, MAX_REQUEST, VERSION};
use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::coop::{consume_budget, has_budget_remaining};
use tokio_rustls::TlsAcceptor;
use tokio_util::codec::{Decoder as _, Encoder as _};

use crate::client::Client;
use crate::peer::{Fake, hello};

const TOKEN: &str = "a-token-0123456789";

/// A directory with what both sides need.
struct Keys {
    dir: TempDir,
    authority: Authority,
}

impl Keys {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            authority: Authority::new("test"),
        }
    }

    fn config(&self, issued: &Issued) -> ServerConfig {
        let files = issued.write(self.dir.path(), "server");
        let chain = certificates(&files.certificate).unwrap();
        let builder = server_config().unwrap().with_no_client_auth();
        builder
            .with_single_cert(chain, key(&files.key).unwrap())
            .unwrap()
    }

    /// A server that wants a certificate of its clients.
    fn config_for_both(&self) -> ServerConfig {
        let issued = self.authority.issue(&["localhost", "127.0.0.1"]);
        let files = issued.write(self.dir.path(), "server");
        let chain = certificates(&files.certificate).unwrap();
        let roots = authorities(&self.ca()).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
        let builder = server_config()
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap());
        builder
            .with_single_cert(chain, key(&files.key).unwrap())
            .unwrap()
    }

    fn ca(&self) -> PathBuf {
        self.authority.write(self.dir.path(), "ca")
    }

    /// The settings of a client that trusts the authority, and those flags.
    fn security(&self, flags: &[&str]) -> Security {
        let ca = self.ca();
        security(&[&["--ca-file", ca.to_str().unwrap()], flags].concat())
    }
}

fn security(flags: &[&str]) -> Security {
    use clap::Parser as _;
    let words = std::iter::once(&"netsocket").chain(flags);
    let args = Args::parse_from(words);
    settings::load(&args, &UserDirectories::default(), |_| None)
        .unwrap()
        .service
        .security
}

fn client(server: SocketAddr, security: Security) -> Client {
    Client::with_security(server, security)
}

/// A server within TLS that lists one directory, and greets with what the token deserves.
async fn secured(config: ServerConfig, token: Option<&'static str>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                match acceptor.accept(stream).into_fallible().await {
                    Ok(stream) => serve(stream, token).await,
                    Err((_, mut stream)) => {
                        let _ = stream.shutdown().await;
                        while stream.read(&mut [0; 64]).await.is_ok_and(|count| count > 0) {}
                    }
                }
            });
        }
    });
    address
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, token: Option<&str>) {
    let mut magic = [0; MAGIC.len()];
    if stream.read_exact(&mut magic).await.is_err() {
        return;
    }
    let mut received = BytesMut::new();
    let opening = Hello::from_frame(&frame(&mut stream, &mut received).await.unwrap()).unwrap();
    let mut greeting = hello(VERSION);
    let wanted = token.map(|token| Token(token.to_owned()));
    if wanted.is_some() && opening.token != wanted {
        greeting.features.push(TOKEN_WANTED.to_owned());
    }
    stream.write_all(&MAGIC).await.unwrap();
    send(&mut stream, &greeting).await;
    while let Some(frame) = frame(&mut stream, &mut received).await {
        let Ok(Request::Directories { .. }) = Request::from_frame(&frame) else {
            panic!("{frame:?}");
        };
        let names = vec!["within".into()];
        send(&mut stream, &Reply::Directories { names, more: false }).await;
    }
}

async fn frame(stream: &mut (impl AsyncRead + Unpin), received: &mut BytesMut) -> Option<Frame> {
    loop {
        if let Some(frame) = FrameCodec::new(MAX_REQUEST).decode(received).unwrap() {
            return Some(frame);
        }
        if !stream.read_buf(received).await.is_ok_and(|count| count > 0) {
            return None;
        }
    }
}

async fn send(stream: &mut (impl AsyncWrite + Unpin), message: &impl Message) {
    let mut bytes = BytesMut::new();
    let frame = message.to_frame().unwrap();
    FrameCodec::new(MAX_REQUEST)
        .encode(frame, &mut bytes)
        .unwrap();
    stream.write_all(&bytes).await.unwrap();
    stream.flush().await.unwrap();
}

#[tokio::test]
async fn commands_go_over_one_session_within_tls() {
    let keys = Keys::new();
    let issued = keys.authority.issue(&["127.0.0.1"]);
    let server = secured(keys.config(&issued), None).await;
    let mut client = client(server, keys.security(&[]));
    for _ in 0..2 {
        assert_eq!(client.run("dirlist -a").await, Exit::Done);
        assert_eq!(client.out.text(), "within\n");
    }
    // Nothing about a connection that was made again.
    assert_eq!(client.err.text(), "");
}

/// The runtime makes a task that has done much wait before it writes: then the request is encrypted and not sent.
#[tokio::test]
async fn a_request_that_is_not_sent_at_once_is_sent_all_the_same() {
    let keys = Keys::new();
    let issued = keys.authority.issue(&["127.0.0.1"]);
    let server = secured(keys.config(&issued), None).await;
    let tcp = TcpStream::connect(server).await.unwrap();
    let (called, limit) = (server.to_string().parse().unwrap(), Duration::from_secs(30));
    let security = keys.security(&[]);
    let stream = security.secure(tcp, &called, limit);
    let timeouts = Timeouts {
        connect: limit,
        answer: limit,
        stall: limit,
    };
    let opened = Connection::open(stream.await.unwrap(), &called, timeouts, None);
    let mut connection = opened.await.unwrap();
    while has_budget_remaining() {
        consume_budget().await;
    }
    let request = Request::Directories { order: Order::Name };
    let answer = connection.ask(&request, &|_| ()).await.unwrap();
    assert_eq!(answer.kind, FrameType::Reply);
}

#[tokio::test]
async fn each_certificate_that_is_not_right_has_its_sentence() {
    let keys = Keys::new();
    let strangers = Authority::new("strangers");
    let address = ["127.0.0.1"];
    for (issued, flags, said) in [
        (keys.authority.issue(&address), &[][..], None),
        (
            keys.authority.issue(&["files.test"]),
            &["--tls-name", "files.test"],
            None,
        ),
        (
            keys.authority.issue_until(&address, 2020),
            &[],
            Some("the server's certificate expired at 2020-01-01T00:00:00Z"),
        ),
        (
            keys.authority.issue(&["files.test"]),
            &[],
            Some("the server's certificate is for files.test, not for 127.0.0.1; set tls_name"),
        ),
        (
            strangers.issue(&address),
            &[],
            Some("the server's certificate is from an untrusted CA; set ca_file"),
        ),
    ] {
        let server = secured(keys.config(&issued), None).await;
        let mut client = client(server, keys.security(flags));
        let exit = client.run("dirlist -a").await;
        let text = client.err.text();
        match said {
            None => assert_eq!((exit, text.as_str()), (Exit::Done, "")),
            Some(said) => {
                assert_eq!(exit, Exit::CannotConnect);
                let begin = format!("TLS with {server} failed: ");
                assert!(text.contains(&begin) && text.contains(said), "{text}");
                assert_eq!(text.lines().count(), 1, "{text}");
            }
        }
    }
}

#[tokio::test]
async fn a_server_that_wants_a_certificate_says_so_after_the_handshake() {
    let keys = Keys::new();
    let server = secured(keys.config_for_both(), None).await;
    let mut without = client(server, keys.security(&[]));
    assert_eq!(without.run("dirlist -a").await, Exit::CannotConnect);
    let text = without.err.text();
    assert!(text.contains("client_certificate and client_key"), "{text}");

    for (authority, exit) in [
        (&keys.authority, Exit::Done),
        (&Authority::new("strangers"), Exit::CannotConnect),
    ] {
        let own = authority.issue(&["me"]).write(keys.dir.path(), "me");
        let flags = [
            "--client-certificate",
            own.certificate.to_str().unwrap(),
            "--client-key",
            own.key.to_str().unwrap(),
        ];
        let mut with = client(server, keys.security(&flags));
        assert_eq!(with.run("dirlist -a").await, exit);
        let text = with.err.text();
        assert_eq!(
            text.contains("rejects the client certificate"),
            exit != Exit::Done,
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_server_without_tls_and_one_with_it_are_told_apart() {
    let keys = Keys::new();
    // A file server that meets TLS without having it, and anything else that talks first.
    for (first, said) in [
        (
            &b""[..],
            "the connection was closed during the TLS handshake",
        ),
        (
            b"SSH-2.0-OpenSSH_9.2\r\n",
            "does not speak TLS; use --tls=off",
        ),
    ] {
        let server = Fake::start(move |_, mut peer| async move {
            peer.raw(first).await;
            if !first.is_empty() {
                peer.until_gone().await;
            }
        })
        .await;
        let mut client = client(server.address, keys.security(&[]));
        assert_eq!(client.run("dirlist -a").await, Exit::CannotConnect);
        let text = client.err.text();
        assert!(text.contains(said), "{text}");
    }
    let server = Fake::start(|_, mut peer| async move {
        peer.opening().await;
        peer.raw(&MAGIC).await;
        let mut hello = hello(VERSION);
        hello.features.push(TLS_WANTED.to_owned());
        peer.send(&hello).await;
    })
    .await;
    let mut client = client(server.address, Security::default());
    assert_eq!(client.run("dirlist -a").await, Exit::CannotConnect);
    let text = client.err.text();
    assert!(text.contains("requires TLS: use --tls"), "{text}");
}

#[tokio::test]
async fn a_token_is_shown_and_its_want_is_told() {
    let keys = Keys::new();
    let issued = keys.authority.issue(&["127.0.0.1"]);
    let server = secured(keys.config(&issued), Some(TOKEN)).await;
    for (token, exit, said) in [
        (Some(TOKEN), Exit::Done, ""),
        (
            None,
            Exit::CannotConnect,
            "requires a token: use --token-file",
        ),
        (
            Some("another-0123456789"),
            Exit::CannotConnect,
            "rejects the token in token_file",
        ),
    ] {
        let file = keys.dir.path().join("token");
        let mut flags = Vec::new();
        if let Some(token) = token {
            std::fs::write(&file, format!("{token} # mine\n")).unwrap();
            flags = vec!["--token-file", file.to_str().unwrap()];
        }
        let mut client = client(server, keys.security(&flags));
        assert_eq!(client.run("dirlist -a").await, exit);
        let text = client.err.text();
        assert!(
            text.contains(said) && !text.contains("0123456789"),
            "{text}"
        );
    }
}

/// The clock goes on when nothing else can, so the silence is not waited for.
#[tokio::test(start_paused = true)]
async fn a_handshake_that_does_not_go_on_is_given_up() {
    let keys = Keys::new();
    let server = Fake::start(|_, mut peer| async move { peer.until_gone().await }).await;
    let mut client = client(server.address, keys.security(&[]));
    assert_eq!(client.run("dirlist -a").await, Exit::CannotConnect);
    let text = client.err.text();
    assert!(
        text.contains("the TLS handshake did not finish within"),
        "{text}"
    );
}
