//! The names in a query: only those that telemetry writes, or that the query itself has made.

use std::collections::BTreeSet;

use netsocket_telemetry::names::tag;
use netsocket_telemetry::schema::{FIELDS, TAGS};
use netsocket_telemetry::{EventKind, Role};

/// Columns that InfluxDB makes.
const OWN: [&str; 6] = [
    "_time",
    "_value",
    "_field",
    "_measurement",
    "_start",
    "_stop",
];

/// What a query names that there is not.
pub(super) fn unknown_names(query: &str) -> Vec<String> {
    let mut unknown = Vec::new();
    for predicate in predicates(query) {
        unknown.extend(unknown_in_predicate(predicate));
    }
    let made = made(query);
    let known = |name: &str| {
        let is_tag = TAGS.iter().any(|(_, tags)| tags.contains(&name));
        let is_field = FIELDS.iter().any(|spec| spec.name == name);
        OWN.contains(&name) || is_tag || is_field || made.contains(name)
    };
    let columns = columns(query).into_iter();
    unknown.extend(members(query).chain(columns).filter(|name| !known(name)));
    unknown
}

/// The texts of functions that say of a row which measurement it must be of.
fn predicates(query: &str) -> Vec<&str> {
    let mut predicates = Vec::new();
    for function in ["fn: (r) =>", "predicate: (r) =>"] {
        let after = query.split(function).skip(1);
        predicates.extend(after.map(|rest| rest.lines().next().unwrap_or_default()));
    }
    predicates.retain(|predicate| predicate.contains("_measurement"));
    predicates
}

fn unknown_in_predicate(predicate: &str) -> Vec<String> {
    let measurements = compared(predicate, "_measurement");
    let [measurement] = measurements.as_slice() else {
        return vec![format!("not one measurement: {predicate}")];
    };
    let Some((_, tags)) = TAGS.iter().find(|(known, _)| known == measurement) else {
        return vec![measurement.clone()];
    };
    let fields = compared(predicate, "_field");
    let of_measurement = |name: &String| {
        let mut specs = FIELDS.iter();
        specs.any(|spec| spec.measurement == measurement && spec.name == *name)
    };
    let mut unknown: Vec<String> = fields.into_iter().filter(|f| !of_measurement(f)).collect();
    unknown.extend(members(predicate).filter(|name| {
        !tags.contains(&name.as_str()) && name != "_measurement" && name != "_field"
    }));
    for (tag, values) in [
        (tag::EVENT, EventKind::ALL.map(EventKind::as_str).to_vec()),
        (
            tag::ROLE,
            vec![Role::Balancer.as_str(), Role::Fileserver.as_str()],
        ),
    ] {
        let named = compared(predicate, tag);
        unknown.extend(named.into_iter().filter(|v| !values.contains(&v.as_str())));
    }
    unknown
}

/// The texts that a member of the row is compared with.
fn compared(text: &str, member: &str) -> Vec<String> {
    let comparison = format!("r.{member} ");
    let found = text.split(&comparison).skip(1).filter_map(|rest| {
        let rest = rest.strip_prefix("== ").or(rest.strip_prefix("!= "))?;
        let (value, _) = rest.strip_prefix('"')?.split_once('"')?;
        Some(value.to_owned())
    });
    found.collect()
}

/// Members of rows: `r.NAME`.
fn members(query: &str) -> impl Iterator<Item = String> {
    let starts = query.match_indices("r.").filter(|(at, _)| {
        let before = query[..*at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    });
    let names = starts.map(|(at, _)| identifier(&query[at + 2..]));
    names.collect::<Vec<_>>().into_iter()
}

/// Columns that are named by text: in lists, and where one is asked for.
fn columns(query: &str) -> Vec<String> {
    let mut names = Vec::new();
    for key in ["columns: [", "rowKey: [", "columnKey: ["] {
        for rest in query.split(key).skip(1) {
            let list = rest.split(']').next().unwrap_or_default();
            let quoted = list.split('"').skip(1).step_by(2);
            names.extend(quoted.map(ToOwned::to_owned));
        }
    }
    for key in ["column: \"", "valueColumn: \"", "tag: \""] {
        for rest in query.split(key).skip(1) {
            names.extend(rest.split('"').next().map(ToOwned::to_owned));
        }
    }
    names
}

/// Names that the query gives: `NAME:` within the braces of a row that it makes.
fn made(query: &str) -> BTreeSet<String> {
    let records = query.split("=> ({").skip(1);
    let records = records.filter_map(|rest| rest.split_once("})").map(|(record, _)| record));
    records
        .flat_map(|record| {
            let ends = record.match_indices(": ");
            ends.map(|(at, _)| {
                let before = record[..at].chars().rev();
                let name = before.take_while(|c| c.is_alphanumeric() || *c == '_');
                name.collect::<String>().chars().rev().collect()
            })
        })
        .collect()
}

fn identifier(text: &str) -> String {
    let name = text
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_');
    name.collect()
}

/// That the check itself finds what it is for.
pub(super) fn assert_finds_faults() {
    let right = r#"  |> filter(fn: (r) => r._measurement == "backend_stats" and r._field == "up")"#;
    assert_eq!(unknown_names(right), Vec::<String>::new());
    for (from, to) in [
        ("backend_stats", "backends"),
        ("\"up\"", "\"cpu_percent\""),
        ("r._field", "r.command == \"x\" and r._field"),
        ("r._field", "r.role == \"client\" and r._field"),
        ("up\")", "up\")\n  |> group(columns: [\"color\"])"),
        ("up\")", "up\")\n  |> map(fn: (r) => ({x: r.y}))"),
    ] {
        let wrong = right.replacen(from, to, 1);
        assert_eq!(unknown_names(&wrong).len(), 1, "{wrong}");
    }
}
