//! The merged values as a document: a tree that does not know what its keys mean.

use config::{Map, Value, ValueKind};
use serde_json::Number;

/// Values by key.
///
/// # Examples
///
/// ```
/// use netsocket_settings::Document;
///
/// let document: Document = serde_json::from_str(r#"{ "listen": "[::1]:9" }"#)?;
/// assert_eq!(document["listen"], "[::1]:9");
/// # Ok::<(), serde_json::Error>(())
/// ```
pub type Document = serde_json::Map<String, serde_json::Value>;

/// What the environment and the flags say, as a document.
pub(crate) fn document(table: Map<String, Value>) -> Document {
    let each = table.into_iter();
    each.map(|(key, value)| (key, json(value))).collect()
}

fn json(value: Value) -> serde_json::Value {
    match value.kind {
        ValueKind::Nil => serde_json::Value::Null,
        ValueKind::Boolean(value) => value.into(),
        ValueKind::I64(number) => number.into(),
        ValueKind::U64(number) => number.into(),
        ValueKind::I128(number) => number.to_string().into(),
        ValueKind::U128(number) => number.to_string().into(),
        // JSON has no infinity.
        ValueKind::Float(number) => {
            let text = || number.to_string().into();
            Number::from_f64(number).map_or_else(text, serde_json::Value::Number)
        }
        ValueKind::String(text) => text.into(),
        ValueKind::Table(table) => document(table).into(),
        ValueKind::Array(elements) => elements.into_iter().map(json).collect(),
    }
}

/// A value of a file, for the layers.
pub(crate) fn layered(value: serde_json::Value) -> Value {
    let kind = match value {
        serde_json::Value::Null => ValueKind::Nil,
        serde_json::Value::Bool(value) => ValueKind::Boolean(value),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => ValueKind::I64(number),
            (None, Some(number)) => ValueKind::U64(number),
            (None, None) => number.as_f64().map_or(ValueKind::Nil, ValueKind::Float),
        },
        serde_json::Value::String(text) => ValueKind::String(text),
        serde_json::Value::Array(elements) => {
            ValueKind::Array(elements.into_iter().map(layered).collect())
        }
        serde_json::Value::Object(table) => {
            let each = table.into_iter();
            ValueKind::Table(each.map(|(key, value)| (key, layered(value))).collect())
        }
    };
    Value::new(None, kind)
}
