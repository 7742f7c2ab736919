//! The values of a file that are not texts: numbers, dates, true and false. Most keys want a text, and say so.

use std::collections::HashMap;
use std::ops::Range;

/// By the path of the key: `backends[1].weight`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Others {
    values: HashMap<String, Other>,
    /// The lists that such values are in, and how long they are.
    lists: HashMap<String, usize>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Other {
    /// Its bytes in the file.
    pub(crate) span: Range<usize>,
    /// What it is, for messages.
    pub(crate) kind: &'static str,
    /// Whether its key wants such a value.
    wanted: bool,
}

impl Others {
    pub(crate) fn add(&mut self, key: String, span: Range<usize>, kind: &'static str) {
        let other = Other {
            span,
            kind,
            wanted: false,
        };
        self.values.insert(key, other);
    }

    /// Says that some of them are in a list.
    pub(crate) fn add_list(&mut self, key: String, length: usize) {
        self.lists.insert(key, length);
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Other> {
        self.values.get(key)
    }

    /// Says that the key wants such a value, or a list of them.
    pub(crate) fn want(&mut self, key: &str) {
        if let Some(other) = self.values.get_mut(key) {
            other.wanted = true;
        }
        for index in 0..self.lists.get(key).copied().unwrap_or(0) {
            if let Some(other) = self.values.get_mut(&format!("{key}[{index}]")) {
                other.wanted = true;
            }
        }
    }

    /// Those that no key wants, in the order of the file.
    pub(crate) fn unwanted(&self) -> Vec<(String, &'static str)> {
        let unwanted = self.values.iter().filter(|(_, other)| !other.wanted);
        let mut unwanted: Vec<_> = unwanted.collect();
        unwanted.sort_unstable_by_key(|(_, other)| other.span.start);
        let named = unwanted.into_iter();
        named
            .map(|(key, other)| (key.clone(), other.kind))
            .collect()
    }
}
