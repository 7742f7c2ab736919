//! Single values of a document as texts, alone and in a small table: one of thousands, such as that of a backend.

use netsocket_settings::{Scalar, with_commas};
use serde::de::value::SeqDeserializer;
use serde_json::{Map, Number, Value};

/// Keys whose text has commas between parts, at the top and in their tables: they may be lists as well.
const WITH_COMMAS: [&str; 10] = [
    "allow",
    "deny",
    "proxy_from",
    "from",
    "dns_server",
    "server",
    "check_status",
    "status",
    "kafka",
    "source",
];

/// In the order of the document. Keys are few, so that each is looked for one by one.
#[derive(Debug)]
pub(super) struct Scalars<'a> {
    single: Vec<(&'a str, Scalar)>,
    /// Keys with lists or tables where a single value belongs, and what is said of them.
    misfits: Vec<(&'a str, String)>,
}

impl<'a> Scalars<'a> {
    pub(super) fn of(table: &'a Map<String, Value>) -> Self {
        let mut misfits = Vec::new();
        let single = table.iter().filter_map(|(key, value)| {
            let read = scalar_of(key, value);
            if read.is_none() {
                misfits.push((key.as_str(), misfit(key, kind(value))));
            }
            Some((key.as_str(), read?))
        });
        Self {
            single: single.collect(),
            misfits,
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Scalar> {
        let found = self.single.iter().find(|(other, _)| *other == key);
        found.map(|(_, value)| value)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&'a str, &Scalar)> {
        self.single.iter().map(|(key, value)| (*key, value))
    }

    pub(super) fn misfits(&self) -> &[(&'a str, String)] {
        &self.misfits
    }
}

/// What a value is, in a message.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Array(list) => kind_of_list(list),
        Value::Object(_) => "a table",
        Value::Null => "null",
        _ => "a single value",
    }
}

pub(super) fn kind_of_list(list: &[Value]) -> &'static str {
    match list {
        [] => "an empty list",
        list if list.iter().all(Value::is_object) => "a list of tables",
        list if list.iter().any(Value::is_array) => "a list of lists",
        _ => "a list",
    }
}

/// What is said of a key that has no single value.
pub(super) fn misfit(key: &str, kind: &str) -> String {
    match WITH_COMMAS.contains(&key) {
        true => format!("a single value, or a list of at least one, not {kind}"),
        false => format!("a single value, not {kind}"),
    }
}

/// A value as a text; nothing for a list or a table.
pub(super) fn scalar(value: &Value) -> Option<Scalar> {
    match value {
        Value::Bool(value) => Some(Scalar(value.to_string())),
        Value::Number(number) => Some(Scalar(number_text(number))),
        Value::String(text) => Some(Scalar(text.clone())),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The list of this key as a text with commas, where that is what the key takes.
pub(super) fn joined(key: &str, list: &[Value]) -> Option<Scalar> {
    let takes_commas = WITH_COMMAS.contains(&key);
    let read = takes_commas
        .then(|| with_commas(SeqDeserializer::<_, serde_json::Error>::new(list.iter())));
    read?.ok().flatten()
}

fn scalar_of(key: &str, value: &Value) -> Option<Scalar> {
    match value {
        Value::Array(list) => joined(key, list),
        single => scalar(single),
    }
}

/// As it is written: 1.0 is the number 1.
fn number_text(number: &Number) -> String {
    match number.as_f64().filter(|_| number.is_f64()) {
        Some(number) => number.to_string(),
        None => number.to_string(),
    }
}
