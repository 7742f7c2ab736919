//! The values of all layers before validation.

use std::collections::BTreeMap;

use netsocket_settings::{Key, LOG_KEYS, Scalar};
use netsocket_telemetry::settings::{ACCESS_KEYS, PRODUCER_KEYS};
use serde::Deserialize;

use super::backends::RawBackends;
use super::keys::{KEYS, LISTS, NESTED, RawTable, TABLES};
use super::listen::RawListen;
use super::raw_value::{RawTables, RawValue};

/// The merged values, not validated. Unknown keys have been refused already (see [`netsocket_settings::load`]).
#[derive(Debug, Deserialize)]
pub(super) struct Raw {
    pub(super) listen: Option<RawListen>,
    pub(super) backends: Option<RawBackends>,
    pub(super) routes: Option<RawTables>,
    pub(super) services: Option<RawTables>,
    pub(super) pools: Option<RawTables>,
    pub(super) tls: Option<RawValue>,
    pub(super) backend_tls: Option<RawValue>,
    pub(super) admin_tls: Option<RawValue>,
    pub(super) check: Option<RawTable>,
    pub(super) agent: Option<RawTable>,
    pub(super) dns: Option<RawTable>,
    pub(super) ejection: Option<RawTable>,
    pub(super) flap: Option<RawTable>,
    pub(super) address: Option<RawTable>,
    pub(super) queue: Option<RawTable>,
    pub(super) proxy: Option<RawTable>,
    pub(super) access_log: Option<RawTable>,
    #[serde(flatten)]
    pub(super) single: BTreeMap<String, Scalar>,
}

/// What is said of environment variables that are probably misspelt.
pub fn misspelt_variables(set: impl IntoIterator<Item = String>) -> Vec<String> {
    netsocket_settings::misspelt_variables(&all_keys(), set)
}

/// Every key that may be set, tables included.
pub(super) fn all_keys() -> Vec<Key> {
    let telemetry = ACCESS_KEYS.into_iter().chain(PRODUCER_KEYS);
    let own = KEYS.into_iter().chain(LOG_KEYS).chain(TABLES).chain(LISTS);
    own.chain(NESTED).chain(telemetry).collect()
}
