//! The line of each key in a file, for problems in long lists of tables.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

/// Lines by the path of a key: `services[1].listen`, `check.interval`.
#[derive(Debug, Default)]
pub(crate) struct Lines(BTreeMap<String, usize>);

impl Lines {
    /// Those of a file. One that is no TOML has none.
    pub(crate) fn of_file(text: &str) -> Self {
        let mut lines = Self::default();
        if let Ok(table) = DeTable::parse(text) {
            let ends = text.bytes().enumerate();
            let ends = ends.filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at);
            lines.table(&ends.collect::<Vec<_>>(), "", table.get_ref());
        }
        lines
    }

    /// The line of a key; of the table that it is missing in, where it is not there.
    pub(crate) fn of(&self, key: &str) -> Option<usize> {
        if let Some(line) = self.0.get(key) {
            return Some(*line);
        }
        let end = key.rfind(['.', '['])?;
        self.of(key.get(..end)?)
    }

    /// `ends` is where lines end.
    fn table(&mut self, ends: &[usize], prefix: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let path = format!("{prefix}{}", key.get_ref());
            self.note(ends, &path, key.span().start);
            self.value(ends, &path, value.get_ref());
        }
    }

    fn value(&mut self, ends: &[usize], path: &str, value: &DeValue<'_>) {
        match value {
            DeValue::Table(table) => self.table(ends, &format!("{path}."), table),
            DeValue::Array(entries) => {
                for (index, entry) in entries.iter().enumerate() {
                    let path = format!("{path}[{index}]");
                    self.note(ends, &path, entry.span().start);
                    self.value(ends, &path, entry.get_ref());
                }
            }
            _ => {}
        }
    }

    fn note(&mut self, ends: &[usize], path: &str, at: usize) {
        let line = ends.partition_point(|end| *end < at) + 1;
        self.0.insert(path.to_owned(), line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_a_list_of_tables() {
        let text = "a = 1\n[[services]]\nname = 'x'\n\n[[services]]\nlisten = [\n  'a',\n  'b',\n]\n\
                    [services.check]\nkind = 1\n[d]\ne = [{ f = 1 }]\n";
        let lines = Lines::of_file(text);
        for (key, line) in [
            ("a", 1),
            ("services[0]", 2),
            ("services[0].name", 3),
            ("services[0].listen", 2),
            ("services[1].listen[1]", 8),
            ("services[1].check.kind", 11),
            ("services[1].check.interval", 10),
            ("d.e[0].f", 13),
        ] {
            assert_eq!(lines.of(key), Some(line), "{key}");
        }
        assert_eq!(lines.of("z"), None);
        assert_eq!(Lines::of_file("a = ").of("a"), None);
    }
}
