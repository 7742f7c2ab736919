//! The validated settings as a whole: their defaults, and how they are read.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use netsocket_settings::{AdminAddress, Check, Key, Layers, LogFormat, Problems, Scalar, load};
use netsocket_telemetry::ProducerConfig;
use serde_json::{Map, Value};

use super::access_log::{self, AccessLogRules};
use super::admin::DEFAULT_ADMIN;
use super::backends::{self, BackendAddress, RawBackends};
use super::bounds::{DAY, HOUR, SHORTEST};
use super::discovery::{self, Rules};
use super::document::Document;
use super::group::Group;
use super::health;
use super::kafka::{self, KafkaGiven};
use super::keys::{Entries, Entry};
use super::lifecycle::{self, LifecycleRules};
use super::limits::{self, QueueRules};
use super::listen::{self, Listen, ListenOptions, RawListen};
use super::raw::{Raw, all_keys};
use super::relay::{IdleLimits, RelayMode};
use super::services::{self, NamedPool, RawLists, Service};
use crate::core::admission::Limits;
use crate::core::balance::Policy;
use crate::core::health::{Checks, HealthRules};
use crate::core::proxy_protocol::ProxyRules;
use crate::core::routing::RouteRule;

/// Address that clients connect to.
pub const DEFAULT_LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 8081);
/// Timeout of one connect attempt.
pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Timeout of the first bytes of a client that rules ask for.
pub const DEFAULT_ROUTE_TIMEOUT: Duration = Duration::from_secs(3);
/// Idle timeout of a session.
pub const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(10 * 60);
/// Idle timeout after one direction has ended.
pub const DEFAULT_HALF_CLOSE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long sessions may take to end by themselves when the balancer stops.
pub const DEFAULT_DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
/// The log filter. rskafka logs every connect attempt; telemetry logs only the first of several.
pub const DEFAULT_LOG: &str = "info,rskafka=off";

const MAX_WORKERS: u64 = 1024;

/// The validated settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// Addresses that clients connect to; port 0 lets the system choose.
    pub listen: Listen,
    /// What the settings are made of; empty for those that were made by a program.
    pub document: Document,
    /// Whether `listen` is set beside `services`, so that the top is a service as well.
    pub listens_at_top: bool,
    /// The rules of the default service, which send clients to other pools.
    pub routes: Vec<RouteRule>,
    /// Services beside the default one.
    pub services: Vec<Service>,
    /// Pools beside the default one.
    pub pools: Vec<NamedPool>,
    /// Address of the admin HTTP; port 0 lets the system choose.
    pub admin: AdminAddress,
    /// File whose first line is the token that allows changes from other machines.
    pub admin_token_file: Option<PathBuf>,
    /// File whose first line is the secret for reading, or its hash; `None`: everybody may read.
    pub admin_read_token_file: Option<PathBuf>,
    /// Where telemetry is sent; `None`: it stays in the embedded history.
    pub producer: Option<ProducerConfig>,
    /// The Kafka settings as given, as text.
    pub kafka_given: KafkaGiven,
    /// Backends with a fixed address, in the order given, with distinct names.
    pub backends: Vec<BackendAddress>,
    /// Groups of backends that are found in DNS.
    pub groups: Vec<Group>,
    /// How often DNS is queried.
    pub discovery: Rules,
    /// DNS servers to query; if empty, those of the system.
    pub dns_servers: Vec<SocketAddr>,
    /// Number of worker threads.
    pub workers: NonZeroUsize,
    /// How bytes are relayed.
    pub relay: RelayMode,
    /// Deferred accept and TCP fast open; the latter also applies to connections to backends.
    pub listen_options: ListenOptions,
    /// Timeouts of sessions and of the drain.
    pub timeouts: Timeouts,
    /// Reload, restart and the pid file.
    pub lifecycle: LifecycleRules,
    /// Which clients are admitted.
    pub limits: Limits,
    /// The queue for when every backend is full.
    pub queue: QueueRules,
    /// The PROXY protocol.
    pub proxy: ProxyRules,
    /// The access log.
    pub access_log: AccessLogRules,
    /// The load-balancing policy.
    pub balance: Policy,
    /// Health checks.
    pub checks: Checks,
    /// How checks and sessions change the state of a backend.
    pub health: HealthRules,
    /// Name of this process in telemetry; the listen address if not set.
    pub instance: Option<String>,
    /// The log filter.
    pub log: String,
    /// The format of log lines.
    pub log_format: LogFormat,
}

/// Timeouts of sessions and of the drain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For one connect attempt.
    pub connect: Duration,
    /// For the first bytes of a client that rules ask for.
    pub route: Duration,
    /// For an idle session.
    pub idle: Duration,
    /// For an idle session of which one direction has ended.
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

impl Default for Config {
    /// The defaults; no backends.
    fn default() -> Self {
        Self {
            listen: DEFAULT_LISTEN.into(),
            document: Document::default(),
            listens_at_top: false,
            routes: Vec::new(),
            services: Vec::new(),
            pools: Vec::new(),
            admin: DEFAULT_ADMIN,
            admin_token_file: None,
            admin_read_token_file: None,
            producer: None,
            kafka_given: KafkaGiven::default(),
            backends: Vec::new(),
            groups: Vec::new(),
            discovery: discovery::default_rules(),
            dns_servers: Vec::new(),
            workers: available_parallelism().unwrap_or(NonZeroUsize::MIN),
            relay: RelayMode::default(),
            listen_options: ListenOptions::default(),
            timeouts: Timeouts {
                connect: DEFAULT_CONNECT_TIMEOUT,
                route: DEFAULT_ROUTE_TIMEOUT,
                idle: DEFAULT_IDLE_TIMEOUT,
                half_close: DEFAULT_HALF_CLOSE_TIMEOUT,
                drain: DEFAULT_DRAIN_TIMEOUT,
            },
            lifecycle: lifecycle::default_lifecycle(),
            limits: Limits::default(),
            queue: limits::default_queue(),
            proxy: limits::default_proxy(),
            access_log: access_log::default_access_log(),
            balance: Policy::default(),
            checks: health::default_checks(),
            health: health::default_rules(),
            instance: None,
            log: DEFAULT_LOG.to_owned(),
            log_format: LogFormat::default(),
        }
    }
}

impl Config {
    /// Merges the layers and validates every value. `variable` reads an environment variable.
    ///
    /// # Errors
    /// All problems at once.
    pub fn load(
        layers: &Layers<'_>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Problems> {
        let loaded = load::<Map<String, Value>>(&all_keys(), layers, &variable)?;
        let (document, check) = loaded.into_check();
        let beaten = |key: &Key| {
            let set = key
                .env
                .and_then(&variable)
                .is_some_and(|value| !value.is_empty());
            set || layers.flags.iter().any(|(name, _)| *name == key.name)
        };
        Self::judge_document(Document(Arc::new(document)), check, beaten)
    }

    /// The settings that a document says.
    ///
    /// # Errors
    /// All problems at once.
    pub(crate) fn of_document(document: &Document) -> Result<Self, Problems> {
        Self::judge_document(document.clone(), Check::default(), |_| false)
    }

    fn judge_document(
        document: Document,
        mut check: Check,
        beaten: impl Fn(&Key) -> bool,
    ) -> Result<Self, Problems> {
        let raw = Value::Object(Map::clone(&document.0));
        let raw: Raw = match serde_json::from_value(raw) {
            Ok(raw) => raw,
            Err(error) => {
                check.problem("", "", error);
                return check.finish(Self::default());
            }
        };
        let tables = [
            raw.check,
            raw.dns,
            raw.ejection,
            raw.flap,
            raw.address,
            raw.queue,
            raw.proxy,
            raw.access_log,
        ];
        let entries = Entries::new(&mut check, raw.single, tables, beaten);
        // Services may bring backends of their own.
        let is_service = raw.services.is_none() || raw.listen.is_some();
        let needs_backends = is_service && raw.routes.is_none();
        let backends = (needs_backends || raw.backends.is_some()).then_some(raw.backends.as_ref());
        let mut config = Self::judged(&mut check, &entries, raw.listen.as_ref(), backends);
        config.listens_at_top = raw.listen.is_some() && raw.services.is_some();
        if config.listen.addresses().is_empty() {
            config.listen = DEFAULT_LISTEN.into();
        }
        let lists = RawLists {
            routes: raw.routes,
            services: raw.services,
            pools: raw.pools,
        };
        services::read(&mut check, lists, &entries, &mut config);
        config.document = document;
        check.finish(config)
    }

    /// Judges the keys of the top, or those of a service or pool. `backends` is the key of that name, where it is of
    /// importance.
    pub(super) fn judged(
        check: &mut Check,
        entries: &Entries,
        listen: Option<&RawListen>,
        backends: Option<Option<&RawBackends>>,
    ) -> Self {
        let defaults = Self::default();
        let value = |key| entries.get(key).value;
        let policies = Policy::ALL.map(Policy::label).join(", ");
        let proxy = limits::proxy(check, entries);
        let listen = listen::read(check, listen).unwrap_or_default();
        let backends = backends.map(|backends| backends::read(check, backends, entries));
        let backends = backends.unwrap_or_default();
        Self {
            listen,
            document: Document::default(),
            listens_at_top: false,
            routes: Vec::new(),
            services: Vec::new(),
            pools: Vec::new(),
            admin: check.parse("admin", value("admin"), defaults.admin, AdminAddress::FORM),
            admin_token_file: value("admin_token_file").map(|entry| entry.as_str().into()),
            admin_read_token_file: value("admin_read_token_file").map(|it| it.as_str().into()),
            producer: kafka::kafka(check, entries),
            kafka_given: KafkaGiven::new(entries),
            backends: backends.fixed,
            groups: backends.groups,
            discovery: discovery::rules(check, entries),
            dns_servers: discovery::servers(check, entries),
            workers: workers(check, value("workers"), defaults.workers),
            relay: check.parse(
                "relay",
                value("relay"),
                defaults.relay,
                "auto, copy or splice",
            ),
            listen_options: ListenOptions {
                defer_accept: switch(check, "defer_accept", value("defer_accept")),
                fast_open: switch(check, "fast_open", value("fast_open")),
            },
            timeouts: timeouts(check, entries, defaults.timeouts),
            lifecycle: lifecycle::lifecycle(check, entries),
            limits: limits::limits(check, entries),
            queue: limits::queue(check, entries),
            proxy: proxy.clone(),
            access_log: access_log::access_log(check, entries),
            balance: check.parse("balance", value("balance"), defaults.balance, &policies),
            checks: health::checks(check, entries, proxy.send),
            health: health::rules(check, entries),
            instance: check.read_with(
                "instance",
                value("instance"),
                None,
                "a name without spaces",
                |text| backends::is_name(text).then(|| Some(text.to_owned())),
            ),
            log: value("log").map_or(defaults.log, |entry| entry.0.clone()),
            log_format: check.parse(
                "log_format",
                value("log_format"),
                defaults.log_format,
                "text or json",
            ),
        }
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

fn timeouts(check: &mut Check, entries: &Entries, defaults: Timeouts) -> Timeouts {
    let mut time = |key, default, bounds| {
        let Entry { key, value } = entries.get(key);
        check.duration(&key, value, default, bounds)
    };
    Timeouts {
        connect: time("connect_timeout", defaults.connect, SHORTEST..=HOUR),
        route: time("route_timeout", defaults.route, SHORTEST..=HOUR),
        idle: time("idle_timeout", defaults.idle, SHORTEST..=30 * DAY),
        half_close: time(
            "half_close_timeout",
            defaults.half_close,
            SHORTEST..=30 * DAY,
        ),
        drain: time("drain_timeout", defaults.drain, Duration::ZERO..=DAY),
    }
}

#[cfg(test)]
mod tests;
