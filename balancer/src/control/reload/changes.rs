//! What a reload changes, and what needs a restart. Plain code.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::config::{Config, ListenOptions, SECRET_KEYS};
use crate::core::full_name::full_name;

/// What a reload changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Changes {
    /// Keys whose values changed; `backends` only stands for DNS groups.
    pub changed: Vec<&'static str>,
    /// Backends that were added, removed or altered, by name.
    pub backends: BackendChanges,
    /// Services and pools beside the default ones that came, went or changed, a line each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
    /// Keys whose new values take effect only after a restart.
    pub needs_restart: Vec<&'static str>,
    /// Number of sessions of removed backends that were closed.
    pub cut: usize,
}

impl fmt::Display for Changes {
    /// In a few words, for the event.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BackendChanges {
            added,
            removed,
            altered,
        } = &self.backends;
        let parts = [
            ("changed", self.changed.join(", ")),
            ("added", added.join(", ")),
            ("removed", removed.join(", ")),
            ("altered", altered.join(", ")),
            ("services:", self.services.join(", ")),
            ("needs restart", self.needs_restart.join(", ")),
        ];
        let told = parts.iter().filter(|(_, names)| !names.is_empty());
        let told: Vec<_> = told
            .map(|(what, names)| format!("{what} {names}"))
            .collect();
        if told.is_empty() {
            return f.write_str("nothing changed");
        }
        f.write_str(&told.join("; "))
    }
}

/// Backends by what changed. One whose address changed counts as removed and added.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BackendChanges {
    /// Added backends.
    pub added: Vec<String>,
    /// Removed backends.
    pub removed: Vec<String>,
    /// Backends that stayed but have other attributes.
    pub altered: Vec<String>,
}

/// What is in force when `asked` is applied to a process that was started with `started`: sockets, threads, the
/// telemetry producer and the program's log are as they were. And the keys of which the process would have to be started
/// anew.
pub(super) fn in_force(started: &Config, asked: Config) -> (Config, Vec<&'static str>) {
    let wanted = asked.shown();
    let mut config = asked;
    if started.has_default_service() {
        config.listen = started.listen.clone();
    }
    config.admin = started.admin.clone();
    config.producer = started.producer.clone();
    config.kafka_given = started.kafka_given.clone();
    config.workers = started.workers;
    config.listen_options = ListenOptions {
        keepalive: config.listen_options.keepalive,
        ..started.listen_options
    };
    config.instance = started.instance.clone();
    config.log = started.log.clone();
    config.log_format = started.log_format;
    config.lifecycle.pid_file = started.lifecycle.pid_file.clone();
    let needs_restart = keys_that_differ(wanted, config.shown());
    // What is saved is what runs.
    if !needs_restart.is_empty() {
        let document = config
            .document
            .with_keys_of(&started.document, &needs_restart);
        config.document = document;
    }
    (config, needs_restart)
}

/// The keys with different values.
fn keys_that_differ(before: Shown, after: Shown) -> Vec<&'static str> {
    let pairs = before.into_iter().zip(after);
    let different = pairs.filter(|(before, after)| before.1 != after.1);
    different.map(|(before, _)| before.0).collect()
}

/// The keys whose values differ. Of `backends` only names that are looked for in DNS count.
pub(super) fn keys_changed(before: &Config, after: &Config) -> Vec<&'static str> {
    let single = keys_that_differ(before.shown(), after.shown());
    // What is behind a name is told with the backends; that another name is asked for, is not.
    let groups = (before.groups != after.groups).then_some("backends");
    // Also where only the files say something else.
    let files = [
        (before.tls != after.tls).then_some("tls"),
        (before.backend_tls != after.backend_tls).then_some("backend_tls"),
        (before.admin_tls != after.admin_tls).then_some("admin_tls"),
    ];
    let single = single.into_iter().chain(groups);
    single.chain(files.into_iter().flatten()).collect()
}

/// What has become of services and pools beside the default ones, in words.
pub(super) fn service_changes(before: &Config, after: &Config) -> Vec<String> {
    let services = |config: &Config| {
        let each = config.services.iter();
        let own = each.map(|it| (it.name.clone(), it.shown()));
        own.collect::<BTreeMap<_, _>>()
    };
    let pools = |config: &Config| {
        let each = config.pools.iter();
        let own = each.map(|it| (it.name.clone(), it.shown()));
        own.collect::<BTreeMap<_, _>>()
    };
    let mut told = told("service", &services(before), &services(after));
    told.extend(self::told("pool", &pools(before), &pools(after)));
    told
}

/// How the settings in force differ from those of the file, in words.
pub(super) fn differences(file: &Config, running: &Config) -> Vec<String> {
    let (file_shown, running_shown) = (file.shown(), running.shown());
    let values = |key: &str| {
        let of = |shown: &Shown| {
            let entry = shown.iter().find(|entry| entry.0 == key)?;
            Some(entry.1.clone().unwrap_or_else(|| "nothing".to_owned()))
        };
        let both = of(&file_shown).zip(of(&running_shown));
        both.filter(|_| !SECRET_KEYS.contains(&key))
    };
    let mut told: Vec<String> = keys_changed(file, running)
        .into_iter()
        .map(|key| match values(key) {
            Some((file, running)) => format!("{key} differs: {file} in the file, {running} runs"),
            None => format!("{key} differs"),
        })
        .collect();
    told.extend(service_changes(file, running));
    let backends = |config: &Config| {
        let pools = config.pool_plans().into_iter();
        let each = pools.flat_map(|plan| {
            let backends = plan.settings.backends.iter();
            let shown = backends.map(move |backend| {
                let name = full_name(plan.name, &backend.name);
                (name, (backend.to_string(), backend.attributes.clone()))
            });
            shown.collect::<Vec<_>>()
        });
        each.collect::<BTreeMap<_, _>>()
    };
    let (file, running) = (backends(file), backends(running));
    for (name, backend) in &running {
        match file.get(name) {
            None => told.push(format!("backend {name} added")),
            Some(other) if other != backend => told.push(format!("backend {name} changed")),
            Some(_) => {}
        }
    }
    let gone = file.keys().filter(|name| !running.contains_key(*name));
    told.extend(gone.map(|name| format!("backend {name} removed")));
    told
}

/// Settings by key.
type Shown = Vec<(&'static str, Option<String>)>;

fn told(
    what: &str,
    before: &BTreeMap<String, Shown>,
    after: &BTreeMap<String, Shown>,
) -> Vec<String> {
    let mut told = Vec::new();
    for (name, shown) in after {
        let Some(old) = before.get(name) else {
            told.push(format!("{what} {name} added"));
            continue;
        };
        let pairs = old.iter().zip(shown).filter(|(old, new)| old != new);
        let keys: Vec<&str> = pairs.map(|(_, (key, _))| *key).collect();
        if !keys.is_empty() {
            told.push(format!("{what} {name} changed: {}", keys.join(" ")));
        }
    }
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    told.extend(gone.map(|name| format!("{what} {name} removed")));
    told
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use netsocket_settings::LogFilter;

    use super::*;
    use crate::config::RelayMode;
    use crate::core::balance::Policy;

    #[test]
    fn what_a_process_is_made_of_stays_until_it_is_started_anew() {
        let started = Config::default();
        let mut asked = started.clone();
        asked.listen = ([0, 0, 0, 0], 1).into();
        asked.admin = ([127, 0, 0, 1], 2).into();
        asked.workers = started.workers.saturating_add(1);
        asked.kafka_given.set("kafka", "k:1");
        asked.listen_options.defer_accept = true;
        asked.access_log.target = None;
        asked.instance = Some("x".to_owned());
        asked.log = LogFilter::by_default("warn");
        asked.lifecycle.pid_file = Some("/p".into());
        asked.timeouts.idle = Duration::from_secs(7);
        asked.balance = Policy::Maglev;
        asked.relay = RelayMode::Copy;
        let (force, needs_restart) = in_force(&started, asked.clone());
        assert_eq!(
            keys_changed(&started, &force),
            ["relay", "balance", "access_log_target", "idle_timeout"]
        );
        assert_eq!(
            needs_restart,
            [
                "listen",
                "admin",
                "instance",
                "workers",
                "defer_accept",
                "pid_file",
                "log",
                "kafka"
            ]
        );
        assert!(keys_changed(&asked, &asked).is_empty());
        let told = differences(&asked, &force);
        for line in [
            "listen differs: 0.0.0.0:1 in the file, 0.0.0.0:8081 runs",
            "instance differs: x in the file, nothing runs",
        ] {
            assert!(told.iter().any(|told| told == line), "{told:#?}");
        }
    }
}
