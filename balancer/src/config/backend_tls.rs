//! TLS to backends: `[backend_tls]` at the top, `[pools.backend_tls]`, and `[services.backend_tls]` of a service with backends
//! of its own. The files that it names are read here.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use netsocket_credentials::{FileError, any_server, authorities, certificates, client_config, key};
use netsocket_settings::Check;
use rustls::client::WantsClientCert;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore};

use super::backends::BackendAddress;
use super::group::{Group, Question};
use super::raw_value::{RawMap, RawValue, raw_map};
use super::tls::{Digest, kept, protocols, refuse_unknown, scalar};
use crate::core::tls::{BackendTls, Host};

/// The keys of the table.
pub const BACKEND_TLS_KEYS: [&str; 7] = [
    "authorities",
    "server_name",
    "alpn",
    "certificate",
    "key",
    "verify",
    "checks",
];

const FORM: &str = "a table with authorities, such as { authorities = \"ca.pem\" }";
const SWITCH: &str = "true or false";

/// Judges the table, and reads its files. `backends` and `groups` are those of the pool.
pub(super) fn read(
    check: &mut Check,
    raw: Option<RawValue<'_>>,
    backends: &[BackendAddress],
    groups: &[Group],
) -> Option<Arc<BackendTls>> {
    match raw? {
        RawValue::Table(table) => check.within("backend_tls", |check| {
            let tls = client(check, raw_map(table))?;
            Some(Arc::new(with_hosts(tls, backends, groups)))
        }),
        _ => {
            check.problem_at("backend_tls", FORM);
            None
        }
    }
}

/// The names of backends that have one. An address of a backend is known without.
pub(super) fn with_hosts(
    mut tls: BackendTls,
    backends: &[BackendAddress],
    groups: &[Group],
) -> BackendTls {
    let named = |called: &str, is_group, host: &str| {
        let host = host.trim_end_matches('.').to_owned();
        Some(Host {
            called: called.to_owned(),
            is_group,
            name: ServerName::try_from(host).ok()?,
        })
    };
    let own = backends
        .iter()
        .filter_map(|it| named(&it.name, false, &it.host));
    let of_groups = groups.iter().filter_map(|group| match &group.question {
        Question::Addresses { host, .. } => named(&group.name, true, host),
        // The name of a service is none of a host.
        Question::Services { .. } => None,
    });
    tls.hosts = own.chain(of_groups).collect();
    tls
}

fn client(check: &mut Check, mut table: RawMap<'_>) -> Option<BackendTls> {
    refuse_unknown(check, &table, &BACKEND_TLS_KEYS);
    let before = check.count_problems();
    let given = format!("{table:?}");
    let mut digest = Digest::new(&given);
    let alpn = protocols(check, &mut table);
    let name = scalar(check, &mut table, "server_name");
    let form = "a host name or an IP address";
    let server_name = check.read_with("server_name", name.as_ref(), None, form, |text| {
        ServerName::try_from(text.to_owned()).ok().map(Some)
    });
    let verify = scalar(check, &mut table, "verify");
    let verify = check.parse("verify", verify.as_ref(), true, SWITCH);
    let checks = scalar(check, &mut table, "checks");
    let checks = check.parse("checks", checks.as_ref(), true, SWITCH);
    let verifier = verifier(check, &mut table, verify, &mut digest);
    let identity = identity(check, &mut table);
    if check.count_problems() != before {
        return None;
    }
    let config = match finished(verifier?, identity?, &mut digest) {
        Ok(config) => config,
        Err(error) => {
            check.problem("key", error.path.display(), error.problem);
            return None;
        }
    };
    Some(BackendTls {
        config: Arc::new(config),
        server_name,
        hosts: Vec::new(),
        alpn,
        checks,
        given: digest.finish(),
    })
}

type Builder = ConfigBuilder<ClientConfig, WantsClientCert>;

/// Whom we believe to be a backend.
fn verifier(
    check: &mut Check,
    table: &mut RawMap<'_>,
    verify: bool,
    digest: &mut Digest,
) -> Option<Builder> {
    let file = scalar(check, table, "authorities");
    let builder = client_config().ok()?;
    let roots = match (file, verify) {
        (None, true) => {
            check.problem_at("authorities", "is missing (or set verify = false)");
            return None;
        }
        (Some(file), false) => {
            check.problem("authorities", file.as_str(), "not with verify = false");
            return None;
        }
        (None, false) => {
            let builder = builder.dangerous();
            return Some(builder.with_custom_certificate_verifier(any_server()));
        }
        (Some(file), true) => {
            let path = Path::new(file.as_str());
            let known = kept(check, "authorities", certificates(path))?;
            known.iter().for_each(|it| digest.add(it));
            let roots: RootCertStore = kept(check, "authorities", authorities(path))?;
            roots
        }
    };
    Some(builder.with_root_certificates(roots))
}

/// The files of our own certificate and its key, if backends ask for one.
fn identity(check: &mut Check, table: &mut RawMap<'_>) -> Option<Option<(PathBuf, PathBuf)>> {
    let certificate = scalar(check, table, "certificate");
    let own_key = scalar(check, table, "key");
    match (certificate, own_key) {
        (None, None) => Some(None),
        (Some(certificate), own_key) => {
            let own_key = own_key.unwrap_or_else(|| certificate.clone());
            Some(Some((certificate.0.into(), own_key.0.into())))
        }
        (None, Some(_)) => {
            check.missing_beside("key", "certificate", "must be set together with key");
            None
        }
    }
}

fn finished(
    builder: Builder,
    identity: Option<(PathBuf, PathBuf)>,
    digest: &mut Digest,
) -> Result<ClientConfig, FileError> {
    let Some((certificate, own_key)) = identity else {
        return Ok(builder.with_no_client_auth());
    };
    let chain = certificates(&certificate)?;
    chain.iter().for_each(|it| digest.add(it));
    let config = builder.with_client_auth_cert(chain, key(&own_key)?);
    config.map_err(|error| FileError::unusable(&own_key, error))
}
