//! Which of several certificates a client gets: the one for the name that it asks for.

use std::sync::Arc;

use rustls::SignatureScheme;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::core::routing::NamePattern;

/// A certificate with its key, and the names that it is for.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) key: Arc<CertifiedKey>,
    pub(crate) names: Vec<NamePattern>,
}

/// Certificates in the order of the settings; one at least.
#[derive(Debug)]
pub(crate) struct Chooser(Vec<Identity>);

impl Chooser {
    pub(crate) fn new(identities: Vec<Identity>) -> Self {
        Self(identities)
    }

    /// The places of those that a client who asks for `name` may get, the best first: one for this very name, one for the
    /// names below the nearest, and the first of all.
    fn candidates(&self, name: Option<&str>) -> Vec<usize> {
        let closeness = |identity: &Identity| {
            let name = name?;
            let matching = identity.names.iter().filter(|it| it.matches(name));
            matching.map(NamePattern::closeness).max()
        };
        let all = self.0.iter().map(closeness).enumerate();
        let mut found: Vec<_> = all
            .filter_map(|(place, closeness)| Some((place, closeness?)))
            .collect();
        // Stable: of two for the same names, the one that was named first.
        found.sort_by_key(|(_, closeness)| std::cmp::Reverse(*closeness));
        found
            .into_iter()
            .map(|(place, _)| place)
            .chain([0])
            .collect()
    }

    /// Of several that are as good, the first that the client can verify: a name may have a certificate of each kind.
    fn choose(&self, name: Option<&str>, schemes: &[SignatureScheme]) -> Option<&Identity> {
        let candidates = self.candidates(name);
        let each = || candidates.iter().filter_map(|place| self.0.get(*place));
        let fits = |it: &&Identity| it.key.key.choose_scheme(schemes).is_some();
        each().find(fits).or_else(|| each().next())
    }
}

impl ResolvesServerCert for Chooser {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let chosen = self.choose(hello.server_name(), hello.signature_schemes());
        chosen.map(|identity| Arc::clone(&identity.key))
    }
}

#[cfg(test)]
mod tests {
    use netsocket_credentials::authority::Authority;

    use super::*;

    #[test]
    fn the_nearest_name_wins_and_the_first_is_for_everybody_else() {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::new("test");
        let identity = |names: &[&str]| {
            let files = authority.issue(names).write(dir.path(), "server");
            let key = netsocket_credentials::identity(&files.certificate, &files.key).unwrap();
            Identity {
                key: Arc::new(key),
                names: names.iter().map(|name| name.parse().unwrap()).collect(),
            }
        };
        let chooser = Chooser::new(vec![
            identity(&["first.test"]),
            identity(&["*.a.test", "b.test"]),
            identity(&["*.b.a.test"]),
            identity(&["x.b.a.test", "b.test"]),
        ]);
        for (name, expected) in [
            (None, 0),
            (Some("unknown.test"), 0),
            (Some("first.test"), 0),
            (Some("Y.A.test"), 1),
            (Some("y.b.a.test"), 2),
            (Some("x.b.a.test"), 3),
            // Two have it.
            (Some("b.test"), 1),
            (Some("a.test"), 0),
        ] {
            let found = chooser.choose(name, &[SignatureScheme::ECDSA_NISTP256_SHA256]);
            let place = chooser
                .0
                .iter()
                .position(|it| found.is_some_and(|found| Arc::ptr_eq(&it.key, &found.key)));
            assert_eq!(place, Some(expected), "{name:?}");
        }
        // None that the client could verify: it gets one all the same, and says so itself.
        assert!(chooser.choose(Some("b.test"), &[]).is_some());
    }
}
