//! What in the certificate of a server makes clients refuse it, although the server starts with it.

use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::der::oid::AssociatedOid;
use x509_cert::der::oid::db::rfc5280::{ANY_EXTENDED_KEY_USAGE, ID_KP_SERVER_AUTH};
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, SubjectAltName};

use crate::certificate::Moment;

/// A sentence for each reason to refuse this chain of a server, which begins with its own certificate.
///
/// # Examples
///
/// ```
/// use netsocket_credentials::authority::Authority;
/// use netsocket_credentials::{Moment, chain_doubts};
///
/// let issued = Authority::new("Example").issue_until(&["files.example"], 2040);
/// let chain = [issued.certificate];
/// assert!(chain_doubts(&chain, Moment(1_800_000_000)).is_empty());
/// let later = chain_doubts(&chain, Moment(3_000_000_000));
/// assert_eq!(later, ["ended at 2040-01-01T00:00:00Z: clients refuse it"]);
/// ```
#[must_use]
pub fn chain_doubts(chain: &[CertificateDer<'_>], now: Moment) -> Vec<String> {
    let read = chain.iter().map(|it| Certificate::from_der(it));
    // One that cannot be read is refused elsewhere.
    let Ok(chain) = read.collect::<Result<Vec<_>, _>>() else {
        return Vec::new();
    };
    let own = chain.first().map(of_the_server).unwrap_or_default();
    let times = chain.iter().zip(1..);
    let times = times.filter_map(|(it, place)| Some(named(place, &out_of_time(it, now)?)));
    let pairs = chain.windows(2).zip(1..);
    let mut stray = pairs.filter_map(|(pair, place)| match pair {
        [it, next] => {
            let follows = it.tbs_certificate.issuer == next.tbs_certificate.subject;
            (!follows).then(|| {
                format!(
                    "certificate {} in it is not that of the issuer of certificate {place}: the order is the server's, then the one that signed it, and so on",
                    place + 1
                )
            })
        }
        _ => None,
    });
    let stray = stray.next();
    own.into_iter().chain(times).chain(stray).collect()
}

/// The server's own is what the sentence is about anyway.
fn named(place: usize, said: &str) -> String {
    match place {
        1 => said.to_owned(),
        place => format!("certificate {place} in it {said}"),
    }
}

fn out_of_time(certificate: &Certificate, now: Moment) -> Option<String> {
    let validity = certificate.tbs_certificate.validity;
    let begin = Moment(validity.not_before.to_unix_duration().as_secs());
    let end = Moment(validity.not_after.to_unix_duration().as_secs());
    if end < now {
        return Some(format!("ended at {end}: clients refuse it"));
    }
    (now < begin).then(|| format!("does not begin before {begin}: until then clients refuse it"))
}

/// What only the server's own certificate has to be.
fn of_the_server(certificate: &Certificate) -> Vec<String> {
    let mut said = Vec::new();
    if extension::<BasicConstraints>(certificate).is_some_and(|it| it.ca) {
        said.push(
            "is that of an authority (CA:TRUE), as `openssl req -x509` makes them: netsocket and other clients refuse it for a server; sign another one with it, as docs/tls.md shows",
        );
    }
    let names = extension::<SubjectAltName>(certificate);
    if names.is_none_or(|SubjectAltName(names)| names.is_empty()) {
        said.push(
            "has no name in subjectAltName, the only place where clients look for it: sign one with -addext subjectAltName=DNS:NAME",
        );
    }
    let uses = extension::<ExtendedKeyUsage>(certificate);
    let serves = |it: &ExtendedKeyUsage| {
        let good = [ID_KP_SERVER_AUTH, ANY_EXTENDED_KEY_USAGE];
        it.0.iter().any(|usage| good.contains(usage))
    };
    if uses.is_some_and(|it| !serves(&it)) {
        said.push("is not for servers: clients want serverAuth in its extendedKeyUsage");
    }
    said.into_iter().map(str::to_owned).collect()
}

fn extension<'a, T: Decode<'a> + AssociatedOid>(certificate: &'a Certificate) -> Option<T> {
    let found = certificate.tbs_certificate.get::<T>();
    found.ok().flatten().map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use rcgen::{ExtendedKeyUsagePurpose, date_time_ymd};

    use super::*;
    use crate::authority::Authority;

    /// In 2027.
    const NOW: Moment = Moment(1_800_000_000);

    #[test]
    fn each_reason_to_refuse_a_certificate_is_said() {
        let authority = Authority::new("test");
        let client = authority.sign(&["localhost"], |params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        });
        let server = authority.sign(&["localhost"], |params| {
            params.extended_key_usages = vec![
                ExtendedKeyUsagePurpose::ClientAuth,
                ExtendedKeyUsagePurpose::ServerAuth,
            ];
        });
        let late = authority.sign(&["localhost"], |params| {
            params.not_before = date_time_ymd(2050, 1, 1);
        });
        for (certificate, expected) in [
            (authority.certificate(), &["CA:TRUE", "subjectAltName"][..]),
            (
                authority.issue_until(&["localhost"], 2020).certificate,
                &["ended at 2020-01-01T00:00:00Z"],
            ),
            (
                late.certificate,
                &["does not begin before 2050-01-01T00:00:00Z"],
            ),
            (authority.issue(&[]).certificate, &["subjectAltName"]),
            (client.certificate, &["serverAuth"]),
            (server.certificate, &[]),
        ] {
            let said = chain_doubts(&[certificate], NOW);
            assert_eq!(said.len(), expected.len(), "{said:?}");
            for (said, expected) in said.iter().zip(expected) {
                assert!(said.contains(expected), "{said}");
            }
        }
    }

    #[test]
    fn the_order_of_a_chain_is_judged() {
        let (own, other) = (Authority::new("own"), Authority::new("other"));
        let server = own.issue(&["localhost"]).certificate;
        let (own, other) = (own.certificate(), other.certificate());
        let said = |chain: &[&CertificateDer<'static>]| {
            let chain: Vec<_> = chain.iter().map(|&it| it.clone()).collect();
            chain_doubts(&chain, NOW)
        };
        assert_eq!(said(&[&server, &own]), [""; 0]);
        let wrong = said(&[&server, &other, &own]);
        assert_eq!(wrong.len(), 1, "{wrong:?}");
        assert!(
            wrong[0]
                .starts_with("certificate 2 in it is not that of the issuer of certificate 1: ")
        );
        assert_eq!(said(&[]), [""; 0]);
    }
}
