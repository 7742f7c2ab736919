//! Columns: names to the left, figures to the right, nothing that a terminal would obey.

/// How a column stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Right,
}

/// A head and rows of as many cells.
pub(super) struct Table {
    columns: Vec<(&'static str, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(columns: impl IntoIterator<Item = (&'static str, Align)>) -> Self {
        Self {
            columns: columns.into_iter().collect(),
            rows: Vec::new(),
        }
    }

    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let cells = cells.into_iter().map(|cell| printable(&cell));
        self.rows.push(cells.collect());
    }

    /// The lines, each with its end.
    pub(super) fn text(&self) -> String {
        let heads: Vec<String> = self.columns.iter().map(|it| it.0.to_owned()).collect();
        let lines = || std::iter::once(&heads).chain(&self.rows);
        let mut widths = vec![0; self.columns.len()];
        for row in lines() {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        let mut text = String::new();
        for row in lines() {
            let mut line = String::new();
            for ((cell, &width), &(_, align)) in row.iter().zip(&widths).zip(&self.columns) {
                line.push_str(&aligned(cell, width, align));
                line.push_str("  ");
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// In so many columns; what is longer stays as it is.
pub(super) fn aligned(cell: &str, width: usize, align: Align) -> String {
    match align {
        Align::Left => format!("{cell:<width$}"),
        Align::Right => format!("{cell:>width$}"),
    }
}

/// Control characters in words of others are escaped.
pub(super) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_harmless() {
        let mut table = Table::new([
            ("NAME", Align::Left),
            ("OPEN", Align::Right),
            ("WHY", Align::Left),
        ]);
        table.row(["server".into(), "7".into(), "–".into()]);
        table.row(["b".into(), "12345".into(), "\x1b[2J".into()]);
        let expected = "NAME     OPEN  WHY\nserver      7  –\nb       12345  \\u{1b}[2J\n";
        assert_eq!(table.text(), expected);
    }
}
