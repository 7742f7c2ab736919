//! What `ctl top` shows: exactly as much as the terminal has room for. Decides without I/O or a clock.

use std::time::Duration;

use super::super::answer::{Backend, Service, Session, Status};
use super::super::{table::printable, view};
use super::columns::{Column, Row, Style, TEXT, cut, left, lines, right, wrapped};
use super::key_help::key_lines;
use super::state::{Panel, Prompt, State};
use super::totals::totals;
use crate::config::DEFAULT_NAME;
use crate::observe::units;

/// Rows of sessions beside the backends, at least.
const SESSIONS: usize = 4;
/// Terminals with fewer lines are shown no more than the first alert's first line.
const ROOMY: usize = 16;

/// Left out where there is only the default service.
const SERVICE: &str = "SERVICE";

const BACKENDS: [Column; 14] = [
    left("NAME", 0, 0),
    left(SERVICE, 6, 0),
    left("STATE", 0, 7),
    right("FOR", 3, 6),
    left("CHECK", 8, 14),
    right("OPEN", 0, 4),
    right("NEW", 4, 6),
    right("RX", 1, 9),
    right("TX", 1, 9),
    right("P50", 7, 7),
    right("P99", 9, 7),
    right("ERR", 5, 3),
    right("WEIGHT", 10, 6),
    left("REASON", 2, TEXT),
];
const SERVICES: [Column; 9] = [
    left("NAME", 0, 0),
    left("POOL", 3, 0),
    right("OPEN", 0, 4),
    right("LIMIT", 4, 5),
    right("NEW", 1, 6),
    right("RX", 0, 9),
    right("TX", 0, 9),
    right("REFUSED", 2, 7),
    left("LISTEN", 5, TEXT),
];
const OPEN_SESSIONS: [Column; 9] = [
    left("CLIENT", 0, 19),
    left(SERVICE, 4, 8),
    left("BACKEND", 0, 7),
    right("AGE", 0, 6),
    right("RX", 3, 8),
    right("TX", 2, 8),
    right("RATE", 1, 9),
    left("STAGE", 5, 10),
    // `ctl kill` needs it.
    left("ID", 0, 12),
];

/// A terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) rows: usize,
    pub(super) columns: usize,
}

/// The lines of a frame: no more than there are rows, none wider than the terminal.
pub(super) fn frame(status: &Status, state: &mut State, size: Size, colours: bool) -> Vec<String> {
    let width = size.columns;
    let mut frame = head(status, state, size, colours);
    let foot = foot(state, width, colours);
    let room = size.rows.saturating_sub(frame.len() + 1);
    let body = match state.panel {
        _ if state.prompt == Prompt::Keys => key_lines(width),
        Panel::Backends => {
            let all = state.backends(status);
            let sessions = state.sessions(status);
            // Backends first; sessions get what they leave, and something in any case.
            let least = if room > 2 * (SESSIONS + 2) {
                SESSIONS + 2
            } else {
                0
            };
            let high = (all.len() + 1).min(room.saturating_sub(least));
            let mut body = backends(status, &all, state, high, width, colours);
            let rest = room.saturating_sub(body.len() + 1);
            if rest > 2 {
                body.push(String::new());
                body.extend(session_lines(status, &sessions, rest, width, colours));
            }
            let rest = room.saturating_sub(body.len() + 1);
            let whole = whole_reasons(&all, &body, width, rest);
            if !whole.is_empty() {
                body.push(String::new());
                body.extend(whole);
            }
            body
        }
        Panel::Sessions => {
            let sessions = state.sessions(status);
            session_lines(status, &sessions, room, width, colours)
        }
        Panel::Services => {
            let rows: Vec<Row> = status.services.iter().map(service).collect();
            cropped(&SERVICES, &rows, None, room, width, colours)
        }
    };
    frame.extend(body.into_iter().take(room));
    frame.truncate(size.rows.saturating_sub(1));
    frame.resize(size.rows.saturating_sub(1), String::new());
    frame.push(foot);
    frame.truncate(size.rows);
    frame
}

/// State, totals and alerts.
fn head(status: &Status, state: &mut State, size: Size, colours: bool) -> Vec<String> {
    let width = size.columns;
    let (word, style) = match (&state.lost, status.state.as_str()) {
        (Some(_), _) => ("NO ANSWER", Style::Alarm),
        (None, "ready") => ("READY", Style::Good),
        (None, "warning") => ("WARNING", Style::Warning),
        (None, "draining") => ("STOPPING", Style::Warning),
        (None, "emergency") => ("EMERGENCY", Style::Alarm),
        (None, _) if status.ready => ("READY", Style::Good),
        (None, _) => ("NOT READY", Style::Alarm),
    };
    let headline = state.lost.as_deref().unwrap_or(&status.headline);
    let first = format!("{} {word} {headline}", status.name());
    let is_whole = first.chars().count() <= width;
    let mut lines = vec![style.paint(&cut(&printable(&first), width), colours)];
    lines.push(totals(status, width, &mut state.left_out));
    let told = match state.lost {
        Some(_) => vec![cut(&format!("  all below is of {}", status.time), width)],
        None => alert_lines(status, is_whole, size),
    };
    let told = told.iter().map(String::as_str);
    lines.extend(told.map(|line| style_of_alert(status).paint(line, colours)));
    lines.push(String::new());
    lines
}

/// What is wrong, wrapped, in no more lines than backends and some sessions leave. `is_whole`: whether the first line has all
/// of the headline.
fn alert_lines(status: &Status, is_whole: bool, size: Size) -> Vec<String> {
    let body = status.backends().count() + 1 + 1 + SESSIONS;
    // Two lines above, an empty one below, and that of the keys.
    let left = size.rows.saturating_sub(2 + 1 + 1 + body);
    let room = match size.rows < ROOMY {
        true => 1,
        false => left.clamp(4, (size.rows / 2).max(4)),
    };
    let mut told = Vec::new();
    for alert in &status.alerts {
        let since = alert.since.as_ref();
        let span = since.map(|since| units::span(units::between(since, &status.time)));
        let span = span.map_or(String::new(), |span| format!("for {span}, "));
        if alert.what != status.headline || !is_whole {
            told.push(alert.what.clone());
        }
        told.push(format!("  {span}clients {}", alert.clients));
        told.extend(alert.todo.iter().map(|todo| format!("  > {todo}")));
    }
    let told = told.iter().map(|line| printable(line));
    let mut lines: Vec<_> = told
        .flat_map(|line| wrapped(&line, size.columns, 2))
        .collect();
    if lines.len() > room {
        lines.truncate(room);
        if let Some(last) = lines.last_mut() {
            *last = cut(&format!("{last} …"), size.columns);
        }
    }
    lines
}

fn style_of_alert(status: &Status) -> Style {
    match status.state.as_str() {
        "emergency" => Style::Bad,
        _ => Style::Warning,
    }
}

/// Keys, or the question that is open, or what became of the last change.
fn foot(state: &State, width: usize, colours: bool) -> String {
    let (text, style) = match &state.prompt {
        Prompt::Filter => (format!("filter: {}_", state.filter), Style::Plain),
        Prompt::Confirm(change) => {
            let alone = match change.is_last {
                true => " No other healthy backend takes sessions.",
                false => "",
            };
            (format!("{}?{alone} y / n", change.said()), Style::Warning)
        }
        Prompt::Keys => ("any key: back".to_owned(), Style::Dim),
        Prompt::None if !state.news.is_empty() => (state.news.clone(), Style::Warning),
        Prompt::None => {
            let mut text = format!("q quit  ? keys  s sort:{}  / filter", state.sort.label());
            if !state.filter.is_empty() {
                text.push_str(&format!(":{}", state.filter));
            }
            text.push_str("  tab view  d drain  r ready  m maint.");
            (text, Style::Dim)
        }
    };
    style.paint(&cut(&printable(&text), width), colours)
}

fn backends(
    status: &Status,
    all: &[&Backend],
    state: &mut State,
    high: usize,
    width: usize,
    colours: bool,
) -> Vec<String> {
    if all.is_empty() && !state.filter.is_empty() {
        let said = format!("nothing matches {:?}: Esc shows all", state.filter);
        return vec![cut(&printable(&said), width)];
    }
    let chosen = state.chosen_place(all);
    let rows: Vec<Row> = all.iter().map(|backend| row(status, backend)).collect();
    let (columns, rows) = with_services(status, &BACKENDS, rows);
    cropped(&columns, &rows, chosen, high, width, colours)
}

/// What did not fit into the column of reasons, of the backends that are not up: in full, where nothing else needs the room.
fn whole_reasons(all: &[&Backend], shown: &[String], width: usize, room: usize) -> Vec<String> {
    let is_cut = |reason: &str| !shown.iter().any(|line| line.contains(reason));
    let troubled = all.iter().filter(|backend| backend.state != "up");
    let reasons = troubled.map(|backend| (backend, printable(&view::reason(backend))));
    let cut_off = reasons.filter(|(_, reason)| is_cut(reason));
    let lines = cut_off.flat_map(|(backend, reason)| {
        let said = format!("{}: {reason}", printable(&backend.full_name()));
        wrapped(&said, width, 2)
    });
    lines.take(room).collect()
}

/// The head, and as many rows as there is room for, among them the chosen one.
fn cropped(
    columns: &[Column],
    rows: &[Row],
    chosen: Option<usize>,
    high: usize,
    width: usize,
    colours: bool,
) -> Vec<String> {
    let room = high.saturating_sub(1);
    let first = chosen.map_or(0, |chosen| (chosen + 1).saturating_sub(room));
    let sight = first..rows.len().min(first.saturating_add(room));
    let mut all = lines(columns, rows, sight, width, chosen, colours);
    all.truncate(high);
    all
}

fn session_lines(
    status: &Status,
    sessions: &[&Session],
    high: usize,
    width: usize,
    colours: bool,
) -> Vec<String> {
    if status.top_sessions.is_none() {
        return vec![cut("too many sessions to list every second", width)];
    }
    let rows: Vec<Row> = sessions
        .iter()
        .map(|session| session_row(session))
        .collect();
    let (columns, rows) = with_services(status, &OPEN_SESSIONS, rows);
    cropped(&columns, &rows, None, high, width, colours)
}

/// Without the column of the service, where all would say the same there.
fn with_services(status: &Status, columns: &[Column], rows: Vec<Row>) -> (Vec<Column>, Vec<Row>) {
    let is_only = status.services.iter().all(|it| it.name == DEFAULT_NAME);
    let is_shown =
        |index: usize| !is_only || columns.get(index).is_none_or(|it| it.head != SERVICE);
    let shown = |row: Row| -> Row {
        let cells = row.into_iter().enumerate();
        cells
            .filter(|(index, _)| is_shown(*index))
            .map(|(_, cell)| cell)
            .collect()
    };
    let heads = columns
        .iter()
        .enumerate()
        .filter(|(index, _)| is_shown(*index));
    let heads = heads.map(|(_, column)| *column).collect();
    (heads, rows.into_iter().map(shown).collect())
}

fn plain(text: String) -> (String, Style) {
    (text, Style::Plain)
}

fn byte_rate(per_second: f64) -> (String, Style) {
    plain(units::byte_rate(per_second))
}

fn row(status: &Status, backend: &Backend) -> Row {
    let state = match backend.state.as_str() {
        "up" => Style::Good,
        "down" | "ejected" => Style::Bad,
        _ => Style::Warning,
    };
    let check = backend.checks.last.as_ref().map_or("–".to_owned(), |last| {
        format!("{} {}", last.result, units::millis(Some(last.took_ms)))
    });
    let open = match backend.max_connections {
        None => backend.active.to_string(),
        Some(most) => format!("{}/{most}", backend.active),
    };
    let errors = match backend.errors {
        0 => Style::Plain,
        _ => Style::Warning,
    };
    vec![
        plain(backend.full_name()),
        plain(status.services_of(backend)),
        (backend.state.clone(), state),
        plain(units::span(units::between(&backend.since, &status.time))),
        plain(check),
        plain(open),
        plain(units::rate(backend.rates.sessions)),
        byte_rate(backend.rates.bytes_up),
        byte_rate(backend.rates.bytes_down),
        plain(units::millis(backend.connect_p50_ms)),
        plain(units::millis(backend.connect_p99_ms)),
        (backend.errors.to_string(), errors),
        plain(backend.weight.to_string()),
        (view::reason(backend), Style::Dim),
    ]
}

fn service(service: &Service) -> Row {
    let pool = match service.pool.as_str() {
        "" => "by rule",
        pool => pool,
    };
    vec![
        plain(service.name.clone()),
        plain(pool.to_owned()),
        plain(service.active.to_string()),
        plain(
            service
                .limit
                .map_or("–".to_owned(), |limit| limit.to_string()),
        ),
        plain(units::rate(service.rates.sessions)),
        byte_rate(service.rates.bytes_up),
        byte_rate(service.rates.bytes_down),
        plain(service.refused.values().sum::<u64>().to_string()),
        plain(service.listen.join(" ")),
    ]
}

fn session_row(session: &Session) -> Row {
    let named = |name: &Option<String>| plain(name.clone().unwrap_or_else(|| "–".to_owned()));
    vec![
        plain(session.client.clone()),
        named(&session.service),
        named(&session.backend),
        plain(view::session_age(session)),
        plain(units::bytes(session.bytes_up as f64)),
        plain(units::bytes(session.bytes_down as f64)),
        session.rate.map_or(plain("–".to_owned()), byte_rate),
        plain(session.stage.clone()),
        (session.id.clone(), Style::Dim),
    ]
}

/// What is waited for before the next look at the balancer, where it does not answer.
pub(super) const RETRY: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
