//! Values of a settings document in any form, for tables that are judged key by key.

use std::collections::BTreeMap;

use netsocket_settings::Scalar;
use serde_json::{Map, Value};

use super::backends::{RawBackend, RawBackends};
use super::keys::RawTable;
use super::listen::RawListen;

/// A value, not judged.
#[derive(Debug)]
pub(super) enum RawValue {
    Single(Scalar),
    List(Vec<RawValue>),
    Table(RawMap),
    Other,
}

/// A table of such values.
pub(super) type RawMap = BTreeMap<String, RawValue>;

/// The key of a list of tables.
#[derive(Debug)]
pub(super) enum RawTables {
    List(Vec<RawMap>),
    Other,
}

impl From<&Value> for RawValue {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Other,
            Value::Bool(value) => Self::Single(Scalar(value.to_string())),
            Value::Number(number) => Self::Single(Scalar(number_text(number))),
            Value::String(text) => Self::Single(Scalar(text.clone())),
            Value::Array(list) => Self::List(list.iter().map(Self::from).collect()),
            Value::Object(table) => Self::Table(raw_map(table)),
        }
    }
}

/// A table of a document.
pub(super) fn raw_map(table: &Map<String, Value>) -> RawMap {
    let each = table.iter();
    each.map(|(key, value)| (key.clone(), value.into()))
        .collect()
}

/// As it is written: 1.0 is the number 1.
fn number_text(number: &serde_json::Number) -> String {
    match number.as_f64().filter(|_| number.is_f64()) {
        Some(number) => number.to_string(),
        None => number.to_string(),
    }
}

impl RawValue {
    pub(super) fn single(self) -> Option<Scalar> {
        match self {
            Self::Single(value) => Some(value),
            _ => None,
        }
    }

    /// What it is, in a message.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Single(_) => "a single value",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other => "null",
        }
    }

    pub(super) fn into_raw_tables(self) -> RawTables {
        self.into_tables().map_or(RawTables::Other, RawTables::List)
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
            Self::Table(table) => scalars(table).map_or(RawTable::Other, RawTable::Table),
            _ => RawTable::Other,
        }
    }

    pub(super) fn into_backends(self) -> RawBackends {
        match self {
            Self::Single(text) => RawBackends::Text(text),
            Self::List(list) => {
                RawBackends::List(list.into_iter().map(Self::into_backend).collect())
            }
            _ => RawBackends::Other,
        }
    }

    fn into_backend(self) -> RawBackend {
        match self {
            Self::Single(text) => RawBackend::Text(text),
            Self::Table(table) => scalars(table).map_or(RawBackend::Other, RawBackend::Table),
            _ => RawBackend::Other,
        }
    }

    pub(super) fn into_listen(self) -> RawListen {
        match self {
            Self::Single(text) => RawListen::Text(text),
            Self::List(list) => {
                let list = list.into_iter().map(Self::single);
                let list = list.collect::<Option<Vec<_>>>();
                list.map_or(RawListen::Other, RawListen::List)
            }
            _ => RawListen::Other,
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
