//! The single values of a small table, by key: one of thousands, such as that of a backend.

use netsocket_settings::Scalar;
use serde_json::{Map, Value};

use super::raw_value::RawValue;

/// In the order of the document. Keys are few, so that each is looked for one by one.
#[derive(Debug)]
pub(super) struct Scalars<'a>(Vec<(&'a str, Scalar)>);

impl<'a> Scalars<'a> {
    /// The table, if all its values are single ones.
    pub(super) fn of(table: &'a Map<String, Value>) -> Option<Self> {
        let each = table
            .iter()
            .map(|(key, value)| Some((key.as_str(), RawValue::from(value).single_of(key)?)));
        each.collect::<Option<_>>().map(Self)
    }

    pub(super) fn get(&self, key: &str) -> Option<&Scalar> {
        let found = self.0.iter().find(|(other, _)| *other == key);
        found.map(|(_, value)| value)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&'a str, &Scalar)> {
        self.0.iter().map(|(key, value)| (*key, value))
    }
}
