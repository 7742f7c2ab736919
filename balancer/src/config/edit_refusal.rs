//! What is said of a change that the settings do not allow: which object it is about, and what to do instead.

use netsocket_settings::{Problem, Problems, no_such};
use serde_json::{Map, Value};

use super::entry_keys::DEFAULT_NAME;
use crate::core::full_name::full_name;
use crate::core::group_member::could_be_member;

/// Lists of the document, and what an entry is called.
const LISTS: [(&str, &str); 3] = [
    ("services", "service"),
    ("pools", "pool"),
    ("backends", "backend"),
];

/// The default pool comes and goes with the settings.
pub(super) fn default_pool(asked: &str) -> String {
    format!(
        "pool default cannot be {asked} at run time: it is what `backends` at the top of the settings says. \
         `ctl add` and `ctl remove` change its backends; for anything else change the file, then `ctl reload`"
    )
}

/// So does the default service.
pub(super) fn default_service(asked: &str) -> String {
    format!(
        "service default cannot be {asked} at run time: it is what `listen` and `backends` at the top of the settings say. \
         Change the file, then `ctl reload`; for another `listen`, restart"
    )
}

/// A pool keeps one backend.
pub(super) fn last_backend(pool: &str, name: &str) -> String {
    let full = full_name(pool, name);
    let whole = match pool {
        DEFAULT_NAME => String::new(),
        pool => format!("; `ctl remove-pool {pool}` removes the pool"),
    };
    format!(
        "{name} is the last backend of pool {pool} and stays: `ctl drain {full}` keeps new sessions away{whole}"
    )
}

/// A pool that some service sends sessions to.
pub(super) fn in_use(pool: &str, service: &str) -> String {
    let instead = match service {
        DEFAULT_NAME => {
            "say another one at the top of the settings file, then `ctl reload`".to_owned()
        }
        name => format!(
            "`ctl set-service {name} JSON` with another one, or `ctl remove-service {name}`, comes first"
        ),
    };
    format!("service {service} uses pool {pool}: {instead}")
}

/// A pool to which a backend was to be added.
pub(super) fn no_pool_to_add(pool: &str, known: &[String]) -> String {
    no_such("pool", pool, known) + ". `ctl set-pool` makes a new one"
}

/// A backend of a pool, which may be another's, or a pool.
pub(super) fn no_backend(
    document: &Map<String, Value>,
    pool: &str,
    name: &str,
    known: &[String],
) -> String {
    let said = no_such("backend", name, known);
    let said = match pool {
        DEFAULT_NAME => said,
        pool => format!("pool {pool}: {said}"),
    };
    if is_entry(document, "pools", name) {
        return format!(
            "{said}. {name} is a pool: `ctl remove {name} NAME`, or `ctl remove-pool {name}`"
        );
    }
    if let Some(group) = group_of(document, pool, name) {
        let full = full_name(pool, &group);
        return format!(
            "{name} was found in DNS, as one of {full}: take it out of DNS, or `ctl drain {}`; `ctl remove {full}` removes all of them",
            full_name(pool, name)
        );
    }
    let pools = document.get("pools").and_then(Value::as_array);
    let mut pools = pools.into_iter().flatten().filter_map(Value::as_object);
    let has_it = |pool: &&Map<String, Value>| is_entry(pool, "backends", name);
    match pools.find(has_it).and_then(|it| it.get("name")?.as_str()) {
        Some(other) => format!("{said}. Pool {other} has one: `ctl remove {other}/{name}`"),
        None => said,
    }
}

/// A pool or service, which may be the other.
pub(super) fn no_entry(
    document: &Map<String, Value>,
    what: &str,
    name: &str,
    known: &[String],
) -> String {
    let said = match known {
        // The default one is at the top.
        [] => format!("no {what} {name:?}; there is only the default one"),
        known => no_such(what, name, known),
    };
    let (list, other) = match what {
        "pool" => ("services", "service"),
        _ => ("pools", "pool"),
    };
    match is_entry(document, list, name) {
        true => format!("{said}. {name} is a {other}: `ctl remove-{other} {name}`"),
        false => said,
    }
}

/// The entry of the pool that is looked for in DNS, and could have found a backend of this name.
fn group_of(document: &Map<String, Value>, pool: &str, backend: &str) -> Option<String> {
    let pools = document.get("pools").and_then(Value::as_array);
    let mut pools = pools.into_iter().flatten();
    let table = match pool {
        DEFAULT_NAME => Some(document),
        pool => pools
            .find(|it| name(it) == Some(pool))
            .and_then(Value::as_object),
    };
    let entries = table?.get("backends")?.as_array()?.iter();
    let is_searched = |it: &&Value| {
        let resolve = it.get("resolve").and_then(Value::as_str);
        resolve.is_some_and(|resolve| resolve != "once")
    };
    let mut groups = entries.filter(is_searched).filter_map(name);
    let group = groups.find(|group| could_be_member(group, backend))?;
    Some(group.to_owned())
}

fn is_entry(table: &Map<String, Value>, list: &str, called: &str) -> bool {
    let entries = table.get(list).and_then(Value::as_array);
    let mut entries = entries.into_iter().flatten();
    entries.any(|entry| name(entry) == Some(called))
}

/// The name of an entry: `NAME=HOST:PORT`, or a table with one.
pub(super) fn name(entry: &Value) -> Option<&str> {
    match entry {
        Value::String(text) => text.split('=').next(),
        entry => entry.get("name")?.as_str(),
    }
}

/// The problems of a document, with the names of entries where a file would have their places: `pool files` for `pools[0]`.
pub(super) fn named(document: &Map<String, Value>, problems: Problems) -> Problems {
    let Problems(problems) = problems;
    Problems(
        problems
            .into_iter()
            .map(|it| with_names(document, it))
            .collect(),
    )
}

fn with_names(document: &Map<String, Value>, mut problem: Problem) -> Problem {
    let mut table = Some(document);
    let mut objects: Vec<String> = Vec::new();
    while let Some((what, entry, rest)) = table.and_then(|table| entry_of(table, &problem.key)) {
        objects.push(format!("{what} {}", name(entry).unwrap_or_default()));
        table = entry.as_object();
        problem.key = rest;
    }
    if !objects.is_empty() {
        problem.origin = objects.join(": ");
    }
    problem
}

/// What the key of a problem begins with, and the rest of the key.
fn entry_of<'a>(
    table: &'a Map<String, Value>,
    key: &str,
) -> Option<(&'static str, &'a Value, String)> {
    LISTS.into_iter().find_map(|(list, what)| {
        let (place, rest) = key.strip_prefix(list)?.strip_prefix('[')?.split_once(']')?;
        let entry = table.get(list)?.get(place.parse::<usize>().ok()?)?;
        name(entry)?;
        Some((what, entry, rest.trim_start_matches('.').to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backend_that_was_found_in_dns_is_told_from_one_that_is_not_there() {
        let document = serde_json::json!({
            "backends": ["a=h:1", {"name": "files", "address": "files.lan:1", "resolve": "dns"}],
            "pools": [{"name": "p", "backends": [{"name": "f", "address": "_f._tcp.lan", "resolve": "srv"}]}],
        });
        let document = document.as_object().unwrap();
        let said = no_backend(document, "default", "files-10-0-0-7", &[]);
        assert_eq!(
            said,
            "files-10-0-0-7 was found in DNS, as one of files: take it out of DNS, or `ctl drain files-10-0-0-7`; `ctl remove files` removes all of them"
        );
        let said = no_backend(document, "p", "f-10-0-0-7-9000", &[]);
        assert!(said.contains("`ctl remove p/f`"), "{said}");
        let said = no_backend(document, "p", "files-10-0-0-7", &[]);
        assert!(!said.contains("DNS"), "{said}");
    }

    #[test]
    fn problems_name_the_object_instead_of_its_place() {
        let document = serde_json::json!({
            "backends": ["a=h:1", {"name": "b", "address": "h:2"}],
            "pools": [{"name": "p", "backends": ["x=h:1"]}], "services": [{"name": "s"}],
        });
        let document = document.as_object().unwrap();
        for (key, said) in [
            ("backends[1].weight", "backend b: weight: wrong"),
            ("backends[0]", "backend a: wrong"),
            ("pools[0].balance", "pool p: balance: wrong"),
            (
                "pools[0].backends[0].weight",
                "pool p: backend x: weight: wrong",
            ),
            (
                "services[0].routes[1].pool",
                "service s: routes[1].pool: wrong",
            ),
            ("services[1].listen", "settings: services[1].listen: wrong"),
            ("workers", "settings: workers: wrong"),
        ] {
            let problem = Problem {
                origin: "settings".to_owned(),
                key: key.to_owned(),
                given: String::new(),
                allowed: "wrong".to_owned(),
            };
            assert_eq!(with_names(document, problem).to_string(), said);
        }
    }
}
