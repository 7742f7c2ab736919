//! Reload: changes the settings while sessions run, completely or not at all.
//!
//! Owns the steps of a reload: the layers are read and validated ([`Source`]), compared with the settings in force
//! ([`changes`]) and applied. Does not own who requests it (see [`crate::control::lifecycle`]) nor the keys.

mod changes;
mod error;
mod settings;

use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use chrono::Utc;
use netsocket_settings::Problems;
use netsocket_telemetry::{EventKind, Events};
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tracing::{error, info};

pub use self::changes::{BackendChanges, Changes};
use self::changes::{in_force, keys_changed};
pub use self::error::ReloadError;
pub(crate) use self::settings::{LatestReload, Settings};
use crate::config::{Config, Removed};
use crate::control::discovery::{Dns, Group, Setup};
use crate::control::resolve::{resolve, token};
use crate::core::backend::{Backend, BackendSpec};
use crate::core::health::Checks;
use crate::data_path::session_directory;
use crate::data_path::shared::Shared;

/// Reads and validates the settings again.
pub(crate) type Source = Arc<dyn Fn() -> Result<Config, Problems> + Send + Sync>;

/// Settings that can be applied.
struct Validated {
    config: Config,
    backends: Vec<BackendSpec>,
    admin_token: Option<String>,
}

/// Applies settings to a running balancer.
pub(crate) struct Reloader {
    pub(crate) source: Option<Source>,
    /// The settings in force.
    pub(crate) settings: Arc<ArcSwap<Settings>>,
    pub(crate) checks: Arc<watch::Sender<Arc<Checks>>>,
    pub(crate) setups: Arc<watch::Sender<Setup<Dns>>>,
    pub(crate) events: Events,
}

impl Reloader {
    /// Reads the settings anew and applies them; tells the log what came of it.
    ///
    /// # Errors
    /// Why nothing was changed.
    pub(crate) async fn reload(&self, shared: &Shared) -> Result<Changes, ReloadError> {
        let before = self.settings.load_full();
        let mut settings = Settings::clone(&before);
        let outcome = match self.validate().await {
            Ok(validated) => {
                let (config, changes) = self.apply(shared, &before.config, validated).await;
                settings.config = Arc::new(config);
                settings.generation += 1;
                Ok(changes)
            }
            Err(error) => Err(error),
        };
        settings.latest = Some(Arc::new(LatestReload {
            at: SystemTime::now(),
            outcome: outcome.clone(),
        }));
        announce(settings.generation, &outcome);
        if let Ok(changes) = &outcome {
            let text = format!("generation {}: {changes}", settings.generation);
            self.events.emit(Utc::now(), EventKind::Reload, text);
        }
        self.settings.store(Arc::new(settings));
        outcome
    }

    async fn validate(&self) -> Result<Validated, ReloadError> {
        let source = self.source.clone().ok_or(ReloadError::NoSource)?;
        let validate = move || {
            let config = source()?;
            let backends = resolve(&config.backends)?;
            let admin_token = config.admin_token_file.as_deref().map(token).transpose()?;
            Ok(Validated {
                config,
                backends,
                admin_token,
            })
        };
        // Files and the resolver are waited for.
        let validated = spawn_blocking(validate).await;
        validated.unwrap_or_else(|fault| Err(ReloadError::Invalid(fault.to_string())))
    }

    /// From here on nothing can fail. Returns what is in force now.
    async fn apply(
        &self,
        shared: &Shared,
        before: &Config,
        validated: Validated,
    ) -> (Config, Changes) {
        let Validated {
            config: asked,
            backends,
            admin_token,
        } = validated;
        let config = in_force(before, &asked);
        let changed = keys_changed(before, &config);
        let known = shared.pool.backends();
        let attributes: Vec<_> = known.iter().map(|backend| backend.attributes()).collect();

        let rules = shared.rules.load().changed(&config, admin_token);
        shared.rules.store(Arc::new(rules));
        self.set_backends(shared, before, &config, backends);
        shared.queue.limit(config.queue.length);
        shared.relay.set(config.relay);
        if changed.iter().any(|key| key.starts_with("check_")) {
            self.checks.send_replace(Arc::new(config.checks.clone()));
        }
        if let Some(log) = &shared.access_log {
            log.reopen();
        }
        // There may be more room now.
        shared.serve_queue();

        let present = shared.pool.backends();
        let gone = |backend: &&Arc<Backend>| present.iter().all(|stays| stays.id() != backend.id());
        let mut cut = 0;
        if config.lifecycle.removed == Removed::Cut {
            for backend in known.iter().filter(gone) {
                cut += session_directory::end_all(shared, backend.id()).await;
            }
        }
        let changes = Changes {
            changed,
            backends: BackendChanges::between(&known, &attributes, &present),
            needs_restart: keys_changed(&config, &asked),
            cut,
        };
        (config, changes)
    }

    /// Those with an address are the pool's at once. Of those that were looked for, the ones whose group stays do; the
    /// rest is discovery's, which follows.
    fn set_backends(
        &self,
        shared: &Shared,
        before: &Config,
        config: &Config,
        fixed: Vec<BackendSpec>,
    ) {
        let same =
            |old: &&Group, group: &Group| group.name == old.name && group.question == old.question;
        let stay = |old: &&Group| config.groups.iter().any(|group| same(old, group));
        let groups: Vec<&Group> = before.groups.iter().filter(stay).collect();
        let found = shared.pool.backends();
        let found = found
            .iter()
            .filter(|backend| groups.iter().any(|group| group.could_have(backend.name())));
        let mut backends = fixed.clone();
        backends.extend(found.map(|backend| backend.spec()));
        shared
            .pool
            .reconfigure(backends, config.balance, config.health);
        self.setups.send_modify(|setup| {
            setup.fixed = fixed;
            setup.groups.clone_from(&config.groups);
            setup.rules = config.discovery;
            if before.dns_servers != config.dns_servers {
                setup.resolver = Arc::new(Dns::new(config.dns_servers.clone()));
            }
        });
    }
}

fn announce(generation: u64, outcome: &Result<Changes, ReloadError>) {
    match outcome {
        Ok(changes) => info!(
            generation,
            changed = changes.changed.join(","),
            added = changes.backends.added.join(","),
            removed = changes.backends.removed.join(","),
            altered = changes.backends.altered.join(","),
            cut = changes.cut,
            needs_restart = changes.needs_restart.join(","),
            "settings reloaded"
        ),
        Err(error) => {
            let said = error.to_string();
            for problem in said.lines() {
                error!(generation, problem, "reload refused, nothing changed");
            }
        }
    }
}
