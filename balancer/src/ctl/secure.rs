//! TLS to the admin address, for the commands that are its clients.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use netsocket_credentials::{
    FileError, authorities, certificates, client_config, only_these_servers,
};
use netsocket_settings::{AdminAddress, AdminStream, AdminTarget};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

/// Whom a command takes for the balancer.
#[derive(Debug, Clone)]
pub struct Trust {
    config: Arc<ClientConfig>,
    /// The name that its certificate must be for, if that is not where it is.
    name: Option<String>,
}

impl Trust {
    /// Whoever has a certificate of one of the authorities in `file`, for `name` or else for the host that is connected to.
    ///
    /// # Errors
    /// The file cannot be used.
    pub(super) fn by_authorities(file: &Path, name: Option<String>) -> Result<Self, FileError> {
        let roots = authorities(file)?;
        let config = client_config().map_err(|error| FileError::unusable(file, error))?;
        let config = config.with_root_certificates(roots).with_no_client_auth();
        Ok(Self {
            config: Arc::new(config),
            name,
        })
    }

    /// Whoever has one of the certificates in `files`, which are those of the balancer's own settings.
    ///
    /// # Errors
    /// A file cannot be used.
    pub(super) fn by_certificates(files: &[PathBuf]) -> Result<Self, FileError> {
        let mut known = Vec::new();
        for file in files {
            known.extend(certificates(file)?.into_iter().take(1));
        }
        let file = files.first().map(PathBuf::as_path).unwrap_or(Path::new(""));
        let config = client_config().map_err(|error| FileError::unusable(file, error))?;
        let verifier = only_these_servers(known);
        let config = config
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        Ok(Self {
            config: Arc::new(config.with_no_client_auth()),
            name: None,
        })
    }
}

/// A connection to the admin address.
#[derive(Debug)]
pub enum Connection {
    /// As it is.
    Plain(AdminStream),
    /// Within TLS.
    Tls(Box<StreamOwned<ClientConnection, AdminStream>>),
}

/// Begins TLS on a connection to `place`, where that is asked for. The handshake is a part of the first read or write.
///
/// # Errors
/// The place has no name that a certificate could be for.
pub fn secured(
    stream: AdminStream,
    place: &AdminTarget,
    trust: Option<&Trust>,
) -> io::Result<Connection> {
    let Some(trust) = trust else {
        return Ok(Connection::Plain(stream));
    };
    let name = match (&trust.name, place) {
        (Some(name), _) => name.clone(),
        (None, AdminTarget::Known(AdminAddress::Tcp(address))) => address.ip().to_string(),
        (None, AdminTarget::Known(AdminAddress::Unix(_))) => return Ok(Connection::Plain(stream)),
        (None, AdminTarget::Named(named)) => {
            let name = named.rsplit_once(':').map_or(named.as_str(), |it| it.0);
            name.to_owned()
        }
    };
    let name = ServerName::try_from(name).map_err(io::Error::other)?;
    let connection = ClientConnection::new(Arc::clone(&trust.config), name);
    let connection = connection.map_err(io::Error::other)?;
    let stream = StreamOwned::new(connection, stream);
    Ok(Connection::Tls(Box::new(stream)))
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}
