//! The files by themselves, each trap of provisioning looked for.

use std::collections::BTreeSet;

use e2e::grafana::alerts::{self, CONTACT_POINTS, POLICIES, RULES, Rule};
use e2e::grafana::board::{self, Board};
use e2e::grafana::flux::{Choice, Choices, parse_duration, with_choices};
use e2e::markdown::Document;
use e2e::process::{Ran, clean_command};
use e2e::scratch::Scratch;
use e2e::{PATIENCE, files};
use serde_json::Value;

use super::names::{assert_finds_faults, unknown_names};
use crate::world::World;

const DATA_SOURCE: &str = "infra/grafana/provisioning/datasources/influxdb.yaml";
const PROVIDER: &str = "infra/grafana/provisioning/dashboards/netsocket.yaml";
const PAGE: &str = "docs/monitoring.md";
/// Grafana evaluates nothing more often.
const TICK: u64 = 10;
/// The longest uid that Grafana takes.
const MOST_UID: usize = 40;

/// The eight panels of the original board and what they are, in reading order.
const ORIGINAL: [(&str, &str); 8] = [
    ("Total Clients", "stat"),
    ("Server Active Clients", "stat"),
    ("Mirror1 Active Clients", "stat"),
    ("Mirror 2 Active Clients", "stat"),
    ("Memory Utilization", "gauge"),
    ("CPU Utilization", "gauge"),
    ("Memory Utilization over Time", "timeseries"),
    ("CPU Utilization over Time", "timeseries"),
];

pub(super) fn files_are_sound(_: &World) {
    assert_finds_faults();
    let board = Board::load();
    let source = data_source();
    look_of_the_board(&board);
    places(&board);
    queries_of_the_board(&board);
    references_to_the_data_source(&board.json, &source);
    rules(&board, &source);
    who_is_told();
    pages(&board);
    commands_of_the_page();
}

/// The uid of the data source; that the environment it needs is told.
fn data_source() -> String {
    let file = files::document(DATA_SOURCE);
    let [source] = file["datasources"]
        .as_array()
        .expect("data sources")
        .as_slice()
    else {
        panic!("one data source");
    };
    assert_eq!(
        (&source["type"], &source["jsonData"]["version"]),
        (&"influxdb".into(), &"Flux".into())
    );
    let (text, page) = (files::text(DATA_SOURCE), files::text(PAGE));
    for variable in environment(&text) {
        assert!(text.contains(&format!("#   {variable} ")), "{variable}");
        assert!(page.contains(&variable), "{variable} in {PAGE}");
    }
    let provider = &files::document(PROVIDER)["providers"][0];
    assert_eq!(provider["options"]["path"], "/var/lib/grafana/dashboards");
    // Rules make the folder first; one with a uid of our own would be a second of that title.
    assert!(provider.get("folderUid").is_none());
    let rules = alerts::load();
    assert!(
        rules
            .groups
            .iter()
            .all(|group| provider["folder"] == *group.folder)
    );
    source["uid"].as_str().expect("a uid").to_owned()
}

/// The names behind dollar signs outside of comments.
fn environment(text: &str) -> BTreeSet<String> {
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'));
    let names = lines.flat_map(|line| {
        line.split('$').skip(1).map(|rest| {
            let rest = rest.trim_start_matches('{').chars();
            rest.take_while(|c| c.is_ascii_uppercase() || *c == '_')
                .collect()
        })
    });
    names.collect()
}

fn look_of_the_board(board: &Board) {
    let Value::Object(top) = &board.json else {
        panic!("an object")
    };
    assert_eq!(top["title"], "Server Visualization");
    assert_eq!(top["refresh"], "5s");
    assert_eq!(
        (&top["time"]["from"], &top["time"]["to"]),
        (&"now-5m".into(), &"now".into())
    );
    let uid = top["uid"].as_str().expect("a uid");
    assert!(!uid.is_empty() && uid.len() <= MOST_UID);
    // A number of this Grafana's own database would clash with another's.
    assert!(top.get("id").is_none_or(Value::is_null));
    let first = board.panels.iter().take(ORIGINAL.len());
    let first: Vec<_> = first.map(|p| (p.title.as_str(), p.kind.as_str())).collect();
    assert_eq!(first, ORIGINAL);
}

/// No two panels have the same number or lie upon one another, and none leaves the page.
fn places(board: &Board) {
    let top = board.json["panels"].as_array().expect("panels");
    let mut ids = BTreeSet::new();
    let mut taken: Vec<[u64; 4]> = Vec::new();
    for panel in top {
        let inner = panel["panels"].as_array().into_iter().flatten();
        for panel in [panel].into_iter().chain(inner) {
            assert!(
                ids.insert(panel["id"].as_u64().expect("a number")),
                "{panel}"
            );
        }
        let of = |key: &str| panel["gridPos"][key].as_u64().expect("a place");
        let [x, y, w, h] = ["x", "y", "w", "h"].map(of);
        assert!(w > 0 && h > 0 && x + w <= 24, "{panel}");
        for [ox, oy, ow, oh] in &taken {
            let apart = x + w <= *ox || ox + ow <= x || y + h <= *oy || oy + oh <= y;
            assert!(apart, "two panels at {x},{y}");
        }
        taken.push([x, y, w, h]);
    }
    // In reading order the first eight are the original's.
    assert!(taken.iter().take(8).is_sorted_by_key(|[x, y, ..]| (*y, *x)));
}

fn queries_of_the_board(board: &Board) {
    let everything: Choices = board
        .variables
        .iter()
        .map(|variable| (variable.name.clone(), Choice::All(variable.all.clone())))
        .collect();
    let mut text = String::new();
    for (place, query) in board.queries() {
        assert_eq!(unknown_names(query), Vec::<String>::new(), "{place}");
        with_choices(query, &everything).unwrap_or_else(|fault| panic!("{place}: {fault}"));
        assert!(
            query.contains("from(bucket: v.defaultBucket)")
                || query.contains("bucket: v.defaultBucket,"),
            "{place}"
        );
        assert!(
            !query.contains("now()"),
            "{place}: the page's time, not the clock's"
        );
        text.push_str(query);
    }
    for variable in &board.variables {
        // In Grafana 11.1 the page's time is not known to variables.
        assert!(!variable.query.contains("timeRange"), "{}", variable.name);
        assert!(
            text.contains(&format!("${{{}:", variable.name)),
            "{}",
            variable.name
        );
    }
    for panel in &board.panels {
        let place = format!("panel {} {}", panel.id, panel.title);
        assert!(!panel.queries.is_empty(), "{place}");
        for query in &panel.queries {
            assert!(query.contains("v.timeRangeStop"), "{place}");
            if panel.kind == "timeseries" || panel.kind == "state-timeline" {
                assert!(query.contains("v.windowPeriod"), "{place}");
            }
            // A single dollar sign would take what follows for a variable: `/^…$/` is its only other use.
            let strangers = query.replace("${", "").replace("$/", "");
            assert!(!strangers.contains('$'), "{place}");
        }
        let in_title = panel.title.contains('$');
        assert!(!in_title || panel.repeat.is_some(), "{place}");
    }
}

fn references_to_the_data_source(value: &Value, source: &str) {
    match value {
        Value::Object(object) => {
            if let Some(uid) = object.get("datasource").and_then(|of| of["uid"].as_str()) {
                assert!(uid == source || uid == "-- Grafana --", "{uid}");
            }
            let values = object.values();
            values.for_each(|value| references_to_the_data_source(value, source));
        }
        Value::Array(values) => {
            let values = values.iter();
            values.for_each(|value| references_to_the_data_source(value, source));
        }
        _ => {}
    }
}

fn rules(board: &Board, source: &str) {
    let file = alerts::load();
    assert_eq!(file.api_version, 1);
    let mut names = BTreeSet::new();
    for group in &file.groups {
        let interval = parse_duration(&group.interval).as_secs();
        assert!(
            interval > 0 && interval.is_multiple_of(TICK),
            "{}",
            group.name
        );
        for rule in &group.rules {
            assert!(names.insert(rule.uid.clone()), "{}", rule.uid);
            assert!(names.insert(rule.title.clone()), "{}", rule.title);
            assert!(rule.uid.len() <= MOST_UID, "{}", rule.uid);
            assert_eq!(rule.hold().as_secs() % interval, 0, "{}", rule.uid);
            one_rule(rule, source);
            assert_eq!(board.json["uid"], *rule.dashboard_uid);
            let _ = board.panel(rule.panel_id);
        }
    }
    // Grafana puts its environment behind every dollar sign.
    for line in files::text(RULES).lines() {
        let is_for_people = ["summary:", "description:"];
        let is_for_people = is_for_people
            .iter()
            .any(|key| line.trim_start().starts_with(key));
        assert!(is_for_people || !line.contains('$'), "{line}");
    }
}

fn one_rule(rule: &Rule, source: &str) {
    let chain = rule
        .chain()
        .unwrap_or_else(|fault| panic!("{}: {fault}", rule.uid));
    let query = &chain.query.query;
    assert_eq!(rule.data[0].datasource_uid, source);
    assert_eq!(unknown_names(query), Vec::<String>::new(), "{}", rule.uid);
    // The window of alert queries was nothing in some versions of Grafana.
    for stranger in ["now()", "windowPeriod", "${"] {
        assert!(!query.contains(stranger), "{}: {stranger}", rule.uid);
    }
    assert!(["OK", "Alerting", "NoData", "KeepLast"].contains(&rule.no_data_state.as_str()));
    assert!(["OK", "Alerting", "Error", "KeepLast"].contains(&rule.exec_err_state.as_str()));
    assert!(!rule.is_paused, "{}", rule.uid);
    assert!(["warning", "critical"].contains(&rule.labels["severity"].as_str()));
    assert_eq!(rule.labels["service"], "netsocket");
    for text in ["summary", "description"] {
        let text = &rule.annotations[text];
        for rest in text.split('$').skip(1) {
            assert!(
                rest.starts_with("labels.") || rest.starts_with("values.B.Value"),
                "{text}"
            );
        }
    }
}

fn who_is_told() {
    let points = files::document(CONTACT_POINTS);
    let names: Vec<&Value> = points["contactPoints"]
        .as_array()
        .expect("contact points")
        .iter()
        .map(|point| {
            for receiver in point["receivers"].as_array().expect("receivers") {
                let uid = receiver["uid"].as_str().expect("a uid");
                assert!(!uid.is_empty() && uid.len() <= MOST_UID);
            }
            &point["name"]
        })
        .collect();
    // Without its variable an address must be left, or Grafana does not start.
    let addresses = &points["contactPoints"][0]["receivers"][0]["settings"]["addresses"];
    let addresses = addresses.as_str().expect("addresses");
    assert!(
        addresses
            .split(';')
            .next()
            .is_some_and(|first| first.contains('@'))
    );

    let policies = files::document(POLICIES);
    let [policy] = policies["policies"]
        .as_array()
        .expect("policies")
        .as_slice()
    else {
        panic!("one policy: a second one of the same organisation would replace it");
    };
    let routes = policy["routes"].as_array().into_iter().flatten();
    for route in [policy].into_iter().chain(routes) {
        assert!(names.contains(&&route["receiver"]), "{route}");
    }
}

/// What the page says to copy is all that Grafana needs, and lies where the files say that it does.
fn commands_of_the_page() {
    let commands = &Document::read(PAGE).texts("sh")[0];
    let machine = Scratch::new("grafana");
    let root = machine.path().display().to_string();
    let script = commands.replace("/etc/grafana", &format!("{root}/etc"));
    let script = script.replace("/var/lib/grafana", &format!("{root}/var"));
    std::fs::create_dir_all(machine.path().join("etc/provisioning")).unwrap();
    let mut shell = clean_command("sh");
    shell.current_dir(files::path(".")).args(["-euc", &script]);
    let ran = Ran::of(shell, PATIENCE);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    for file in [DATA_SOURCE, PROVIDER, RULES, CONTACT_POINTS, POLICIES] {
        let copy = file.replace("infra/grafana", "etc");
        assert!(machine.path().join(&copy).is_file(), "{copy}");
    }
    assert!(
        machine
            .path()
            .join("var/dashboards/server-visualization.json")
            .is_file()
    );
}

/// The page has a row for each rule, with what it means and what to do, and no other.
fn pages(board: &Board) {
    let page = files::text(PAGE);
    let groups = alerts::load().groups.into_iter();
    let titles: BTreeSet<String> = groups
        .flat_map(|group| group.rules)
        .map(|rule| format!("`{}`", rule.title))
        .collect();
    let (_, table) = page
        .split_once("## Alerts of Grafana\n")
        .expect("its section");
    let table = table.split("\n## ").next().unwrap_or_default();
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let rows: Vec<Vec<&str>> = rows
        .map(|row| row.trim_matches('|').split(" | ").collect())
        .collect();
    let named: BTreeSet<String> = rows.iter().map(|row| row[0].trim().to_owned()).collect();
    assert_eq!(named, titles);
    assert!(rows.iter().all(|row| row.len() == 4), "{rows:?}");
    let sections = board.json["panels"].as_array().into_iter().flatten();
    for row in sections.filter(|panel| panel["type"] == "row") {
        let title = row["title"]
            .as_str()
            .expect("a title")
            .replace("$backend", "");
        assert!(page.contains(title.trim()), "{title} in {PAGE}");
    }
    assert!(page.contains(board::FILE), "{}", board::FILE);
}
