//! The settings of the client: keys, defaults and limits.
//!
//! # Examples
//!
//! ```
//! use clap::Parser as _;
//! use netsocket_client::command_line::args::Args;
//! use netsocket_client::config::settings::{DEFAULT_STALL_TIMEOUT, load};
//! use netsocket_client::config::user_directories::UserDirectories;
//!
//! let variable = |name: &str| (name == "NETSOCKET_SERVER").then(|| "files.example:1".to_owned());
//! let settings = load(&Args::parse_from(["netsocket"]), &UserDirectories::default(), variable)?;
//! assert_eq!(settings.service.servers.to_string(), "files.example:1");
//! assert_eq!(settings.service.timeouts.stall, DEFAULT_STALL_TIMEOUT);
//!
//! let args = Args::parse_from(["netsocket", "--server", "files.example:2"]);
//! let settings = load(&args, &UserDirectories::default(), variable)?;
//! assert_eq!(settings.service.servers.to_string(), "files.example:2");
//! # Ok::<(), netsocket_settings::Problems>(())
//! ```

use std::time::Duration;

use clap::Parser as _;
use netsocket_settings::{
    CLIENT, Flag, Judged, Key, LOG_KEYS, Layers, LogFilter, LogFormat, Problem, Problems, Scalar,
    load as load_layers, with_commas,
};
use serde::Deserialize;

use crate::command_line::args::Args;
use crate::command_line::default_port::DEFAULT_PORT;
use crate::config::security::{self, RawSecurity, SECURITY_KEYS, given, security};
use crate::config::user_directories::UserDirectories;
use crate::connection::address::{self, ServersError};
use crate::connection::dial::Service;
use crate::connection::framed::Timeouts;

/// Default address of the service: a balancer on this machine.
pub const DEFAULT_SERVER: &str = "127.0.0.1:8081";
/// Time limit for connecting, and again for the server's greeting.
pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time limit for the first byte of an answer. A server sends nothing while it walks a large tree.
pub const DEFAULT_ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// Time limit for the next byte during a transfer.
pub const DEFAULT_STALL_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an interrupted transfer is retried without receiving a block.
pub const DEFAULT_RETRY_DEADLINE: Duration = Duration::from_secs(60);
/// The default log filter.
pub const DEFAULT_LOG: &str = "warn";

const SHORTEST_TIMEOUT: Duration = Duration::from_millis(1);
const LONGEST_TIMEOUT: Duration = Duration::from_secs(3600);
/// One day, for transfers that wait for a server to come back.
const LONGEST_DEADLINE: Duration = Duration::from_secs(24 * 3600);

/// Every setting and its name in the file, the environment and the flags.
pub const KEYS: [Key; 13] = [
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
        name: "answer_timeout",
        env: Some("NETSOCKET_ANSWER_TIMEOUT"),
        flag: None,
    },
    Key {
        name: "stall_timeout",
        env: Some("NETSOCKET_STALL_TIMEOUT"),
        flag: None,
    },
    Key {
        name: "retry_deadline",
        env: Some("NETSOCKET_RETRY_DEADLINE"),
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

/// Serde cannot deny unknown fields next to a flattened struct; the table of keys does.
#[derive(Debug, Deserialize)]
struct Raw {
    #[serde(flatten)]
    security: RawSecurity,
    #[serde(default, deserialize_with = "with_commas")]
    server: Option<Scalar>,
    connect_timeout: Option<Scalar>,
    answer_timeout: Option<Scalar>,
    stall_timeout: Option<Scalar>,
    retry_deadline: Option<Scalar>,
    log: Option<Scalar>,
    log_format: Option<Scalar>,
}

/// The validated settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The service and the time limits for it.
    pub service: Service,
    /// The log filter.
    pub log: LogFilter,
    /// The format of log lines.
    pub log_format: LogFormat,
}

/// Loads the settings; `variable` reads the environment.
///
/// # Errors
/// All problems at once.
pub fn load(
    args: &Args,
    directories: &UserDirectories,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Settings, Problems> {
    judge(args, directories, variable)?.finish()
}

/// The defaults, for what needs no others.
///
/// # Errors
/// None, unless the defaults are wrong.
pub(crate) fn defaults() -> Result<Settings, Problems> {
    let none = Args::parse_from(["netsocket"]);
    load(&none, &UserDirectories::default(), |_| None)
}

/// The flags of this run as they can be given to another one, but for `-o`; paths are absolute.
pub(crate) fn repeated(args: &Args) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    if let Some(file) = &args.config {
        words.extend([b"--config".to_vec(), security::absolute(file)]);
    }
    if let Some(server) = &args.server {
        words.extend([b"--server".to_vec(), server.clone().into_bytes()]);
    }
    words.extend(security::repeated(&args.security));
    words.extend(args.json.then(|| b"--json".to_vec()));
    words.extend(args.quiet.then(|| b"--quiet".to_vec()));
    words
}

/// What `server` may be, and what was probably meant, as it can be pasted.
fn allowed_server(given: Option<&Scalar>, is_flag: bool) -> String {
    let text = given.map_or("", Scalar::as_str);
    let Some(server) = address::meant(text, DEFAULT_PORT) else {
        return ServersError.to_string();
    };
    let meant = match (is_flag, text.starts_with("https://")) {
        (true, true) => format!("--tls --server {server}"),
        (true, false) => format!("--server {server}"),
        (false, true) => format!("{server} with tls = \"on\""),
        (false, false) => server.to_string(),
    };
    format!("{ServersError}; did you mean {meant}?")
}

/// Loads the settings as far as they can be judged; `variable` reads the environment.
///
/// # Errors
/// What leaves nothing to judge, such as a file that cannot be read.
pub(crate) fn judge(
    args: &Args,
    directories: &UserDirectories,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Judged<Settings>, Problems> {
    let default_server = DEFAULT_SERVER
        .parse()
        .map_err(|error: ServersError| Problem {
            origin: "default".to_owned(),
            key: "server".to_owned(),
            given: DEFAULT_SERVER.to_owned(),
            allowed: error.to_string(),
        })?;
    let file = args.config.clone().or_else(|| directories.config_file());
    let server = args.server.clone().map(|text| ("server", Flag::One(text)));
    let layers = Layers {
        file: file.as_deref(),
        flags: server.into_iter().chain(given(&args.security)).collect(),
    };
    let (raw, mut check) = load_layers::<Raw>(&KEYS, &CLIENT, &layers, variable)?.into_check();
    let bounds = SHORTEST_TIMEOUT..=LONGEST_TIMEOUT;
    let service = Service {
        servers: check.read_list(
            "server",
            raw.server.as_ref(),
            default_server,
            &allowed_server(raw.server.as_ref(), args.server.is_some()),
            |text| text.parse().ok(),
        ),
        timeouts: Timeouts {
            connect: check.duration(
                "connect_timeout",
                raw.connect_timeout.as_ref(),
                DEFAULT_CONNECT_TIMEOUT,
                bounds.clone(),
            ),
            answer: check.duration(
                "answer_timeout",
                raw.answer_timeout.as_ref(),
                DEFAULT_ANSWER_TIMEOUT,
                bounds.clone(),
            ),
            stall: check.duration(
                "stall_timeout",
                raw.stall_timeout.as_ref(),
                DEFAULT_STALL_TIMEOUT,
                bounds,
            ),
        },
        retry_deadline: check.duration(
            "retry_deadline",
            raw.retry_deadline.as_ref(),
            DEFAULT_RETRY_DEADLINE,
            Duration::ZERO..=LONGEST_DEADLINE,
        ),
        security: security(&mut check, &raw.security, directories),
    };
    let settings = Settings {
        service,
        log: check.log_filter(raw.log.as_ref(), LogFilter::by_default(DEFAULT_LOG)),
        log_format: check.parse(
            "log_format",
            raw.log_format.as_ref(),
            LogFormat::default(),
            "text or json",
        ),
    };
    Ok(check.judged(settings))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(words: &[&str]) -> Args {
        Args::parse_from(std::iter::once("netsocket").chain(words.iter().copied()))
    }

    fn nothing(_: &str) -> Option<String> {
        None
    }

    #[test]
    fn the_defaults_are_those_of_the_contract() {
        let settings = load(&args(&[]), &UserDirectories::default(), nothing).unwrap();
        let service = settings.service;
        assert_eq!(service.servers.to_string(), "127.0.0.1:8081");
        assert_eq!(service.timeouts.connect, Duration::from_secs(5));
        assert_eq!(service.timeouts.answer, Duration::from_secs(30));
        assert_eq!(service.timeouts.stall, Duration::from_secs(5));
        assert_eq!(service.retry_deadline, Duration::from_secs(60));
    }

    #[test]
    fn flags_beat_the_environment_beat_the_users_file() {
        let dir = tempfile::tempdir().unwrap();
        let directories = UserDirectories {
            config: Some(dir.path().to_owned()),
            ..UserDirectories::default()
        };
        std::fs::create_dir(dir.path().join("netsocket")).unwrap();
        std::fs::write(
            dir.path()
                .join(crate::config::user_directories::CONFIG_FILE),
            "server = 'file:1'\nstall_timeout = '2s'\n",
        )
        .unwrap();
        let env = |name: &str| (name == "NETSOCKET_SERVER").then(|| "env:2".to_owned());

        let from_file = load(&args(&[]), &directories, nothing).unwrap();
        assert_eq!(from_file.service.servers.to_string(), "file:1");
        assert_eq!(from_file.service.timeouts.stall, Duration::from_secs(2));
        let from_env = load(&args(&[]), &directories, env).unwrap();
        assert_eq!(from_env.service.servers.to_string(), "env:2");
        let from_flag = load(&args(&["--server", "flag:3,or:4"]), &directories, env).unwrap();
        assert_eq!(from_flag.service.servers.to_string(), "flag:3,or:4");
    }

    #[test]
    fn the_example_file_shows_every_key_with_its_default() {
        let text = include_str!("../../../infra/config/client.toml");
        for key in &KEYS {
            let shown = text.lines().any(|line| {
                let line = line.trim_start_matches('#');
                line.starts_with(&format!("{} = ", key.name))
            });
            assert!(shown, "{} is not in infra/config/client.toml", key.name);
        }
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x.toml");
        // These have no default, and the example names files that do not exist here.
        let of_files = |line: &str| {
            let mut keys = SECURITY_KEYS[1..].iter();
            keys.any(|key| line.starts_with(key.name))
        };
        let with_all: String = text.lines().fold(String::new(), |all, line| {
            let line = line.strip_prefix('#');
            let line = line.filter(|line| !line.starts_with(' ') && !of_files(line));
            all + line.unwrap_or("") + "\n"
        });
        std::fs::write(&file, with_all).unwrap();
        let args = args(&["--config", file.to_str().unwrap()]);
        let settings = load(&args, &UserDirectories::default(), nothing).unwrap();
        let defaults = load(&self::args(&[]), &UserDirectories::default(), nothing).unwrap();
        assert_eq!(settings, defaults);
    }

    #[test]
    fn an_address_that_was_meant_can_be_pasted() {
        let env = |name: &str| (name == "NETSOCKET_SERVER").then(|| "https://a:1/".to_owned());
        for (words, meant) in [
            (
                &["--server", "https://a:1"][..],
                "did you mean --tls --server a:1?",
            ),
            (&["--server", "sftp://a/x"], "did you mean --server a:8081?"),
            (&["--server", "a"], "did you mean --server a:8081?"),
            (&[], "did you mean a:1 with tls = \"on\"?"),
        ] {
            let problems = load(&args(words), &UserDirectories::default(), env).unwrap_err();
            assert!(problems.0[0].allowed.ends_with(meant), "{problems}");
        }
        let taken = args(&["--server", "http://a:1/"]);
        let settings = load(&taken, &UserDirectories::default(), nothing).unwrap();
        assert_eq!(settings.service.servers.to_string(), "a:1");
    }

    #[test]
    fn what_other_programs_call_on_and_off_is_told() {
        for (flag, allowed) in [
            ("--tls=yes", "on or off; did you mean on?"),
            ("--tls=0", "on or off; did you mean off?"),
            ("--tls=maybe", "on or off"),
        ] {
            let problems = load(&args(&[flag]), &UserDirectories::default(), nothing);
            assert_eq!(problems.unwrap_err().0[0].allowed, allowed, "{flag}");
        }
    }

    #[test]
    fn every_problem_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x.toml");
        std::fs::write(&file, "connect_timeout = '0'\nlog_format = 'xml'\n").unwrap();
        let args = args(&["--config", file.to_str().unwrap(), "--server", "nowhere"]);
        let problems = load(&args, &UserDirectories::default(), nothing).unwrap_err();
        let keys: Vec<_> = problems.0.iter().map(|p| p.key.as_str()).collect();
        assert_eq!(keys, ["server", "connect_timeout", "log_format"]);
    }

    #[test]
    fn other_programs_know_the_keys() {
        let mut keys: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
        keys.sort_unstable();
        assert_eq!(keys, CLIENT.keys);
    }
}
