//! What the keys of `ctl top` do: in the last line, and for `?` in full.

use super::columns::cut;
use super::state::{Panel, State};

/// Keys, and what they do.
const KEYS: [(&str, &str); 11] = [
    ("up, down, k, j", "choose a backend"),
    ("page up/down, home, end", "the same, further"),
    ("d", "drain the chosen backend: no new sessions"),
    ("m", "take it out of service: no checks either"),
    ("r", "put it back into service"),
    ("s", "sort by the next column"),
    ("S", "the other way round"),
    ("/", "show only what has this text; Escape: all"),
    ("tab", "the next view: sessions, services"),
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

/// The keys and what is set by them, in as many words as there is room for: keys are shortened before what is set is.
pub(super) fn key_line(state: &State, width: usize) -> String {
    let sort = format!("sort:{}{}", state.sort.label(), state.arrow());
    let filter = match state.filter.as_str() {
        "" => String::new(),
        filter => format!(":{filter}"),
    };
    let view = format!("view:{}", state.panel.label());
    let sort = match state.panel {
        Panel::Services => String::new(),
        _ => sort,
    };
    let acts = match state.panel {
        Panel::Backends => "d drain  r ready  m maint",
        _ => "",
    };
    let key = |key: &str, does: &str| match does {
        "" => String::new(),
        does => format!("{key} {does}"),
    };
    let find = format!("/ filter{filter}");
    let (sorted, seen) = (key("s", &sort), key("tab", &view));
    let only_filter = match filter.as_str() {
        "" => "",
        _ => find.trim_start_matches("/ "),
    };
    // The same words, without what they are of.
    let terse = |said: &str| said.replace("sort:", "").replace("view:", "");
    let (sorted_tersely, seen_tersely) = (terse(&sorted), terse(&seen));
    let lines = [
        vec!["q quit", "? keys", &sorted, &find, &seen, acts],
        vec![
            "q quit",
            "? keys",
            &sorted_tersely,
            &find,
            &seen_tersely,
            acts,
        ],
        vec!["q quit", "? keys", &sorted, &find, &seen],
        vec!["q quit", "? keys", &sort, only_filter, &view],
        vec!["q quit", "? keys", only_filter],
        vec!["?", only_filter],
    ];
    let mut lines = lines.into_iter().map(|mut parts| {
        parts.retain(|part| !part.is_empty());
        parts.join("  ")
    });
    let fits = |line: &String| line.chars().count() <= width;
    let shortest = lines.clone().next_back().unwrap_or_default();
    cut(&lines.find(fits).unwrap_or(shortest), width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_fit_into_a_small_terminal() {
        assert_eq!(key_lines(70), key_lines(200));
    }
}
