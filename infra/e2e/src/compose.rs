//! `infra/compose.yaml` as its readers see it: services with their variables filled in.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::files;

/// The file, from the root of the project.
pub const FILE: &str = "infra/compose.yaml";

/// The file of its variables.
pub const KNOBS: &str = "infra/.env";

/// The services by name.
#[derive(Debug)]
pub struct Compose {
    services: BTreeMap<String, Value>,
}

impl Compose {
    /// Reads it with these variables above those of [`KNOBS`].
    ///
    /// # Panics
    /// Where it uses a variable that nobody has set.
    #[must_use]
    pub fn read(variables: &[(&str, &str)]) -> Self {
        let mut knobs = knobs();
        for (name, value) in variables {
            knobs.insert((*name).to_owned(), (*value).to_owned());
        }
        let mut documents = files::yaml(FILE, &files::text(FILE));
        assert_eq!(documents.len(), 1, "{FILE} is one document");
        let mut document = documents.remove(0);
        fill_in(&mut document, &knobs);
        let services = document["services"].as_object().expect("services");
        Self {
            services: services.clone().into_iter().collect(),
        }
    }

    /// Every service with its name.
    pub fn services(&self) -> impl Iterator<Item = Service<'_>> {
        let services = self.services.iter();
        services.map(|(name, value)| Service { name, value })
    }

    /// The service of that name.
    ///
    /// # Panics
    /// Where there is none.
    #[must_use]
    pub fn service(&self, name: &str) -> Service<'_> {
        let (name, value) = self
            .services
            .get_key_value(name)
            .unwrap_or_else(|| panic!("no service {name}"));
        Service { name, value }
    }
}

/// One service.
#[derive(Debug, Clone, Copy)]
pub struct Service<'a> {
    /// Its name, by which others find it.
    pub name: &'a str,
    /// All that the file says of it.
    pub value: &'a Value,
}

impl Service<'_> {
    /// Whether the image is built from this project.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.value.get("build").is_some()
    }

    /// A list of text.
    ///
    /// # Panics
    /// Where it is something else.
    #[must_use]
    pub fn list(&self, key: &str) -> Vec<String> {
        let Some(list) = self.value.get(key) else {
            return Vec::new();
        };
        let list = list.as_array().expect("a list");
        list.iter()
            .map(|entry| entry.as_str().expect("text").to_owned())
            .collect()
    }

    /// Its environment.
    ///
    /// # Panics
    /// Where it is no table of text.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        let Some(table) = self.value.get("environment") else {
            return Vec::new();
        };
        let table = table.as_object().expect("a table");
        table
            .iter()
            .map(|(name, value)| match value {
                Value::String(text) => (name.clone(), text.clone()),
                Value::Null => (name.clone(), String::new()),
                other => panic!("{name}: {other} is no text"),
            })
            .collect()
    }

    /// Who it runs as where the file says so.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.value.get("user")?.as_str()
    }

    /// What is mounted where, `:ro` left out.
    #[must_use]
    pub fn volumes(&self) -> Vec<(String, String)> {
        let volumes = self.list("volumes").into_iter();
        volumes
            .map(|volume| {
                let mut parts = volume.split(':').map(ToOwned::to_owned);
                let mut part = || parts.next().expect("SOURCE:TARGET");
                (part(), part())
            })
            .collect()
    }
}

/// The variables of [`KNOBS`].
///
/// # Panics
/// Where a line is none of a variable.
#[must_use]
pub fn knobs() -> BTreeMap<String, String> {
    let text = files::text(KNOBS);
    let lines = text.lines().filter(|line| !line.is_empty());
    lines
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let (name, value) = line.split_once('=').expect("NAME=VALUE");
            (name.to_owned(), value.to_owned())
        })
        .collect()
}

/// The names in `${NAME}`.
///
/// # Panics
/// Where there is another form of variable: those are for files that may lack one.
#[must_use]
pub fn variables(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for part in text.split('$').skip(1) {
        let name = part.strip_prefix('{').and_then(|rest| rest.split_once('}'));
        let (name, _) = name.unwrap_or_else(|| panic!("${part}: variables are ${{NAME}}"));
        found.push(name.to_owned());
    }
    found
}

fn fill_in(value: &mut Value, knobs: &BTreeMap<String, String>) {
    match value {
        Value::String(text) => {
            for name in variables(text) {
                let value = knobs
                    .get(&name)
                    .unwrap_or_else(|| panic!("{KNOBS} has no {name}"));
                *text = text.replace(&format!("${{{name}}}"), value);
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|entry| fill_in(entry, knobs)),
        Value::Object(table) => table.values_mut().for_each(|entry| fill_in(entry, knobs)),
        _ => {}
    }
}
