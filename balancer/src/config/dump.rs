//! The validated settings as text, each in a form in which it can be set: for display, and to compare two configurations.

use std::fmt::Display;
use std::num::NonZeroU32;
use std::time::Duration;

use netsocket_settings::duration_text;

use super::entry_keys::{POOL_KEYS, SERVICE_KEYS};
use super::settings::{Config, NamedPool, Service};
use crate::core::admission::Networks;
use crate::core::health::{Close, Expect, Growth, Probe, escape};
use crate::core::proxy_protocol::ProxySend;
use crate::observe::access_log::{Scope, Target};

/// Keys whose values are hidden because they may contain a password.
pub const SECRET_KEYS: [&str; 3] = ["agent_send", "check_send", "kafka_password"];

/// A key and its value; `None` where nothing is set and nothing is the default.
type Entry = (&'static str, Option<String>);

impl Config {
    /// Every key of [`super::keys::KEYS`], of the log and of telemetry but `backends`, defaults included where they are known
    /// here. Secrets are in the clear.
    pub(crate) fn shown(&self) -> Vec<Entry> {
        let groups = [
            self.shown_process(),
            self.kafka_given.shown().collect(),
            self.shown_discovery(),
            self.shown_limits(),
            self.shown_times(),
            self.shown_check(),
            self.shown_ejection(),
        ];
        groups.concat()
    }

    /// Whether backends are checked in another way.
    pub(crate) fn checks_differ(&self, other: &Self) -> bool {
        self.shown_check() != other.shown_check() || self.checks.proxy != other.checks.proxy
    }

    fn shown_process(&self) -> Vec<Entry> {
        let Self {
            listen_options,
            lifecycle,
            access_log,
            ..
        } = self;
        let token = self.admin_token_file.as_ref();
        let pid_file = lifecycle.pid_file.as_ref();
        let scope = match access_log.options.selection.scope {
            Scope::All => "all",
            Scope::Errors => "errors",
        };
        let target = access_log.target.as_ref();
        let target = target.map_or("off".to_owned(), Target::to_string);
        vec![
            some("listen", &self.listen),
            some("admin", &self.admin),
            option("admin_token_file", token.map(|path| path.display())),
            option(
                "admin_read_token_file",
                self.admin_read_token_file
                    .as_ref()
                    .map(|path| path.display()),
            ),
            option("instance", self.instance.as_ref()),
            some("workers", self.workers),
            some("relay", self.relay.as_str()),
            some("defer_accept", listen_options.defer_accept),
            some("fast_open", listen_options.fast_open),
            some("balance", self.balance),
            some("reload_removed", lifecycle.removed.as_str()),
            time("restart_timeout", lifecycle.restart_timeout),
            option("pid_file", pid_file.map(|path| path.display())),
            some("access_log_target", target),
            some("access_log_format", access_log.options.format.as_str()),
            some("access_log_scope", scope),
            some("access_log_sample", access_log.options.selection.sample),
            some("log", &self.log),
            some("log_format", self.log_format.as_str()),
        ]
    }

    fn shown_limits(&self) -> Vec<Entry> {
        let Self {
            limits,
            queue,
            proxy,
            ..
        } = self;
        let send = match proxy.send {
            ProxySend::Off => "off",
            ProxySend::V1 => "v1",
            ProxySend::V2 => "v2",
        };
        vec![
            networks("allow", &limits.allow),
            networks("deny", &limits.deny),
            option("max_connections", limits.connections),
            option("rate", limits.rate),
            option("address_connections", limits.address.connections),
            option("address_rate", limits.address.rate),
            some("address_ipv6_prefix", limits.address.ipv6_prefix),
            some("queue_length", queue.length),
            time("queue_timeout", queue.timeout),
            networks("proxy_from", &proxy.from),
            time("proxy_timeout", proxy.timeout),
            some("proxy_send", send),
        ]
    }

    fn shown_discovery(&self) -> Vec<Entry> {
        let servers: Vec<String> = self.dns_servers.iter().map(ToString::to_string).collect();
        let servers = servers.join(",");
        vec![
            option("dns_server", Some(servers).filter(|text| !text.is_empty())),
            time("dns_min_interval", self.discovery.min_interval),
            time("dns_max_interval", self.discovery.max_interval),
            time("dns_hold", self.discovery.hold),
        ]
    }

    fn shown_times(&self) -> Vec<Entry> {
        let keepalive = &self.listen_options.keepalive;
        vec![
            time("connect_timeout", self.timeouts.connect),
            time("route_timeout", self.timeouts.route),
            time("idle_timeout", self.timeouts.idle),
            option(
                "client_idle_timeout",
                self.timeouts.client_idle.map(duration_text),
            ),
            option(
                "backend_idle_timeout",
                self.timeouts.backend_idle.map(duration_text),
            ),
            time("half_close_timeout", self.timeouts.half_close),
            time("session_max_age", self.timeouts.max_age),
            some("session_age_jitter", self.timeouts.age_jitter),
            time("keepalive_time", keepalive.time),
            time("keepalive_interval", keepalive.interval),
            some("keepalive_probes", keepalive.probes),
            time("tcp_user_timeout", keepalive.user_timeout),
            time("drain_timeout", self.timeouts.drain),
            time("slow_start", self.health.slow_start),
            some("fail_open", self.health.fail_open),
        ]
    }

    fn shown_check(&self) -> Vec<Entry> {
        let checks = &self.checks;
        let thresholds = self.health.thresholds;
        let agent = checks.agent.as_ref();
        let to_agent = agent.map(|agent| escape(&agent.send));
        let to_agent = to_agent.filter(|text| !text.is_empty());
        let (mut send, mut bytes, mut pattern) = (None, None, None);
        let (mut path, mut host, mut status) = (None, None, None);
        let kind = match &checks.probe {
            Probe::Connect => "tcp",
            Probe::Exchange {
                expect: Expect::Opening(_),
                ..
            } => "netsocket",
            Probe::Exchange { send: sent, expect } => {
                send = Some(escape(sent)).filter(|text| !text.is_empty());
                match expect {
                    Expect::Bytes(expected) => bytes = Some(escape(expected)),
                    Expect::Pattern(regex) => pattern = Some(regex.as_str().to_owned()),
                    Expect::Opening(_) => {}
                }
                "exchange"
            }
            Probe::Http {
                path: asked,
                host: named,
                statuses,
            } => {
                path = Some(asked.clone());
                host.clone_from(named);
                status = Some(statuses.to_string());
                "http"
            }
        };
        let close = match checks.close {
            Close::Reset => "reset",
            Close::Fin => "fin",
        };
        vec![
            some("check_kind", kind),
            time("check_interval", checks.intervals.normal),
            time("check_fast_interval", checks.intervals.fast),
            time("check_down_interval", checks.intervals.down),
            time("check_timeout", checks.timeout),
            some("check_rise", thresholds.rise),
            some("check_fall", thresholds.fall),
            ("check_send", send),
            ("check_expect", bytes),
            ("check_expect_pattern", pattern),
            ("check_path", path),
            ("check_host", host),
            ("check_status", status),
            some("check_close", close),
            option("agent_port", agent.map(|agent| agent.port)),
            option(
                "agent_interval",
                agent.map(|agent| duration_text(agent.interval)),
            ),
            ("agent_send", to_agent),
        ]
    }

    fn shown_ejection(&self) -> Vec<Entry> {
        let ejection = self.health.ejection;
        let number = |count: Option<NonZeroU32>| count.map_or(0, NonZeroU32::get);
        let mut all = vec![
            some("ejection_connects", number(ejection.connects)),
            some("ejection_early_resets", number(ejection.early_resets)),
            some("ejection_max_percent", ejection.max_percent),
        ];
        let keys = ["ejection_time", "ejection_max_time", "ejection_forgive"];
        all.extend(growth(keys, ejection.time));
        let keys = ["flap_hold", "flap_max_hold", "flap_forgive"];
        all.extend(growth(keys, self.health.hold_down));
        all
    }
}

impl Service {
    /// Its keys.
    pub(crate) fn shown(&self) -> Vec<Entry> {
        let pool = option("pool", self.pool.as_ref());
        let routes = self.routes.iter().map(|rule| format!("{rule:?}"));
        let routes = some("routes", routes.collect::<Vec<_>>().join(" "));
        let tls = option("tls", self.settings.tls.as_ref().map(|tls| &tls.given));
        let settings = only(&self.settings, &SERVICE_KEYS).into_iter();
        [pool, routes, tls].into_iter().chain(settings).collect()
    }
}

impl NamedPool {
    /// Its keys but its backends, which are shown by themselves.
    pub(crate) fn shown(&self) -> Vec<Entry> {
        let tls = self.settings.backend_tls.as_ref();
        let tls = option("backend_tls", tls.map(|tls| &tls.given));
        let settings = only(&self.settings, &POOL_KEYS).into_iter();
        settings.chain([tls]).collect()
    }
}

fn only(config: &Config, keys: &[&str]) -> Vec<Entry> {
    let shown = config.shown().into_iter();
    shown.filter(|(key, _)| keys.contains(key)).collect()
}

fn some(key: &'static str, value: impl Display) -> Entry {
    (key, Some(value.to_string()))
}

fn option(key: &'static str, value: Option<impl Display>) -> Entry {
    (key, value.map(|value| value.to_string()))
}

fn time(key: &'static str, value: Duration) -> Entry {
    some(key, duration_text(value))
}

fn networks(key: &'static str, value: &Networks) -> Entry {
    option(key, (!value.is_empty()).then_some(value))
}

fn growth(keys: [&'static str; 3], growth: Growth) -> [Entry; 3] {
    let [base, cap, forgive] = keys;
    [
        time(base, growth.base),
        time(cap, growth.cap),
        time(forgive, growth.forgive),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use netsocket_settings::{Flag, LOG_KEYS, Layers};
    use netsocket_telemetry::settings::{ACCESS_KEYS, PRODUCER_KEYS};

    use super::super::keys::KEYS;
    use super::*;

    /// Every key with a value that is not its default.
    const OTHERS: [&str; 7] = [
        "listen=[::1]:1 admin=127.0.0.1:2 admin_token_file=/t admin_read_token_file=/r kafka=k:1,l:2 instance=lb workers=3 relay=copy \
         defer_accept=true fast_open=true balance=maglev reload_removed=cut restart_timeout=7s pid_file=/p \
         access_log_target=syslog:/s access_log_format=json access_log_scope=errors access_log_sample=9 log=warn \
         log_format=json dns_server=10.0.0.2:53 dns_min_interval=2s dns_max_interval=3s dns_hold=4s \
         kafka_sasl=plain kafka_user=u kafka_password=p kafka_topic=t kafka_create_topic=false \
         kafka_compression=none kafka_linger=1s kafka_queue=10",
        "allow=10.0.0.0/8,::1/128 deny=10.1.0.0/16 max_connections=5 rate=100/s address_connections=6 \
         address_rate=20/10s address_ipv6_prefix=56 queue_length=7 queue_timeout=1500ms proxy_from=192.0.2.1 \
         proxy_timeout=2s proxy_send=v2 connect_timeout=2s route_timeout=8s idle_timeout=3s half_close_timeout=4s drain_timeout=0 \
         client_idle_timeout=5s backend_idle_timeout=6s session_max_age=7h session_age_jitter=20 keepalive_time=8s \
         keepalive_interval=9s keepalive_probes=4 tcp_user_timeout=11s \
         slow_start=30s fail_open=false check_interval=6s check_fast_interval=5s check_down_interval=7s \
         check_timeout=4s check_rise=7 check_fall=8 check_close=fin ejection_connects=0 ejection_early_resets=9 \
         ejection_max_percent=20 ejection_time=6s ejection_max_time=7m ejection_forgive=8h flap_hold=0 \
         flap_max_hold=20h flap_forgive=90s",
        r"check_kind=exchange check_send=A\r\xff check_expect=\\+",
        r"check_kind=exchange check_expect_pattern=^\xff(a|b)",
        r"agent_port=9 agent_interval=3s agent_send=x\n",
        "kafka=k:1 kafka_partitions=2 kafka_replication=2",
        "check_kind=http check_path=/x check_host=h check_status=200,204-206",
    ];

    fn load(pairs: &[(&'static str, String)]) -> Config {
        let mut flags: Vec<_> = pairs
            .iter()
            .map(|(key, value)| (*key, Flag::One(value.clone())))
            .collect();
        flags.push(("backends", Flag::Many(vec!["a=h:1".to_owned()])));
        let layers = Layers { file: None, flags };
        Config::load(&layers, |_| None).unwrap_or_else(|problems| panic!("{problems}"))
    }

    #[test]
    fn every_key_is_shown_once() {
        let shown = Config::default().shown();
        let keys: BTreeSet<&str> = shown.iter().map(|(key, _)| *key).collect();
        assert_eq!(keys.len(), shown.len());
        let kafka = ACCESS_KEYS.iter().chain(&PRODUCER_KEYS);
        let all = KEYS
            .iter()
            .chain(&LOG_KEYS)
            .chain(kafka)
            .map(|key| key.name);
        let expected: BTreeSet<&str> = all.filter(|key| *key != "backends").collect();
        assert_eq!(keys, expected);
        assert!(SECRET_KEYS.iter().all(|key| keys.contains(key)));
    }

    #[test]
    fn what_is_shown_can_be_set_and_is_the_same_again() {
        let defaults = load(&[]).shown();
        let mut told = BTreeSet::new();
        for text in OTHERS {
            let given: Vec<(&'static str, String)> = text
                .split_whitespace()
                .map(|pair| pair.split_once('=').unwrap())
                .map(|(key, value)| (key, value.to_owned()))
                .collect();
            let shown = load(&given).shown();
            for (key, _) in &given {
                let value = |list: &[Entry]| list.iter().find(|entry| entry.0 == *key).cloned();
                assert_ne!(value(&shown), value(&defaults), "{key}");
                told.insert(*key);
            }
            let set: Vec<_> = shown
                .iter()
                .filter_map(|(key, value)| Some((*key, value.clone()?)))
                .collect();
            assert_eq!(load(&set).shown(), shown, "{text}");
        }
        let keys: BTreeSet<&str> = defaults.iter().map(|(key, _)| *key).collect();
        // Their values are files that would have to be there.
        told.extend(["kafka_tls_ca", "kafka_tls_cert", "kafka_tls_key"]);
        assert_eq!(told, keys);
    }
}
