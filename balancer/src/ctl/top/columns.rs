//! Tables that fit: the columns that matter least are left out, and the last takes what is left.

use std::ops::Range;

use super::super::table::{Align, aligned, printable};

/// So much of the last column, which is text, is worth more than columns that matter less.
pub(super) const TEXT: usize = 12;
/// And so much of it is worth more than the end of a long name.
const LEAST_TEXT: usize = 8;

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
    /// What its cells usually need, so that it does not come and go with them; 0: it is that of the longest cell.
    usual: usize,
    /// Whether its longer cells are cut in the middle where the others leave them no room.
    is_name: bool,
    /// Behind the head: how the rows are sorted by it.
    arrow: &'static str,
}

impl Column {
    const fn new(head: &'static str, align: Align, rank: u8, usual: usize) -> Self {
        Self {
            head,
            align,
            rank,
            usual,
            is_name: false,
            arrow: "",
        }
    }

    /// The same where the rows are sorted by it: it is not left out.
    pub(super) fn sorted(self, arrow: &'static str) -> Self {
        Self {
            arrow,
            rank: 0,
            ..self
        }
    }

    fn title(&self) -> String {
        format!("{}{}", self.head, self.arrow)
    }

    fn title_width(&self) -> usize {
        self.title().chars().count()
    }

    /// How wide it is where its longest cell is so long.
    fn width(&self, longest: usize) -> usize {
        longest.max(self.usual).max(self.title_width())
    }

    /// How much of it has to fit.
    fn needed(&self, longest: usize) -> usize {
        match self.usual {
            0 => self.width(longest),
            usual => usual.max(self.title_width()),
        }
    }
}

pub(super) const fn left(head: &'static str, rank: u8, usual: usize) -> Column {
    Column::new(head, Align::Left, rank, usual)
}

pub(super) const fn right(head: &'static str, rank: u8, usual: usize) -> Column {
    Column::new(head, Align::Right, rank, usual)
}

/// A column of names, which can have any length.
pub(super) const fn name(head: &'static str, rank: u8, usual: usize) -> Column {
    Column {
        is_name: true,
        ..Column::new(head, Align::Left, rank, usual)
    }
}

/// Cells with the style of each.
pub(super) type Row = Vec<(String, Style)>;

/// The head and those of the rows that are in sight, each no wider than `width`. `chosen`: the row that is marked.
pub(super) fn lines(
    columns: &[Column],
    rows: &[Row],
    sight: Range<usize>,
    width: usize,
    chosen: Option<usize>,
    colours: bool,
) -> Vec<String> {
    let longest = |index: usize| {
        let cells = rows.iter().filter_map(|row| row.get(index));
        let lengths = cells.map(|(cell, _)| printable(cell).chars().count());
        lengths.max().unwrap_or(0)
    };
    let longest: Vec<usize> = (0..columns.len()).map(longest).collect();
    let each = || columns.iter().zip(&longest);
    let needed: Vec<usize> = each().map(|(column, it)| column.needed(*it)).collect();
    let mut widths: Vec<usize> = each().map(|(column, it)| column.width(*it)).collect();
    let shown = chosen_columns(columns, &needed, width);
    shorten_names(columns, &shown, &needed, &mut widths, width);
    let heads = columns.iter().map(|column| (column.title(), Style::Head));
    let mut lines = vec![line(
        &shown,
        columns,
        &widths,
        &heads.collect(),
        width,
        colours,
    )];
    let in_sight = rows.iter().enumerate().skip(sight.start).take(sight.len());
    for (index, row) in in_sight {
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
fn chosen_columns(columns: &[Column], needed: &[usize], width: usize) -> Vec<usize> {
    let mut shown: Vec<usize> = (0..columns.len()).collect();
    loop {
        let ranked = shown.iter().copied();
        let Some(worst) = ranked.max_by_key(|&index| columns[index].rank) else {
            return shown;
        };
        let least = |&index: &usize| match index + 1 == columns.len() {
            true if index == worst => columns[index].title_width(),
            true => needed[index].min(TEXT),
            false => needed[index],
        };
        let sum: usize = shown.iter().map(|index| least(index) + 2).sum();
        if sum <= width + 2 || columns[worst].rank == 0 {
            return shown;
        }
        shown.retain(|&index| index != worst);
    }
}

/// Names get what the other columns leave, and no less than they usually need.
fn shorten_names(
    columns: &[Column],
    shown: &[usize],
    needed: &[usize],
    widths: &mut [usize],
    width: usize,
) {
    let least = |&index: &usize| match columns[index] {
        column if column.is_name => needed[index],
        _ if index + 1 == columns.len() => needed[index].min(LEAST_TEXT),
        _ => widths[index],
    };
    let sum: usize = shown.iter().map(|index| least(index) + 2).sum();
    let mut free = (width + 2).saturating_sub(sum);
    for &index in shown.iter().filter(|&&index| columns[index].is_name) {
        let more = widths[index].saturating_sub(needed[index]).min(free);
        widths[index] = needed[index] + more;
        free -= more;
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
        let cell = match columns[index].is_name {
            true => cut_middle(&printable(cell), widths[index]),
            false => printable(cell),
        };
        let cell = aligned(&cell, widths[index], columns[index].align);
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

/// The words of a text in lines that fit, those after the first indented by so much more.
pub(super) fn wrapped(text: &str, width: usize, indent: usize) -> Vec<String> {
    let before = text.len() - text.trim_start().len();
    let mut lines: Vec<String> = Vec::new();
    let mut line = " ".repeat(before);
    let mut is_empty = true;
    for word in text.split_whitespace() {
        let length = line.chars().count() + usize::from(!is_empty) + word.chars().count();
        if !is_empty && length > width {
            lines.push(std::mem::replace(&mut line, " ".repeat(before + indent)));
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    lines.push(line);
    lines.iter().map(|line| cut(line, width)).collect()
}

/// The same with the sign in the middle: names of one kind often differ at their ends.
fn cut_middle(text: &str, width: usize) -> String {
    let count = text.chars().count();
    if count <= width {
        return text.to_owned();
    }
    let kept = width.saturating_sub(1);
    let begin: String = text.chars().take(kept.div_ceil(2)).collect();
    let end: String = text.chars().skip(count - kept / 2).collect();
    let sign = if width > 0 { "…" } else { "" };
    format!("{begin}{sign}{end}")
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
        let columns = [left("NAME", 0, 0), right("P99", 5, 0), left("REASON", 1, 0)];
        let rows = [row(["server", "1.20 ms", "3 checks failed"])];
        let at = |width| lines(&columns, &rows, 0..1, width, None, false);
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
        let columns = [left("A", 0, 0), left("B", 0, 0)];
        let rows = [vec![
            ("x".to_owned(), Style::Bad),
            ("\x1b".to_owned(), Style::Plain),
        ]];
        let painted = lines(&columns, &rows, 0..1, 20, None, true);
        assert_eq!(painted[1], "\x1b[31mx\x1b[0m  \\u{1b}");
        let chosen = lines(&columns, &rows, 0..1, 12, Some(0), false);
        assert_eq!(chosen[1], "\x1b[7mx  \\u{1b}   \x1b[0m");
    }

    #[test]
    fn a_column_does_not_come_and_go_with_its_cells() {
        let columns = [left("NAME", 0, 0), right("RX", 2, 9), left("REASON", 1, 0)];
        let heads = |cell: &str, width| {
            let rows = [row(["server", cell, "3 checks failed"])];
            lines(&columns, &rows, 0..1, width, None, false).remove(0)
        };
        for width in [20, 30, 35, 36, 60] {
            let columns = |cell: &str| heads(cell, width).split_whitespace().count();
            assert_eq!(columns("0 B/s"), columns("99.9 MB/s"), "{width}");
        }
        assert!(heads("0 B/s", 36).contains("RX") && !heads("0 B/s", 30).contains("RX"));
        // One that is longer than usual takes it from the last.
        let rows = [row(["server", "1234.5 MB/s", "3 checks failed"])];
        let line = lines(&columns, &rows, 0..1, 36, None, false).remove(1);
        assert_eq!(line, "server  1234.5 MB/s  3 checks failed");
    }

    #[test]
    fn a_long_name_is_cut_and_no_column_goes_for_it() {
        let columns = [
            name("NAME", 0, 8),
            right("RX", 2, 9),
            left("REASON", 1, TEXT),
        ];
        let at = |name: &str, width| {
            let rows = [row([name, "0 B/s", "3 checks failed"])];
            lines(&columns, &rows, 0..1, width, None, false)
        };
        let long = "a-backend-of-a-name-that-has-no-end-number-42";
        for width in [20, 24, 33, 40, 80] {
            let [short, long] = ["b1", long].map(|name| at(name, width));
            let heads = |lines: &[String]| lines[0].split_whitespace().count();
            assert_eq!(heads(&short), heads(&long), "{width}");
            assert!(long[1].chars().count() <= width, "{long:?}");
        }
        assert_eq!(at(long, 34)[1], "a-back…ber-42      0 B/s  3 check…");
        assert!(at(long, 90)[1].starts_with(long));
        assert_eq!(cut_middle("abcdef", 5), "ab…ef");
        assert_eq!(cut_middle("abcdef", 4), "ab…f");
        assert_eq!([cut_middle("abc", 1), cut_middle("abc", 0)], ["…", ""]);
    }

    #[test]
    fn what_is_long_is_wrapped_between_words() {
        assert_eq!(
            wrapped("  > start the server", 12, 2),
            ["  > start", "    the", "    server"]
        );
        assert_eq!(wrapped("short", 12, 2), ["short"]);
        assert_eq!(wrapped("", 12, 2), [""]);
        assert_eq!(wrapped("a_word_longer_than_it", 8, 2), ["a_word_…"]);
    }
}
