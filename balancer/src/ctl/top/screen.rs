//! What `ctl top` shows: exactly as much as the terminal has room for. Decides without I/O or a clock.

use std::time::Duration;

use super::super::answer::{Backend, Session, Status};
use super::super::{table::printable, view};
use super::columns::{Column, Row, Style, cut, lines, wrapped};
use super::key_help::{key_line, key_lines};
use super::rows::{
    BACKENDS, OPEN_SESSIONS, SERVICES, row, service, session_row, sorted_by, with_services,
};
use super::state::{Panel, Prompt, State};
use super::totals::totals;
use crate::observe::units;

/// Rows of sessions beside the backends, at least.
const SESSIONS: usize = 4;
/// Terminals with fewer lines are shown no more than the first alert's first line.
const ROOMY: usize = 16;

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
    // Old figures must not look like those of now.
    let is_old = state.silent.is_some();
    let (painted, colours) = (colours, colours && !is_old);
    let room = size.rows.saturating_sub(frame.len() + 1);
    let body = match state.panel {
        _ if state.prompt == Prompt::Keys => key_lines(width),
        Panel::Backends => with_sessions(status, state, room, width, colours),
        Panel::Sessions => {
            let sessions = state.sessions(status);
            session_lines(status, &sessions, state, room, width, colours)
        }
        Panel::Services => {
            let rows: Vec<Row> = status.services.iter().map(service).collect();
            cropped(&SERVICES, &rows, None, room, width, colours)
        }
    };
    let aged = |line: String| match is_old && !line.is_empty() {
        true => Style::Dim.paint(&line, painted),
        false => line,
    };
    frame.extend(body.into_iter().take(room).map(aged));
    frame.truncate(size.rows.saturating_sub(1));
    frame.resize(size.rows.saturating_sub(1), String::new());
    frame.push(foot);
    frame.truncate(size.rows);
    frame
}

/// Backends first; sessions get what they leave, and something in any case.
fn with_sessions(
    status: &Status,
    state: &mut State,
    room: usize,
    width: usize,
    colours: bool,
) -> Vec<String> {
    let all = state.backends(status);
    let chosen = state.chosen_place(&all);
    let sessions = state.sessions(status);
    let least = match room > 2 * (SESSIONS + 2) {
        true => SESSIONS + 2,
        false => 0,
    };
    let high = (all.len() + 1).min(room.saturating_sub(least));
    let mut body = backends(status, &all, state, high, width, colours);
    // The reason of the chosen one is asked for: sessions leave it the room.
    let asked = chosen.and_then(|place| all.get(place..=place));
    let asked = asked.map(|it| whole_reasons(it, &body, Some(0), width, room));
    let asked = asked.filter(|lines| !lines.is_empty());
    let asked = asked.map_or(0, |lines| lines.len() + 1);
    let rest = room.saturating_sub(body.len() + 1 + asked);
    if rest > 2 {
        body.push(String::new());
        body.extend(session_lines(
            status, &sessions, state, rest, width, colours,
        ));
    }
    let rest = room.saturating_sub(body.len() + 1);
    let whole = whole_reasons(&all, &body, chosen, width, rest);
    if !whole.is_empty() {
        body.push(String::new());
        body.extend(whole);
    }
    body
}

/// State, totals and alerts.
fn head(status: &Status, state: &mut State, size: Size, colours: bool) -> Vec<String> {
    let width = size.columns;
    let ago = state.silent.map(|seconds| {
        let ago = units::span(Duration::from_secs(seconds));
        format!("last answer {ago} ago")
    });
    let (word, style) = match (&state.lost, status.state.as_str()) {
        (Some(_), _) => ("NO ANSWER", Style::Alarm),
        (None, _) if ago.is_some() => ("NO ANSWER", Style::Warning),
        (None, "ready") => ("READY", Style::Good),
        (None, "warning") => ("WARNING", Style::Warning),
        (None, "draining") => ("STOPPING", Style::Warning),
        (None, "emergency") => ("EMERGENCY", Style::Alarm),
        (None, _) if status.ready => ("READY", Style::Good),
        (None, _) => ("NOT READY", Style::Alarm),
    };
    let headline = state.lost.as_ref().or(ago.as_ref());
    let headline = headline.unwrap_or(&status.headline);
    let first = format!("{} {word} {headline}", status.name());
    let is_whole = first.chars().count() <= width;
    let mut lines = vec![style.paint(&cut(&printable(&first), width), colours)];
    let totals = totals(status, width, &mut state.left_out);
    let (told, style) = match (&ago, &state.lost) {
        (None, _) => {
            lines.push(totals);
            (alert_lines(status, is_whole, size), style_of_alert(status))
        }
        (Some(ago), lost) => {
            lines.push(Style::Dim.paint(&totals, colours));
            let ago = lost.as_ref().map_or(String::new(), |_| format!("{ago}, "));
            let said = format!("  {ago}all below is of {}", status.time);
            (vec![cut(&said, width)], Style::Warning)
        }
    };
    let told = told.iter().map(String::as_str);
    lines.extend(told.map(|line| style.paint(line, colours)));
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
        Prompt::None => (key_line(state, width), Style::Dim),
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
    let sorted = sorted_by(&BACKENDS, state.sort.column(), state.arrow());
    let (columns, rows) = with_services(status, &sorted, rows);
    cropped(&columns, &rows, chosen, high, width, colours)
}

/// What did not fit into the columns of names and reasons, of the chosen backend and of those that do not serve: in full, where nothing else
/// needs the room.
fn whole_reasons(
    all: &[&Backend],
    shown: &[String],
    chosen: Option<usize>,
    width: usize,
    room: usize,
) -> Vec<String> {
    let is_cut = |text: &str| !shown.iter().any(|line| line.contains(text));
    let places = 0..all.len();
    let troubled = places.filter(|&place| Some(place) != chosen && all[place].is_troubled());
    let wanted = chosen.into_iter().chain(troubled);
    let reasons = wanted.filter_map(|place| all.get(place));
    let texts = reasons
        .map(|backend| [backend.full_name(), view::reason(backend)].map(|text| printable(&text)));
    let cut_off = texts.filter(|texts| texts.iter().any(|text| is_cut(text)));
    let lines = cut_off.flat_map(|[name, reason]| wrapped(&format!("{name}: {reason}"), width, 2));
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
    state: &State,
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
    let sorted = sorted_by(
        &OPEN_SESSIONS,
        Some(state.sort.column_of_sessions()),
        state.arrow_of_sessions(),
    );
    let (columns, rows) = with_services(status, &sorted, rows);
    cropped(&columns, &rows, None, high, width, colours)
}

/// What is waited for before the next look at the balancer, where it does not answer.
pub(super) const RETRY: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
