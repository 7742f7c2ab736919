//! The settings as a document: what all layers say together, before it is judged. A change at run time changes the document,
//! which then is judged like a file.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use netsocket_settings::{Problems, no_such};
use serde_json::{Map, Value};

use super::edit_refusal::{self as refusal, name};
use super::entry_keys::DEFAULT_NAME;
use super::listen::DEFAULT_LISTEN;

/// The settings of a process as they were given; what is not given is not in it.
#[derive(Clone, Default)]
pub struct Document(pub(super) Arc<Map<String, Value>>);

impl fmt::Debug for Document {
    /// Nothing: two documents may say the same in different words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Document")
    }
}

/// A change at run time. The tables are those of the settings file, without the name.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Edit {
    /// Adds a backend to a pool, or gives one other settings.
    SetBackend(String, String, Map<String, Value>),
    /// Removes a backend of a pool.
    RemoveBackend(String, String),
    /// Adds a pool, or replaces what is said of it.
    SetPool(String, Map<String, Value>),
    /// Removes a pool.
    RemovePool(String),
    /// Adds a service, or replaces what is said of it.
    SetService(String, Map<String, Value>),
    /// Removes a service.
    RemoveService(String),
}

/// Why a change does not fit the document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct EditError(String);

impl Document {
    /// The document that a settings file is.
    ///
    /// # Errors
    /// It is no TOML.
    pub(crate) fn of_toml(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text).map(|document| Self(Arc::new(document)))
    }

    /// The document with a change in it.
    pub(crate) fn changed(&self, edit: &Edit) -> Result<Self, EditError> {
        if self.0.is_empty() {
            let said = "this balancer was started without settings that can be changed";
            return Err(EditError(said.to_owned()));
        }
        let mut document = Map::clone(&self.0);
        match edit {
            Edit::SetBackend(pool, name, table) => {
                let known = pool_names(&document);
                let list = backends(&mut document, pool)
                    .map_err(|_| EditError(refusal::no_pool_to_add(pool, &known)))?;
                set(list, name, table);
            }
            Edit::SetPool(name, _) | Edit::RemovePool(name) if name == DEFAULT_NAME => {
                let asked = asked(edit);
                return Err(EditError(refusal::default_pool(asked)));
            }
            Edit::RemoveBackend(pool, name) => {
                let list = backends(&mut document, pool)?;
                if let Err(known) = remove(list, name) {
                    let said = refusal::no_backend(&self.0, pool, name, &known);
                    return Err(EditError(said));
                }
                if list.is_empty() {
                    return Err(EditError(refusal::last_backend(pool, name)));
                }
            }
            Edit::SetPool(name, table) => set(list(&mut document, "pools"), name, table),
            Edit::RemovePool(name) => {
                let removed = remove(list(&mut document, "pools"), name);
                removed.map_err(|known| self.no_entry("pool", name, &known))?;
                if let Some(user) = user(&document, name) {
                    return Err(EditError(refusal::in_use(name, &user)));
                }
            }
            Edit::SetService(name, _) | Edit::RemoveService(name)
                if name == DEFAULT_NAME && has_default_service(&document) =>
            {
                let asked = asked(edit);
                return Err(EditError(refusal::default_service(asked)));
            }
            Edit::SetService(name, table) => {
                // The first service besides the default one, which goes on.
                let is_first = !document.contains_key("services");
                if is_first && document.contains_key("backends") && !document.contains_key("listen")
                {
                    document.insert("listen".to_owned(), DEFAULT_LISTEN.to_string().into());
                }
                set(list(&mut document, "services"), name, table);
            }
            Edit::RemoveService(name) => {
                let removed = remove(list(&mut document, "services"), name);
                removed.map_err(|known| self.no_entry("service", name, &known))?;
            }
        }
        document.retain(|key, value| {
            let is_list = ["pools", "services"].contains(&key.as_str());
            !is_list || value.as_array().is_none_or(|list| !list.is_empty())
        });
        Ok(Self(Arc::new(document)))
    }

    fn no_entry(&self, what: &str, name: &str, known: &[String]) -> EditError {
        EditError(refusal::no_entry(&self.0, what, name, known))
    }

    /// The problems of this document, with the names of its entries.
    pub(super) fn named(&self, problems: Problems) -> Problems {
        refusal::named(&self.0, problems)
    }

    /// This with what another says of some keys at the top: those of which a process would have to be started anew.
    pub(crate) fn with_keys_of(&self, other: &Self, keys: &[&str]) -> Self {
        let mut document = Map::clone(&self.0);
        // An address at the top makes a service of it, and none takes it away.
        let has_listen = document.contains_key("listen");
        let keys = keys
            .iter()
            .filter(|key| **key != "listen" || has_listen || !document.contains_key("services"));
        let keys: Vec<&str> = keys.copied().collect();
        for key in keys {
            match other.0.get(key) {
                Some(value) => drop(document.insert(key.to_owned(), value.clone())),
                None if key == "listen" => {
                    document.insert(key.to_owned(), DEFAULT_LISTEN.to_string().into());
                }
                None => drop(document.remove(key)),
            }
        }
        Self(Arc::new(document))
    }

    /// As a settings file.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        table(&mut text, "", &self.0);
        text.trim_start().to_owned()
    }
}

/// Whether the top of the settings is a service, too.
fn has_default_service(document: &Map<String, Value>) -> bool {
    document.contains_key("listen") || !document.contains_key("services")
}

/// The service that sends sessions to a pool.
fn user(document: &Map<String, Value>, pool: &str) -> Option<String> {
    let names = |table: &Map<String, Value>| {
        let is_it = |entry: &Value| entry.get("pool").and_then(Value::as_str) == Some(pool);
        let routes = table.get("routes").and_then(Value::as_array);
        table.get("pool").and_then(Value::as_str) == Some(pool)
            || routes.is_some_and(|routes| routes.iter().any(is_it))
    };
    if names(document) {
        return Some(DEFAULT_NAME.to_owned());
    }
    let services = document.get("services").and_then(Value::as_array);
    let mut users = services.into_iter().flatten();
    let user = users.find(|it| it.as_object().is_some_and(names))?;
    name(user).map(str::to_owned)
}

/// The list of tables under a key.
fn list<'a>(table: &'a mut Map<String, Value>, key: &str) -> &'a mut Vec<Value> {
    let value = table.entry(key).or_insert_with(|| Value::Array(Vec::new()));
    // From the environment: entries with commas between.
    if let Value::String(text) = value {
        let entries = text.split(',').map(|entry| entry.trim().into());
        *value = Value::Array(entries.collect());
    }
    if !value.is_array() {
        *value = Value::Array(Vec::new());
    }
    let Value::Array(list) = value else {
        // It is one by now; a list of nobody is no harm.
        return Box::leak(Box::default());
    };
    list
}

/// The backends of a pool: those at the top, of an entry of `pools`, or of a service with its own.
fn backends<'a>(
    document: &'a mut Map<String, Value>,
    pool: &str,
) -> Result<&'a mut Vec<Value>, EditError> {
    let known = pool_names(document);
    if pool == DEFAULT_NAME && document.contains_key("backends") {
        return Ok(list(document, "backends"));
    }
    for key in ["pools", "services"] {
        let entries = document.get_mut(key).and_then(Value::as_array_mut);
        let is_it = |entry: &&mut Value| {
            let is_named = name(entry) == Some(pool);
            is_named && (key == "pools" || entry.get("backends").is_some())
        };
        // Looked for by its place, as it is given back.
        let place =
            entries.and_then(|entries| entries.iter_mut().position(|mut entry| is_it(&mut entry)));
        if let Some(place) = place {
            let entry = document.get_mut(key).and_then(|list| list.get_mut(place));
            if let Some(Value::Object(entry)) = entry {
                return Ok(list(entry, "backends"));
            }
            break;
        }
    }
    Err(EditError(no_such("pool", pool, &known)))
}

/// Those with backends of their own.
fn pool_names(document: &Map<String, Value>) -> Vec<String> {
    let is_default = document.contains_key("backends");
    let default = is_default.then(|| DEFAULT_NAME.to_owned());
    let listed = ["pools", "services"].into_iter().flat_map(|key| {
        let entries = document.get(key).and_then(Value::as_array);
        let own = entries.into_iter().flatten();
        own.filter(move |entry| key == "pools" || entry.get("backends").is_some())
    });
    default
        .into_iter()
        .chain(listed.filter_map(|entry| name(entry).map(str::to_owned)))
        .collect()
}

fn set(list: &mut Vec<Value>, called: &str, table: &Map<String, Value>) {
    let mut entry = table.clone();
    entry.insert("name".to_owned(), called.into());
    let place = list.iter().position(|entry| name(entry) == Some(called));
    match place.and_then(|place| list.get_mut(place)) {
        Some(place) => *place = Value::Object(entry),
        None => list.push(Value::Object(entry)),
    }
}

/// Takes an entry out; an error are the names that are there instead.
fn remove(list: &mut Vec<Value>, called: &str) -> Result<(), Vec<String>> {
    let before = list.len();
    list.retain(|entry| name(entry) != Some(called));
    if list.len() < before {
        return Ok(());
    }
    let names = list.iter().filter_map(name);
    Err(names.map(str::to_owned).collect())
}

/// What a change does, in a word.
fn asked(edit: &Edit) -> &'static str {
    match edit {
        Edit::RemoveBackend(..) | Edit::RemovePool(_) | Edit::RemoveService(_) => "removed",
        Edit::SetBackend(..) | Edit::SetPool(..) | Edit::SetService(..) => "changed",
    }
}

/// A table: its values, then the tables in it.
fn table(text: &mut String, path: &str, table_: &Map<String, Value>) {
    let is_list = |value: &Value| {
        let list = value.as_array();
        list.is_some_and(|list| !list.is_empty() && list.iter().all(Value::is_object))
    };
    for (key, value) in table_ {
        if !(value.is_object() || value.is_null() || is_list(value)) {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{key} = {}", inline(value));
        }
    }
    let below = |key: &str| {
        if path.is_empty() {
            key.to_owned()
        } else {
            format!("{path}.{key}")
        }
    };
    for (key, value) in table_ {
        if let Value::Object(inner) = value {
            let _ = writeln!(text, "\n[{}]", below(key));
            table(text, &below(key), inner);
        }
    }
    for (key, value) in table_.iter().filter(|(_, value)| is_list(value)) {
        for entry in value.as_array().into_iter().flatten() {
            let _ = writeln!(text, "\n[[{}]]", below(key));
            if let Value::Object(inner) = entry {
                table(text, &below(key), inner);
            }
        }
    }
}

fn inline(value: &Value) -> String {
    match value {
        Value::Array(list) => {
            let entries: Vec<String> = list.iter().map(inline).collect();
            format!("[{}]", entries.join(", "))
        }
        Value::Object(inner) => {
            let entries = inner
                .iter()
                .map(|(key, value)| format!("{key} = {}", inline(value)));
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
        // JSON escapes a string as TOML does, but for one character.
        Value::String(text) => Value::from(text.as_str())
            .to_string()
            .replace('\u{7f}', "\\u007F"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
