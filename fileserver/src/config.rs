//! The settings of a file server: keys, defaults, limits.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use netsocket_protocol::old::MAX_ARCHIVE;
use netsocket_settings::{Check, Key, LOG_KEYS, Layers, LogFormat, Problems, Scalar, load};
use netsocket_telemetry::names::ENV_KAFKA;
use netsocket_telemetry::{Identity, Role, parse_brokers};
use serde::Deserialize;

/// Where to listen.
pub const DEFAULT_LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 9000);
/// The port that the port question of the old wire is answered with: the balancer's.
pub const DEFAULT_ADVERTISE_PORT: u16 = 8081;
/// How long a session may ask for nothing.
pub const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(5 * 60);
/// How long a client may take not one byte of an answer.
pub const DEFAULT_PROGRESS_TIMEOUT: Duration = Duration::from_secs(60);
/// Sessions at a time.
pub const DEFAULT_MAX_SESSIONS: usize = 1024;
/// Archives at a time, for each core.
pub const DEFAULT_ARCHIVES_PER_CORE: usize = 4;
/// Bytes of one spooled archive: the most that an old client can be told of.
pub const DEFAULT_SPOOL_LIMIT: u64 = MAX_ARCHIVE;
/// How long running answers may take once the server is told to stop.
pub const DEFAULT_DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
/// What is logged. rskafka tells every attempt to connect; telemetry tells the first of a row.
pub const DEFAULT_LOG: &str = "info,rskafka=off";

/// The most archives at a time: each may use several of the runtime's 512 blocking threads.
const MAX_MAX_ARCHIVES: usize = 256;
/// The most sessions at a time.
const MAX_MAX_SESSIONS: usize = 1_000_000;
/// No timeout is longer.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

const SHORTEST: Duration = Duration::from_millis(100);

/// The environment variable with the home of the user, which is shared where no root is given.
const ENV_HOME: &str = "HOME";

/// Every setting, in the order of the documentation.
pub const KEYS: [Key; 14] = [
    key("listen", Some("NETSOCKET_LISTEN"), Some("--listen")),
    key("root", Some("NETSOCKET_ROOT"), Some("--root")),
    key("name", Some("NETSOCKET_NAME"), Some("--name")),
    key(
        "advertise_port",
        Some("NETSOCKET_ADVERTISE_PORT"),
        Some("--advertise-port"),
    ),
    key("kafka", Some(ENV_KAFKA), Some("--kafka")),
    key("idle_timeout", Some("NETSOCKET_IDLE_TIMEOUT"), None),
    key("progress_timeout", Some("NETSOCKET_PROGRESS_TIMEOUT"), None),
    key("max_sessions", Some("NETSOCKET_MAX_SESSIONS"), None),
    key("max_archives", Some("NETSOCKET_MAX_ARCHIVES"), None),
    key("spool_dir", Some("NETSOCKET_SPOOL_DIR"), None),
    key("spool_limit", Some("NETSOCKET_SPOOL_LIMIT"), None),
    key("drain_timeout", Some("NETSOCKET_DRAIN_TIMEOUT"), None),
    LOG_KEYS[0],
    LOG_KEYS[1],
];

const fn key(name: &'static str, env: Option<&'static str>, flag: Option<&'static str>) -> Key {
    Key { name, env, flag }
}

/// Settings that have passed all checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where to listen; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// The directory to share.
    pub root: PathBuf,
    /// What the server calls itself.
    pub name: String,
    /// The answer to the port question of the old wire.
    pub advertise_port: u16,
    /// `HOST:PORT` of the Kafka brokers; none switches telemetry off.
    pub kafka: Vec<String>,
    /// How long a session may wait for the whole of the next request.
    pub idle_timeout: Duration,
    /// How long a client may take not one byte of an answer.
    pub progress_timeout: Duration,
    /// Sessions at a time.
    pub max_sessions: usize,
    /// Archives at a time, of both wires.
    pub max_archives: usize,
    /// Where archives for the old wire are spooled.
    pub spool_dir: PathBuf,
    /// Bytes of one spooled archive.
    pub spool_limit: u64,
    /// How long running answers may take once the server is told to stop.
    pub drain_timeout: Duration,
    /// A filter for log lines.
    pub log: String,
    /// The form of log lines.
    pub log_format: LogFormat,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    listen: Option<Scalar>,
    root: Option<Scalar>,
    name: Option<Scalar>,
    advertise_port: Option<Scalar>,
    kafka: Option<Scalar>,
    idle_timeout: Option<Scalar>,
    progress_timeout: Option<Scalar>,
    max_sessions: Option<Scalar>,
    max_archives: Option<Scalar>,
    spool_dir: Option<Scalar>,
    spool_limit: Option<Scalar>,
    drain_timeout: Option<Scalar>,
    log: Option<Scalar>,
    log_format: Option<Scalar>,
}

impl Config {
    /// The defaults, with that directory to share.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            listen: DEFAULT_LISTEN,
            root: root.into(),
            name: Identity::new(Role::Fileserver, "").host,
            advertise_port: DEFAULT_ADVERTISE_PORT,
            kafka: Vec::new(),
            idle_timeout: DEFAULT_IDLE_TIMEOUT,
            progress_timeout: DEFAULT_PROGRESS_TIMEOUT,
            max_sessions: DEFAULT_MAX_SESSIONS,
            max_archives: (cores * DEFAULT_ARCHIVES_PER_CORE).min(MAX_MAX_ARCHIVES),
            spool_dir: std::env::temp_dir(),
            spool_limit: DEFAULT_SPOOL_LIMIT,
            drain_timeout: DEFAULT_DRAIN_TIMEOUT,
            log: DEFAULT_LOG.to_owned(),
            log_format: LogFormat::default(),
        }
    }

    /// Merges and checks the layers; `variable` reads the environment.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub fn load(
        layers: &Layers<'_>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Problems> {
        let home = variable(ENV_HOME).filter(|home| !home.is_empty());
        let (raw, mut check) = load::<Raw>(&KEYS, layers, variable)?.into_check();
        if raw.root.is_none() && home.is_none() {
            check.problem("root", "", "a directory to share, as there is no home");
        }
        let default = Self::new(home.unwrap_or_default());
        let config = raw.judged(&mut check, default);
        check.finish(config)
    }
}

impl Raw {
    fn judged(self, check: &mut Check, default: Config) -> Config {
        let timeout = SHORTEST..=LONGEST;
        Config {
            listen: check.parse(
                "listen",
                self.listen.as_ref(),
                default.listen,
                "an address and a port, such as 0.0.0.0:9000 or [::1]:9000",
            ),
            root: path(check, "root", self.root.as_ref(), default.root),
            name: check.read_with(
                "name",
                self.name.as_ref(),
                default.name,
                "a name of 1 to 100 printable characters",
                |text| is_name(text).then(|| text.to_owned()),
            ),
            advertise_port: check.read_with(
                "advertise_port",
                self.advertise_port.as_ref(),
                default.advertise_port,
                "a port from 1 to 65535",
                |text| text.parse().ok().filter(|port| *port != 0),
            ),
            kafka: check.read_with(
                "kafka",
                self.kafka.as_ref(),
                default.kafka,
                "HOST:PORT of a Kafka broker, or several with commas between",
                |text| parse_brokers(text).ok(),
            ),
            idle_timeout: check.duration(
                "idle_timeout",
                self.idle_timeout.as_ref(),
                default.idle_timeout,
                timeout.clone(),
            ),
            progress_timeout: check.duration(
                "progress_timeout",
                self.progress_timeout.as_ref(),
                default.progress_timeout,
                timeout,
            ),
            max_sessions: count(
                check,
                "max_sessions",
                self.max_sessions.as_ref(),
                default.max_sessions,
                MAX_MAX_SESSIONS,
            ),
            max_archives: count(
                check,
                "max_archives",
                self.max_archives.as_ref(),
                default.max_archives,
                MAX_MAX_ARCHIVES,
            ),
            spool_dir: path(
                check,
                "spool_dir",
                self.spool_dir.as_ref(),
                default.spool_dir,
            ),
            spool_limit: check.size(
                "spool_limit",
                self.spool_limit.as_ref(),
                default.spool_limit,
                1..=MAX_ARCHIVE,
            ),
            drain_timeout: check.duration(
                "drain_timeout",
                self.drain_timeout.as_ref(),
                default.drain_timeout,
                Duration::ZERO..=LONGEST,
            ),
            log: self.log.map_or(default.log, |log| log.0),
            log_format: check.parse(
                "log_format",
                self.log_format.as_ref(),
                default.log_format,
                "text or json",
            ),
        }
    }
}

fn is_name(text: &str) -> bool {
    (1..=100).contains(&text.chars().count()) && !text.contains(char::is_control)
}

fn path(check: &mut Check, key: &str, entry: Option<&Scalar>, default: PathBuf) -> PathBuf {
    check.read_with(key, entry, default, "the path of a directory", |text| {
        (!text.is_empty()).then(|| Path::new(text).to_owned())
    })
}

fn count(
    check: &mut Check,
    key: &str,
    entry: Option<&Scalar>,
    default: usize,
    most: usize,
) -> usize {
    let value = check.count(key, entry, default as u64, 1..=most as u64);
    usize::try_from(value).unwrap_or(default)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use netsocket_settings::Flag;

    use super::*;

    fn home(name: &str) -> Option<String> {
        (name == ENV_HOME).then(|| "/home/someone".to_owned())
    }

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    #[test]
    fn nothing_given_is_the_home_on_port_9000() {
        let config = Config::load(&Layers::default(), home).unwrap();
        assert_eq!(config, Config::new("/home/someone"));
        assert_eq!(config.listen.to_string(), "0.0.0.0:9000");
        assert_eq!(
            (config.advertise_port, config.spool_limit),
            (8081, (1 << 31) - 1)
        );
        assert!(!config.name.is_empty() && config.kafka.is_empty());
    }

    #[test]
    fn every_key_of_a_file_is_taken() {
        let file = file(
            "listen = '[::1]:0'\nroot = '/srv'\nname = 'mirror1'\nadvertise_port = 80\n\
             kafka = 'a:1,b:2'\nidle_timeout = '1m'\nprogress_timeout = '500ms'\n\
             max_sessions = 3\nmax_archives = 2\nspool_dir = '/var/tmp'\nspool_limit = '1G'\n\
             drain_timeout = '0'\nlog = 'warn'\nlog_format = 'json'\n",
        );
        let layers = Layers {
            file: Some(file.path()),
            flags: vec![("root", Flag::One("/other".to_owned()))],
        };
        let config = Config::load(&layers, |_| None).unwrap();
        let expected = Config {
            listen: "[::1]:0".parse().unwrap(),
            root: "/other".into(),
            name: "mirror1".into(),
            advertise_port: 80,
            kafka: vec!["a:1".into(), "b:2".into()],
            idle_timeout: Duration::from_secs(60),
            progress_timeout: Duration::from_millis(500),
            max_sessions: 3,
            max_archives: 2,
            spool_dir: "/var/tmp".into(),
            spool_limit: 1 << 30,
            drain_timeout: Duration::ZERO,
            log: "warn".into(),
            log_format: LogFormat::Json,
        };
        assert_eq!(config, expected);
    }

    #[test]
    fn every_wrong_value_is_named_at_once() {
        let file = file(
            "listen = 'here'\nroot = ''\nname = \"a\\nb\"\nadvertise_port = 0\nkafka = 'x'\n\
             idle_timeout = '5'\nprogress_timeout = '0'\nmax_sessions = 0\nmax_archives = 257\n\
             spool_dir = ''\nspool_limit = '2G'\ndrain_timeout = 'soon'\nlog_format = 'xml'\n",
        );
        let layers = Layers {
            file: Some(file.path()),
            flags: vec![],
        };
        let problems = Config::load(&layers, home).unwrap_err();
        let keys: Vec<&str> = problems.0.iter().map(|p| p.key.as_str()).collect();
        let all: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
        let without_log: Vec<&str> = all.into_iter().filter(|key| *key != "log").collect();
        assert_eq!(keys, without_log);
    }

    #[test]
    fn no_home_and_no_root_is_a_problem() {
        let problems = Config::load(&Layers::default(), |_| None).unwrap_err();
        assert_eq!(problems.0[0].key, "root");
    }
}
