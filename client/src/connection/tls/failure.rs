//! Why the two sides of a connection do not agree, in a sentence that says what to do about it.

use std::io;

use netsocket_credentials::Moment;
use netsocket_settings::reason;
use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, Error as TlsError};

use crate::connection::address::ServerAddress;
use crate::outcome::error::Error;

/// What came of a handshake with `server` that failed.
#[must_use]
pub(crate) fn of_handshake(server: &ServerAddress, error: &io::Error) -> Error {
    match of_tls(error) {
        Some(error) => Error::Tls(format!("no TLS with {server}: {}", sentence(error))),
        // Servers that die, balancers without servers and servers without TLS look alike.
        None => Error::Connect {
            server: server.to_string(),
            reason: match error.kind() {
                io::ErrorKind::UnexpectedEof
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::BrokenPipe => {
                    "the connection was closed when TLS began (a server without TLS does that, and a \
                     balancer while it has no healthy server)"
                        .to_owned()
                }
                _ => reason(error),
            },
        },
    }
}

/// An error of reading or writing: a server that asks for a certificate judges it after the handshake.
#[must_use]
pub(crate) fn of_stream(error: &io::Error) -> Error {
    match of_tls(error) {
        Some(error) => Error::Tls(format!("the server ended TLS: {}", sentence(error))),
        None => Error::Lost(reason(error)),
    }
}

/// No certificate can be for the name by which the server is called.
#[must_use]
pub(crate) fn no_name(server: &ServerAddress) -> String {
    format!(
        "no TLS with {server}: no certificate can be for that name; tls_name says for which it must be"
    )
}

/// The server's hello says that it speaks TLS.
#[must_use]
pub(crate) fn tls_wanted(server: &ServerAddress) -> String {
    format!("{server} speaks TLS: --tls (or tls = \"on\") switches it on")
}

/// The server's hello says that it wants a token, and has not got the right one.
#[must_use]
pub(crate) fn token_wanted(server: &ServerAddress, shown: bool) -> String {
    if shown {
        format!("{server} does not accept the token of the token_file")
    } else {
        format!(
            "{server} answers only who has a token for it: --token-file (or token_file) names the file with yours"
        )
    }
}

fn of_tls(error: &io::Error) -> Option<&TlsError> {
    error.get_ref()?.downcast_ref()
}

fn sentence(error: &TlsError) -> String {
    match error {
        TlsError::InvalidCertificate(error) => of_certificate(error),
        TlsError::AlertReceived(alert) => of_alert(*alert),
        TlsError::InvalidMessage(_) => {
            "what answers there speaks no TLS; --tls=off (or tls = \"off\") switches it off"
                .to_owned()
        }
        error => error.to_string(),
    }
}

fn of_certificate(error: &CertificateError) -> String {
    let moment = |time: &UnixTime| Moment(time.as_secs());
    match error {
        CertificateError::Expired => "the server's certificate has expired".to_owned(),
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("the server's certificate expired at {}", moment(not_after))
        }
        CertificateError::NotValidYet => "the server's certificate is not valid yet".to_owned(),
        CertificateError::NotValidYetContext { not_before, .. } => format!(
            "the server's certificate is not valid before {}; is the clock of this machine right?",
            moment(not_before)
        ),
        CertificateError::NotValidForName => {
            "the server's certificate is for another name; tls_name says for which it must be".to_owned()
        }
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => {
            let names: Vec<&str> = presented.iter().map(|name| bare(name)).collect();
            let names = match &names[..] {
                [] => "no name at all".to_owned(),
                names => names.join(", "),
            };
            format!(
                "the server's certificate is for {names}, not for {}; tls_name says for which it must be",
                expected.to_str()
            )
        }
        CertificateError::UnknownIssuer => {
            "the server's certificate is of an authority that is not trusted here; ca_file names those to trust"
                .to_owned()
        }
        // The verifier has no word of its own for it, and `openssl req -x509` makes such certificates.
        CertificateError::Other(error) if error.to_string().contains("CaUsedAsEndEntity") => {
            "the server's certificate is that of an authority, which cannot be a server's".to_owned()
        }
        error => format!("the server's certificate is refused: {error}"),
    }
}

fn of_alert(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::CertificateRequired => {
            "it wants a certificate of this client; client_certificate and client_key name one"
                .to_owned()
        }
        AlertDescription::UnknownCA
        | AlertDescription::BadCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateRevoked
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::DecryptError
        | AlertDescription::AccessDenied => {
            format!("it does not accept the certificate of this client ({alert:?})")
        }
        AlertDescription::ProtocolVersion | AlertDescription::HandshakeFailure => {
            format!("it has no version or cipher of TLS in common with this client ({alert:?})")
        }
        alert => format!("it said {alert:?}"),
    }
}

/// A name out of the verifier's `DnsName("localhost")` or `IpAddress(127.0.0.1)`.
fn bare(name: &str) -> &str {
    let inner = name
        .split_once('(')
        .and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(name).trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn io(error: TlsError) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, error)
    }

    #[test]
    fn each_failure_says_what_to_do() {
        let server: ServerAddress = "files.test:1".parse().unwrap();
        let expired = CertificateError::ExpiredContext {
            time: UnixTime::now(),
            not_after: UnixTime::since_unix_epoch(std::time::Duration::from_secs(1_577_836_800)),
        };
        let name = CertificateError::NotValidForNameContext {
            expected: "files.test".try_into().unwrap(),
            presented: vec![
                "DnsName(\"localhost\")".into(),
                "IpAddress(127.0.0.1)".into(),
            ],
        };
        for (error, said) in [
            (TlsError::from(expired), "expired at 2020-01-01T00:00:00Z"),
            (
                name.into(),
                "is for localhost, 127.0.0.1, not for files.test",
            ),
            (CertificateError::UnknownIssuer.into(), "ca_file"),
            (
                TlsError::AlertReceived(AlertDescription::CertificateRequired),
                "client_certificate",
            ),
            (
                TlsError::AlertReceived(AlertDescription::UnknownCA),
                "(UnknownCA)",
            ),
            (
                TlsError::InvalidMessage(rustls::InvalidMessage::InvalidContentType),
                "speaks no TLS",
            ),
        ] {
            let error = of_handshake(&server, &io(error));
            let text = error.to_string();
            assert!(matches!(error, Error::Tls(_)), "{text}");
            assert!(
                text.starts_with("no TLS with files.test:1: ") && text.contains(said),
                "{text}"
            );
        }
    }

    #[test]
    fn what_may_pass_is_no_disagreement() {
        let server: ServerAddress = "files.test:1".parse().unwrap();
        let reset = io::Error::from(io::ErrorKind::ConnectionReset);
        let error = of_handshake(&server, &reset);
        assert!(error.is_retryable(), "{error}");
        assert!(matches!(of_stream(&reset), Error::Lost(_)));
    }
}
