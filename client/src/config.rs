//! The settings of the client: keys, defaults and bounds.

use std::time::Duration;

use netsocket_settings::{
    Flag, Key, LOG_KEYS, Layers, LogFormat, Problem, Problems, Scalar, load as load_layers,
};
use serde::Deserialize;

use crate::address::{AddressError, ServerAddress};
use crate::args::Args;
use crate::connection::Timeouts;
use crate::places::Places;
use crate::security::{RawSecurity, SECURITY_KEYS, security};
use crate::tls::Security;

/// Where the service is: a balancer on this machine.
pub const DEFAULT_SERVER: &str = "127.0.0.1:8081";
/// How long a connection may take, and the server's greeting on it.
pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long no byte may come while an answer is due. A server that walks a large tree says nothing meanwhile.
pub const DEFAULT_STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Which log lines are written.
pub const DEFAULT_LOG: &str = "warn";

const SHORTEST_TIMEOUT: Duration = Duration::from_millis(1);
const LONGEST_TIMEOUT: Duration = Duration::from_secs(3600);

/// Every setting, and its name in each layer.
pub const KEYS: [Key; 11] = [
    Key {
        name: "server",
        env: Some("NETSOCKET_SERVER"),
        flag: Some("--server"),
    },
    Key {
        name: "connect_timeout",
        env: Some("NETSOCKET_CONNECT_TIMEOUT"),
        flag: None,
    },
    Key {
        name: "stall_timeout",
        env: Some("NETSOCKET_STALL_TIMEOUT"),
        flag: None,
    },
    SECURITY_KEYS[0],
    SECURITY_KEYS[1],
    SECURITY_KEYS[2],
    SECURITY_KEYS[3],
    SECURITY_KEYS[4],
    SECURITY_KEYS[5],
    LOG_KEYS[0],
    LOG_KEYS[1],
];

/// Serde cannot deny unknown fields beside a flattened struct; the table of keys does.
#[derive(Debug, Deserialize)]
struct Raw {
    #[serde(flatten)]
    security: RawSecurity,
    server: Option<Scalar>,
    connect_timeout: Option<Scalar>,
    stall_timeout: Option<Scalar>,
    log: Option<Scalar>,
    log_format: Option<Scalar>,
}

/// The settings, judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where the service is.
    pub server: ServerAddress,
    /// How long the client waits.
    pub timeouts: Timeouts,
    /// How connections are protected.
    pub security: Security,
    /// Which log lines are written, as a `tracing-subscriber` filter.
    pub log: String,
    /// The form of a log line.
    pub log_format: LogFormat,
}

/// The settings of this start; `variable` reads the environment.
///
/// # Errors
/// Every problem at once.
pub fn load(
    args: &Args,
    places: &Places,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Settings, Problems> {
    let default_server = DEFAULT_SERVER
        .parse()
        .map_err(|error: AddressError| Problem {
            origin: "default".to_owned(),
            key: "server".to_owned(),
            given: DEFAULT_SERVER.to_owned(),
            allowed: error.to_string(),
        })?;
    let file = args.config.clone().or_else(|| places.config_file());
    let server = args.server.clone().map(|text| ("server", Flag::One(text)));
    let layers = Layers {
        file: file.as_deref(),
        flags: server.into_iter().chain(args.security.given()).collect(),
    };
    let (raw, mut check) = load_layers::<Raw>(&KEYS, &layers, variable)?.into_check();
    let bounds = SHORTEST_TIMEOUT..=LONGEST_TIMEOUT;
    let settings = Settings {
        server: check.parse(
            "server",
            raw.server.as_ref(),
            default_server,
            &AddressError.to_string(),
        ),
        timeouts: Timeouts {
            connect: check.duration(
                "connect_timeout",
                raw.connect_timeout.as_ref(),
                DEFAULT_CONNECT_TIMEOUT,
                bounds.clone(),
            ),
            stall: check.duration(
                "stall_timeout",
                raw.stall_timeout.as_ref(),
                DEFAULT_STALL_TIMEOUT,
                bounds,
            ),
        },
        security: security(&mut check, &raw.security),
        log: raw
            .log
            .map_or_else(|| DEFAULT_LOG.to_owned(), |filter| filter.0),
        log_format: check.parse(
            "log_format",
            raw.log_format.as_ref(),
            LogFormat::default(),
            "text or json",
        ),
    };
    check.finish(settings)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn args(words: &[&str]) -> Args {
        Args::parse_from(std::iter::once("netsocket").chain(words.iter().copied()))
    }

    fn nothing(_: &str) -> Option<String> {
        None
    }

    #[test]
    fn the_defaults_are_those_of_the_contract() {
        let settings = load(&args(&[]), &Places::default(), nothing).unwrap();
        assert_eq!(settings.server.to_string(), "127.0.0.1:8081");
        assert_eq!(settings.timeouts.connect, Duration::from_secs(5));
        assert_eq!(settings.timeouts.stall, Duration::from_secs(30));
    }

    #[test]
    fn flags_beat_the_environment_beat_the_users_file() {
        let dir = tempfile::tempdir().unwrap();
        let places = Places {
            config: Some(dir.path().to_owned()),
            ..Places::default()
        };
        std::fs::create_dir(dir.path().join("netsocket")).unwrap();
        std::fs::write(
            dir.path().join(crate::places::CONFIG_FILE),
            "server = 'file:1'\nstall_timeout = '2s'\n",
        )
        .unwrap();
        let env = |name: &str| (name == "NETSOCKET_SERVER").then(|| "env:2".to_owned());

        let from_file = load(&args(&[]), &places, nothing).unwrap();
        assert_eq!(from_file.server.to_string(), "file:1");
        assert_eq!(from_file.timeouts.stall, Duration::from_secs(2));
        let from_env = load(&args(&[]), &places, env).unwrap();
        assert_eq!(from_env.server.to_string(), "env:2");
        let from_flag = load(&args(&["--server", "flag:3"]), &places, env).unwrap();
        assert_eq!(from_flag.server.to_string(), "flag:3");
    }

    #[test]
    fn every_problem_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x.toml");
        std::fs::write(&file, "connect_timeout = '0'\nlog_format = 'xml'\n").unwrap();
        let args = args(&["--config", file.to_str().unwrap(), "--server", "nowhere"]);
        let problems = load(&args, &Places::default(), nothing).unwrap_err();
        let keys: Vec<_> = problems.0.iter().map(|p| p.key.as_str()).collect();
        assert_eq!(keys, ["server", "connect_timeout", "log_format"]);
    }
}
