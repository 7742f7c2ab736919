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
        if let Some(above) = self.above.get(top(key)) {
            return above.clone();
        }
        match (&self.file, self.places.position(key)) {
            (Some(file), Some((line, column))) => format!("{file}:{line}:{column}"),
            (Some(file), None) => file.clone(),
            (None, _) => "settings".to_owned(),
        }
    }

    /// How the file writes what is under a key, if it counts and is not a text.
    pub(crate) fn written(&self, key: &str) -> Option<&str> {
        self.places.written(key).filter(|_| !self.is_beaten(key))
    }

    /// The element of a list in the file that has this part, where all its texts are joined with commas.
    pub(crate) fn element(&self, key: &str, part: usize) -> Option<usize> {
        if self.is_beaten(key) {
            return None;
        }
        self.places.element(key, part)
    }

    /// Every value of the file that counts and is not a text, although its key wants one; with its kind.
    pub(crate) fn unwanted(&self) -> Vec<(String, &'static str)> {
        let mut unwanted = self.places.others().unwanted();
        unwanted.retain(|(key, _)| !self.is_beaten(key));
        unwanted
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
