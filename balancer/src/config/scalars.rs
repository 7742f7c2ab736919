//! Single values of a document as texts, alone and in a small table: one of thousands, such as that of a backend.

use netsocket_settings::Scalar;
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
pub(super) struct Scalars<'a>(Vec<(&'a str, Scalar)>);

impl<'a> Scalars<'a> {
    /// The table, if all its values are single ones.
    pub(super) fn of(table: &'a Map<String, Value>) -> Option<Self> {
        let each = table
            .iter()
            .map(|(key, value)| Some((key.as_str(), scalar_of(key, value)?)));
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
    if list.is_empty() || !WITH_COMMAS.contains(&key) {
        return None;
    }
    let texts = list.iter().map(|it| Some(scalar(it)?.0));
    let texts: Vec<String> = texts.collect::<Option<_>>()?;
    Some(Scalar(texts.join(",")))
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
