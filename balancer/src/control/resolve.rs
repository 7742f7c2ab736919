//! Resolves what the settings refer to: the token in its file and the addresses of hosts. Also the errors of startup.

use std::io;
use std::net::ToSocketAddrs;
use std::path::{Path, PathBuf};

use netsocket_settings::{AdminAddress, file_reason, reason};

use crate::config::{BackendAddress, Config, Secrets, secret_files};
use crate::core::backend::BackendSpec;

/// Why the balancer cannot start. The operator has to fix it; retrying does not help.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// An address cannot be bound.
    #[error("{key} {address}: {}{}", reason(error), privileged(address, error))]
    Listen {
        /// The setting: `listen`, `admin`, or `service NAME: listen`.
        key: String,
        /// The address.
        address: String,
        /// The error of the system.
        error: io::Error,
    },
    /// The token file cannot be read or is empty.
    #[error("{key} {}: {problem}", path.display())]
    Token {
        /// The setting, `admin_token_file` or `admin_read_token_file`.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The pid file cannot be written.
    #[error("pid_file {}: {}", path.display(), file_reason(path, error))]
    PidFile {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        error: io::Error,
    },
    /// Sockets that the service manager did not pass, or that nothing refers to, one line each.
    #[error("{}", .0.join("\n"))]
    Sockets(Vec<String>),
    /// Backends whose hosts have no address.
    #[error("{}", lines(.0))]
    Resolve(Vec<Unresolved>),
}

/// A host without an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unresolved {
    /// Its name.
    pub host: String,
    /// What is wrong, in a line that begins with the backend.
    pub problem: String,
}

fn lines(unresolved: &[Unresolved]) -> String {
    let lines: Vec<_> = unresolved.iter().map(|it| it.problem.as_str()).collect();
    lines.join("\n")
}

/// The last port that only root may bind, unless the system says otherwise.
const LAST_PRIVILEGED: u16 = 1023;

/// What to do where the system keeps a port for root.
fn privileged(address: &str, error: &io::Error) -> &'static str {
    let port = address.rsplit_once(':').and_then(|it| it.1.parse().ok());
    let is_low = port.is_some_and(|port: u16| port <= LAST_PRIVILEGED);
    match error.kind() {
        io::ErrorKind::PermissionDenied if is_low => {
            "; a port below 1024 needs CAP_NET_BIND_SERVICE or a socket unit: docs/systemd.md"
        }
        _ => "",
    }
}

/// The secrets of the admin HTTP, from their files: those that were read as the settings were judged, if they were.
pub(crate) fn secrets(config: &Config) -> Result<Secrets, BindError> {
    if let Some(read) = &config.secrets {
        return Ok(read.clone());
    }
    let change = config.admin_token_file.as_deref();
    let change = change.map(|path| opened(secret_files::CHANGE, path, secret_files::token));
    let read = config.admin_read_token_file.as_deref();
    let read = read.map(|path| opened(secret_files::READ, path, secret_files::read_secret));
    Ok(Secrets {
        change: change.transpose()?,
        read: read.transpose()?,
    })
}

fn opened<T>(
    key: &'static str,
    path: &Path,
    open: impl FnOnce(&Path) -> Result<T, String>,
) -> Result<T, BindError> {
    open(path).map_err(|problem| BindError::Token {
        key,
        path: path.to_owned(),
        problem,
    })
}

/// Resolves the address of each backend. If a host has several, an IPv4 one is used: servers listen on IPv4 more often,
/// and on many machines `localhost` has both.
pub(crate) fn resolve(backends: &[BackendAddress]) -> Result<Vec<BackendSpec>, BindError> {
    let mut resolved = Vec::new();
    let mut problems = Vec::new();
    for backend in backends {
        let BackendAddress {
            name,
            host,
            port,
            attributes,
        } = backend;
        let unresolved = |why: String| Unresolved {
            host: host.clone(),
            problem: format!("backend {backend}: {why}"),
        };
        if let Ok(address @ AdminAddress::Unix(_)) = host.parse() {
            resolved.push(BackendSpec {
                name: name.clone(),
                address,
                attributes: attributes.clone(),
            });
            continue;
        }
        match (host.as_str(), *port).to_socket_addrs().map(Vec::from_iter) {
            Ok(found) => match found
                .iter()
                .find(|address| address.is_ipv4())
                .or(found.first())
            {
                Some(&address) => resolved.push(BackendSpec {
                    name: name.clone(),
                    address: address.into(),
                    attributes: attributes.clone(),
                }),
                None => problems.push(unresolved("host has no address".to_owned())),
            },
            Err(error) => problems.push(unresolved(reason(&error))),
        }
    }
    if problems.is_empty() {
        Ok(resolved)
    } else {
        Err(BindError::Resolve(problems))
    }
}

#[cfg(test)]
mod tests {
    use netsocket_settings::Layers;

    use super::*;

    #[test]
    fn secrets_are_read_once_and_short_ones_doubted() {
        let dir = tempfile::tempdir().unwrap();
        let [change, read, file] =
            ["change", "read", "balancer.toml"].map(|it| dir.path().join(it));
        std::fs::write(&change, "x\n").unwrap();
        std::fs::write(&read, "0123456789abcdef\n").unwrap();
        let text = format!(
            "backends = ['a=h:1']\nadmin_token_file = {change:?}\nadmin_read_token_file = {read:?}\n"
        );
        std::fs::write(&file, text).unwrap();
        let layers = Layers {
            file: Some(&file),
            flags: vec![],
        };
        let judged = Config::judge_to_start(&layers, |_| None).unwrap();
        let said = judged.doubts();
        let expected =
            format!(":2:1: admin_token_file = {change:?}: a token of 1 character can be");
        assert!(said.len() == 1 && said[0].contains(&expected), "{said:?}");
        let config = judged.finish().unwrap();
        std::fs::remove_file(&change).unwrap();
        let secrets = secrets(&config).unwrap();
        assert_eq!(secrets.change.as_deref(), Some("x"));
        assert!(!format!("{secrets:?}").contains('x'), "{secrets:?}");
    }
}
