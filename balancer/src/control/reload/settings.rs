//! The settings in force, and the outcome of the latest reload.

use std::sync::Arc;
use std::time::SystemTime;

use super::changes::Changes;
use super::error::ReloadError;
use crate::config::Config;
use crate::control::handover::{RestartCause, RestartError};

/// The settings in force, and what became of the latest reload.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) config: Arc<Config>,
    /// Counts from 1, which is the start.
    pub(crate) generation: u64,
    pub(crate) latest: Option<Arc<LatestReload>>,
    /// A restart that failed, unless a reload has succeeded since.
    pub(crate) failed_restart: Option<Arc<FailedRestart>>,
}

/// A restart after which this process went on.
#[derive(Debug)]
pub(crate) struct FailedRestart {
    pub(crate) at: SystemTime,
    pub(crate) problem: String,
    pub(crate) cause: RestartCause,
}

/// The latest reload.
#[derive(Debug)]
pub(crate) struct LatestReload {
    pub(crate) at: SystemTime,
    pub(crate) outcome: Result<Changes, ReloadError>,
}

impl Settings {
    /// Those of the start.
    pub(crate) fn first(config: Arc<Config>) -> Self {
        Self {
            config,
            generation: 1,
            latest: None,
            failed_restart: None,
        }
    }

    /// These, after a restart that failed.
    pub(crate) fn after_failed_restart(&self, error: &RestartError) -> Self {
        let failed = FailedRestart {
            at: SystemTime::now(),
            problem: error.to_string(),
            cause: error.cause(),
        };
        Self {
            failed_restart: Some(Arc::new(failed)),
            ..self.clone()
        }
    }

    /// Whether the settings in force are those that were read last.
    pub(crate) fn is_success(&self) -> bool {
        let latest = self.latest.as_ref();
        latest.is_none_or(|latest| latest.outcome.is_ok())
    }
}
