//! What each panel of the board must show, and that it does.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use e2e::fleet::{Fleet, NAMES};
use e2e::grafana::board::{Board, Panel};
use e2e::grafana::flux::{Choice, Choices, Span, with_choices, with_macros};
use e2e::grafana::picture::{self, Content};
use e2e::grafana::series::{Series, series};
use e2e::influx::{Influx, ROOT, Row};
use e2e::old_client::OldClient;
use e2e::{PATIENCE, eventually, tool};

use super::pipeline::{HELD, work};
use crate::telemetry::open;

/// What the page shows at first.
const SHOWN: Duration = Duration::from_secs(5 * 60);

/// What there is to choose, and everything of it chosen.
fn everything(board: &Board) -> Choices {
    let all = board.variables.iter();
    all.map(|v| (v.name.clone(), Choice::All(v.all.clone())))
        .collect()
}

/// The series of a panel, over the time that the page shows at first; `choices` beat "all".
pub(super) fn shown(board: &Board, id: u64, influx: &Influx, choices: &Choices) -> Vec<Series> {
    let panel = board.panel(id);
    let queries = panel.queries.iter();
    let found = queries.flat_map(|query| {
        let rows = ask(board, panel, query, influx, choices);
        series(&rows).unwrap_or_else(|fault| panic!("{id} {}: {fault}\n{query}", panel.title))
    });
    found.filter(|series| !series.points.is_empty()).collect()
}

fn ask(board: &Board, panel: &Panel, query: &str, influx: &Influx, choices: &Choices) -> Vec<Row> {
    let mut all = everything(board);
    all.extend(choices.clone());
    let text = with_choices(query, &all).unwrap_or_else(|fault| panic!("{}: {fault}", panel.title));
    influx.query(&with_macros(
        &text,
        Span::before(Utc::now(), SHOWN),
        panel.window,
        ROOT,
    ))
}

/// Whose names a panel must show.
enum Shows {
    /// One figure without a name.
    One,
    Backends,
    Balancers,
    FileServers,
    Hosts,
    /// The host of the collector, and where its metrics are.
    Collectors,
    /// Just these.
    These(&'static [&'static str]),
    /// Balancers and file servers with their roles.
    Processes,
    /// Lines of text.
    Events,
}

/// What each panel must show after all of that.
fn expected(id: u64) -> Shows {
    match id {
        1..=4 => Shows::One,
        5..=8 => Shows::Hosts,
        62 => Shows::Collectors,
        70..=74 => Shows::These(&["default"]),
        10..=13 | 30 | 31 | 40 => Shows::Backends,
        15..=18 | 20..=22 => Shows::Balancers,
        23 | 63 | 64 => Shows::Processes,
        32 => Shows::These(&["accept_errors", "refused", "retries"]),
        33 | 41 | 50 | 51 | 53 => Shows::FileServers,
        34 => Shows::Events,
        52 => Shows::These(&["dirlist", "quitc", "w24ft", "w24fz"]),
        60 | 61 => Shows::These(&["balancer", "fileserver"]),
        other => panic!("nothing is known of panel {other}"),
    }
}

pub(super) fn the_board_shows_it(
    board: &Board,
    influx: &Influx,
    fleet: &Fleet,
    collector: SocketAddr,
) {
    let balancer = fleet.address().to_string();
    let host = String::from_utf8(tool::output(&mut tool::tool("hostname"))).unwrap();
    let host = host.trim();
    assert_choices(board, influx, &balancer, host);
    let names = |shows: &Shows| -> BTreeSet<String> {
        match shows {
            Shows::One => [String::new()].into(),
            Shows::Backends | Shows::FileServers => NAMES.map(ToOwned::to_owned).into(),
            Shows::Balancers => [balancer.clone()].into(),
            Shows::Hosts => [host.to_owned()].into(),
            Shows::Collectors => [format!("{host} {collector}")].into(),
            Shows::These(these) => these.iter().map(ToString::to_string).collect(),
            Shows::Processes => {
                let servers = NAMES.map(|name| format!("fileserver {name}"));
                let mut all: BTreeSet<String> = servers.into();
                all.insert(format!("balancer {balancer}"));
                all
            }
            Shows::Events => panic!("lines"),
        }
    };
    for panel in &board.panels {
        let shows = expected(panel.id);
        if matches!(shows, Shows::Events) {
            assert_events(&ask(
                board,
                panel,
                &panel.queries[0],
                influx,
                &Choices::new(),
            ));
            continue;
        }
        // A repeated panel is one for each value.
        let variants: Vec<Choices> = match &panel.repeat {
            None => vec![Choices::new()],
            Some(variable) => NAMES
                .iter()
                .map(|name| {
                    let one = Choice::Values(vec![(*name).to_owned()]);
                    [(variable.clone(), one)].into()
                })
                .collect(),
        };
        for choices in variants {
            let wanted = names(&shows);
            let what = format!("panel {} {choices:?} to show {wanted:?}", panel.id);
            eventually(PATIENCE, &what, || {
                let found = shown(board, panel.id, influx, &choices);
                let found = found.iter().map(|s| s.name(&panel.display_name));
                if found.collect::<BTreeSet<String>>() == wanted {
                    return Some(());
                }
                work(fleet);
                None
            });
        }
    }
    assert_values(board, influx, fleet);
    assert_one_choice_hides_the_others(board, influx);
    for annotation in &board.annotations {
        let span = Span::before(Utc::now(), SHOWN);
        let rows = influx.query(&with_macros(&annotation.query, span, SHOWN, ROOT));
        assert!(!rows.is_empty(), "{}", annotation.name);
        for row in rows {
            for column in ["time", "title", "text", "tags"] {
                assert!(!row[column].is_empty(), "{column} of {row:?}");
            }
        }
    }
}

fn assert_choices(board: &Board, influx: &Influx, balancer: &str, host: &str) {
    for variable in &board.variables {
        let query = with_macros(
            &variable.query,
            Span::before(Utc::now(), SHOWN),
            SHOWN,
            ROOT,
        );
        let rows = influx.query(&query);
        let mut found: Vec<&str> = rows.iter().map(|row| row["_value"].as_str()).collect();
        found.sort_unstable();
        let wanted = match variable.name.as_str() {
            "balancer" => vec![balancer],
            "backend" | "fileserver" => vec!["mirror1", "mirror2", "server"],
            "host" => vec![host],
            "service" => vec!["default"],
            other => panic!("nothing is known of the variable {other}"),
        };
        assert_eq!(found, wanted, "{}", variable.name);
        // The page takes only the first table.
        assert!(
            rows.iter().all(|row| row["table"] == "0"),
            "{}",
            variable.name
        );
    }
}

/// Figures that were made on purpose are there.
fn assert_values(board: &Board, influx: &Influx, fleet: &Fleet) {
    let of = |id| shown(board, id, influx, &Choices::new());
    let begun = fleet.balancer.admin.sessions_begun();
    eventually(PATIENCE, "the number of sessions", || {
        (of(1)[0].last() == begun as f64).then_some(())
    });
    for id in [11, 12, 13, 70, 71, 72, 74, 20, 21, 31, 33, 50, 51] {
        eventually(PATIENCE, &board.panel(id).title, || {
            let largest = of(id).iter().map(Series::max).fold(f64::NAN, f64::max);
            if largest > 0.0 {
                return Some(());
            }
            work(fleet);
            None
        });
    }
    // Each of them was down for a while, and is up.
    for backend in of(10) {
        let values: BTreeSet<String> = backend
            .points
            .iter()
            .map(|(_, up)| up.to_string())
            .collect();
        assert_eq!(
            (values, backend.last()),
            (["0", "1"].map(ToOwned::to_owned).into(), 1.0),
            "{:?}",
            backend.labels
        );
    }
    for percent in [5, 6, 7, 8, 23, 31].into_iter().flat_map(of) {
        let sound = |(_, value): &(_, f64)| (0.0..=100.0).contains(value);
        assert!(percent.points.iter().all(sound), "{percent:?}");
    }
}

fn assert_one_choice_hides_the_others(board: &Board, influx: &Influx) {
    let values = |names: &[&str]| Choice::Values(names.iter().map(ToString::to_string).collect());
    for (names, count) in [
        (&["mirror1"][..], 1),
        (&["mirror1", "server"], 2),
        (&["mirror"], 0),
    ] {
        let choices: Choices = [("backend".to_owned(), values(names))].into();
        assert_eq!(shown(board, 11, influx, &choices).len(), count, "{names:?}");
    }
}

fn assert_events(rows: &[Row]) {
    let events: BTreeSet<&str> = rows.iter().map(|row| row["event"].as_str()).collect();
    for event in [
        "start",
        "backend_down",
        "backend_up",
        "fail_open",
        "fail_open_end",
    ] {
        assert!(events.contains(event), "{event} in {events:?}");
    }
    assert!(
        rows.iter()
            .all(|row| !row["what"].is_empty() && !row["time"].is_empty())
    );
}

/// The board from its own queries, some minutes later: all that this test did is on it.
pub(super) fn picture(board: &Board, influx: &Influx, fleet: &Fleet) -> String {
    let from = Utc::now() - TimeDelta::minutes(1);
    let enough = from + TimeDelta::minutes(4);
    eventually(SHOWN, "something to draw", || {
        // Held for a while, so that graphs of open sessions show some.
        let held: Vec<OldClient> = (0..HELD).map(|_| open(fleet)).collect();
        work(fleet);
        drop(held);
        (Utc::now() > enough).then_some(())
    });
    let span = Span {
        from,
        to: Utc::now(),
    };
    picture::draw(board, span, |panel| {
        if panel.kind == "table" {
            let rows = ask(board, panel, &panel.queries[0], influx, &Choices::new());
            return Content::Rows(rows);
        }
        Content::Series(shown(board, panel.id, influx, &Choices::new()))
    })
}
