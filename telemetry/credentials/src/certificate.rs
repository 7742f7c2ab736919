//! How long a certificate is good.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::oid::AssociatedOid as _;
use x509_cert::der::{DateTime, Decode as _};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// A moment as certificates name it: whole seconds since 1970, in UTC. It is shown as in RFC 3339.
///
/// # Examples
///
/// ```
/// use std::time::SystemTime;
///
/// use netsocket_credentials::Moment;
///
/// assert_eq!(Moment(1_709_210_096).to_string(), "2024-02-29T12:34:56Z");
/// assert!(Moment::at(SystemTime::now()) > Moment(1_709_210_096));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub u64);

impl Moment {
    /// This moment of `now`.
    #[must_use]
    pub fn at(now: SystemTime) -> Self {
        Self(
            now.duration_since(UNIX_EPOCH)
                .unwrap_or(Duration::ZERO)
                .as_secs(),
        )
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match DateTime::from_unix_duration(Duration::from_secs(self.0)) {
            Ok(moment) => moment.fmt(f),
            Err(_) => write!(f, "{} s after 1970", self.0),
        }
    }
}

/// The last second in which a certificate is good; nothing where it cannot be read as a certificate.
///
/// # Examples
///
/// ```
/// use netsocket_credentials::authority::Authority;
/// use netsocket_credentials::expiry;
///
/// let issued = Authority::new("Example").issue_until(&["files.example"], 2040);
/// let end = expiry(&issued.certificate).expect("a certificate");
/// assert_eq!(end.to_string(), "2040-01-01T00:00:00Z");
/// ```
#[must_use]
pub fn expiry(certificate: &CertificateDer<'_>) -> Option<Moment> {
    let certificate = Certificate::from_der(certificate).ok()?;
    let not_after = certificate.tbs_certificate.validity.not_after;
    Some(Moment(not_after.to_unix_duration().as_secs()))
}

/// The host names that a certificate is for; without those of other kinds, and none where it cannot be read.
///
/// # Examples
///
/// ```
/// use netsocket_credentials::authority::Authority;
/// use netsocket_credentials::host_names;
///
/// let issued = Authority::new("Example").issue(&["files.example", "*.example", "10.0.0.1"]);
/// assert_eq!(host_names(&issued.certificate), ["files.example", "*.example"]);
/// ```
#[must_use]
pub fn host_names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok(certificate) = Certificate::from_der(certificate) else {
        return Vec::new();
    };
    let extensions = certificate.tbs_certificate.extensions.unwrap_or_default();
    let named = extensions
        .iter()
        .filter(|it| it.extn_id == SubjectAltName::OID);
    let names = named.filter_map(|it| SubjectAltName::from_der(it.extn_value.as_bytes()).ok());
    let hosts = names.flat_map(|SubjectAltName(names)| names);
    hosts
        .filter_map(|name| match name {
            GeneralName::DnsName(name) => Some(name.as_str().to_owned()),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::Authority;

    #[test]
    fn the_end_of_a_certificate_is_found() {
        let authority = Authority::new("test");
        // Of 2050 on, certificates write years in four digits.
        for (year, seconds, shown) in [
            (2020, 1_577_836_800, "2020-01-01T00:00:00Z"),
            (2049, 2_493_072_000, "2049-01-01T00:00:00Z"),
            (2051, 2_556_144_000, "2051-01-01T00:00:00Z"),
        ] {
            let issued = authority.issue_until(&["localhost"], year);
            let found = expiry(&issued.certificate).unwrap();
            assert_eq!(found, Moment(seconds));
            assert_eq!(found.to_string(), shown);
        }
        assert_eq!(expiry(&CertificateDer::from(vec![0x30, 0x03, 1])), None);
    }

    #[test]
    fn a_moment_that_no_calendar_has_is_shown_all_the_same() {
        assert_eq!(
            Moment(u64::MAX).to_string(),
            "18446744073709551615 s after 1970"
        );
        assert_eq!(Moment::at(UNIX_EPOCH).to_string(), "1970-01-01T00:00:00Z");
    }
}
