//! What a reload changes, and what needs a restart. Plain code.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::config::Config;
use crate::core::backend::{Attributes, Backend};

/// What a reload changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Changes {
    /// Keys whose values changed; `backends` only stands for DNS groups.
    pub changed: Vec<&'static str>,
    /// Backends that were added, removed or altered, by name.
    pub backends: BackendChanges,
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

impl BackendChanges {
    /// `attributes` are those that the backends had `before`.
    pub(super) fn between(
        before: &[Arc<Backend>],
        attributes: &[Attributes],
        after: &[Arc<Backend>],
    ) -> Self {
        let names = |list: &[Arc<Backend>], others: &[Arc<Backend>]| {
            let only = |backend: &&Arc<Backend>| others.iter().all(|o| o.id() != backend.id());
            let names = list.iter().filter(only);
            names.map(|backend| backend.name().to_owned()).collect()
        };
        let altered = before.iter().zip(attributes).filter(|(backend, had)| {
            let stays = after.iter().any(|stays| stays.id() == backend.id());
            stays && backend.attributes() != **had
        });
        Self {
            added: names(after, before),
            removed: names(before, after),
            altered: altered
                .map(|(backend, _)| backend.name().to_owned())
                .collect(),
        }
    }
}

/// What is in force when `asked` is applied to a process that was started with `started`: sockets, threads, the
/// telemetry producer and both logs are as they were.
pub(super) fn in_force(started: &Config, asked: &Config) -> Config {
    let started = started.clone();
    Config {
        listen: started.listen,
        admin: started.admin,
        producer: started.producer,
        kafka_given: started.kafka_given,
        workers: started.workers,
        listen_options: started.listen_options,
        access_log: started.access_log,
        instance: started.instance,
        log: started.log,
        log_format: started.log_format,
        lifecycle: crate::config::LifecycleRules {
            pid_file: started.lifecycle.pid_file,
            ..asked.lifecycle
        },
        ..asked.clone()
    }
}

/// The keys whose values differ. Of `backends` only names that are looked for in DNS count.
pub(super) fn keys_changed(before: &Config, after: &Config) -> Vec<&'static str> {
    let pairs = before.shown().into_iter().zip(after.shown());
    let single = pairs
        .filter(|(before, after)| before.1 != after.1)
        .map(|(before, _)| before.0);
    // What is behind a name is told with the backends; that another name is asked for, is not.
    let groups = (before.groups != after.groups).then_some("backends");
    single.chain(groups).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::RelayMode;
    use crate::core::balance::Policy;

    #[test]
    fn what_a_process_is_made_of_stays_until_it_is_started_anew() {
        let started = Config::default();
        let mut asked = started.clone();
        asked.listen.set_port(1);
        asked.admin = ([127, 0, 0, 1], 2).into();
        asked.workers = started.workers.saturating_add(1);
        asked.kafka_given.set("kafka", "k:1");
        asked.listen_options.defer_accept = true;
        asked.access_log.target = None;
        asked.instance = Some("x".to_owned());
        asked.log = "warn".to_owned();
        asked.lifecycle.pid_file = Some("/p".into());
        asked.timeouts.idle = Duration::from_secs(7);
        asked.balance = Policy::Maglev;
        asked.relay = RelayMode::Copy;
        let force = in_force(&started, &asked);
        assert_eq!(
            keys_changed(&started, &force),
            ["relay", "balance", "idle_timeout"]
        );
        assert_eq!(
            keys_changed(&force, &asked),
            [
                "listen",
                "admin",
                "instance",
                "workers",
                "defer_accept",
                "pid_file",
                "access_log_target",
                "log",
                "kafka"
            ]
        );
        assert!(keys_changed(&asked, &asked).is_empty());
    }
}
