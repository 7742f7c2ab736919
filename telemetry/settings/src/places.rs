//! Where the keys of a TOML file are, so that a problem can be found in an editor.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::others::Others;

/// The places of all keys of one file, by the path that a [`crate::Problem`] calls them: `backends[1].address`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places {
    text: String,
    /// Looked for when the first problem asks: mostly there is none.
    starts: OnceLock<Starts>,
    others: Others,
}

#[derive(Debug, Clone, Default)]
struct Starts {
    /// The first byte of each key.
    keys: BTreeMap<String, usize>,
    /// How many parts with commas between the texts in lists have, where that is not one.
    parts: BTreeMap<String, usize>,
}

/// A line and a column, both from 1; a column is a character, as editors count them.
pub(crate) type Position = (usize, usize);

impl Places {
    /// Those of a file; none where it is not valid TOML. `others` are its values that are not texts.
    pub(crate) fn of(text: String, others: Others) -> Self {
        let starts = OnceLock::new();
        Self {
            text,
            starts,
            others,
        }
    }

    /// The values that are not texts.
    pub(crate) fn others(&self) -> &Others {
        &self.others
    }

    pub(crate) fn others_mut(&mut self) -> &mut Others {
        &mut self.others
    }

    /// How the value under this very key is written, if it is not a text.
    pub(crate) fn written(&self, key: &str) -> Option<&str> {
        self.text.get(self.others.get(key)?.span.clone())
    }

    /// The key's line and column; where it is not in the file, those of what it would be in.
    pub(crate) fn position(&self, key: &str) -> Option<Position> {
        let starts = self.starts();
        let mut path = key;
        loop {
            if let Some(start) = starts.keys.get(path) {
                return Some(position(&self.text, *start));
            }
            path = &path[..path.rfind(['[', '.'])?];
        }
    }

    /// The element of the list under a key that has this part, where all its texts are joined with commas; nothing where the
    /// value is no list.
    pub(crate) fn element(&self, key: &str, part: usize) -> Option<usize> {
        let starts = self.starts();
        let mut before = 0;
        let parts = |index: usize| {
            let path = format!("{key}[{index}]");
            starts.keys.get(&path)?;
            Some(starts.parts.get(&path).copied().unwrap_or(1))
        };
        let mut elements = (0..).map_while(|index| Some((index, parts(index)?)));
        let found = elements.find(|(_, parts)| {
            before += parts;
            part < before
        });
        found.map(|(index, _)| index)
    }

    fn starts(&self) -> &Starts {
        self.starts.get_or_init(|| Starts::of(&self.text))
    }
}

impl Starts {
    fn of(text: &str) -> Self {
        let mut starts = Self::default();
        if let Ok(table) = DeTable::parse(text) {
            starts.add_table("", table.get_ref());
        }
        starts
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
                    let text = element.get_ref().as_str().unwrap_or_default();
                    if text.contains(',') {
                        let parts = text.split(',').count();
                        self.parts.insert(format!("{path}[{index}]"), parts);
                    }
                    self.add(format!("{path}[{index}]"), element.span().start, element);
                }
            }
            _ => {}
        }
        self.keys.insert(path, start);
    }
}

/// Editors do not show it.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// The line and column of a byte.
pub(crate) fn position(text: &str, byte: usize) -> Position {
    let before = text.get(..byte).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.matches('\n').count() + 1;
    let line_text = before[line_start..].trim_start_matches(BYTE_ORDER_MARK);
    (line, line_text.chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_found_where_it_is_written() {
        let text = "a = 1\n  b.c = [2, 'é', 3]\n[d]\ne = { f = 4 }\n[[g]]\nh = 5\n[[g]]\ni = 6\n";
        let places = Places::of(text.to_owned(), Others::default());
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
    fn a_part_of_a_list_is_found_in_its_element() {
        let places = Places::of(
            "a = ['x', 'y,z', 7]\nb = 'x,y'\n".to_owned(),
            Others::default(),
        );
        let elements = (0..5).map(|part| places.element("a", part));
        let expected = [Some(0), Some(1), Some(1), Some(2), None];
        assert!(elements.eq(expected));
        assert_eq!(places.element("b", 0), None);
    }
}
