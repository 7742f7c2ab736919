//! The settings of the balancer: keys, defaults, and the validated form that everything else uses.
//!
//! Owns what may be set and within which bounds. Does not own where values come from (crate `netsocket-settings`), nor
//! the resolution of names, which belongs to the start (see [`crate::Bound`]).

mod backends;
mod flags;

use std::net::{Ipv4Addr, SocketAddr};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::thread::available_parallelism;
use std::time::Duration;

use netsocket_settings::{Check, Key, LOG_KEYS, Layers, LogFormat, Problems, Scalar, load};
use netsocket_telemetry::names::ENV_KAFKA;
use netsocket_telemetry::parse_brokers;
use serde::Deserialize;

pub use backends::BackendAddress;
use backends::RawBackends;
pub use flags::Flags;

use crate::health::Thresholds;
use crate::listen::ListenOptions;
use crate::relay::{IdleLimits, RelayMode};

/// Where clients connect.
pub const DEFAULT_LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 8081);
/// Where the status page and the API are: on this machine only.
pub const DEFAULT_ADMIN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8404);
/// For one attempt on one backend.
pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Silence in both directions.
pub const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(10 * 60);
/// Silence after one direction has ended.
pub const DEFAULT_HALF_CLOSE_TIMEOUT: Duration = Duration::from_secs(60);
/// For sessions to end by themselves when the balancer stops.
pub const DEFAULT_DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
/// Between two checks of a backend.
pub const DEFAULT_CHECK_INTERVAL: Duration = Duration::from_secs(2);
/// For one check.
pub const DEFAULT_CHECK_TIMEOUT: Duration = Duration::from_secs(1);
/// Passed checks in a row that bring a backend back.
pub const DEFAULT_CHECK_RISE: NonZeroU32 = NonZeroU32::new(2).unwrap();
/// Failed checks in a row that take a backend out.
pub const DEFAULT_CHECK_FALL: NonZeroU32 = NonZeroU32::new(3).unwrap();
/// Which lines are logged. rskafka tells every attempt to connect; telemetry tells the first of a row.
pub const DEFAULT_LOG: &str = "info,rskafka=off";

const MAX_WORKERS: u64 = 1024;
const MAX_CHECKS: u64 = 100;
const SHORTEST: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

/// Every key of the balancer itself, with its names in the other layers.
pub const KEYS: [Key; 18] = [
    key("listen", "NETSOCKET_LISTEN", Some("--listen")),
    key("admin", "NETSOCKET_ADMIN", Some("--admin")),
    key("admin_token_file", "NETSOCKET_ADMIN_TOKEN_FILE", None),
    key("kafka", ENV_KAFKA, Some("--kafka")),
    key("backends", "NETSOCKET_BACKENDS", Some("--backend")),
    key("workers", "NETSOCKET_WORKERS", None),
    key("relay", "NETSOCKET_RELAY", None),
    key("defer_accept", "NETSOCKET_DEFER_ACCEPT", None),
    key("fast_open", "NETSOCKET_FAST_OPEN", None),
    key("connect_timeout", "NETSOCKET_CONNECT_TIMEOUT", None),
    key("idle_timeout", "NETSOCKET_IDLE_TIMEOUT", None),
    key("half_close_timeout", "NETSOCKET_HALF_CLOSE_TIMEOUT", None),
    key("drain_timeout", "NETSOCKET_DRAIN_TIMEOUT", None),
    key("check_interval", "NETSOCKET_CHECK_INTERVAL", None),
    key("check_timeout", "NETSOCKET_CHECK_TIMEOUT", None),
    key("check_rise", "NETSOCKET_CHECK_RISE", None),
    key("check_fall", "NETSOCKET_CHECK_FALL", None),
    key("instance", "NETSOCKET_INSTANCE", None),
];

const fn key(name: &'static str, env: &'static str, flag: Option<&'static str>) -> Key {
    Key {
        name,
        env: Some(env),
        flag,
    }
}

/// The validated settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where clients connect; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Where the admin HTTP listens; port 0 lets the system choose.
    pub admin: SocketAddr,
    /// The file whose first line allows changes from other machines.
    pub admin_token_file: Option<PathBuf>,
    /// Kafka brokers (`HOST:PORT`); none: telemetry stays in the embedded history.
    pub kafka: Vec<String>,
    /// The backends, in the order given, with distinct names.
    pub backends: Vec<BackendAddress>,
    /// Worker threads.
    pub workers: NonZeroUsize,
    /// How bytes are relayed.
    pub relay: RelayMode,
    /// Deferred accept; TCP fast open, which holds for connections to backends as well.
    pub listen_options: ListenOptions,
    /// Time limits of sessions and of the drain.
    pub timeouts: Timeouts,
    /// Health checks.
    pub checks: Checks,
    /// How this process calls itself in telemetry; the listen address where nothing is set.
    pub instance: Option<String>,
    /// The log filter.
    pub log: String,
    /// The form of log lines.
    pub log_format: LogFormat,
}

/// Time limits of sessions and of the drain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For one attempt on one backend.
    pub connect: Duration,
    /// Silence in both directions.
    pub idle: Duration,
    /// Silence after one direction has ended.
    pub half_close: Duration,
    /// For sessions to end by themselves when the balancer stops.
    pub drain: Duration,
}

impl Timeouts {
    pub(crate) fn idle_limits(&self) -> IdleLimits {
        IdleLimits {
            open: self.idle,
            half_closed: self.half_close,
        }
    }
}

/// How backends are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checks {
    /// Between two checks of a backend.
    pub interval: Duration,
    /// For one check; not longer than the interval.
    pub timeout: Duration,
    /// How many of them change the state.
    pub thresholds: Thresholds,
}

impl Default for Config {
    /// The defaults; no backends.
    fn default() -> Self {
        Self {
            listen: DEFAULT_LISTEN,
            admin: DEFAULT_ADMIN,
            admin_token_file: None,
            kafka: Vec::new(),
            backends: Vec::new(),
            workers: available_parallelism().unwrap_or(NonZeroUsize::MIN),
            relay: RelayMode::default(),
            listen_options: ListenOptions::default(),
            timeouts: Timeouts {
                connect: DEFAULT_CONNECT_TIMEOUT,
                idle: DEFAULT_IDLE_TIMEOUT,
                half_close: DEFAULT_HALF_CLOSE_TIMEOUT,
                drain: DEFAULT_DRAIN_TIMEOUT,
            },
            checks: Checks {
                interval: DEFAULT_CHECK_INTERVAL,
                timeout: DEFAULT_CHECK_TIMEOUT,
                thresholds: Thresholds {
                    rise: DEFAULT_CHECK_RISE,
                    fall: DEFAULT_CHECK_FALL,
                },
            },
            instance: None,
            log: DEFAULT_LOG.to_owned(),
            log_format: LogFormat::default(),
        }
    }
}

/// What the layers hold, unjudged.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    listen: Option<Scalar>,
    admin: Option<Scalar>,
    admin_token_file: Option<Scalar>,
    kafka: Option<Scalar>,
    backends: Option<RawBackends>,
    workers: Option<Scalar>,
    relay: Option<Scalar>,
    defer_accept: Option<Scalar>,
    fast_open: Option<Scalar>,
    connect_timeout: Option<Scalar>,
    idle_timeout: Option<Scalar>,
    half_close_timeout: Option<Scalar>,
    drain_timeout: Option<Scalar>,
    check_interval: Option<Scalar>,
    check_timeout: Option<Scalar>,
    check_rise: Option<Scalar>,
    check_fall: Option<Scalar>,
    instance: Option<Scalar>,
    log: Option<Scalar>,
    log_format: Option<Scalar>,
}

impl Config {
    /// Merges the layers and judges every value. `variable` reads an environment variable.
    ///
    /// # Errors
    /// Every problem there is, all at once.
    pub fn load(
        layers: &Layers<'_>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Problems> {
        let keys: Vec<Key> = KEYS.into_iter().chain(LOG_KEYS).collect();
        let (raw, mut check) = load::<Raw>(&keys, layers, variable)?.into_check();
        let defaults = Self::default();
        let address = "IP:PORT, such as 127.0.0.1:8081 or [::1]:8081";
        let config = Self {
            listen: check.parse("listen", raw.listen.as_ref(), defaults.listen, address),
            admin: check.parse("admin", raw.admin.as_ref(), defaults.admin, address),
            admin_token_file: raw
                .admin_token_file
                .as_ref()
                .map(|entry| entry.as_str().into()),
            kafka: check.read_with(
                "kafka",
                raw.kafka.as_ref(),
                defaults.kafka,
                "HOST:PORT of a broker, or several with commas between",
                |text| parse_brokers(text).ok(),
            ),
            backends: backends::read(&mut check, raw.backends.as_ref()),
            workers: workers(&mut check, raw.workers.as_ref(), defaults.workers),
            relay: check.parse(
                "relay",
                raw.relay.as_ref(),
                defaults.relay,
                "auto, copy or splice",
            ),
            listen_options: ListenOptions {
                defer_accept: switch(&mut check, "defer_accept", raw.defer_accept.as_ref()),
                fast_open: switch(&mut check, "fast_open", raw.fast_open.as_ref()),
            },
            timeouts: timeouts(&mut check, &raw, defaults.timeouts),
            checks: checks(&mut check, &raw, defaults.checks),
            instance: check.read_with(
                "instance",
                raw.instance.as_ref(),
                None,
                "a name without spaces",
                |text| backends::is_name(text).then(|| Some(text.to_owned())),
            ),
            log: raw.log.map_or(defaults.log, |entry| entry.0),
            log_format: check.parse(
                "log_format",
                raw.log_format.as_ref(),
                defaults.log_format,
                "text or json",
            ),
        };
        check.finish(config)
    }
}

/// A thing that is off where nothing is said.
fn switch(check: &mut Check, key: &str, entry: Option<&Scalar>) -> bool {
    check.parse(key, entry, false, "true or false")
}

fn workers(check: &mut Check, entry: Option<&Scalar>, default: NonZeroUsize) -> NonZeroUsize {
    let count = check.count("workers", entry, default.get() as u64, 1..=MAX_WORKERS);
    usize::try_from(count)
        .ok()
        .and_then(NonZeroUsize::new)
        .unwrap_or(default)
}

fn timeouts(check: &mut Check, raw: &Raw, defaults: Timeouts) -> Timeouts {
    Timeouts {
        connect: check.duration(
            "connect_timeout",
            raw.connect_timeout.as_ref(),
            defaults.connect,
            SHORTEST..=HOUR,
        ),
        idle: check.duration(
            "idle_timeout",
            raw.idle_timeout.as_ref(),
            defaults.idle,
            SHORTEST..=30 * DAY,
        ),
        half_close: check.duration(
            "half_close_timeout",
            raw.half_close_timeout.as_ref(),
            defaults.half_close,
            SHORTEST..=30 * DAY,
        ),
        drain: check.duration(
            "drain_timeout",
            raw.drain_timeout.as_ref(),
            defaults.drain,
            Duration::ZERO..=DAY,
        ),
    }
}

fn checks(check: &mut Check, raw: &Raw, defaults: Checks) -> Checks {
    let interval = check.duration(
        "check_interval",
        raw.check_interval.as_ref(),
        defaults.interval,
        10 * SHORTEST..=HOUR,
    );
    // A shorter interval shortens the default of the timeout with it.
    let timeout = check.duration(
        "check_timeout",
        raw.check_timeout.as_ref(),
        defaults.timeout.min(interval),
        SHORTEST..=HOUR,
    );
    if let Some(given) = raw.check_timeout.as_ref()
        && timeout > interval
    {
        check.problem(
            "check_timeout",
            given.as_str(),
            format!("not longer than check_interval, {interval:?}"),
        );
    }
    let thresholds = Thresholds {
        rise: threshold(
            check,
            "check_rise",
            raw.check_rise.as_ref(),
            defaults.thresholds.rise,
        ),
        fall: threshold(
            check,
            "check_fall",
            raw.check_fall.as_ref(),
            defaults.thresholds.fall,
        ),
    };
    Checks {
        interval,
        timeout,
        thresholds,
    }
}

fn threshold(
    check: &mut Check,
    key: &str,
    entry: Option<&Scalar>,
    default: NonZeroU32,
) -> NonZeroU32 {
    let count = check.count(key, entry, default.get().into(), 1..=MAX_CHECKS);
    u32::try_from(count)
        .ok()
        .and_then(NonZeroU32::new)
        .unwrap_or(default)
}

#[cfg(test)]
mod tests;
