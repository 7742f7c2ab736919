//! Where the keys of a TOML file are, so that a problem can be found in an editor.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue, Error};

/// The places of all keys of one file, by the path that a [`crate::Problem`] calls them: `backends[1].address`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places {
    text: String,
    /// The first byte of each.
    by_key: BTreeMap<String, usize>,
    /// The single values that are not texts.
    others: BTreeMap<String, Written>,
}

/// A number, a date, or true or false, as it is written in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) text: String,
    /// What it is, for messages.
    pub(crate) kind: &'static str,
}

/// A line and a column, both from 1; a column is a character, as editors count them.
pub(crate) type Position = (usize, usize);

impl Places {
    /// Finds all keys.
    ///
    /// # Errors
    /// All places where the text is not valid TOML.
    pub(crate) fn of(text: &str) -> Result<Self, Vec<Error>> {
        let (table, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            return Err(errors);
        }
        let mut places = Self {
            text: text.to_owned(),
            by_key: BTreeMap::new(),
            others: BTreeMap::new(),
        };
        places.add_table("", table.get_ref());
        Ok(places)
    }

    /// The key's line and column; where it is not in the file, those of what it would be in.
    pub(crate) fn position(&self, key: &str) -> Option<Position> {
        let mut path = key;
        loop {
            if let Some(start) = self.by_key.get(path) {
                return Some(position(&self.text, *start));
            }
            path = &path[..path.rfind(['[', '.'])?];
        }
    }

    /// The single value under this very key, if it is not a text.
    pub(crate) fn other(&self, key: &str) -> Option<&Written> {
        self.others.get(key)
    }

    /// Every single value that is not a text.
    pub(crate) fn others(&self) -> impl Iterator<Item = (&str, &Written)> {
        self.others
            .iter()
            .map(|(key, written)| (key.as_str(), written))
    }

    /// Only where the keys are.
    pub(crate) fn without_values(self) -> Self {
        Self {
            others: BTreeMap::new(),
            ..self
        }
    }

    fn add_table(&mut self, path: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let dot = if path.is_empty() { "" } else { "." };
            let path = format!("{path}{dot}{}", name.get_ref());
            self.add(path, name.span().start, value);
        }
    }

    fn add(&mut self, path: String, start: usize, value: &Spanned<DeValue<'_>>) {
        match value.get_ref() {
            DeValue::Table(table) => self.add_table(&path, table),
            DeValue::Array(elements) => {
                for (index, element) in elements.iter().enumerate() {
                    self.add(format!("{path}[{index}]"), element.span().start, element);
                }
            }
            DeValue::String(_) => {}
            other => {
                let written = Written {
                    text: self.text.get(value.span()).unwrap_or_default().to_owned(),
                    kind: match other {
                        DeValue::Boolean(_) => "true or false",
                        DeValue::Datetime(_) => "a date",
                        _ => "a number",
                    },
                };
                self.others.insert(path.clone(), written);
            }
        }
        self.by_key.insert(path, start);
    }
}

/// The line and column of a byte.
pub(crate) fn position(text: &str, byte: usize) -> Position {
    let before = text.get(..byte).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.matches('\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_found_where_it_is_written() {
        let text = "a = 1\n  b.c = [2, 'é', 3]\n[d]\ne = { f = 4 }\n[[g]]\nh = 5\n[[g]]\ni = 6\n";
        let places = Places::of(text).unwrap();
        for (key, position) in [
            ("a", (1, 1)),
            ("b.c", (2, 5)),
            ("b.c[1]", (2, 13)),
            ("b.c[2]", (2, 18)),
            ("d.e", (4, 1)),
            ("d.e.f", (4, 7)),
            ("g[0].h", (6, 1)),
            ("g[1].i", (8, 1)),
            // What is missing is missing from this.
            ("g[1].name", (7, 1)),
        ] {
            assert_eq!(places.position(key), Some(position), "{key}");
        }
        assert_eq!(places.position("z"), None);
    }

    #[test]
    fn values_that_are_no_texts_are_kept_as_they_are_written() {
        let text = "a = 0x1F\nb = ['c', 1_000]\n[d]\ne = true\nf = '7'\ng = 2026-01-02\n";
        let places = Places::of(text).unwrap();
        let others: Vec<_> = places
            .others()
            .map(|(key, it)| (key, it.text.as_str(), it.kind))
            .collect();
        assert_eq!(
            others,
            [
                ("a", "0x1F", "a number"),
                ("b[1]", "1_000", "a number"),
                ("d.e", "true", "true or false"),
                ("d.g", "2026-01-02", "a date"),
            ]
        );
        assert_eq!(places.other("d.f"), None);
    }
}
