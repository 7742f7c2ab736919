//! The rows of a listing, for people and for the programs that parse listings.
//!
//! A row has the name in a link, then the date as `YYYY-MM-DD hh:mm`, then the size, as in Apache's tables: lftp, rclone
//! and wget know those. A date is in UTC, as in nginx's listings: the same on every replica.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use netsocket_protocol::name::Name;
use rustix::fs::FileType;
use serde::Serialize;

use super::page;
use super::target::{escaped_name, url};
use crate::query::search::FoundFile;
use crate::tree::metadata::Timestamp;
use crate::tree::path_order;

/// Whether an entry is a directory.
pub(super) fn is_directory(file: &FoundFile) -> bool {
    FileType::from_raw_mode(file.mode) == FileType::Directory
}

/// A row of one directory: a link relative to it.
pub(super) fn put_entry(page: &mut String, file: &FoundFile) {
    let (_, name) = path_order::split(&file.path);
    let slash = if is_directory(file) { "/" } else { "" };
    let href = escaped_name(name);
    put(
        page,
        file,
        &format!("{href}{slash}"),
        &format!("{}{slash}", page::name(name)),
    );
}

/// A row of a search: the path below a directory.
pub(super) fn put_found(page: &mut String, file: &FoundFile, below: &[u8]) {
    let shown = match below.is_empty() {
        true => &file.path[..],
        false => file.path.get(below.len() + 1..).unwrap_or(&file.path),
    };
    put(page, file, &url(&file.path, false), &page::name(shown));
}

fn put(page: &mut String, file: &FoundFile, href: &str, label: &str) {
    let (class, size) = match is_directory(file) {
        true => (" class=\"d\"", "-".to_owned()),
        false => (
            "",
            format!("<data value=\"{}\">{}</data>", file.size, size(file.size)),
        ),
    };
    let time = utc(file.modified).map_or_else(String::new, |time| {
        time.format("%Y-%m-%d %H:%M").to_string()
    });
    // Writing to a string cannot fail.
    let _ = writeln!(
        page,
        "<tr{class}><td><a href=\"{href}\">{label}</a></td><td>{time}</td><td>{size}</td></tr>"
    );
}

fn utc(time: Timestamp) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(time.seconds, time.nanos)
}

/// A time as HTTP writes it.
pub(super) fn http_date(time: Timestamp) -> Option<String> {
    utc(time).map(|time| time.format("%a, %d %b %Y %H:%M:%S GMT").to_string())
}

/// A size for people, nearly as Apache writes it: `512 B`, `1.2K`, `35M`.
pub(super) fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut unit = ' ';
    for next in ['K', 'M', 'G', 'T', 'P', 'E'] {
        if value < 1000.0 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    match value < 9.95 {
        true => format!("{value:.1}{unit}"),
        false => format!("{value:.0}{unit}"),
    }
}

/// An entry in the shape of nginx's `autoindex_format json`.
#[derive(Debug, Serialize)]
struct JsonEntry<'a> {
    name: std::borrow::Cow<'a, str>,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    mtime: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    /// The link, where the name is no text.
    #[serde(skip_serializing_if = "Option::is_none")]
    href: Option<String>,
}

/// Appends an entry as JSON.
pub(super) fn put_json_entry(text: &mut String, file: &FoundFile) {
    let (_, name) = path_order::split(&file.path);
    let is_directory = is_directory(file);
    let is_text = std::str::from_utf8(name).is_ok();
    let slash = if is_directory { "/" } else { "" };
    let entry = JsonEntry {
        name: String::from_utf8_lossy(name),
        kind: if is_directory { "directory" } else { "file" },
        mtime: http_date(file.modified),
        size: (!is_directory).then_some(file.size),
        href: (!is_text).then(|| format!("{}{slash}", escaped_name(name))),
    };
    // Its fields are all text and numbers.
    text.push_str(&serde_json::to_string(&entry).unwrap_or_default());
}

/// A file that was found, one a line.
#[derive(Debug, Serialize)]
struct JsonFound {
    path: Name,
    size: u64,
    modified: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    born: Option<String>,
    href: String,
}

/// Appends a found file as a line of JSON.
pub(super) fn put_json_found(text: &mut String, file: &FoundFile) {
    let found = JsonFound {
        path: Name::from(file.path.as_slice()),
        size: file.size,
        modified: file.modified.rfc3339(),
        born: file.birth_known.then(|| file.born.rfc3339()),
        href: url(&file.path, false),
    };
    text.push_str(&serde_json::to_string(&found).unwrap_or_default());
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &[u8], size: u64, mode: u32) -> FoundFile {
        FoundFile {
            path: path.to_vec(),
            size,
            mode,
            modified: Timestamp {
                seconds: 1_700_000_000,
                nanos: 5,
            },
            born: Timestamp::default(),
            birth_known: false,
            readable: true,
        }
    }

    #[test]
    fn a_row_is_one_that_parsers_know() {
        let mut page = String::new();
        put_entry(&mut page, &file(b"d/a: 100%.txt", 12_345, 0o100_644));
        put_entry(&mut page, &file(b"d/sub", 0, 0o040_755));
        put_found(&mut page, &file(b"d/e/x", 7, 0o100_644), b"d");
        let lines: Vec<&str> = page.lines().collect();
        assert_eq!(
            lines,
            [
                "<tr><td><a href=\"a%3A%20100%25.txt\">a: 100%.txt</a></td><td>2023-11-14 22:13</td><td><data value=\"12345\">12K</data></td></tr>",
                "<tr class=\"d\"><td><a href=\"sub/\">sub/</a></td><td>2023-11-14 22:13</td><td>-</td></tr>",
                "<tr><td><a href=\"/d/e/x\">e/x</a></td><td>2023-11-14 22:13</td><td><data value=\"7\">7 B</data></td></tr>",
            ]
        );
    }

    #[test]
    fn json_is_that_of_nginx() {
        let mut text = String::new();
        put_json_entry(&mut text, &file(b"d/a", 3, 0o100_644));
        assert_eq!(
            text,
            r#"{"name":"a","type":"file","mtime":"Tue, 14 Nov 2023 22:13:20 GMT","size":3}"#
        );
        text.clear();
        put_json_entry(&mut text, &file(b"\xff", 0, 0o040_755));
        assert_eq!(
            text,
            "{\"name\":\"\u{fffd}\",\"type\":\"directory\",\"mtime\":\"Tue, 14 Nov 2023 22:13:20 GMT\",\"href\":\"%FF/\"}"
        );
    }

    #[test]
    fn sizes_have_two_digits_or_three() {
        for (bytes, told) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0K"),
            (10_188, "9.9K"),
            (10_189, "10K"),
            (1_023_999, "1000K"),
            (1_024_000, "1.0M"),
            (u64::MAX, "16E"),
        ] {
            assert_eq!(size(bytes), told, "{bytes}");
        }
    }
}
