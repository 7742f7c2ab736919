//! Certificate and key of the server, CA certificates for clients, and tokens, read together from their files.
//!
//! Owns: what the files must contain, alone and together, and whether a token is accepted. Does not own: when they are
//! read again (the credential store decides that), nor any connection.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use netsocket_credentials::{
    FileError, Moment, certificates, certified, chain_doubts, client_verifier, expiry, key,
    server_config, tokens,
};
use netsocket_protocol::message::Token;
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use rustls::sign::SingleCertAndKey;
use tokio_rustls::TlsAcceptor;

use super::stream::{HTTP1, HTTP2};

/// The key for the server's certificate file.
pub(crate) const CERTIFICATE: &str = "tls_certificate";
/// The key for the private key file.
pub(crate) const KEY: &str = "tls_key";
/// The key for the file with CA certificates for clients.
pub(crate) const CLIENT_CA: &str = "tls_client_ca";
/// The key for the token file.
pub(crate) const TOKENS: &str = "token_file";

/// Why a client was refused, for metrics: it sent no token, or an unknown one.
pub(crate) const TOKEN_REFUSALS: [&str; 2] = ["missing", "unknown"];

/// The credential files, each as the setting of its name says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CredentialFiles {
    /// The server's certificate and the intermediate ones, as PEM. If set, the server accepts only TLS.
    pub certificate: Option<PathBuf>,
    /// The private key of the certificate, as PEM.
    pub key: Option<PathBuf>,
    /// CA certificates, as PEM: a client must present a certificate signed by one of them. If not set, clients need
    /// none.
    pub client_ca: Option<PathBuf>,
    /// Accepted tokens, one per line: a client must send one of them. If not set, clients need none.
    pub tokens: Option<PathBuf>,
}

impl CredentialFiles {
    /// Whether the old wire is off, because its clients support neither TLS nor tokens.
    #[must_use]
    pub fn exclude_old_wire(&self) -> bool {
        self.certificate.is_some() || self.tokens.is_some()
    }

    fn paths(&self) -> impl Iterator<Item = &Path> {
        let Self {
            certificate,
            key,
            client_ca,
            tokens,
        } = self;
        let files = [certificate, key, client_ca, tokens];
        files.into_iter().filter_map(|file| file.as_deref())
    }

    /// The directories these files are in, and those their symbolic links lead to: a replaced file appears there.
    pub(crate) fn directories(&self) -> Vec<PathBuf> {
        let above = |path: &Path| {
            let parent = path.parent()?;
            let is_here = parent.as_os_str().is_empty();
            Some(if is_here { Path::new(".") } else { parent }.to_owned())
        };
        let linked = |path: &Path| above(&path.canonicalize().ok()?);
        self.paths()
            .flat_map(|path| [above(path), linked(path)])
            .flatten()
            .collect()
    }
}

/// One problem with the files.
#[derive(Debug, thiserror::Error)]
pub enum CredentialFault {
    /// A file is set without the one it needs.
    #[error("{key}: must be set together with {beside}")]
    Missing {
        /// The setting that is missing.
        key: &'static str,
        /// The setting that needs it.
        beside: &'static str,
    },
    /// A file is unreadable or invalid.
    #[error("{key}: {source}")]
    File {
        /// The setting that names it.
        key: &'static str,
        /// The file, and the problem.
        source: FileError,
    },
}

/// All problems with the files.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct CredentialsError(pub Vec<CredentialFault>);

/// Credentials as read at one time.
#[derive(Debug, Default)]
pub(crate) struct Credentials {
    /// TLS, if it is enabled.
    pub(crate) tls: Option<Tls>,
    /// The accepted tokens; nothing if clients need none.
    pub(crate) tokens: Option<Tokens>,
}

/// The server's side of TLS.
#[derive(Clone)]
pub(crate) struct Tls {
    pub(crate) acceptor: TlsAcceptor,
    /// When the certificate expires.
    pub(crate) expires: Option<Moment>,
    chain: Vec<CertificateDer<'static>>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tls(expires: {:?})", self.expires)
    }
}

/// Accepted tokens, kept only as hashes.
#[derive(Debug)]
pub(crate) struct Tokens(Vec<blake3::Hash>);

impl Tokens {
    fn new(tokens: &[String]) -> Self {
        Self(tokens.iter().map(|token| hash(token)).collect())
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// Whether the token is accepted. Compares with all of them in constant time, as `blake3::Hash` does.
    pub(crate) fn accept(&self, token: &Token) -> bool {
        let shown = hash(&token.0);
        self.0
            .iter()
            .fold(false, |found, known| found | (*known == shown))
    }
}

fn hash(token: &str) -> blake3::Hash {
    blake3::hash(token.as_bytes())
}

impl Credentials {
    /// Reads all files. Blocks the thread.
    ///
    /// # Errors
    /// All problems at once.
    pub(crate) fn read(files: &CredentialFiles) -> Result<Self, CredentialsError> {
        let mut faults = Faults::default();
        let tls = tls(files, &mut faults);
        let tokens = files
            .tokens
            .as_deref()
            .and_then(|path| faults.keep(TOKENS, tokens(path)))
            .map(|tokens| Tokens::new(&tokens));
        if faults.0.is_empty() {
            Ok(Self { tls, tokens })
        } else {
            Err(CredentialsError(faults.0))
        }
    }

    /// Why clients refuse the certificate, a sentence each.
    pub(crate) fn doubts(&self, now: SystemTime) -> Vec<String> {
        let tls = self.tls.as_ref();
        tls.map_or_else(Vec::new, |tls| chain_doubts(&tls.chain, Moment::at(now)))
    }
}

#[derive(Default)]
struct Faults(Vec<CredentialFault>);

impl Faults {
    fn keep<T>(&mut self, key: &'static str, result: Result<T, FileError>) -> Option<T> {
        result
            .map_err(|source| self.0.push(CredentialFault::File { key, source }))
            .ok()
    }

    fn missing(&mut self, key: &'static str, beside: &'static str) {
        self.0.push(CredentialFault::Missing { key, beside });
    }
}

fn tls(files: &CredentialFiles, faults: &mut Faults) -> Option<Tls> {
    let CredentialFiles {
        certificate,
        key: own_key,
        client_ca,
        ..
    } = files;
    let chain = certificate
        .as_deref()
        .map(|path| faults.keep(CERTIFICATE, certificates(path)));
    let private = own_key.as_deref().map(|path| faults.keep(KEY, key(path)));
    let verifier = client_ca
        .as_deref()
        .map(|path| faults.keep(CLIENT_CA, client_verifier(path, false)));
    match (certificate, own_key, client_ca) {
        (Some(_), None, _) => faults.missing(KEY, CERTIFICATE),
        (None, Some(_), _) => faults.missing(CERTIFICATE, KEY),
        (None, None, Some(_)) => faults.missing(CERTIFICATE, CLIENT_CA),
        _ => {}
    }
    let (chain, private) = (chain??, private??);
    let verifier = match verifier {
        Some(verifier) => Some(verifier?),
        None => None,
    };
    let expires = chain.first().and_then(expiry);
    let builder = server_config().map(|builder| match verifier {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    });
    let key_path = own_key.as_deref()?;
    let unusable = |said: String| FileError::unusable(key_path, said);
    let identity = certified(chain.clone(), private, CERTIFICATE).map_err(unusable);
    let identity = SingleCertAndKey::from(faults.keep(KEY, identity)?);
    let config = builder.map(|builder| builder.with_cert_resolver(Arc::new(identity)));
    let config = config.map_err(|error| unusable(error.to_string()));
    let mut config: ServerConfig = faults.keep(KEY, config)?;
    // Clients of the new wire name no protocol, which is fine as well.
    config.alpn_protocols = vec![HTTP2.to_vec(), HTTP1.to_vec()];
    Some(Tls {
        acceptor: TlsAcceptor::from(Arc::new(config)),
        expires,
        chain,
    })
}

#[cfg(test)]
mod tests;
