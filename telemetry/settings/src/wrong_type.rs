//! Finds the values whose types the raw struct of a program cannot hold: serde stops at the first, and a person wants all.

use config::{ConfigError, Map, Value, ValueKind};
use serde::de::DeserializeOwned;

/// Stands in what is expected of a key that may have a list.
const OR_LIST: &str = ", or a list";

/// A value of a wrong type.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct WrongType {
    /// The path of its key.
    pub(crate) key: String,
    /// What it should be.
    pub(crate) expected: String,
    /// What it is.
    pub(crate) found: &'static str,
}

/// Deserializes what can be; each value that cannot is left out and returned.
///
/// # Errors
/// Values fit one by one, but not together.
pub(crate) fn deserialize<R: DeserializeOwned>(
    mut values: Map<String, Value>,
) -> Result<(R, Vec<WrongType>), ConfigError> {
    // Mostly all is well.
    if let Ok(all) = R::deserialize(table(values.clone())) {
        return Ok((all, Vec::new()));
    }
    let mut wrong = Vec::new();
    let mut names: Vec<String> = values.keys().cloned().collect();
    names.sort_unstable();
    for name in names {
        let value = values[&name].clone();
        if let Err(error) = only::<R>(&name, value.clone()) {
            wrong.extend(within::<R>(&name, &value, &error));
            values.remove(&name);
        }
    }
    Ok((R::deserialize(table(values))?, wrong))
}

/// Which parts of a value are wrong, else the value itself.
fn within<R: DeserializeOwned>(name: &str, value: &Value, error: &ConfigError) -> Vec<WrongType> {
    let mut wrong = Vec::new();
    match &value.kind {
        ValueKind::Table(entries) => {
            let mut entries: Vec<_> = entries.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            for (key, entry) in entries {
                let alone = Map::from([(key.clone(), entry.clone())]);
                if let Err(error) = only::<R>(name, table(alone)) {
                    wrong.push(of(format!("{name}.{key}"), entry, &error));
                }
            }
        }
        ValueKind::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                let alone = Value::from(vec![element.clone()]);
                if let Err(error) = only::<R>(name, alone) {
                    let mut element = of(format!("{name}[{index}]"), element, &error);
                    // What the whole may be instead of a list.
                    if let Some((single, _)) = element.expected.split_once(OR_LIST) {
                        element.expected = single.to_owned();
                    }
                    wrong.push(element);
                }
            }
        }
        _ => {}
    }
    // Where no part is right, neither is the whole.
    let parts = match &value.kind {
        ValueKind::Table(entries) => entries.len(),
        ValueKind::Array(elements) => elements.len(),
        _ => 0,
    };
    let is_list = matches!(value.kind, ValueKind::Array(_)) && expected(error).contains(OR_LIST);
    if wrong.is_empty() || (wrong.len() == parts && !is_list) {
        wrong = vec![of(name.to_owned(), value, error)];
    }
    wrong
}

/// Whether a value fits where it is the only one.
fn only<R: DeserializeOwned>(name: &str, value: Value) -> Result<(), ConfigError> {
    R::deserialize(table(Map::from([(name.to_owned(), value)]))).map(drop)
}

fn table(values: Map<String, Value>) -> Value {
    Value::new(None, ValueKind::Table(values))
}

fn of(key: String, value: &Value, error: &ConfigError) -> WrongType {
    let found = match &value.kind {
        ValueKind::Table(_) => "a table",
        ValueKind::Array(list) if list.is_empty() => "an empty list",
        ValueKind::Array(list) if list.iter().all(is_table) => "a list of tables",
        ValueKind::Array(_) => "a list",
        ValueKind::String(_) => "a string",
        ValueKind::Boolean(_) => "true or false",
        _ => "a number",
    };
    WrongType {
        key,
        expected: expected(error),
        found,
    }
}

fn is_table(value: &Value) -> bool {
    matches!(value.kind, ValueKind::Table(_))
}

/// What was expected, without what was found and where.
fn expected(error: &ConfigError) -> String {
    match error {
        ConfigError::Type { expected, .. } => (*expected).to_owned(),
        ConfigError::At { error, .. } => expected(error),
        other => {
            let text = other.to_string();
            let text = text.split(", expected ").last().unwrap_or(&text);
            let end = text.find(" for key `").unwrap_or(text.len());
            text[..end].to_owned()
        }
    }
}
