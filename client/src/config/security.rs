//! Settings for TLS and the token: keys, flags, and the files they name.

use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use netsocket_credentials::{authorities, certificates, client_config, key, tokens};
use netsocket_protocol::security::Token;
use netsocket_settings::{Check, Flag, Key, Scalar};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;

use crate::command_line::security_args::SecurityArgs;
use crate::config::user_directories::UserDirectories;
use crate::connection::tls::Security;

/// Keys for TLS and the token. The token itself has no key: other users can read command lines and environments.
pub(crate) const SECURITY_KEYS: [Key; 6] = [
    named("tls", "NETSOCKET_TLS", "--tls"),
    named("ca_file", "NETSOCKET_CA_FILE", "--ca-file"),
    named(
        "client_certificate",
        "NETSOCKET_CLIENT_CERTIFICATE",
        "--client-certificate",
    ),
    named("client_key", "NETSOCKET_CLIENT_KEY", "--client-key"),
    named("tls_name", "NETSOCKET_TLS_NAME", "--tls-name"),
    named("token_file", "NETSOCKET_TOKEN_FILE", "--token-file"),
];

const fn named(name: &'static str, env: &'static str, flag: &'static str) -> Key {
    Key {
        name,
        env: Some(env),
        flag: Some(flag),
    }
}

/// The flags of [`SECURITY_KEYS`] that were given, by key.
pub(crate) fn given(args: &SecurityArgs) -> impl Iterator<Item = (&'static str, Flag)> {
    let SecurityArgs {
        tls,
        ca_file,
        client_certificate,
        client_key,
        tls_name,
        token_file,
    } = args;
    let values = [
        tls,
        ca_file,
        client_certificate,
        client_key,
        tls_name,
        token_file,
    ];
    let keys = SECURITY_KEYS.iter().map(|key| key.name);
    let given = keys.zip(values);
    given.filter_map(|(key, value)| Some((key, Flag::One(value.clone()?))))
}

/// The flags of [`SECURITY_KEYS`] as they can be given to another run, with absolute paths.
pub(crate) fn repeated(args: &SecurityArgs) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    for (name, value) in given(args) {
        let flag = SECURITY_KEYS.iter().find(|key| key.name == name);
        let (Some(flag), Flag::One(value)) = (flag.and_then(|key| key.flag), value) else {
            continue;
        };
        match name {
            "tls" => words.push(format!("{flag}={value}").into_bytes()),
            "tls_name" => words.extend([flag.into(), value.into_bytes()]),
            // It means the same in any directory.
            _ if Path::new(&value).starts_with("~") => {
                words.extend([flag.into(), value.into_bytes()]);
            }
            _ => words.extend([flag.into(), absolute(Path::new(&value))]),
        }
    }
    words
}

/// A path that means the same in any directory.
pub(crate) fn absolute(path: &Path) -> Vec<u8> {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.into_os_string().into_vec()
}

/// The entries of [`SECURITY_KEYS`], not yet validated.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct RawSecurity {
    pub(crate) tls: Option<Scalar>,
    pub(crate) ca_file: Option<Scalar>,
    pub(crate) client_certificate: Option<Scalar>,
    pub(crate) client_key: Option<Scalar>,
    pub(crate) tls_name: Option<Scalar>,
    pub(crate) token_file: Option<Scalar>,
}

/// How a path in the settings is read: they are those of one user, so `~/` is the home directory, wherever it stands.
#[derive(Clone, Copy)]
struct Files<'a>(&'a UserDirectories);

impl Files<'_> {
    fn path(self, given: &Scalar) -> PathBuf {
        self.0.expand_tilde(Path::new(given.as_str()))
    }
}

/// Validates [`RawSecurity`] and loads the files it names; reports every problem to `check`.
pub(crate) fn security(
    check: &mut Check,
    raw: &RawSecurity,
    directories: &UserDirectories,
) -> Security {
    let files = Files(directories);
    let mut security = Security::default();
    if let Some(file) = &raw.token_file {
        match tokens(&files.path(file)) {
            // A file with several tokens is a server's; any of them works.
            Ok(tokens) => {
                if let Some(token) = tokens.into_iter().next() {
                    security = security.with_token(Token(token));
                }
            }
            Err(error) => check.problem("token_file", error.path.display(), error.problem),
        }
    }
    let of_tls = [
        &raw.ca_file,
        &raw.client_certificate,
        &raw.client_key,
        &raw.tls_name,
    ];
    let is_meant = of_tls.iter().any(|entry| entry.is_some());
    // `tls = true` is as clear as "on".
    check.not_text("tls");
    let allowed = match raw.tls.as_ref().map(Scalar::as_str) {
        Some(text) if means_on(text) => "on or off; did you mean on?",
        Some(text) if means_off(text) => "on or off; did you mean off?",
        _ => "on or off",
    };
    let on = check.read_with("tls", raw.tls.as_ref(), is_meant, allowed, on_or_off);
    if !on {
        return security;
    }
    let name = check.read_with(
        "tls_name",
        raw.tls_name.as_ref(),
        None,
        "a host name or an IP address",
        |text| ServerName::try_from(text.to_owned()).ok().map(Some),
    );
    match config(check, raw, files) {
        Some(config) => security.with_tls(config, name),
        None => security,
    }
}

fn on_or_off(text: &str) -> Option<bool> {
    match text {
        "on" | "true" => Some(true),
        "off" | "false" => Some(false),
        _ => None,
    }
}

/// Whether other programs take that word for "on".
fn means_on(text: &str) -> bool {
    let words = ["on", "true", "yes", "y", "1", "enable", "enabled", "tls"];
    words.contains(&text.to_ascii_lowercase().as_str())
}

/// The same of "off".
fn means_off(text: &str) -> bool {
    let words = [
        "off", "false", "no", "n", "0", "none", "disable", "disabled",
    ];
    words.contains(&text.to_ascii_lowercase().as_str())
}

/// The TLS configuration; `None` if there is a problem.
fn config(check: &mut Check, raw: &RawSecurity, files: Files<'_>) -> Option<ClientConfig> {
    let roots = roots(check, raw.ca_file.as_ref(), files);
    let own = own(check, raw, files);
    let builder = match client_config() {
        Ok(builder) => builder.with_root_certificates(roots?),
        Err(error) => {
            check.problem("tls", "on", error);
            return None;
        }
    };
    let Some((chain, own_key)) = own? else {
        return Some(builder.with_no_client_auth());
    };
    let read = || -> Result<_, (&str, netsocket_credentials::FileError)> {
        let chain = certificates(&chain).map_err(|error| ("client_certificate", error))?;
        let own_key = key(&own_key).map_err(|error| ("client_key", error))?;
        Ok((chain, own_key))
    };
    let (chain, private) = match read() {
        Ok(read) => read,
        Err((key, error)) => {
            check.problem(key, error.path.display(), error.problem);
            return None;
        }
    };
    match builder.with_client_auth_cert(chain, private) {
        Ok(config) => Some(config),
        Err(error) => {
            let said = format!("the key of client_certificate; {error}");
            check.problem("client_key", own_key.display(), said);
            None
        }
    }
}

/// The CA certificates to trust.
fn roots(check: &mut Check, file: Option<&Scalar>, files: Files<'_>) -> Option<RootCertStore> {
    if let Some(file) = file {
        return match authorities(&files.path(file)) {
            Ok(roots) => Some(roots),
            Err(error) => {
                check.problem("ca_file", error.path.display(), error.problem);
                None
            }
        };
    }
    let mut roots = RootCertStore::empty();
    // Some system stores hold certificates in obsolete formats.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        let said = "is missing: this system has no trusted CAs";
        check.problem_at("ca_file", said);
        return None;
    }
    Some(roots)
}

/// The files of the client certificate and its key, if set; `None` if only one of them is.
fn own(
    check: &mut Check,
    raw: &RawSecurity,
    files: Files<'_>,
) -> Option<Option<(PathBuf, PathBuf)>> {
    let file = |entry: &Scalar| files.path(entry);
    match (&raw.client_certificate, &raw.client_key) {
        (Some(chain), Some(key)) => Some(Some((file(chain), file(key)))),
        (None, None) => Some(None),
        // The origin of what is given is known.
        (Some(chain), None) => {
            check.problem(
                "client_certificate",
                chain.as_str(),
                "client_key is required with it",
            );
            None
        }
        (None, Some(key)) => {
            check.problem(
                "client_key",
                key.as_str(),
                "client_certificate is required with it",
            );
            None
        }
    }
}

#[cfg(test)]
mod tests;
