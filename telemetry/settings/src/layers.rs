//! The layers of settings and the order in which they are merged.

use std::collections::BTreeMap;
use std::path::Path;

use config::builder::DefaultState;
use config::{Config, ConfigBuilder, Environment, Map, Value};
use serde::de::DeserializeOwned;

use crate::check::Check;
use crate::document::{self, Document, document};
use crate::places::{Places, position};
use crate::problem::{Problem, Problems};
use crate::programs::Program;
use crate::reason::file_reason;
use crate::sources::Sources;
use crate::syntax::syntax;
use crate::toml_file::parse;
use crate::unknown_key::{meant_key, unknown_key};
use crate::wrong_type;

/// One setting of a program: its key in a file, and its names in the other layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// The key at the top level of the TOML file.
    pub name: &'static str,
    /// The environment variable that sets it, if any.
    pub env: Option<&'static str>,
    /// The flag that sets it, if any, with its dashes.
    pub flag: Option<&'static str>,
}

/// A value from the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flag {
    /// A flag given once.
    One(String),
    /// A flag that may be repeated.
    Many(Vec<String>),
}

/// The layers of one start of a program, before they are merged.
#[derive(Debug, Default)]
pub struct Layers<'a> {
    /// The TOML file of `--config`, if given.
    pub file: Option<&'a Path>,
    /// Values of the command line, by key; a flag that was not given is not in here.
    pub flags: Vec<(&'static str, Flag)>,
}

/// The raw struct of a program and where each of its keys came from.
#[derive(Debug)]
pub struct Loaded<R> {
    /// The merged, unjudged values.
    pub raw: R,
    sources: Sources,
    problems: Vec<Problem>,
}

/// Merges file, environment and flags into the raw struct `R`. `program` is whose they are, for messages.
///
/// `variable` reads an environment variable, so that tests need no process environment; a variable that is set to
/// the empty string counts as not set. Environment variables that are not a [`Key`] of this program are ignored: the
/// other programs share the prefix.
///
/// # Errors
/// The file cannot be read or is not valid TOML. Unknown keys and values of a wrong type are left out, and are among the
/// problems of [`Loaded::into_check`].
///
/// # Examples
///
/// ```
/// use netsocket_settings::{COLLECTOR, Key, Layers, Scalar, load};
///
/// #[derive(Debug, serde::Deserialize)]
/// struct Raw {
///     listen: Option<Scalar>,
/// }
/// const KEYS: [Key; 1] = [Key { name: "listen", env: None, flag: Some("--listen") }];
///
/// let file = tempfile::NamedTempFile::new()?;
/// let layers = Layers { file: Some(file.path()), ..Layers::default() };
/// std::fs::write(file.path(), "listen = \"[::1]:9\"")?;
/// let loaded = load::<Raw>(&KEYS, &COLLECTOR, &layers, |_| None)?;
/// assert_eq!(loaded.raw.listen, Some("[::1]:9".into()));
///
/// std::fs::write(file.path(), "listen = [1]\nlisen = 2")?;
/// let (_, check) = load::<Raw>(&KEYS, &COLLECTOR, &layers, |_| None)?.into_check();
/// let problems = check.finish(()).unwrap_err();
/// assert_eq!(problems.0.len(), 2);
/// assert!(problems.0[0].to_string().ends_with(":1:1: listen: a single value, not a list"));
/// assert!(problems.0[1].to_string().ends_with(":2:1: lisen: unknown key; did you mean listen?"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn load<R: DeserializeOwned>(
    keys: &[Key],
    program: &Program,
    layers: &Layers<'_>,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Loaded<R>, Problems> {
    layered(keys, program, layers, variable)?.deserialize()
}

/// Like [`load`], as a document: every value is as it was given, whatever its type. Costs the least where a file has tens of
/// thousands of values.
///
/// # Errors
/// As for [`load`].
///
/// # Examples
///
/// ```
/// use netsocket_settings::{COLLECTOR, Key, Layers, load_document};
///
/// const KEYS: [Key; 1] = [Key { name: "listen", env: None, flag: Some("--listen") }];
///
/// let file = tempfile::NamedTempFile::new()?;
/// std::fs::write(file.path(), "listen = [1, 'a']")?;
/// let layers = Layers { file: Some(file.path()), ..Layers::default() };
/// let loaded = load_document(&KEYS, &COLLECTOR, &layers, |_| None)?;
/// assert_eq!(loaded.raw["listen"], serde_json::json!([1, "a"]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn load_document(
    keys: &[Key],
    program: &Program,
    layers: &Layers<'_>,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Loaded<Document>, Problems> {
    let FromFile {
        mut values,
        unknown,
        places,
    } = from_file(keys, layers)?;
    // The layers above replace whole keys, so nothing has to be merged with what may be tens of thousands of values.
    let above = merged(Config::builder(), keys, layers, places, variable)?;
    values.extend(document(above.table));
    Ok(Loaded {
        raw: values,
        problems: unknown_keys(keys, program, unknown, &above.sources),
        sources: above.sources,
    })
}

/// The values of all layers together, by key.
pub(crate) struct Layered {
    table: Map<String, Value>,
    sources: Sources,
    problems: Vec<Problem>,
}

impl Layered {
    /// # Errors
    /// Values fit one by one, but not together.
    pub(crate) fn deserialize<R: DeserializeOwned>(mut self) -> Result<Loaded<R>, Problems> {
        let origin = self.sources.file.as_deref().unwrap_or("settings");
        let found = wrong_type::deserialize(self.table);
        let (raw, wrong) = found.map_err(|error| whole(origin, error.to_string()))?;
        let wrong = wrong.into_iter().map(|wrong| Problem {
            origin: self.sources.origin(&wrong.key),
            // It may be a list of passwords: the place says where to look.
            given: String::new(),
            allowed: format!("{}, not {}", wrong.expected, wrong.found),
            key: wrong.key,
        });
        self.problems.extend(wrong);
        Ok(Loaded {
            raw,
            sources: self.sources,
            problems: self.problems,
        })
    }
}

/// Merges the layers; unknown keys are problems.
fn layered(
    keys: &[Key],
    program: &Program,
    layers: &Layers<'_>,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Layered, Problems> {
    let FromFile {
        values,
        unknown,
        places,
    } = from_file(keys, layers)?;
    let builder = with_values(values)?;
    let mut layered = merged(builder, keys, layers, places, variable)?;
    layered.problems = unknown_keys(keys, program, unknown, &layered.sources);
    Ok(layered)
}

/// What a file says.
struct FromFile {
    values: Document,
    /// Keys that nobody knows, with the path to each; their values are left out.
    unknown: Vec<Unknown>,
    places: Places,
}

fn from_file(keys: &[Key], layers: &Layers<'_>) -> Result<FromFile, Problems> {
    let Some(path) = layers.file else {
        return Ok(FromFile {
            values: Document::new(),
            unknown: Vec::new(),
            places: Places::default(),
        });
    };
    let name = path.display().to_string();
    let text = read(path, &name)?;
    let (mut values, others) = parse(&text).map_err(|errors| syntax(&name, &text, &errors))?;
    let known: Vec<&str> = keys.iter().map(|key| key.name).collect();
    let is_known = |name: &str| known.contains(&name);
    let unknown = values.iter().filter(|(name, _)| !is_known(name));
    let unknown = unknown
        .flat_map(|(name, value)| {
            // What is in a table that is only mistyped is right there.
            let below = match meant_key(name, &known) {
                Some(_) => Vec::new(),
                None => known_below(name, value, &is_known),
            };
            std::iter::once(Unknown::at(name, name)).chain(below)
        })
        .collect();
    values.retain(|name, _| is_known(name));
    Ok(FromFile {
        values,
        unknown,
        places: Places::of(text, others),
    })
}

/// A key that nobody knows where it is.
struct Unknown {
    path: String,
    name: String,
}

impl Unknown {
    fn at(path: &str, name: &str) -> Self {
        let [path, name] = [path, name].map(str::to_owned);
        Self { path, name }
    }
}

/// Keys of the top in a table that nobody knows: they would be right without it.
fn known_below(
    path: &str,
    value: &serde_json::Value,
    is_known: &impl Fn(&str) -> bool,
) -> Vec<Unknown> {
    match value {
        serde_json::Value::Object(table) => {
            let known = table.keys().filter(|name| is_known(name));
            let each = known.map(|name| Unknown::at(&format!("{path}.{name}"), name));
            each.collect()
        }
        serde_json::Value::Array(list) => {
            let each = list.iter().enumerate();
            each.flat_map(|(index, value)| {
                known_below(&format!("{path}[{index}]"), value, is_known)
            })
            .collect()
        }
        _ => Vec::new(),
    }
}

/// The lowest layer.
pub(crate) fn with_values(values: Document) -> Result<ConfigBuilder<DefaultState>, Problems> {
    let mut each = values.into_iter();
    each.try_fold(Config::builder(), |builder, (key, value)| {
        let set = builder.set_default(&key, document::layered(value));
        set.map_err(|error| whole(&key, error.to_string()))
    })
}

/// What is said of keys that nobody knows, in the order of the file.
fn unknown_keys(
    keys: &[Key],
    program: &Program,
    mut unknown: Vec<Unknown>,
    sources: &Sources,
) -> Vec<Problem> {
    let known: Vec<&str> = keys.iter().map(|key| key.name).collect();
    unknown.sort_unstable_by_key(|it| sources.places.position(&it.path));
    let each = unknown.into_iter().map(|Unknown { path, name }| {
        // Below a table that is unknown itself, no key is.
        let known = if path == name { &known[..] } else { &[] };
        Problem {
            origin: sources.origin(&path),
            given: String::new(),
            allowed: unknown_key(&name, known, program),
            key: path,
        }
    });
    each.collect()
}

/// The file's values, those of the environment above them, and the flags on top.
pub(crate) fn merged(
    mut builder: ConfigBuilder<DefaultState>,
    keys: &[Key],
    layers: &Layers<'_>,
    places: Places,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Layered, Problems> {
    let mut above = BTreeMap::new();
    let file = layers.file.map(|path| path.display().to_string());
    let mut environment = Map::new();
    for key in keys {
        let Some(env) = key.env else { continue };
        if let Some(value) = variable(env).filter(|value| !value.is_empty()) {
            environment.insert(key.name.to_owned(), value);
            above.insert(key.name, env.to_owned());
        }
    }
    builder = builder.add_source(Environment::default().source(Some(environment)));
    for (name, flag) in &layers.flags {
        builder = match flag {
            Flag::One(value) => builder.set_override(*name, value.as_str()),
            Flag::Many(values) => builder.set_override(*name, values.clone()),
        }
        .map_err(|error| whole(name, error.to_string()))?;
        let shown = keys
            .iter()
            .find(|key| key.name == *name)
            .and_then(|key| key.flag)
            .unwrap_or(name);
        above.insert(name, shown.to_owned());
    }
    let origin = file.clone().unwrap_or_else(|| "settings".to_owned());
    let merged = builder
        .build()
        .map_err(|error| whole(&origin, error.to_string()))?;
    let table = merged.cache.into_table();
    let table = table.map_err(|error| whole(&origin, error.to_string()))?;
    let sources = Sources {
        above,
        file,
        places,
    };
    Ok(Layered {
        table,
        sources,
        problems: Vec::new(),
    })
}

pub(crate) fn read(path: &Path, name: &str) -> Result<String, Problems> {
    let bytes = std::fs::read(path).map_err(|error| {
        whole(
            name,
            format!("cannot be read: {}", file_reason(path, &error)),
        )
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let (bytes, end) = (error.as_bytes(), error.utf8_error().valid_up_to());
        let before = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default());
        let (line, column) = position(&before, end);
        let said = match bytes {
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "is UTF-16: save it as UTF-8",
            _ => "is no text in UTF-8 from here on",
        };
        whole(&format!("{name}:{line}:{column}"), said.to_owned())
    })
}

pub(crate) fn whole(origin: &str, said: String) -> Problems {
    Problem {
        origin: origin.to_owned(),
        key: String::new(),
        given: String::new(),
        allowed: said,
    }
    .into()
}

impl<R> Loaded<R> {
    /// Splits into the raw values and the check that judges them. It holds what was wrong so far.
    pub fn into_check(self) -> (R, Check) {
        (self.raw, Check::new(self.sources, self.problems))
    }
}

#[cfg(test)]
pub(crate) mod tests;
