//! Where the value of each key came from.

use std::collections::BTreeMap;

use crate::places::{Places, Written};

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
        if let Some(above) = self.above.get(top(key)) {
            return above.clone();
        }
        match (&self.file, self.places.position(key)) {
            (Some(file), Some((line, column))) => format!("{file}:{line}:{column}"),
            (Some(file), None) => file.clone(),
            (None, _) => "settings".to_owned(),
        }
    }

    /// What the file says under a key, if it counts and is not a text.
    pub(crate) fn other(&self, key: &str) -> Option<&Written> {
        self.places.other(key).filter(|_| !self.is_beaten(key))
    }

    /// Every value of the file that counts and is not a text.
    pub(crate) fn others(&self) -> impl Iterator<Item = (&str, &Written)> {
        let others = self.places.others();
        others.filter(|(key, _)| !self.is_beaten(key))
    }

    /// Whether another layer says what the key is.
    fn is_beaten(&self, key: &str) -> bool {
        self.above.contains_key(top(key))
    }
}

/// The key at the top of the file that a key is in.
fn top(key: &str) -> &str {
    key.split(['[', '.']).next().unwrap_or(key)
}
