//! The status page. The server fills in the first table, so that it can be read without scripts; the page's own
//! script then keeps it up to date from the API.

use std::fmt::Write as _;

use super::api::{BackendView, Status};

const PAGE: &str = include_str!("status.html");
const SUMMARY: &str = "<!--summary-->";
const ROWS: &str = "<!--rows-->";

pub(super) fn render(status: &Status) -> String {
    let backends = status.pools.iter().flat_map(|pool| &pool.backends);
    let rows: String = backends.map(row).collect();
    PAGE.replace(SUMMARY, &summary(status)).replace(ROWS, &rows)
}

fn summary(status: &Status) -> String {
    let failing_open = status.pools.iter().any(|pool| pool.failing_open);
    let state = match (status.draining, status.ready, failing_open) {
        (true, ..) => "draining",
        (false, true, _) => "ready",
        (false, false, true) => "no backend is healthy, all in service are used",
        (false, false, false) => "no backend is up",
    };
    let sessions = &status.sessions;
    format!(
        "{state}; sessions: {} open, {} since the start",
        sessions.active, sessions.total
    )
}

fn row(backend: &BackendView) -> String {
    let mut html = String::new();
    let state = backend.state;
    // Writing to a string cannot fail.
    let _ = write!(
        html,
        "<tr><th scope=\"row\">{}<small>{}</small></th><td class=\"{state}\">{state}<small>{}</small></td>",
        escaped(&backend.name),
        escaped(&backend.address),
        escaped(&backend.reason),
    );
    let numbers = [
        backend.active.to_string(),
        backend.total.to_string(),
        backend.errors.to_string(),
        bytes(backend.bytes_up),
        bytes(backend.bytes_down),
        format!("{:.2} ms", backend.connect_ms),
    ];
    for number in numbers {
        let _ = write!(html, "<td class=\"n\">{number}</td>");
    }
    html.push_str("</tr>\n");
    html
}

/// As the page's script writes them: `17 B`, `1.5 kB`, `20.0 MB`.
fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    let mut unit = 0;
    let mut whole = count;
    let mut rest = 0;
    while whole >= 1000 && unit + 1 < UNITS.len() {
        rest = whole % 1000;
        whole /= 1000;
        unit += 1;
    }
    let unit_name = UNITS.get(unit).unwrap_or(&"B");
    match unit {
        0 => format!("{whole} {unit_name}"),
        _ => format!("{whole}.{} {unit_name}", rest / 100),
    }
}

fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            _ => html.push(c),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_both_places_and_no_outside_resource() {
        assert_eq!(PAGE.matches(SUMMARY).count(), 1);
        assert_eq!(PAGE.matches(ROWS).count(), 1);
        for outside in ["http://", "https://", "src=", "@import", "url("] {
            assert!(!PAGE.contains(outside), "{outside}");
        }
    }

    #[test]
    fn text_is_escaped_and_bytes_are_readable() {
        assert_eq!(
            escaped("<a href='x'>&\"</a>"),
            "&lt;a href=&#39;x&#39;&gt;&amp;&quot;&lt;/a&gt;"
        );
        let shown = [0, 999, 1000, 1549, 20_000_000, u64::MAX].map(bytes);
        assert_eq!(
            shown,
            ["0 B", "999 B", "1.0 kB", "1.5 kB", "20.0 MB", "18446.7 PB"]
        );
    }
}
