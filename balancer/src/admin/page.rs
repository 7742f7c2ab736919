//! The status page. The server renders the first view, so that it can be read without JavaScript; the script of the page
//! takes that over and keeps it up to date from the events. Style and script are inline, under a nonce.

mod banner;
mod cells;
mod html;
mod icons;
mod plot;

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use netsocket_telemetry::Record;
use rustix::rand::{GetRandomFlags, getrandom};

use self::html::{Row, escaped, heads, row};
use self::plot::Lines;
use super::api::{BackendView, PoolView};
use super::service_view::ServiceView;
use super::sessions::Entry;
use super::status::Status;
use super::transitions::TransitionView;
use crate::observe::units;

const PAGE: &str = include_str!("page/status.html");
const STYLE: &str = include_str!("page/status.css");
/// One program in parts, each of which uses those before it.
const SCRIPT: &str = concat!(
    include_str!("page/figures.js"),
    include_str!("page/table.js"),
    include_str!("page/chart.js"),
    include_str!("page/actions.js"),
    include_str!("page/status.js"),
);

/// Rows of a table, as in the script.
const MOST_ROWS: usize = 200;

/// What the first view shows.
pub(super) struct View<'a> {
    pub(super) status: &'a Status,
    /// `None` where there are too many to list.
    pub(super) sessions: Option<&'a [Entry]>,
    /// The latest first.
    pub(super) transitions: &'a [TransitionView],
    /// Of the last minutes, the oldest first.
    pub(super) records: &'a [Arc<Record>],
}

pub(super) fn response(view: &View<'_>) -> Response {
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
    (headers, render(view, &nonce)).into_response()
}

/// The page loads nothing from elsewhere, talks to this server only, and cannot be framed. Its icon is in itself.
fn policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; \
         img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
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

fn render(view: &View<'_>, nonce: &str) -> String {
    let (status, lines) = (view.status, Lines::new(view.records));
    let (condition, identity) = (&status.condition, &status.identity);
    let services = match status.services.is_empty() {
        true => "one-service",
        false => "many-services",
    };
    let values = [
        ("nonce", nonce.to_owned()),
        ("style", STYLE.to_owned()),
        ("script", SCRIPT.to_owned()),
        ("title", escaped(&banner::title(status))),
        ("icon", icons::attributes(condition.state)),
        ("services-class", services.to_owned()),
        ("name", escaped(identity.name())),
        ("place", escaped(&banner::place(status))),
        ("state", condition.state.to_owned()),
        ("word", banner::word(condition.state).to_owned()),
        ("headline", escaped(&condition.headline)),
        ("summary", escaped(&banner::summary(status))),
        ("alerts", banner::alerts(status)),
        ("changes", banner::changes(view.transitions)),
        ("tiles", tiles(&lines, status)),
        ("pools", status.pools.iter().map(pool).collect()),
        ("service-heads", {
            heads(&cells::service(&ServiceView::default(), None), None)
        }),
        ("services", service_rows(status)),
        ("backend-heads", {
            let cells = cells::backend(&BackendView::default(), "");
            heads(&cells, Some("Open sessions"))
        }),
        ("backends", backend_rows(status, &lines)),
        ("backends-more", more(status)),
        ("session-heads", {
            heads(&cells::session(&Entry::default()), None)
        }),
        ("sessions", session_rows(view.sessions.unwrap_or_default())),
        (
            "sessions-count",
            count(status.sessions.active, view.sessions),
        ),
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

fn tiles(lines: &Lines<'_>, status: &Status) -> String {
    let percent =
        |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.0} %"));
    let rates = &status.rates;
    let now = |name| match name {
        "active" => status.sessions.active.to_string(),
        "fresh" => units::rate(rates.sessions),
        "down" => units::byte_rate(rates.bytes_down),
        "up" => units::byte_rate(rates.bytes_up),
        "cpu" => percent(status.host.map(|host| host.cpu_percent)),
        _ => percent(status.host.map(|host| host.memory_percent)),
    };
    let tiles = lines.tiles().into_iter();
    tiles.map(|tile| tile.html(&now(tile.name))).collect()
}

/// A pool in a line, as the script writes it.
fn pool(pool: &PoolView) -> String {
    let (up, all) = banner::up_of(pool.backends.iter());
    let open = match pool.failing_open {
        true => ", failing open",
        false => "",
    };
    // An empty one is in the line at the top.
    let queue = match pool.queued {
        0 => String::new(),
        queued => format!(
            ", {queued} of {} places in the queue taken",
            pool.queue_limit
        ),
    };
    let line = format!(
        "{}: {up} of {all} up, {}{queue}{open}",
        pool.name, pool.balance
    );
    format!("<li>{}</li>", escaped(&line))
}

fn service_rows(status: &Status) -> String {
    let rows = status.services.iter().map(|service| {
        let mut pools = status.pools.iter();
        let pool = pools.find(|pool| pool.name == service.pool);
        let up = pool.map(|pool| banner::up_of(pool.backends.iter()));
        row(&Row {
            key: &service.name,
            name: &service.name,
            detail: &service.listen.join(" "),
            cells: &cells::service(service, up),
            plot: None,
        })
    });
    rows.collect()
}

/// Of more than are shown, those that need somebody come first.
fn backend_rows(status: &Status, lines: &Lines<'_>) -> String {
    let all = status.pools.iter().flat_map(|pool| &pool.backends);
    let mut all: Vec<&BackendView> = all.collect();
    if all.len() > MOST_ROWS {
        all.sort_by_key(|backend| cells::urgency(backend.state));
    }
    let plots = lines.of_backends();
    let rows = all.into_iter().take(MOST_ROWS).map(|backend| {
        let name = backend.full_name();
        row(&Row {
            key: &format!("{name} {}", backend.address),
            name: &name,
            detail: &backend.address,
            cells: &cells::backend(backend, &status.time),
            plot: Some(plots.of(&name)),
        })
    });
    rows.collect()
}

fn more(status: &Status) -> String {
    let all: usize = status.pools.iter().map(|pool| pool.backends.len()).sum();
    match all > MOST_ROWS {
        true => format!("{MOST_ROWS} of {all} shown"),
        false => String::new(),
    }
}

fn session_rows(sessions: &[Entry]) -> String {
    let rows = sessions.iter().map(|entry| {
        row(&Row {
            key: &entry.id,
            name: &entry.client,
            detail: &entry.id,
            cells: &cells::session(entry),
            plot: None,
        })
    });
    rows.collect()
}

fn count(open: u64, sessions: Option<&[Entry]>) -> String {
    match sessions {
        None => format!("{open} open, too many to list every second"),
        Some(shown) if (shown.len() as u64) < open => format!("{} of {open} open", shown.len()),
        Some(_) => format!("{open} open"),
    }
}

#[cfg(test)]
mod tests;
