//! Reload: changes the settings while sessions run, completely or not at all.
//!
//! Owns the steps of a reload: the layers are read and validated ([`Source`]), compared with the settings in force
//! ([`changes`]) and applied. Does not own who requests it (see [`crate::control::lifecycle`]) nor the keys.

mod changes;
mod edit_terms;
mod error;
mod kept_weights;
mod known_backends;
mod pools;
mod services;
mod settings;
mod sockets;

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use chrono::Utc;
use netsocket_settings::Problems;
use netsocket_telemetry::{EventKind, Events};
use tokio::task::spawn_blocking;
use tracing::{error, info, warn};

pub use self::changes::{BackendChanges, Changes};
use self::changes::{differences, in_force, keys_changed, service_changes};
pub(crate) use self::edit_terms::EditTerms;
use self::edit_terms::{Effects, occupied};
pub use self::error::ReloadError;
pub(crate) use self::settings::{FailedRestart, LatestReload, Settings};
use self::sockets::NewSocket;
use crate::config::{Config, Edit, Removed, Secrets};
use crate::control::heap;
use crate::control::pool_tasks::PoolTasks;
use crate::control::resolve::{resolve, secrets};
use crate::control::session_room;
use crate::core::backend::BackendSpec;
use crate::data_path::process_rules::ProcessRules;
use crate::data_path::service::Service;
use crate::data_path::session_directory;
use crate::data_path::shared::Shared;

/// Reads and validates the settings again.
pub(crate) type Source = Arc<dyn Fn() -> Result<Config, Problems> + Send + Sync>;

/// Settings that can be applied.
struct Validated {
    /// What can be in force.
    config: Config,
    /// Keys whose values cannot.
    needs_restart: Vec<&'static str>,
    /// The backends of each pool, in the order of the settings.
    backends: Vec<Vec<BackendSpec>>,
    secrets: Secrets,
    /// Sockets of services that are new, or listen somewhere else.
    sockets: Vec<NewSocket>,
}

/// Applies settings to a running balancer.
pub(crate) struct Reloader {
    pub(crate) source: Option<Source>,
    /// The settings in force.
    pub(crate) settings: Arc<ArcSwap<Settings>>,
    pub(crate) pools: Arc<PoolTasks>,
    pub(crate) events: Events,
    /// What the access log calls the default service.
    pub(crate) first_address: String,
    /// Services that are gone: one that comes back goes on counting.
    pub(crate) retired: Mutex<Vec<Arc<Service>>>,
}

impl Reloader {
    /// Reads the settings anew and applies them; tells the log what came of it.
    ///
    /// # Errors
    /// Why nothing was changed.
    pub(crate) async fn reload(&self, shared: &Arc<Shared>) -> Result<Changes, ReloadError> {
        let outcome = match self.source.clone() {
            Some(source) => self.take_on(shared, move || source(), None).await,
            None => Err(ReloadError::NoSource),
        };
        let mut settings = Settings::clone(&self.settings.load());
        if outcome.is_ok() {
            settings.failed_restart = None;
        }
        settings.latest = Some(Arc::new(LatestReload {
            at: SystemTime::now(),
            outcome: outcome.clone(),
        }));
        self.settings.store(Arc::new(settings));
        outcome
    }

    /// How the settings in force differ from those that a reload would read.
    ///
    /// # Errors
    /// Those cannot be read.
    pub(crate) async fn differences(&self) -> Result<Vec<String>, ReloadError> {
        let source = self.source.clone().ok_or(ReloadError::NoSource)?;
        let read = spawn_blocking(move || source()).await;
        let read = read.map_err(ReloadError::invalid)??;
        Ok(differences(&read, &self.settings.load().config))
    }

    /// Changes the settings in force, until they are read anew.
    ///
    /// # Errors
    /// Why nothing was changed.
    pub(crate) async fn edit(
        &self,
        shared: &Arc<Shared>,
        edit: &Edit,
        terms: EditTerms,
    ) -> Result<Changes, ReloadError> {
        let settings = self.settings.load();
        if terms.only_new
            && let Some(said) = occupied(&settings.config, edit)
        {
            return Err(ReloadError::Occupied(said));
        }
        let document = settings.config.document.changed(edit);
        let document = document.map_err(ReloadError::invalid)?;
        let edited = match edit {
            Edit::SetBackend(pool, name, _) => Some((pool.clone(), name.clone())),
            _ => None,
        };
        let drain = edited.clone().filter(|_| terms.drained);
        let source = move || Config::of_document(&document);
        let who = terms.who;
        self.take_on(shared, source, Some(Effects { edited, drain, who }))
            .await
    }

    /// Takes on the settings of `source`: those of the file, or of an edit with these effects.
    async fn take_on(
        &self,
        shared: &Arc<Shared>,
        source: impl FnOnce() -> Result<Config, Problems> + Send + 'static,
        edit: Option<Effects>,
    ) -> Result<Changes, ReloadError> {
        let before = self.settings.load_full();
        let mut settings = Settings::clone(&before);
        let is_edit = edit.is_some();
        let validated = self.validate(shared, &before.config, source).await;
        let outcome = match validated {
            Ok(validated) => {
                let edited = edit.as_ref().map(|edit| edit.edited.as_ref());
                kept_weights::forget(shared, edited);
                let done = self
                    .apply(shared, &before.config, validated, edit.as_ref())
                    .await;
                let (config, changes) = done;
                settings.config = Arc::new(config);
                settings.generation += 1;
                Ok(changes)
            }
            Err(error) => Err(error),
        };
        announce(settings.generation, is_edit, &outcome);
        if let Ok(changes) = &outcome {
            let text = format!("generation {}: {changes}", settings.generation);
            self.events.emit(Utc::now(), EventKind::Reload, text);
        }
        self.settings.store(Arc::new(settings));
        heap::trim(before);
        outcome
    }

    async fn validate(
        &self,
        shared: &Arc<Shared>,
        before: &Arc<Config>,
        source: impl FnOnce() -> Result<Config, Problems> + Send + 'static,
    ) -> Result<Validated, ReloadError> {
        let (shared, before) = (Arc::clone(shared), Arc::clone(before));
        let validate = move || {
            let (config, needs_restart) = in_force(&before, source()?);
            let plans = config.pool_plans();
            let backends = plans.iter().map(|plan| resolve(&plan.settings.backends));
            let backends = backends.collect::<Result<Vec<_>, _>>()?;
            let secrets = secrets(&config)?;
            let logs = shared.access_logs.open(&config.access_logs());
            logs.map_err(|(target, error)| {
                ReloadError::invalid(format!("access_log_target {target}: {error}"))
            })?;
            let sockets = sockets::bind_new(&shared, &config)?;
            Ok(Validated {
                config,
                needs_restart,
                backends,
                secrets,
                sockets,
            })
        };
        // Files and the resolver are waited for.
        let validated = spawn_blocking(validate).await;
        validated.unwrap_or_else(|fault| Err(ReloadError::invalid(fault)))
    }

    /// From here on nothing can fail. Returns what is in force now.
    async fn apply(
        &self,
        shared: &Arc<Shared>,
        before: &Config,
        validated: Validated,
        edit: Option<&Effects>,
    ) -> (Config, Changes) {
        let Validated {
            config,
            needs_restart,
            backends,
            secrets,
            sockets,
        } = validated;
        let changed = keys_changed(before, &config);
        let known = known_backends::known(shared);

        let rules = ProcessRules::new(&config, secrets);
        shared.rules.store(Arc::new(rules));
        let who = edit.map(|edit| &edit.who);
        self.set_pools(shared, before, &config, backends, who);
        if let Some(edit) = edit
            && let Some((pool, name)) = &edit.drain
        {
            known_backends::drain(shared, pool, name, &edit.who);
        }
        let sessions = shared.sessions_set();
        self.set_services(shared, &config, sockets);
        if shared.sessions_set() != sessions {
            session_room::announce(shared);
        }
        shared.relay.set(config.relay);
        shared.access_logs.keep_only(&config.access_logs());
        for log in shared.access_logs.all() {
            log.reopen();
        }
        // There may be more room now.
        shared.serve_queues();

        let present = known_backends::known(shared);
        let mut cut = 0;
        if config.lifecycle.removed == Removed::Cut {
            let stay: HashSet<_> = present.iter().map(|known| known.backend.id()).collect();
            let gone = known
                .iter()
                .filter(|known| !stay.contains(&known.backend.id()));
            for known in gone {
                cut += session_directory::end_all(shared, known.backend.id()).await;
            }
        }
        let changes = Changes {
            changed,
            backends: known_backends::changes(&known, &present),
            services: service_changes(before, &config),
            needs_restart,
            cut,
        };
        (config, changes)
    }
}

/// Tells the log what came of settings that were read or, by an edit, asked for.
fn announce(generation: u64, is_edit: bool, outcome: &Result<Changes, ReloadError>) {
    let done = match is_edit {
        true => "settings changed",
        false => "settings reloaded",
    };
    match outcome {
        Ok(changes) => info!(
            generation,
            changed = changes.changed.join(","),
            added = changes.backends.added.join(","),
            removed = changes.backends.removed.join(","),
            altered = changes.backends.altered.join(","),
            services = changes.services.join("; "),
            cut = changes.cut,
            needs_restart = changes.needs_restart.join(","),
            "{done}"
        ),
        Err(error) => {
            for problem in error.problems() {
                if is_edit {
                    warn!(generation, problem, "change refused, nothing changed");
                } else {
                    error!(generation, problem, "reload refused, nothing changed");
                }
            }
        }
    }
}
