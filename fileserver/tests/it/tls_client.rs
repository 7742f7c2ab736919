//! Certificates for a server and its clients, and a client that speaks TLS.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use netsocket_credentials::authority::{Authority, IssuedFiles};
use netsocket_credentials::{authorities, certificates, key, provider};
use netsocket_fileserver::CredentialFiles;
use netsocket_protocol::VERSION;
use netsocket_protocol::message::Hello;
use rustls::{ClientConfig, SupportedProtocolVersion};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::new_client::NewClient;
use crate::server::patiently;

/// What the certificates of servers are for.
const NAME: &str = "localhost";

/// An authority, and what it has signed for a server.
pub(crate) struct Keys {
    pub(crate) authority: Authority,
    pub(crate) server: IssuedFiles,
    dir: TempDir,
}

impl Keys {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::new("test");
        let server = authority.issue(&[NAME]).write(dir.path(), "server");
        Self {
            authority,
            server,
            dir,
        }
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The server's certificate and key.
    pub(crate) fn files(&self) -> CredentialFiles {
        CredentialFiles {
            certificate: Some(self.server.certificate.clone()),
            key: Some(self.server.key.clone()),
            ..CredentialFiles::default()
        }
    }

    /// The same, and clients must have a certificate of the same authority.
    pub(crate) fn files_for_both(&self) -> CredentialFiles {
        CredentialFiles {
            client_ca: Some(self.authority.write(self.dir(), "ca")),
            ..self.files()
        }
    }

    /// A certificate for a client.
    pub(crate) fn client(&self, name: &str) -> IssuedFiles {
        self.authority.issue(&[name]).write(self.dir(), name)
    }

    /// A client that trusts the authority.
    pub(crate) fn trust(&self, own: Option<&IssuedFiles>) -> ClientConfig {
        self.trust_in(rustls::DEFAULT_VERSIONS, own)
    }

    /// The same, with these versions only.
    pub(crate) fn trust_in(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        own: Option<&IssuedFiles>,
    ) -> ClientConfig {
        let roots = authorities(&self.authority.write(self.dir(), "trusted")).unwrap();
        let builder = ClientConfig::builder_with_provider(provider());
        let builder = builder.with_protocol_versions(versions).unwrap();
        let builder = builder.with_root_certificates(roots);
        match own {
            None => builder.with_no_client_auth(),
            Some(files) => {
                let chain = certificates(&files.certificate).unwrap();
                let own_key = key(&files.key).unwrap();
                builder.with_client_auth_cert(chain, own_key).unwrap()
            }
        }
    }
}

pub(crate) type TlsClient = NewClient<TlsStream<TcpStream>>;

/// The client's side of the handshake.
pub(crate) async fn handshake(
    stream: TcpStream,
    config: ClientConfig,
) -> io::Result<TlsStream<TcpStream>> {
    let connector = TlsConnector::from(Arc::new(config));
    patiently(connector.connect(NAME.try_into().unwrap(), stream)).await
}

/// A session within TLS, both hellos done.
pub(crate) async fn connect(address: SocketAddr, config: ClientConfig) -> TlsClient {
    let stream = TcpStream::connect(address).await.unwrap();
    let stream = handshake(stream, config).await.unwrap();
    let mut client = NewClient::over(stream, &NewClient::opening(VERSION)).await;
    let hello: Hello = client.message().await;
    // A server that refuses the session has nothing to offer.
    let offers: &[&str] = if hello.features.is_empty() {
        &[]
    } else {
        &["stream"]
    };
    assert_eq!(hello.features, offers);
    client
}
