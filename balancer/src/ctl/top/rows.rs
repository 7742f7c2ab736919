//! What the tables of `ctl top` consist of: the columns of backends, services and sessions, and the cells of each.

use super::super::answer::{Backend, Service, Session, Status};
use super::super::view;
use super::columns::{Column, Row, Style, TEXT, left, name, right};
use crate::config::DEFAULT_NAME;
use crate::observe::units;

/// Left out where there is only the default service.
pub(super) const SERVICE: &str = "SERVICE";

pub(super) const BACKENDS: [Column; 14] = [
    name("NAME", 0, 8),
    name(SERVICE, 6, 8),
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
pub(super) const SERVICES: [Column; 9] = [
    name("NAME", 0, 8),
    name("POOL", 3, 8),
    right("OPEN", 0, 4),
    right("LIMIT", 4, 5),
    right("NEW", 1, 6),
    right("RX", 0, 9),
    right("TX", 0, 9),
    right("REFUSED", 2, 7),
    left("LISTEN", 5, TEXT),
];
pub(super) const OPEN_SESSIONS: [Column; 9] = [
    name("CLIENT", 0, 19),
    name(SERVICE, 4, 8),
    name("BACKEND", 0, 7),
    right("AGE", 0, 6),
    right("RX", 3, 8),
    right("TX", 2, 8),
    right("RATE", 1, 9),
    left("STAGE", 5, 10),
    // `ctl kill` needs it.
    left("ID", 0, 12),
];

/// The columns, of which the one that the rows are sorted by has a mark and is never left out.
pub(super) fn sorted_by(
    columns: &[Column],
    head: Option<&str>,
    arrow: &'static str,
) -> Vec<Column> {
    let mark = |column: &Column| match head == Some(column.head) {
        true => column.sorted(arrow),
        false => *column,
    };
    columns.iter().map(mark).collect()
}

/// Without the column of the service, where all would say the same there.
pub(super) fn with_services(
    status: &Status,
    columns: &[Column],
    rows: Vec<Row>,
) -> (Vec<Column>, Vec<Row>) {
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

pub(super) fn row(status: &Status, backend: &Backend) -> Row {
    let state = match backend.state.as_str() {
        "up" if backend.is_weightless() => Style::Warning,
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

pub(super) fn service(service: &Service) -> Row {
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

pub(super) fn session_row(session: &Session) -> Row {
    let named = |name: &Option<String>| plain(name.clone().unwrap_or_else(|| "–".to_owned()));
    vec![
        plain(session.client.clone()),
        plain(view::service_of(session)),
        named(&session.backend),
        plain(view::session_age(session)),
        plain(units::bytes(session.bytes_up as f64)),
        plain(units::bytes(session.bytes_down as f64)),
        session.rate.map_or(plain("–".to_owned()), byte_rate),
        plain(session.stage.clone()),
        (session.id.clone(), Style::Dim),
    ]
}
