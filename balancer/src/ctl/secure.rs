//! TLS to the admin address, for the commands that are its clients.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use netsocket_credentials::{
    FileError, authorities, certificates, client_config, only_these_servers,
};
use netsocket_settings::{AdminAddress, AdminStream, AdminTarget};
use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig, ClientConnection, InvalidMessage, StreamOwned};

/// What tells the balancer from others.
#[derive(Debug, Clone)]
pub enum Given {
    /// A file with authorities.
    Authorities(PathBuf),
    /// The certificates of its settings.
    Certificates,
}

/// Whom a command takes for the balancer.
#[derive(Debug, Clone)]
pub struct Trust {
    config: Arc<ClientConfig>,
    given: Given,
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
            given: Given::Authorities(file.to_owned()),
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
            given: Given::Certificates,
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
    Tls(Box<StreamOwned<ClientConnection, AdminStream>>, Given),
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
    Ok(Connection::Tls(Box::new(stream), trust.given.clone()))
}

/// Errors of a handshake in words for who gave the command.
fn told<T>(done: io::Result<T>, given: &Given) -> io::Result<T> {
    done.map_err(|error| {
        let cause = error.get_ref().and_then(|it| it.downcast_ref());
        match cause.and_then(|cause| words(cause, given)) {
            Some(words) => io::Error::new(error.kind(), words),
            None => error,
        }
    })
}

fn words(cause: &rustls::Error, given: &Given) -> Option<String> {
    let expected = match given {
        Given::Authorities(file) => format!("signed by an authority in {}", file.display()),
        Given::Certificates => "that of `[admin_tls]` in the settings".to_owned(),
    };
    let todo = match given {
        Given::Authorities(_) => "give its own with `--ca-file`",
        Given::Certificates => {
            "if its file was replaced, have the balancer read it by SIGHUP (`systemctl reload`); or give `--ca-file FILE`"
        }
    };
    match cause {
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => Some(match given {
            Given::Authorities(_) => "speaks no TLS: leave `--ca-file` out".to_owned(),
            Given::Certificates => {
                "speaks no TLS, although the settings have `[admin_tls]`: is it that balancer, and has it been reloaded?"
                    .to_owned()
            }
        }),
        rustls::Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            Some("its certificate has expired: replace it, then reload the balancer".to_owned())
        }
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => Some(
            "its certificate is for another name: give one that it is for with `--tls-name NAME`"
                .to_owned(),
        ),
        rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer
            | CertificateError::BadSignature
            | CertificateError::ApplicationVerificationFailure,
        ) => Some(format!("its certificate is not {expected}: {todo}")),
        _ => None,
    }
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Tls(stream, given) => told(stream.read(buffer), given),
        }
    }
}

impl Write for Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Tls(stream, given) => told(stream.write(bytes), given),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream, given) => told(stream.flush(), given),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_gave_the_command_is_told_what_to_do() {
        let no_tls = rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType);
        let unknown = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let stranger = CertificateError::ApplicationVerificationFailure;
        let stranger = rustls::Error::InvalidCertificate(stranger);
        let file = Given::Authorities("ca.pem".into());
        for (cause, given, expected) in [
            (&no_tls, &file, "speaks no TLS: leave `--ca-file` out"),
            (&unknown, &file, "not signed by an authority in ca.pem"),
            (&stranger, &Given::Certificates, "by SIGHUP"),
        ] {
            let error = io::Error::new(io::ErrorKind::InvalidData, cause.clone());
            let said = told::<()>(Err(error), given).unwrap_err().to_string();
            assert!(said.contains(expected), "{said}");
        }
        let other = told::<()>(Err(io::ErrorKind::TimedOut.into()), &file);
        assert_eq!(other.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
