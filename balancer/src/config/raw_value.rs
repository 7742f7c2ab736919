//! Values of a settings file in any form, for tables that are judged key by key.

use std::collections::BTreeMap;

use netsocket_settings::Scalar;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::backends::{RawBackend, RawBackends};
use super::keys::RawTable;
use super::listen::RawListen;

/// A value, not judged.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum RawValue {
    Single(Scalar),
    List(Vec<RawValue>),
    Table(RawMap),
    Other(IgnoredAny),
}

/// A table of such values.
pub(super) type RawMap = BTreeMap<String, RawValue>;

/// The key of a list of tables.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum RawTables {
    List(Vec<RawMap>),
    Other(IgnoredAny),
}

impl RawValue {
    pub(super) fn single(self) -> Option<Scalar> {
        match self {
            Self::Single(value) => Some(value),
            _ => None,
        }
    }

    pub(super) fn into_tables(self) -> Option<Vec<RawMap>> {
        let Self::List(list) = self else { return None };
        let table = |value| match value {
            Self::Table(table) => Some(table),
            _ => None,
        };
        list.into_iter().map(table).collect()
    }

    pub(super) fn into_table(self) -> RawTable {
        match self {
            Self::Table(table) => {
                scalars(table).map_or(RawTable::Other(IgnoredAny), RawTable::Table)
            }
            _ => RawTable::Other(IgnoredAny),
        }
    }

    pub(super) fn into_backends(self) -> RawBackends {
        match self {
            Self::Single(text) => RawBackends::Text(text),
            Self::List(list) => {
                RawBackends::List(list.into_iter().map(Self::into_backend).collect())
            }
            _ => RawBackends::Other(IgnoredAny),
        }
    }

    fn into_backend(self) -> RawBackend {
        match self {
            Self::Single(text) => RawBackend::Text(text),
            Self::Table(table) => {
                scalars(table).map_or(RawBackend::Other(IgnoredAny), RawBackend::Table)
            }
            _ => RawBackend::Other(IgnoredAny),
        }
    }

    pub(super) fn into_listen(self) -> RawListen {
        match self {
            Self::Single(text) => RawListen::Text(text),
            Self::List(list) => {
                let list = list.into_iter().map(Self::single);
                let list = list.collect::<Option<Vec<_>>>();
                list.map_or(RawListen::Other(IgnoredAny), RawListen::List)
            }
            _ => RawListen::Other(IgnoredAny),
        }
    }
}

/// The table, if all its values are single ones.
fn scalars(table: RawMap) -> Option<BTreeMap<String, Scalar>> {
    let each = table
        .into_iter()
        .map(|(key, value)| Some((key, value.single()?)));
    each.collect()
}
