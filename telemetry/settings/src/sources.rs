//! Where the value of each key came from.

use std::collections::BTreeMap;

use crate::places::Places;

/// Where values came from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources {
    /// Environment variables and flags, by key.
    pub(crate) above: BTreeMap<&'static str, String>,
    pub(crate) file: Option<String>,
    pub(crate) places: Places,
}

impl Sources {
    /// The flag, environment variable, or file with line and column (`FILE:LINE:COLUMN`) that says what is wrong with a
    /// key.
    pub(crate) fn origin(&self, key: &str) -> String {
        let top = key.split(['[', '.']).next().unwrap_or(key);
        if let Some(above) = self.above.get(top) {
            return above.clone();
        }
        match (&self.file, self.places.position(key)) {
            (Some(file), Some((line, column))) => format!("{file}:{line}:{column}"),
            (Some(file), None) => file.clone(),
            (None, _) => "settings".to_owned(),
        }
    }
}
