//! The columns of the tables. The script has the same ones, in the same words.

use std::time::Duration;

use super::html::{Cell, SERVICE, number};
use crate::admin::alerts::is_weightless;
use crate::admin::api::{BackendView, CheckView};
use crate::admin::service_view::ServiceView;
use crate::admin::sessions::Entry;
use crate::config::DEFAULT_NAME;
use crate::core::limits::WEIGHTLESS;
use crate::observe::units;

/// Failures of a server that has taken the connection; all others come before that.
const LAYER_7: [&str; 3] = ["no-answer", "wrong-answer", "wrong-status"];

/// Those that need somebody come first, as in the script.
pub(super) fn urgency(state: &str) -> usize {
    let order = [
        "down",
        "ejected",
        "maintenance",
        "draining",
        "leaving",
        "up",
    ];
    let place = order.iter().position(|known| *known == state);
    place.unwrap_or(order.len())
}

/// `now`: the time of the whole page.
pub(super) fn backend(backend: &BackendView, now: &str) -> [Cell; 9] {
    let rates = &backend.rates;
    let share = backend.weight_share;
    let (class, why) = match is_weightless(backend) {
        true => ("weightless", format!("{WEIGHTLESS}; {}", backend.reason)),
        false => (backend.state, backend.reason.clone()),
    };
    [
        (
            "State",
            format!("state {class}"),
            format!("{} for {}", backend.state, span(&backend.since, now)),
            why,
        ),
        check(backend, now),
        number(
            "Open",
            backend.active.to_string(),
            of_limit(backend.max_connections.map(u64::from)),
        ),
        number(
            "New",
            units::rate(rates.sessions),
            format!("{} total", backend.total),
        ),
        number(
            "To clients",
            units::byte_rate(rates.bytes_down),
            units::bytes(backend.bytes_down as f64),
        ),
        number(
            "From clients",
            units::byte_rate(rates.bytes_up),
            units::bytes(backend.bytes_up as f64),
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

fn check(backend: &BackendView, now: &str) -> Cell {
    let checks = &backend.checks;
    let Some(last) = &checks.last else {
        return ("Last check", String::new(), "–".to_owned(), String::new());
    };
    let run = match checks.against {
        0 => String::new(),
        some => format!(", {some} of {} in a row", checks.needed),
    };
    let small = format!(
        "in {}, {} ago{run}",
        units::millis(Some(last.took_ms)),
        span(&last.at, now)
    );
    let class = if last.said.is_none() { "good" } else { "bad" };
    ("Last check", class.to_owned(), result(last), small)
}

/// As HAProxy does, by the layer that failed.
fn result(last: &CheckView) -> String {
    match last.said {
        None => last.result.to_owned(),
        Some(_) if LAYER_7.contains(&last.result) => format!("L7 {}", last.result),
        Some(_) => format!("L4 {}", last.result),
    }
}

pub(super) fn session(entry: &Entry) -> [Cell; 6] {
    let number = |label, main: String| number(label, main, String::new());
    [
        (
            "Service",
            SERVICE.to_owned(),
            entry
                .service
                .clone()
                .unwrap_or_else(|| DEFAULT_NAME.to_owned()),
            String::new(),
        ),
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
        number("To client", units::bytes(entry.bytes_down as f64)),
        number("From client", units::bytes(entry.bytes_up as f64)),
        number("Rate", entry.rate.map_or("–".to_owned(), units::byte_rate)),
    ]
}

/// `up`: how many backends of its pool are up, of how many.
pub(super) fn service(service: &ServiceView, up: Option<(usize, usize)>) -> [Cell; 6] {
    let refused: u64 = service.refused.values().sum();
    let (class, backends) = match up {
        None => ("", "by rule".to_owned()),
        Some((up, all)) => (
            match up {
                0 => "bad",
                up if up < all => "some",
                _ => "good",
            },
            format!("{up} of {all} up"),
        ),
    };
    [
        ("Backends", class.to_owned(), backends, service.pool.clone()),
        number("Open", service.active.to_string(), of_limit(service.limit)),
        number(
            "New",
            units::rate(service.rates.sessions),
            format!("{} total", service.total),
        ),
        number(
            "To clients",
            units::byte_rate(service.rates.bytes_down),
            units::bytes(service.bytes_down as f64),
        ),
        number(
            "From clients",
            units::byte_rate(service.rates.bytes_up),
            units::bytes(service.bytes_up as f64),
        ),
        number("Refused", refused.to_string(), String::new()),
    ]
}

fn of_limit(limit: Option<u64>) -> String {
    limit.map_or(String::new(), |most| format!("of {most}"))
}

/// How long ago that was.
pub(super) fn span(since: &str, now: &str) -> String {
    units::span(units::between(since, now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_without_a_weight_is_told_from_those_that_serve() {
        let told = |state: &'static str, weight| {
            let reason = "because".to_owned();
            let view = BackendView {
                state,
                weight,
                reason,
                ..BackendView::default()
            };
            let [cell, ..] = backend(&view, "");
            (cell.1, cell.3)
        };
        let plain = |class: &str| (class.to_owned(), "because".to_owned());
        assert_eq!(told("up", 1), plain("state up"));
        assert_eq!(told("down", 0), plain("state down"));
        let why = "weight 0: takes no new sessions; because".to_owned();
        assert_eq!(told("up", 0), ("state weightless".to_owned(), why));
    }

    #[test]
    fn a_check_tells_its_result_and_its_time() {
        let mut view = BackendView {
            state: "down",
            since: "2026-01-02T03:04:05.000Z".to_owned(),
            ..BackendView::default()
        };
        let now = "2026-01-02T03:04:17.500Z";
        let shown = |view: &BackendView| {
            let cells = backend(view, now);
            [cells[0].2.clone(), cells[1].2.clone(), cells[1].3.clone()]
        };
        assert_eq!(shown(&view), ["down for 12 s", "–", ""]);
        view.checks.against = 1;
        view.checks.needed = 2;
        let mut last = CheckView {
            result: "timeout",
            said: Some("timed out".to_owned()),
            took_ms: 1000.0,
            at: "2026-01-02T03:04:16.400Z".to_owned(),
        };
        view.checks.last = Some(last);
        assert_eq!(
            shown(&view)[1..],
            ["L4 timeout", "in 1.00 s, 1 s ago, 1 of 2 in a row"]
        );
        last = view.checks.last.take().unwrap();
        last.result = "wrong-answer";
        view.checks.last = Some(last);
        assert_eq!(shown(&view)[1], "L7 wrong-answer");
    }
}
