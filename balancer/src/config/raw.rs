//! The values of all layers before validation.

use std::collections::BTreeMap;

use netsocket_settings::{BALANCER, Check, Key, LOG_KEYS, Scalar};
use netsocket_telemetry::settings::{ACCESS_KEYS, PRODUCER_KEYS};
use serde_json::{Map, Value};

use super::backends::RawBackends;
use super::keys::{KEYS, LISTS, NESTED, RawTable, TABLES};
use super::listen::RawListen;
use super::raw_value::{RawTables, RawValue};
use super::scalars::misfit;

/// The merged values, not validated. Unknown keys have been refused already (see [`netsocket_settings::load`]).
#[derive(Debug, Default)]
pub(super) struct Raw<'a> {
    pub(super) listen: Option<RawListen>,
    pub(super) backends: Option<RawBackends<'a>>,
    pub(super) routes: Option<RawTables<'a>>,
    pub(super) services: Option<RawTables<'a>>,
    pub(super) pools: Option<RawTables<'a>>,
    pub(super) tls: Option<RawValue<'a>>,
    pub(super) backend_tls: Option<RawValue<'a>>,
    pub(super) admin_tls: Option<RawValue<'a>>,
    /// In the order of [`TABLES`].
    pub(super) tables: [Option<RawTable>; TABLES.len()],
    pub(super) single: BTreeMap<String, Scalar>,
}

impl<'a> Raw<'a> {
    /// Takes a document apart; a list or a table where a single value belongs is a problem.
    pub(super) fn of(check: &mut Check, document: &'a Map<String, Value>) -> Self {
        let mut raw = Self::default();
        for (key, value) in document {
            let value = RawValue::from(value);
            let table = TABLES.iter().position(|table| table.name == key);
            if let Some(table) = table.and_then(|index| raw.tables.get_mut(index)) {
                *table = Some(value.into_table());
                continue;
            }
            match key.as_str() {
                "listen" => raw.listen = Some(value.into_listen()),
                "backends" => raw.backends = Some(value.into_backends()),
                "routes" => raw.routes = Some(value.into_raw_tables()),
                "services" => raw.services = Some(value.into_raw_tables()),
                "pools" => raw.pools = Some(value.into_raw_tables()),
                "tls" => raw.tls = Some(value),
                "backend_tls" => raw.backend_tls = Some(value),
                "admin_tls" => raw.admin_tls = Some(value),
                _ => {
                    let kind = value.kind();
                    match value.single_of(key) {
                        Some(value) => drop(raw.single.insert(key.clone(), value)),
                        None => check.problem_at(key, misfit(key, kind)),
                    }
                }
            }
        }
        raw
    }
}

/// What is said of environment variables that are probably misspelt.
pub fn misspelt_variables(set: impl IntoIterator<Item = String>) -> Vec<String> {
    netsocket_settings::misspelt_variables(&all_keys(), &BALANCER, set)
}

/// Every key that may be set, tables included.
pub(super) fn all_keys() -> Vec<Key> {
    let telemetry = ACCESS_KEYS.into_iter().chain(PRODUCER_KEYS);
    let own = KEYS.into_iter().chain(LOG_KEYS).chain(TABLES).chain(LISTS);
    own.chain(NESTED).chain(telemetry).collect()
}
