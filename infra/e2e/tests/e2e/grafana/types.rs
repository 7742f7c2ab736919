//! The files by the types that Grafana publishes: no key that it does not know, no value of another type.

use e2e::grafana::alerts::{CONTACT_POINTS, POLICIES, RULES};
use e2e::grafana::board::Board;
use e2e::grafana::python;
use e2e::process::Ran;
use e2e::{PATIENCE, files};
use serde_json::{Value, json};

use crate::world::World;

pub(super) fn files_fit_the_published_types(_: &World) {
    let files = files();
    let ran = checked(&files);
    let said = String::from_utf8_lossy(&ran.stdout);
    assert_eq!(ran.code, Some(0), "{said}\n{}", ran.stderr);

    // That it sees what does not fit.
    for (place, wrong) in [
        ("/board/panels/0/options/graphMode", json!("sometimes")),
        (
            "/board/panels/0/gridPos",
            json!({"x": 0, "y": 0, "w": 6, "h": 5, "depth": 1}),
        ),
        ("/board/refresh", json!(5)),
        ("/rules/0/noDataState", json!("Fine")),
        (
            "/rules/0/data/0/relativeTimeRange",
            json!({"from": 60, "until": 0}),
        ),
        ("/policy/routes/0/object_matchers", json!("service")),
        ("/receivers/0/type", json!("pigeon")),
    ] {
        let mut files = files.clone();
        *files.pointer_mut(place).expect(place) = wrong;
        let ran = checked(&files);
        assert_eq!(ran.code, Some(1), "{place}\n{}", ran.stderr);
        assert_eq!(ran.stderr, "", "{place}");
    }
}

fn checked(files: &Value) -> Ran {
    let mut command = python();
    command.arg(files::path("infra/e2e/grafana/published_types.py"));
    Ran::with_input(command, files.to_string().as_bytes(), PATIENCE)
}

/// What the published types are about, without what only files have.
fn files() -> Value {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let groups = list(&files::document(RULES)["groups"]);
    let mut rules: Vec<Value> = groups
        .iter()
        .flat_map(|group| list(&group["rules"]))
        .collect();
    for rule in &mut rules {
        without(rule, &["dashboardUid", "panelId"]);
    }
    let mut policy = files::document(POLICIES)["policies"][0].clone();
    without(&mut policy, &["orgId"]);
    let points = list(&files::document(CONTACT_POINTS)["contactPoints"]);
    let receivers: Vec<Value> = points
        .iter()
        .flat_map(|point| list(&point["receivers"]))
        .collect();
    assert!(!rules.is_empty() && !receivers.is_empty());
    json!({"board": Board::load().json, "rules": rules, "policy": policy, "receivers": receivers})
}

fn without(value: &mut Value, keys: &[&str]) {
    let object = value.as_object_mut().expect("an object");
    keys.iter().for_each(|key| drop(object.remove(*key)));
}
