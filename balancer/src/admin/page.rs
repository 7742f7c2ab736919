//! The status page. The server renders the first view, so that it can be read without JavaScript; the script of the page
//! then keeps it up to date from the events. Style and script are inline, under a nonce.

use std::fmt::Write as _;
use std::io;
use std::time::Duration;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use rustix::rand::{GetRandomFlags, getrandom};

use super::api::{BackendView, ServiceView, Status};
use super::sessions::Entry;
use crate::observe::units;

const PAGE: &str = include_str!("page/status.html");
const STYLE: &str = include_str!("page/status.css");
const SCRIPT: &str = include_str!("page/status.js");

/// A cell: its label, its class, what it says, and what stands small below.
type Cell = (&'static str, String, String, String);

pub(super) fn response(status: &Status, sessions: Option<&[Entry]>, name: &str) -> Response {
    let nonce = match nonce() {
        Ok(nonce) => nonce,
        Err(error) => {
            let said = format!("cannot get random numbers: {error}\n");
            return (StatusCode::INTERNAL_SERVER_ERROR, said).into_response();
        }
    };
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
        (header::CONTENT_SECURITY_POLICY, policy(&nonce)),
        (header::REFERRER_POLICY, "no-referrer".to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    (headers, render(status, sessions, name, &nonce)).into_response()
}

/// The page loads nothing from elsewhere, talks to this server only, and cannot be framed.
fn policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

fn nonce() -> io::Result<String> {
    let mut bytes = [0_u8; 16];
    getrandom(&mut bytes, GetRandomFlags::empty())?;
    Ok(bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

fn render(status: &Status, sessions: Option<&[Entry]>, name: &str, nonce: &str) -> String {
    let backends: Vec<&BackendView> = status
        .pools
        .iter()
        .flat_map(|pool| &pool.backends)
        .collect();
    let shown = sessions.unwrap_or_default();
    let percent =
        |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.0} %"));
    let mut backend_heads: Vec<_> = backend_cells(&BackendView::default()).to_vec();
    backend_heads.push((
        "Open, last 10 minutes",
        String::new(),
        String::new(),
        String::new(),
    ));
    let rows = |rows: Vec<String>| rows.join("");
    let version = format!("netsocket-balancer {}", escaped(status.version));
    let values = [
        ("nonce", nonce.to_owned()),
        ("name", escaped(name)),
        (
            "services",
            rows(status.services.iter().map(service).collect()),
        ),
        ("style", STYLE.to_owned()),
        ("script", SCRIPT.to_owned()),
        ("headline", escaped(&headline(status, &backends))),
        ("version", version),
        ("active", status.sessions.active.to_string()),
        ("fresh", units::rate(status.rates.sessions)),
        ("down", byte_rate(status.rates.bytes_down)),
        ("up", byte_rate(status.rates.bytes_up)),
        ("cpu", percent(status.host.map(|host| host.cpu_percent))),
        (
            "memory",
            percent(status.host.map(|host| host.memory_percent)),
        ),
        ("backend-heads", heads(&backend_heads)),
        (
            "backends",
            rows(
                backends
                    .iter()
                    .map(|backend| {
                        row(
                            &full_name(backend),
                            &backend.address,
                            &backend_cells(backend),
                        )
                    })
                    .collect(),
            ),
        ),
        ("session-heads", heads(&session_cells(&Entry::default()))),
        (
            "sessions",
            rows(
                shown
                    .iter()
                    .map(|entry| row(&entry.client, &entry.id, &session_cells(entry)))
                    .collect(),
            ),
        ),
        ("sessions-count", count(status.sessions.active, sessions)),
    ];
    filled(&values)
}

/// The page with each `<!--name-->` replaced. What was filled in is not looked at again.
fn filled(values: &[(&str, String)]) -> String {
    let mut page = String::with_capacity(PAGE.len() + STYLE.len() + SCRIPT.len());
    let mut rest = PAGE;
    while let Some((before, after)) = rest.split_once("<!--") {
        page.push_str(before);
        let (name, after) = after.split_once("-->").unwrap_or((after, ""));
        let value = values.iter().find(|(known, _)| *known == name);
        page.push_str(value.map_or("", |(_, value)| value));
        rest = after;
    }
    page.push_str(rest);
    page
}

fn headline(status: &Status, backends: &[&BackendView]) -> String {
    let failing_open = status.pools.iter().any(|pool| pool.failing_open);
    let state = match (status.draining, status.ready, failing_open) {
        (true, ..) => "draining",
        (false, true, _) => "ready",
        (false, false, true) => "no backend is healthy, using all backends in service",
        (false, false, false) => "no backend is up",
    };
    let members = backends.iter().filter(|backend| backend.state != "leaving");
    let up = members.clone().filter(|backend| backend.state == "up");
    let sessions = &status.sessions;
    let lost = match status.log_lines_dropped {
        0 => String::new(),
        lines => format!("; {lines} log lines lost"),
    };
    let shortages: String = sessions
        .shortages
        .iter()
        .map(|(resource, count)| format!("; out of {} {count} times", resource.replace('_', " ")))
        .collect();
    format!(
        "{state}; {} of {} backends up; sessions: {} open, {} since the start; up {}{lost}{shortages}",
        up.count(),
        members.count(),
        sessions.active,
        sessions.total,
        units::age(Duration::from_secs(status.uptime_seconds)),
    )
}

/// A service in one line, as the script writes it.
fn service(service: &ServiceView) -> String {
    let pool = if service.pool.is_empty() {
        "pool by rule".to_owned()
    } else {
        format!("pool {}", service.pool)
    };
    let line = format!(
        "{} at {}: {pool}, {} open, {} total",
        service.name,
        service.listen.join(" "),
        service.active,
        service.total
    );
    format!("<li>{}</li>", escaped(&line))
}

/// What tells it from the backends of other pools.
fn full_name(backend: &BackendView) -> String {
    if backend.pool.is_empty() {
        backend.name.clone()
    } else {
        format!("{}/{}", backend.pool, backend.name)
    }
}

fn count(open: u64, sessions: Option<&[Entry]>) -> String {
    match sessions {
        None => format!("{open} open, too many to list every second"),
        Some(shown) if (shown.len() as u64) < open => format!("{} of {open} open", shown.len()),
        Some(_) => format!("{open} open"),
    }
}

fn backend_cells(backend: &BackendView) -> [Cell; 8] {
    let number = |label, main: String, small: String| (label, "n".to_owned(), main, small);
    let rates = &backend.rates;
    let share = backend.weight_share;
    [
        (
            "State",
            format!("state {}", backend.state),
            backend.state.to_owned(),
            backend.reason.clone(),
        ),
        number(
            "Open",
            backend.active.to_string(),
            backend
                .max_connections
                .map_or(String::new(), |most| format!("of {most}")),
        ),
        number(
            "New",
            units::rate(rates.sessions),
            format!("{} total", backend.total),
        ),
        number(
            "From clients",
            byte_rate(rates.bytes_up),
            units::bytes(backend.bytes_up as f64),
        ),
        number(
            "To clients",
            byte_rate(rates.bytes_down),
            units::bytes(backend.bytes_down as f64),
        ),
        number(
            "Connect p50",
            units::millis(backend.connect_p50_ms),
            format!("p99 {}", units::millis(backend.connect_p99_ms)),
        ),
        number(
            "Errors",
            backend.errors.to_string(),
            units::rate(rates.errors),
        ),
        number(
            "Weight",
            backend.weight.to_string(),
            match share {
                _ if backend.backup => "backup".to_owned(),
                part if part > 0.0 && part < 1.0 => format!("{:.0} % now", part * 100.0),
                _ => String::new(),
            },
        ),
    ]
}

fn session_cells(entry: &Entry) -> [Cell; 5] {
    let number = |label, main: String| (label, "n".to_owned(), main, String::new());
    [
        (
            "Backend",
            String::new(),
            entry.backend.clone().unwrap_or_else(|| "–".to_owned()),
            entry.stage.to_owned(),
        ),
        number(
            "Age",
            units::age(Duration::from_secs_f64(entry.age_ms / 1000.0)),
        ),
        number("From client", units::bytes(entry.bytes_up as f64)),
        number("To client", units::bytes(entry.bytes_down as f64)),
        number("Rate", entry.rate.map_or("–".to_owned(), byte_rate)),
    ]
}

fn byte_rate(per_second: f64) -> String {
    format!("{}/s", units::bytes(per_second))
}

fn heads(cells: &[Cell]) -> String {
    let mut html = String::new();
    for (label, class, ..) in cells {
        let class = if class == "n" { " class=\"n\"" } else { "" };
        // Writing to a string cannot fail.
        let _ = write!(
            html,
            "<th role=\"columnheader\" scope=\"col\"{class}>{label}</th>"
        );
    }
    html.push_str(
        "<th role=\"columnheader\" scope=\"col\"><span class=\"unseen\">Actions</span></th>",
    );
    html
}

fn row(name: &str, detail: &str, cells: &[Cell]) -> String {
    let mut html = String::new();
    // Writing to a string cannot fail.
    let _ = write!(
        html,
        "<tr role=\"row\"><th scope=\"row\" role=\"rowheader\"><span>{}</span><small>{}</small></th>",
        escaped(name),
        escaped(detail),
    );
    for (label, class, main, small) in cells {
        let _ = write!(
            html,
            "<td role=\"cell\" class=\"{class}\" data-label=\"{label}\"><span>{}</span><small>{}</small></td>",
            escaped(main),
            escaped(small),
        );
    }
    html.push_str("</tr>\n");
    html
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
    fn every_place_is_filled_and_nothing_comes_from_outside() {
        let page = render(&Status::default(), Some(&[Entry::default()]), "lb", "n0nce");
        assert!(!page.contains("<!--"));
        assert_eq!(page.matches("nonce=\"n0nce\"").count(), 2);
        for outside in [
            "https://", "src=", "@import", "url(", "style=\"", "onclick=",
        ] {
            assert!(!page.contains(outside), "{outside}");
        }
        // The one name that looks like an address is that of a language.
        let addresses: Vec<_> = page.match_indices("http://").collect();
        assert!(
            addresses
                .iter()
                .all(|&(at, _)| page[at..].starts_with("http://www.w3.org/2000/svg"))
        );
    }

    #[test]
    fn the_script_has_the_columns_of_the_first_view() {
        let labels = |name: &str| -> Vec<&str> {
            let rest = SCRIPT.split_once(&format!("const {name} = [")).unwrap().1;
            let rows = rest.split_once("\n];").unwrap().0.lines();
            rows.filter_map(|line| line.trim().strip_prefix("[\"")?.split('"').next())
                .collect()
        };
        assert_eq!(
            labels("BACKEND"),
            backend_cells(&BackendView::default()).map(|cell| cell.0)
        );
        assert_eq!(
            labels("SESSION"),
            session_cells(&Entry::default()).map(|cell| cell.0)
        );
    }

    #[test]
    fn what_others_chose_is_escaped() {
        let entry = Entry {
            backend: Some("<b>&\"'".to_owned()),
            ..Entry::default()
        };
        let page = render(&Status::default(), Some(&[entry]), "<i>", "n");
        assert!(page.contains("<span>&lt;b&gt;&amp;&quot;&#39;</span>"));
        assert!(page.contains("&lt;i&gt;") && !page.contains("<i>"));
    }

    #[test]
    fn nonces_differ() {
        let nonces = [nonce().unwrap(), nonce().unwrap()];
        assert!(nonces[0].len() == 32 && nonces[0] != nonces[1]);
        assert!(policy("abc").contains("script-src 'nonce-abc'"));
    }
}
