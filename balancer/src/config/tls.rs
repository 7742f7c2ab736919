//! TLS that ends at a service: `[services.tls]`, and `[tls]` for the default service. The files that it names are read here,
//! so that a configuration is judged with them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use netsocket_credentials::{
    FileError, Moment, certificates, chain_doubts, client_verifier, expiry, host_names, identity,
    server_config,
};
use netsocket_settings::{AdminAddress, Check, Scalar};
use ring::digest::{Context, SHA256};
use rustls::ServerConfig;
use rustls::crypto::ring::Ticketer;
use rustls::pki_types::CertificateDer;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::CertifiedKey;
use serde_json::Value;

use super::bounds::{HOUR, SHORTEST};
use super::keys::unknown_key;
use super::raw_value::{RawMap, RawValue, raw_map};
use super::routes::texts;
use crate::core::tls::{CertificateExpiry, Chooser, Identity, ServerTls};

/// The keys of the table.
pub const TLS_KEYS: [&str; 6] = [
    "certificates",
    "client_authorities",
    "client_certificate",
    "alpn",
    "handshake_timeout",
    "max_handshakes",
];
/// The keys of the table for the admin HTTP.
pub const ADMIN_TLS_KEYS: [&str; 2] = ["certificates", "handshake_timeout"];
/// The keys of one of the certificates.
pub const CERTIFICATE_KEYS: [&str; 3] = ["certificate", "key", "names"];

/// For a whole handshake.
pub const DEFAULT_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Handshakes at a time, for a service.
pub const DEFAULT_MAX_HANDSHAKES: u32 = 4096;

const MAX_HANDSHAKES: u64 = 1_000_000;
const FORM: &str =
    "a table with certificates, such as [{ certificate = \"site.pem\", key = \"site.key\" }]";
const CERTIFICATE_FORM: &str =
    "a file with a certificate and its key, or { certificate = FILE, key = FILE }";
/// As RFC 7301 has it.
const LONGEST_PROTOCOL: usize = 255;

/// Judges the table of a service, and reads its files.
pub(super) fn read(check: &mut Check, raw: Option<RawValue<'_>>) -> Option<Arc<ServerTls>> {
    read_table(check, "tls", &TLS_KEYS, raw)
}

/// The same for the admin HTTP.
pub(super) fn read_admin(
    check: &mut Check,
    raw: Option<RawValue<'_>>,
    admin: &AdminAddress,
) -> Option<Arc<ServerTls>> {
    let key = "admin_tls";
    if raw.is_some() && admin.path().is_some() {
        check.problem_at(
            key,
            "not with a unix socket: it cannot be reached from the network",
        );
    }
    read_table(check, key, &ADMIN_TLS_KEYS, raw)
}

fn read_table(
    check: &mut Check,
    key: &str,
    known: &[&str],
    raw: Option<RawValue<'_>>,
) -> Option<Arc<ServerTls>> {
    match raw? {
        RawValue::Table(table) => check.within(key, |check| server(check, raw_map(table), known)),
        _ => {
            check.problem_at(key, FORM);
            None
        }
    }
}

/// The files with certificates that a table names, as far as it can be understood.
pub(super) fn certificate_files(raw: &Value) -> Vec<PathBuf> {
    let file = |entry: &Value| {
        let entry = match entry {
            Value::Object(table) => table.get("certificate")?,
            single => single,
        };
        let file = RawValue::from(entry).single()?;
        Some(PathBuf::from(file.0))
    };
    match raw.get("certificates") {
        Some(Value::Array(list)) => list.iter().filter_map(file).collect(),
        Some(single) => file(single).into_iter().collect(),
        None => Vec::new(),
    }
}

/// Takes the values of a table out of it; what is left is unknown.
pub(super) fn refuse_unknown(check: &mut Check, table: &RawMap<'_>, known: &[&str]) {
    for unknown in table.keys().filter(|key| !known.contains(&key.as_str())) {
        check.problem_at(unknown, unknown_key(unknown, known));
    }
}

/// A single value.
pub(super) fn scalar(check: &mut Check, table: &mut RawMap<'_>, key: &str) -> Option<Scalar> {
    match table.remove(key)? {
        RawValue::Single(value) => Some(value),
        _ => {
            check.problem_at(key, "a single value");
            None
        }
    }
}

/// What the file says, or a problem with it.
pub(super) fn kept<T>(check: &mut Check, key: &str, read: Result<T, FileError>) -> Option<T> {
    read.map_err(|error| check.problem(key, error.path.display(), error.problem))
        .ok()
}

/// Protocols to agree on, in the order of preference.
pub(super) fn protocols(check: &mut Check, table: &mut RawMap<'_>) -> Vec<Vec<u8>> {
    let names = texts(check, "alpn", table.remove("alpn"));
    let is_name = |name: &String| (1..=LONGEST_PROTOCOL).contains(&name.len());
    for wrong in names.iter().filter(|name| !is_name(name)) {
        check.problem("alpn", wrong, "names of protocols, such as h2 and http/1.1");
    }
    names.into_iter().map(String::into_bytes).collect()
}

fn server(check: &mut Check, mut table: RawMap<'_>, known: &[&str]) -> Option<Arc<ServerTls>> {
    refuse_unknown(check, &table, known);
    let before = check.count_problems();
    let mut digest = Digest::new(&format!("{table:?}"));
    let entries = entries(check, table.remove("certificates"));
    let alpn = protocols(check, &mut table);
    let verifier = verifier(check, &mut table, &mut digest);
    let timeout = scalar(check, &mut table, "handshake_timeout");
    let handshake_timeout = check.duration(
        "handshake_timeout",
        timeout.as_ref(),
        DEFAULT_HANDSHAKE_TIMEOUT,
        SHORTEST..=HOUR,
    );
    let most = scalar(check, &mut table, "max_handshakes");
    let default = DEFAULT_MAX_HANDSHAKES.into();
    let most = check.count("max_handshakes", most.as_ref(), default, 1..=MAX_HANDSHAKES);
    if check.count_problems() != before {
        return None;
    }
    let files = entries
        .iter()
        .map(|entry| entry.certificate.display().to_string());
    let files = files.collect::<Vec<_>>().join(",");
    let mut certificates = Vec::new();
    let mut identities = Vec::new();
    for entry in entries {
        entry.identity.key.cert.iter().for_each(|it| digest.add(it));
        certificates.push(CertificateExpiry {
            expires: entry.identity.key.cert.first().and_then(expiry),
            file: entry.certificate,
        });
        identities.push(entry.identity);
    }
    let config = match config(verifier, identities, alpn) {
        Ok(config) => Arc::new(config),
        Err(error) => {
            check.problem_at("certificates", error);
            return None;
        }
    };
    Some(Arc::new(ServerTls {
        config,
        handshake_timeout,
        max_handshakes: u32::try_from(most).unwrap_or(DEFAULT_MAX_HANDSHAKES),
        certificates,
        given: format!("{files} {}", digest.finish()),
    }))
}

fn config(
    verifier: Option<Arc<dyn ClientCertVerifier>>,
    identities: Vec<Identity>,
    alpn: Vec<Vec<u8>>,
) -> Result<ServerConfig, rustls::Error> {
    let builder = server_config()?;
    let builder = match verifier {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::new(Chooser::new(identities)));
    config.alpn_protocols = alpn;
    // Stateless: any worker can resume what another began, and no table of sessions has to be kept. The keys are made
    // anew with other settings, so that a client that would be refused now cannot resume.
    config.ticketer = Ticketer::new()?;
    Ok(config)
}

/// Judges certificates of clients, where any are asked for.
fn verifier(
    check: &mut Check,
    table: &mut RawMap<'_>,
    digest: &mut Digest,
) -> Option<Arc<dyn ClientCertVerifier>> {
    let authorities = scalar(check, table, "client_authorities");
    let needed = scalar(check, table, "client_certificate");
    let allowed = "required or optional";
    let key = "client_certificate";
    let optional = check.read_with(key, needed.as_ref(), false, allowed, |text| match text {
        "required" => Some(false),
        "optional" => Some(true),
        _ => None,
    });
    let Some(authorities) = authorities else {
        if let Some(needed) = needed {
            check.problem(key, needed.as_str(), "only with client_authorities");
        }
        return None;
    };
    let path = Path::new(authorities.as_str());
    let key = "client_authorities";
    let known = kept(check, key, certificates(path))?;
    known.iter().for_each(|it| digest.add(it));
    kept(check, key, client_verifier(path, optional))
}

/// One of the certificates.
struct Entry {
    certificate: PathBuf,
    identity: Identity,
}

fn entries(check: &mut Check, raw: Option<RawValue<'_>>) -> Vec<Entry> {
    let list = match raw {
        Some(RawValue::List(list)) if !list.is_empty() => list.iter().map(RawValue::from).collect(),
        Some(single @ (RawValue::Single(_) | RawValue::Table(_))) => vec![single],
        None => {
            check.problem_at("certificates", format!("is missing: {CERTIFICATE_FORM}"));
            return Vec::new();
        }
        Some(_) => {
            check.problem_at("certificates", format!("a list of {CERTIFICATE_FORM}"));
            return Vec::new();
        }
    };
    let each = list.into_iter().enumerate().filter_map(|(index, raw)| {
        let key = format!("certificates[{index}]");
        match raw {
            RawValue::Single(file) => {
                let file = PathBuf::from(file.0);
                let read = kept(check, &key, identity(&file, &file))?;
                doubt(check, &key, &file, &read);
                Some(entry(file, read, Vec::new()))
            }
            RawValue::Table(table) => {
                check.within(&key, |check| table_entry(check, raw_map(table)))
            }
            _ => {
                check.problem_at(&key, CERTIFICATE_FORM);
                None
            }
        }
    });
    each.collect()
}

fn table_entry(check: &mut Check, mut table: RawMap<'_>) -> Option<Entry> {
    refuse_unknown(check, &table, &CERTIFICATE_KEYS);
    let names = texts(check, "names", table.remove("names"));
    let names = names.into_iter().filter_map(|text| {
        let name = text.parse();
        name.map_err(|error| check.problem("names", text, error))
            .ok()
    });
    let names = names.collect();
    let Some(certificate) = scalar(check, &mut table, "certificate") else {
        check.problem_at("certificate", "is missing");
        return None;
    };
    let own_key = scalar(check, &mut table, "key");
    let own_key = own_key.unwrap_or_else(|| certificate.clone());
    let certificate = PathBuf::from(certificate.0);
    let read = identity(&certificate, Path::new(own_key.as_str()));
    let read = read.map_err(|error| {
        let key = if error.path == certificate {
            "certificate"
        } else {
            "key"
        };
        check.problem(key, error.path.display(), error.problem);
    });
    let read = read.ok()?;
    doubt(check, "certificate", &certificate, &read);
    Some(entry(certificate, read, names))
}

/// Records why clients would refuse a certificate.
fn doubt(check: &mut Check, key: &str, file: &Path, identity: &CertifiedKey) {
    for said in chain_doubts(&identity.cert, Moment::at(SystemTime::now())) {
        check.doubt(key, file.display(), said);
    }
}

/// Without names, those in the certificate count.
fn entry(
    certificate: PathBuf,
    key: CertifiedKey,
    mut names: Vec<crate::core::routing::NamePattern>,
) -> Entry {
    if names.is_empty() {
        let own = key.cert.first().map(host_names).unwrap_or_default();
        names.extend(own.iter().filter_map(|name| name.parse().ok()));
    }
    let key = Arc::new(key);
    Entry {
        certificate,
        identity: Identity { key, names },
    }
}

/// Tells whether settings and files say the same as before, without keeping what they say.
pub(super) struct Digest(Context);

impl Digest {
    pub(super) fn new(given: &str) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(given.as_bytes());
        Self(context)
    }

    pub(super) fn add(&mut self, certificate: &CertificateDer<'_>) {
        self.0.update(certificate);
    }

    /// Enough of it to tell two apart.
    pub(super) fn finish(self) -> String {
        let digest = self.0.finish();
        let start = digest.as_ref().iter().take(8);
        start.map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests;
