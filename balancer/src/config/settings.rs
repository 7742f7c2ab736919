//! The validated settings as a whole, and their defaults. How they are read is `load`.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::thread::available_parallelism;
use std::time::Duration;

use netsocket_settings::{AdminAddress, LogFilter, LogFormat};
use netsocket_telemetry::ProducerConfig;

use super::access_log::{self, AccessLogRules};
use super::admin::DEFAULT_ADMIN;
use super::backends::BackendAddress;
use super::discovery::{self, Rules};
use super::document::Document;
use super::group::Group;
use super::health;
use super::kafka::KafkaGiven;
use super::lifecycle::{self, LifecycleRules};
use super::limits::{self, QueueRules};
use super::listen::{DEFAULT_LISTEN, Listen, ListenOptions};
use super::relay::{IdleLimits, RelayMode};
use super::secret_files::Secrets;
use crate::core::admission::Limits;
use crate::core::balance::Policy;
use crate::core::health::{Checks, HealthRules};
use crate::core::proxy_protocol::ProxyRules;
use crate::core::routing::RouteRule;
use crate::core::tls::{BackendTls, ServerTls};

/// Timeout of one connect attempt.
pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Timeout of the first bytes of a client that rules ask for.
pub const DEFAULT_ROUTE_TIMEOUT: Duration = Duration::from_secs(3);
/// Idle timeout of a session.
pub const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(10 * 60);
/// Idle timeout after one direction has ended.
pub const DEFAULT_HALF_CLOSE_TIMEOUT: Duration = Duration::from_secs(60);
/// By how many percent the longest life of a session is shortened at most, so that many do not end at once.
pub const DEFAULT_AGE_JITTER: u32 = 10;
/// How long sessions may take to end by themselves when the balancer stops.
pub const DEFAULT_DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
/// The log filter. rskafka logs every connect attempt; telemetry logs only the first of several.
pub const DEFAULT_LOG: &str = "info,rskafka=off";
/// The default number of workers. Asked for once: the answer is in files of the system.
static CORES: LazyLock<NonZeroUsize> =
    LazyLock::new(|| available_parallelism().unwrap_or(NonZeroUsize::MIN));

/// The validated settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// Addresses that clients connect to; port 0 lets the system choose.
    pub listen: Listen,
    /// What the settings are made of; empty for those that were made by a program.
    pub document: Document,
    /// Whether `listen` is set beside `services`, so that the top is a service as well.
    pub listens_at_top: bool,
    /// Where that is said, if a socket of the service manager is among them: only a start can tell whether there is one.
    pub listen_origin: Option<String>,
    /// The rules of the default service, which send clients to other pools.
    pub routes: Vec<RouteRule>,
    /// How the service ends TLS; `None`: it passes it on.
    pub tls: Option<Arc<ServerTls>>,
    /// How the pool's backends are reached within TLS; `None`: without.
    pub backend_tls: Option<Arc<BackendTls>>,
    /// TLS of the admin HTTP; `None`: none.
    pub admin_tls: Option<Arc<ServerTls>>,
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
    /// What is in these files, if they were read as the settings were judged.
    pub secrets: Option<Secrets>,
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
    /// Deferred accept, TCP fast open and keepalive; the latter two also apply to connections to backends.
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
    pub log: LogFilter,
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
    /// For an idle session, unless the next two say otherwise.
    pub idle: Duration,
    /// For one that waits for the client.
    pub client_idle: Option<Duration>,
    /// For one that waits for the backend.
    pub backend_idle: Option<Duration>,
    /// For an idle session of which one direction has ended.
    pub half_close: Duration,
    /// The longest life of a session; zero: no limit.
    pub max_age: Duration,
    /// By how many percent the life of a session may be shorter than that, each by another share.
    pub age_jitter: u32,
    /// For sessions to end by themselves when the balancer stops.
    pub drain: Duration,
}

impl Timeouts {
    pub(crate) fn idle_limits(&self) -> IdleLimits {
        IdleLimits {
            client: self.client_idle.unwrap_or(self.idle),
            backend: self.backend_idle.unwrap_or(self.idle),
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
            listen_origin: None,
            routes: Vec::new(),
            tls: None,
            backend_tls: None,
            admin_tls: None,
            services: Vec::new(),
            pools: Vec::new(),
            admin: DEFAULT_ADMIN,
            admin_token_file: None,
            admin_read_token_file: None,
            secrets: None,
            producer: None,
            kafka_given: KafkaGiven::default(),
            backends: Vec::new(),
            groups: Vec::new(),
            discovery: discovery::default_rules(),
            dns_servers: Vec::new(),
            workers: *CORES,
            relay: RelayMode::default(),
            listen_options: ListenOptions::default(),
            timeouts: Timeouts {
                connect: DEFAULT_CONNECT_TIMEOUT,
                route: DEFAULT_ROUTE_TIMEOUT,
                idle: DEFAULT_IDLE_TIMEOUT,
                client_idle: None,
                backend_idle: None,
                half_close: DEFAULT_HALF_CLOSE_TIMEOUT,
                max_age: Duration::ZERO,
                age_jitter: DEFAULT_AGE_JITTER,
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
            log: LogFilter::by_default(DEFAULT_LOG),
            log_format: LogFormat::default(),
        }
    }
}

/// A service beside the default one: where clients connect, who may, and the pool that serves them.
#[derive(Debug, Clone)]
pub struct Service {
    /// Its name in logs, metrics and the API.
    pub name: String,
    /// The name of its pool; `None`: clients that no rule is about are refused.
    pub pool: Option<String>,
    /// Rules that send clients to other pools; the first that holds decides.
    pub routes: Vec<RouteRule>,
    /// Whether that pool is made of what this service says.
    pub own_pool: bool,
    /// Its settings: those of the top with its own over them.
    pub settings: Config,
}

/// A pool beside the default one.
#[derive(Debug, Clone)]
pub struct NamedPool {
    /// Its name in logs, metrics and the API.
    pub name: String,
    /// Its settings: those of the top with its own over them.
    pub settings: Config,
}
