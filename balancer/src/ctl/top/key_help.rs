//! What the keys of `ctl top` do, for `?`.

use super::columns::cut;

/// Keys, and what they do.
const KEYS: [(&str, &str); 11] = [
    ("up, down, k, j", "choose a backend"),
    ("page up, page down, home, end", "the same, further"),
    ("d", "drain the chosen backend: no new sessions"),
    ("m", "take it out of service: no checks either"),
    ("r", "put it back into service"),
    ("s", "sort by the next column"),
    ("S", "the other way round"),
    ("/", "show only what has this text; Escape: all"),
    ("tab", "backends and sessions, only sessions, services"),
    ("?", "these keys"),
    ("q, Ctrl-C", "end"),
];

/// A line for each.
pub(super) fn key_lines(width: usize) -> Vec<String> {
    let widest = KEYS.iter().map(|(key, _)| key.len()).max().unwrap_or(0);
    let lines = KEYS.iter();
    lines
        .map(|(key, does)| cut(&format!("{key:widest$}  {does}"), width))
        .collect()
}
