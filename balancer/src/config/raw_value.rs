//! Values of a settings document in any form, for tables that are judged key by key.

use std::collections::BTreeMap;

use netsocket_settings::Scalar;
use serde_json::{Map, Value};

use super::backends::{RawBackend, RawBackends};
use super::keys::RawTable;
use super::listen::RawListen;
use super::scalars::{Scalars, joined, kind_of_list, misfit, scalar};

/// A value, not judged. What is in a list or a table is still that of the document: there may be tens of thousands.
#[derive(Debug)]
pub(super) enum RawValue<'a> {
    Single(Scalar),
    List(&'a [Value]),
    Table(&'a Map<String, Value>),
    Other,
}

/// A table of such values.
pub(super) type RawMap<'a> = BTreeMap<String, RawValue<'a>>;

/// The key of a list of tables.
#[derive(Debug)]
pub(super) enum RawTables<'a> {
    List(Vec<RawMap<'a>>),
    Other,
}

impl<'a> From<&'a Value> for RawValue<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Array(list) => Self::List(list),
            Value::Object(table) => Self::Table(table),
            single => scalar(single).map_or(Self::Other, Self::Single),
        }
    }
}

/// A table of a document.
pub(super) fn raw_map(table: &Map<String, Value>) -> RawMap<'_> {
    let each = table.iter();
    each.map(|(key, value)| (key.clone(), value.into()))
        .collect()
}

impl<'a> RawValue<'a> {
    pub(super) fn single(self) -> Option<Scalar> {
        match self {
            Self::Single(value) => Some(value),
            _ => None,
        }
    }

    /// The value of this key. A list counts as a text with commas where that is what the key takes.
    pub(super) fn single_of(self, key: &str) -> Option<Scalar> {
        match self {
            Self::List(list) => joined(key, list),
            other => other.single(),
        }
    }

    /// What it is, in a message.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Single(_) => "a single value",
            Self::List(list) => kind_of_list(list),
            Self::Table(_) => "a table",
            Self::Other => "null",
        }
    }

    pub(super) fn into_raw_tables(self) -> RawTables<'a> {
        self.into_tables().map_or(RawTables::Other, RawTables::List)
    }

    pub(super) fn into_tables(self) -> Option<Vec<RawMap<'a>>> {
        let Self::List(list) = self else { return None };
        list.iter()
            .map(|value| value.as_object().map(raw_map))
            .collect()
    }

    pub(super) fn into_table(self) -> RawTable {
        let Self::Table(table) = self else {
            return RawTable::Other;
        };
        let mut misfits = Vec::new();
        let single = table.iter().filter_map(|(key, value)| {
            let value = Self::from(value);
            let kind = value.kind();
            let read = value.single_of(key);
            if read.is_none() {
                misfits.push((key.clone(), misfit(key, kind)));
            }
            Some((key.clone(), read?))
        });
        let single = single.collect();
        RawTable::Table { single, misfits }
    }

    pub(super) fn into_backends(self) -> RawBackends<'a> {
        match self {
            Self::Single(text) => RawBackends::Text(text),
            Self::List(list) => {
                let each = list.iter().map(|value| Self::from(value).into_backend());
                RawBackends::List(each.collect())
            }
            _ => RawBackends::Other,
        }
    }

    fn into_backend(self) -> RawBackend<'a> {
        match self {
            Self::Single(text) => RawBackend::Text(text),
            Self::Table(table) => RawBackend::Table(Scalars::of(table)),
            _ => RawBackend::Other,
        }
    }

    pub(super) fn into_listen(self) -> RawListen {
        match self {
            Self::Single(text) => RawListen::Text(text),
            Self::List(list) => {
                let list = list.iter().map(|value| Self::from(value).single());
                let list = list.collect::<Option<Vec<_>>>();
                list.map_or(RawListen::Other, RawListen::List)
            }
            _ => RawListen::Other,
        }
    }
}
