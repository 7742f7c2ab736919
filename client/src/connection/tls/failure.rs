//! Messages for failed handshakes and refused tokens, each with what to do about it.

use std::io;

use netsocket_credentials::Moment;
use netsocket_settings::reason;
use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, Error as TlsError};

use crate::connection::address::ServerAddress;
use crate::outcome::error::Error;

/// The error for a failed handshake with `server`.
#[must_use]
pub(crate) fn of_handshake(server: &ServerAddress, error: &io::Error) -> Error {
    match of_tls(error) {
        Some(error) => Error::Tls(format!("TLS with {server} failed: {}", sentence(error))),
        // A dying server, a balancer without servers and a server without TLS look the same.
        None => Error::NoGreeting {
            server: server.to_string(),
            reason: match error.kind() {
                io::ErrorKind::UnexpectedEof
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::BrokenPipe => {
                    "the connection was closed during the TLS handshake (a server without TLS does this, and a \
                     balancer when it has no healthy server)"
                        .to_owned()
                }
                _ => reason(error),
            },
        },
    }
}

/// The error for a failed read or write: a server checks the client certificate only after the handshake.
#[must_use]
pub(crate) fn of_stream(error: &io::Error) -> Error {
    match of_tls(error) {
        Some(error) => Error::Tls(format!("the server ended TLS: {}", sentence(error))),
        None => Error::Lost(reason(error)),
    }
}

/// The message if no certificate can have the server's name.
#[must_use]
pub(crate) fn no_name(server: &ServerAddress) -> String {
    format!(
        "TLS with {server} failed: no certificate can have that name; set tls_name to the name in the certificate"
    )
}

/// The message if the server requires TLS.
#[must_use]
pub(crate) fn tls_wanted(server: &ServerAddress) -> String {
    format!("{server} requires TLS: use --tls (or tls = \"on\")")
}

/// The message if the server requires a token, or rejects the one it got.
#[must_use]
pub(crate) fn token_wanted(server: &ServerAddress, shown: bool) -> String {
    if shown {
        format!("{server} rejects the token in token_file")
    } else {
        format!("{server} requires a token: use --token-file (or token_file)")
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
            "it does not speak TLS; use --tls=off (or tls = \"off\")".to_owned()
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
            "the server's certificate is for another name; set tls_name if that name is right"
                .to_owned()
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
                "the server's certificate is for {names}, not for {}; set tls_name if one of them is right",
                expected.to_str()
            )
        }
        CertificateError::UnknownIssuer => {
            "the server's certificate is from an untrusted CA; set ca_file to trust it".to_owned()
        }
        // The verifier has no error of its own for this, and `openssl req -x509` creates such certificates.
        CertificateError::Other(error) if error.to_string().contains("CaUsedAsEndEntity") => {
            "the server's certificate is a CA certificate, which a server cannot use".to_owned()
        }
        error => format!("the server's certificate is invalid: {error}"),
    }
}

fn of_alert(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::CertificateRequired => {
            "it requires a client certificate; set client_certificate and client_key".to_owned()
        }
        AlertDescription::UnknownCA
        | AlertDescription::BadCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateRevoked
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::DecryptError
        | AlertDescription::AccessDenied => {
            format!("it rejects the client certificate ({alert:?})")
        }
        AlertDescription::ProtocolVersion | AlertDescription::HandshakeFailure => {
            format!("it shares no TLS version or cipher with this client ({alert:?})")
        }
        alert => format!("it sent {alert:?}"),
    }
}

/// Extracts the name from the verifier's `DnsName("localhost")` or `IpAddress(127.0.0.1)`.
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
                "does not speak TLS",
            ),
        ] {
            let error = of_handshake(&server, &io(error));
            let text = error.to_string();
            assert!(matches!(error, Error::Tls(_)), "{text}");
            assert!(
                text.starts_with("TLS with files.test:1 failed: ") && text.contains(said),
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
