//! Tables that fit: the columns that matter least are left out, and the last takes what is left.

use super::super::table::{Align, aligned, printable};

/// So much of the last column, which is text, is worth more than columns that matter less.
const TEXT: usize = 24;

/// What a line looks like; the terminal's own colours, so that they suit its background.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Style {
    #[default]
    Plain,
    Dim,
    Good,
    Warning,
    Bad,
    /// Head of a table.
    Head,
    /// The row that keys act on.
    Chosen,
    /// A state that cannot be overlooked.
    Alarm,
}

impl Style {
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Dim => "\x1b[2m",
            Self::Good => "\x1b[32m",
            Self::Warning => "\x1b[33m",
            Self::Bad => "\x1b[31m",
            Self::Head => "\x1b[1m",
            Self::Chosen => "\x1b[7m",
            Self::Alarm => "\x1b[1;37;41m",
        }
    }

    /// `text` in it.
    pub(super) fn paint(self, text: &str, colours: bool) -> String {
        match (self, colours) {
            (Self::Plain, _) | (_, false) if self != Self::Chosen => text.to_owned(),
            _ => format!("{}{text}\x1b[0m", self.code()),
        }
    }
}

/// A column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    pub(super) head: &'static str,
    pub(super) align: Align,
    /// 0 is never left out; of the others the highest goes first.
    pub(super) rank: u8,
}

pub(super) const fn left(head: &'static str, rank: u8) -> Column {
    Column {
        head,
        align: Align::Left,
        rank,
    }
}

pub(super) const fn right(head: &'static str, rank: u8) -> Column {
    Column {
        head,
        align: Align::Right,
        rank,
    }
}

/// Cells with the style of each.
pub(super) type Row = Vec<(String, Style)>;

/// The head and the rows, each no wider than `width`. `chosen`: the row that is marked.
pub(super) fn lines(
    columns: &[Column],
    rows: &[Row],
    width: usize,
    chosen: Option<usize>,
    colours: bool,
) -> Vec<String> {
    let widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(index, column)| {
            let cells = rows.iter().filter_map(|row| row.get(index));
            let longest = cells.map(|(cell, _)| printable(cell).chars().count());
            longest.max().unwrap_or(0).max(column.head.len())
        })
        .collect();
    let shown = chosen_columns(columns, &widths, width);
    let heads = columns
        .iter()
        .map(|column| (column.head.to_owned(), Style::Head));
    let mut lines = vec![line(
        &shown,
        columns,
        &widths,
        &heads.collect(),
        width,
        colours,
    )];
    for (index, row) in rows.iter().enumerate() {
        lines.push(match chosen == Some(index) {
            true => {
                let plain = line(&shown, columns, &widths, row, width, false);
                let fill = width.saturating_sub(plain.chars().count());
                Style::Chosen.paint(&format!("{plain}{}", " ".repeat(fill)), colours)
            }
            false => line(&shown, columns, &widths, row, width, colours),
        });
    }
    lines
}

/// Which columns there is room for. The last may be cut, but not for one that matters less.
fn chosen_columns(columns: &[Column], widths: &[usize], width: usize) -> Vec<usize> {
    let mut shown: Vec<usize> = (0..columns.len()).collect();
    loop {
        let ranked = shown.iter().copied();
        let Some(worst) = ranked.max_by_key(|&index| columns[index].rank) else {
            return shown;
        };
        let needed = |&index: &usize| match index + 1 == columns.len() {
            true if index == worst => columns[index].head.len(),
            true => widths[index].min(TEXT),
            false => widths[index],
        };
        let sum: usize = shown.iter().map(|index| needed(index) + 2).sum();
        if sum <= width + 2 || columns[worst].rank == 0 {
            return shown;
        }
        shown.retain(|&index| index != worst);
    }
}

fn line(
    shown: &[usize],
    columns: &[Column],
    widths: &[usize],
    row: &Row,
    width: usize,
    colours: bool,
) -> String {
    let mut line = String::new();
    let mut left = width;
    for (place, &index) in shown.iter().enumerate() {
        let Some((cell, style)) = row.get(index) else {
            continue;
        };
        let is_last = place + 1 == shown.len();
        let cell = aligned(&printable(cell), widths[index], columns[index].align);
        let cell = match is_last {
            true => cut(cell.trim_end(), left),
            false => cut(&cell, left),
        };
        left = left.saturating_sub(cell.chars().count());
        line.push_str(&style.paint(&cell, colours));
        if !is_last {
            let gap = left.min(2);
            line.push_str(&" ".repeat(gap));
            left -= gap;
        }
    }
    line
}

/// No more than `width` characters, with a sign where something is missing.
pub(super) fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(width.saturating_sub(1)).collect();
    if width > 0 {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: [&str; 3]) -> Row {
        cells.map(|cell| (cell.to_owned(), Style::Plain)).into()
    }

    #[test]
    fn what_matters_least_is_left_out_and_the_last_is_cut() {
        let columns = [left("NAME", 0), right("P99", 5), left("REASON", 1)];
        let rows = [row(["server", "1.20 ms", "3 checks failed"])];
        let at = |width| lines(&columns, &rows, width, None, false);
        assert_eq!(
            at(40),
            [
                "NAME        P99  REASON",
                "server  1.20 ms  3 checks failed"
            ]
        );
        assert_eq!(at(24)[1], "server  3 checks failed");
        assert_eq!(at(20)[1], "server  3 checks fa…");
        assert_eq!(at(8), ["NAME", "server"]);
        assert_eq!(at(3), ["NA…", "se…"]);
    }

    #[test]
    fn a_style_is_around_the_cell_and_the_chosen_row_is_filled() {
        let columns = [left("A", 0), left("B", 0)];
        let rows = [vec![
            ("x".to_owned(), Style::Bad),
            ("\x1b".to_owned(), Style::Plain),
        ]];
        let painted = lines(&columns, &rows, 20, None, true);
        assert_eq!(painted[1], "\x1b[31mx\x1b[0m  \\u{1b}");
        let chosen = lines(&columns, &rows, 12, Some(0), false);
        assert_eq!(chosen[1], "\x1b[7mx  \\u{1b}   \x1b[0m");
    }
}
