//! Formats lists of files and directories: one name per line, in columns, or with details.

use netsocket_protocol::message::FileEntry;
use netsocket_protocol::name::Name;
use netsocket_protocol::text::rights;
use unicode_width::UnicodeWidthStr as _;

use crate::output::colours::{Colours, is_directory, painted};
use crate::output::messages::{Names, bytes_of};
use crate::text::size;

/// Blanks between two columns.
const GAP: usize = 2;

/// The width of the longest size, `1023.9 KiB`.
const SIZE_WIDTH: usize = 10;

/// The length of `2026-11-22T11:14`.
const MINUTE: usize = 16;

/// An entry and the name to print for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name or path as a user would type it; a directory ends with a slash.
    pub name: Name,
    /// The entry as sent by the server.
    pub file: FileEntry,
}

/// How a list is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// One name per line.
    Lines,
    /// As many columns as fit into this width.
    Columns(usize),
    /// Permissions, size, time and name, one entry per line.
    Long,
}

/// How a list is printed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ListStyle<'a> {
    /// The layout.
    pub(crate) layout: Layout,
    /// End each name with a NUL byte and print it unescaped.
    pub(crate) null: bool,
    /// Print names exactly or escaped.
    pub(crate) names: Names,
    /// Colours of names.
    pub(crate) colours: Option<&'a Colours>,
}

impl ListStyle<'_> {
    /// Formats a list.
    #[must_use]
    pub(crate) fn print(&self, entries: &[Entry]) -> Vec<u8> {
        match self.layout {
            Layout::Columns(width) if !self.null => self.columns(entries, width),
            layout => {
                let mut lines = Vec::new();
                for entry in entries {
                    if layout == Layout::Long {
                        lines.extend_from_slice(details(&entry.file).as_bytes());
                    }
                    lines.extend_from_slice(&self.name(entry));
                    lines.push(if self.null { 0 } else { b'\n' });
                }
                lines
            }
        }
    }

    fn name(&self, entry: &Entry) -> Vec<u8> {
        if self.null || self.names == Names::Exact {
            return entry.name.as_bytes().to_vec();
        }
        self.painted(entry).into_bytes()
    }

    fn painted(&self, entry: &Entry) -> String {
        let code = self.colours.and_then(|colours| colours.code(&entry.file));
        painted(&entry.name.to_string(), code)
    }

    /// Column by column, as `ls` does.
    fn columns(&self, entries: &[Entry], width: usize) -> Vec<u8> {
        let widths: Vec<usize> = entries
            .iter()
            .map(|entry| entry.name.to_string().width())
            .collect();
        let rows = rows(&widths, width);
        let columns: Vec<usize> = widths
            .chunks(rows)
            .map(|column| column.iter().copied().max().unwrap_or(0))
            .collect();
        let mut lines = String::new();
        for row in 0..rows.min(entries.len()) {
            for (column, column_width) in columns.iter().enumerate() {
                let at = column * rows + row;
                let Some(entry) = entries.get(at) else { break };
                lines.push_str(&self.painted(entry));
                // Pad only if another name follows on the line.
                if at + rows < entries.len() {
                    let blanks = column_width + GAP - widths[at];
                    lines.extend(std::iter::repeat_n(' ', blanks));
                }
            }
            lines.push('\n');
        }
        lines.into_bytes()
    }
}

/// The smallest number of rows whose columns fit; at least 1.
fn rows(widths: &[usize], width: usize) -> usize {
    let narrowest = widths.iter().copied().min().unwrap_or(0) + GAP;
    // More columns than this cannot fit.
    let most = (width + GAP).checked_div(narrowest).unwrap_or(1).max(1);
    let fits = |rows: &usize| {
        let columns = widths
            .chunks(*rows)
            .map(|column| column.iter().copied().max().unwrap_or(0) + GAP);
        columns.sum::<usize>() <= width + GAP
    };
    let first = widths.len().div_ceil(most).max(1);
    (first..widths.len())
        .find(fits)
        .unwrap_or(widths.len().max(1))
}

/// The details before a name in a long list.
fn details(file: &FileEntry) -> String {
    let size = if is_directory(file) {
        "-".to_owned()
    } else {
        size(file.size)
    };
    let rights = rights(file.mode);
    format!(
        "{rights}  {size:>SIZE_WIDTH$}  {}  ",
        minute(&file.modified)
    )
}

/// A time from the server, cut to the minute; unchanged if it has another format.
fn minute(time: &str) -> String {
    let text = match time.get(..MINUTE) {
        Some(minute) if minute.as_bytes()[10] == b'T' => minute.replacen('T', " ", 1),
        _ => time.to_owned(),
    };
    // Escaped, as it comes from the server.
    format!("{:MINUTE$}", Name::from(text.as_str()).to_string())
}

/// A line of `du`.
#[must_use]
pub(crate) fn sum_line(name: &Name, bytes: u64, names: Names) -> Vec<u8> {
    let mut line = format!("{:>SIZE_WIDTH$}  ", size(bytes)).into_bytes();
    line.extend(bytes_of(name, names));
    line.push(b'\n');
    line
}

/// The number of names with a newline.
#[must_use]
pub(crate) fn with_newlines(entries: &[Entry]) -> usize {
    let breaks = |entry: &&Entry| entry.name.as_bytes().contains(&b'\n');
    entries.iter().filter(breaks).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, size: u64, mode: u32) -> Entry {
        Entry {
            name: name.into(),
            file: FileEntry {
                path: name.trim_end_matches('/').into(),
                size,
                born: String::new(),
                birth_known: true,
                modified: "2026-11-22T11:14:02.000000000+00:00".to_owned(),
                mode,
            },
        }
    }

    fn files(names: &[&str]) -> Vec<Entry> {
        names.iter().map(|name| entry(name, 1, 0o100_644)).collect()
    }

    fn print(layout: Layout, names: Names, entries: &[Entry]) -> String {
        let style = ListStyle {
            layout,
            null: false,
            names,
            colours: None,
        };
        String::from_utf8(style.print(entries)).unwrap()
    }

    #[test]
    fn columns_fill_the_terminal_and_no_more() {
        let entries = files(&["a", "bb", "ccc", "dddd", "eeeee", "f"]);
        for (width, expected) in [
            (80, "a  bb  ccc  dddd  eeeee  f\n"),
            (26, "a  bb  ccc  dddd  eeeee  f\n"),
            (25, "a   ccc   eeeee\nbb  dddd  f\n"),
            (12, "a    dddd\nbb   eeeee\nccc  f\n"),
            (1, "a\nbb\nccc\ndddd\neeeee\nf\n"),
        ] {
            let printed = print(Layout::Columns(width), Names::Escaped, &entries);
            assert_eq!(printed, expected, "{width}");
        }
        assert_eq!(print(Layout::Columns(80), Names::Escaped, &[]), "");
        let wide = files(&["雪雪雪", "b", "c"]);
        assert_eq!(
            print(Layout::Columns(10), Names::Escaped, &wide),
            "雪雪雪  c\nb\n"
        );
    }

    #[test]
    fn long_lines_align() {
        let entries = [entry("d/", 0, 0o040_755), entry("f\n", 76_000, 0o100_644)];
        assert_eq!(
            print(Layout::Long, Names::Escaped, &entries),
            "drwxr-xr-x           -  2026-11-22 11:14  d/\n\
             -rw-r--r--    74.2 KiB  2026-11-22 11:14  f\\n\n"
        );
        let mut hostile = entry("x", 1, 0o100_644);
        hostile.file.modified = "\x1b[2J".to_owned();
        let line = print(Layout::Long, Names::Exact, &[hostile]);
        assert!(!line.contains('\x1b') && line.ends_with("  x\n"), "{line}");
    }

    #[test]
    fn a_zero_byte_ends_names_that_are_byte_for_byte() {
        let style = ListStyle {
            layout: Layout::Columns(80),
            null: true,
            names: Names::Escaped,
            colours: None,
        };
        assert_eq!(style.print(&files(&["a\nb", "c"])), b"a\nb\0c\0");
        assert_eq!(with_newlines(&files(&["a\nb", "c"])), 1);
    }

    #[test]
    fn colours_do_not_count_as_width() {
        let colours = Colours::new(|name| (name == "TERM").then(|| "xterm".to_owned()));
        let style = ListStyle {
            layout: Layout::Columns(80),
            null: false,
            names: Names::Escaped,
            colours: colours.as_ref(),
        };
        let entries = [entry("d/", 0, 0o040_755), entry("f", 1, 0o100_644)];
        assert_eq!(style.print(&entries), b"\x1b[01;34md/\x1b[0m  f\n");
    }
}
