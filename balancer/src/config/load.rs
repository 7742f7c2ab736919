//! Reads the settings: merges the layers and judges every value.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use netsocket_settings::{BALANCER, Check, Judged, Key, Layers, Problems, Scalar, load_document};

use super::admin::admin_address;
use super::backends::{self, RawBackends};
use super::balance::balance;
use super::bounds::{DAY, HOUR, SHORTEST};
use super::document::Document;
use super::kafka::{self, KafkaGiven};
use super::keepalive;
use super::keys::{Entries, Entry};
use super::listen::{self, DEFAULT_LISTEN, ListenOptions, RawListen};
use super::name::is_name;
use super::raw::{Raw, all_keys};
use super::services::{self, RawLists};
use super::settings::{Config, Timeouts};
use super::{access_log, backend_tls, discovery, health, lifecycle, limits, secret_files, tls};

const MAX_WORKERS: u64 = 1024;
impl Config {
    /// Merges the layers and validates every value. `variable` reads an environment variable.
    ///
    /// # Errors
    /// All problems at once.
    pub fn load(
        layers: &Layers<'_>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Problems> {
        Self::judge(layers, variable)?.finish()
    }

    /// The same, as far as it could be judged.
    ///
    /// # Errors
    /// Why there is nothing to judge.
    pub fn judge(
        layers: &Layers<'_>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Judged<Self>, Problems> {
        Self::judge_with(layers, variable, |_| {})
    }

    fn judge_with(
        layers: &Layers<'_>,
        variable: impl Fn(&str) -> Option<String>,
        prepare: impl FnOnce(&mut Check),
    ) -> Result<Judged<Self>, Problems> {
        let loaded = load_document(&all_keys(), &BALANCER, layers, &variable)?;
        let (document, mut check) = loaded.into_check();
        prepare(&mut check);
        let beaten = |key: &Key| {
            let set = key
                .env
                .and_then(&variable)
                .is_some_and(|value| !value.is_empty());
            set || layers.flags.iter().any(|(name, _)| *name == key.name)
        };
        Ok(Self::judge_document(
            Document(Arc::new(document)),
            check,
            beaten,
        ))
    }

    /// The same for a balancer that is going to start on this machine, as far as it could be judged: the files of the settings
    /// must be there, and those that it makes need a place.
    ///
    /// # Errors
    /// Why there is nothing to judge.
    pub fn judge_to_start(
        layers: &Layers<'_>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Judged<Self>, Problems> {
        Self::judge_with(layers, variable, Check::look_at_files)
    }

    /// The settings that a document says.
    ///
    /// # Errors
    /// All problems at once.
    pub(crate) fn of_document(document: &Document) -> Result<Self, Problems> {
        let judged = Self::judge_document(document.clone(), Check::default(), |_| false);
        judged.finish().map_err(|problems| document.named(problems))
    }

    fn judge_document(
        document: Document,
        mut check: Check,
        beaten: impl Fn(&Key) -> bool,
    ) -> Judged<Self> {
        let raw = Raw::of(&mut check, &document.0);
        let entries = Entries::new(&mut check, raw.single, raw.tables, beaten);
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
        config.tls = tls::read(&mut check, raw.tls);
        let own = (&config.backends[..], &config.groups[..]);
        config.backend_tls = backend_tls::read(&mut check, raw.backend_tls, own.0, own.1);
        config.admin_tls = tls::read_admin(&mut check, raw.admin_tls, &config.admin);
        services::read(&mut check, lists, &entries, &mut config);
        config.document = document;
        check.judged(config)
    }

    /// Judges the keys of the top, or those of a service or pool. `backends` is the key of that name, where it is of
    /// importance.
    pub(super) fn judged(
        check: &mut Check,
        entries: &Entries,
        listen: Option<&RawListen>,
        backends: Option<Option<&RawBackends<'_>>>,
    ) -> Self {
        let defaults = Self::default();
        let value = |key| entries.get(key).value;
        let proxy = limits::proxy(check, entries);
        let listen = listen::read(check, listen).unwrap_or_default();
        let listen_origin = listen.has_named().then(|| check.origin("listen"));
        // Before the backends, which inherit them: what is wrong is told once.
        let checks = health::checks(check, entries, proxy.send);
        let health = health::rules(check, entries);
        let backends = backends.map(|backends| backends::read(check, backends, entries));
        let backends = backends.unwrap_or_default();
        Self {
            listen,
            document: Document::default(),
            listens_at_top: false,
            listen_origin,
            routes: Vec::new(),
            tls: None,
            backend_tls: None,
            admin_tls: None,
            services: Vec::new(),
            pools: Vec::new(),
            admin: admin_address(check, value("admin")),
            admin_token_file: value(secret_files::CHANGE).map(path),
            admin_read_token_file: value(secret_files::READ).map(path),
            secrets: secret_files::read(
                check,
                value(secret_files::CHANGE),
                value(secret_files::READ),
            ),
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
                keepalive: keepalive::keepalive(check, entries),
            },
            timeouts: timeouts(check, entries, defaults.timeouts),
            lifecycle: lifecycle::lifecycle(check, entries),
            limits: limits::limits(check, entries),
            queue: limits::queue(check, entries),
            proxy: proxy.clone(),
            access_log: access_log::access_log(check, entries),
            balance: balance(check, value("balance"), defaults.balance),
            checks,
            health,
            instance: check.read_with(
                "instance",
                value("instance"),
                None,
                "a name without spaces",
                |text| is_name(text).then(|| Some(text.to_owned())),
            ),
            log: check.log_filter(value("log"), defaults.log),
            log_format: check.parse(
                "log_format",
                value("log_format"),
                defaults.log_format,
                "text or json",
            ),
        }
    }
}

fn path(entry: &Scalar) -> PathBuf {
    PathBuf::from(entry.as_str())
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
    let timeouts = Timeouts {
        connect: time("connect_timeout", defaults.connect, SHORTEST..=HOUR),
        route: time("route_timeout", defaults.route, SHORTEST..=HOUR),
        idle: time("idle_timeout", defaults.idle, SHORTEST..=30 * DAY),
        client_idle: None,
        backend_idle: None,
        half_close: time(
            "half_close_timeout",
            defaults.half_close,
            SHORTEST..=30 * DAY,
        ),
        max_age: time(
            "session_max_age",
            defaults.max_age,
            Duration::ZERO..=365 * DAY,
        ),
        drain: time("drain_timeout", defaults.drain, Duration::ZERO..=DAY),
        age_jitter: defaults.age_jitter,
    };
    let Entry { key, value } = entries.get("session_age_jitter");
    let percent = check.count(&key, value, defaults.age_jitter.into(), 0..=100);
    let mut one_side = |key| {
        let Entry { key, value } = entries.get(key);
        let value = value?;
        let bounds = SHORTEST..=30 * DAY;
        Some(check.duration(&key, Some(value), timeouts.idle, bounds))
    };
    Timeouts {
        client_idle: one_side("client_idle_timeout"),
        backend_idle: one_side("backend_idle_timeout"),
        age_jitter: u32::try_from(percent).unwrap_or(defaults.age_jitter),
        ..timeouts
    }
}

#[cfg(test)]
pub(super) mod tests;
