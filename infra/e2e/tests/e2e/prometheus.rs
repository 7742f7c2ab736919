//! The files of `infra/prometheus`, judged by Prometheus' own tools, and by a Prometheus that watches real programs.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use e2e::fleet::{Fleet, NAMES, Plan};
use e2e::markdown::Document;
use e2e::process::{Process, Ran, clean_command};
use e2e::scratch::Scratch;
use e2e::tool::in_path;
use e2e::{PATIENCE, access_log, eventually, files, http, loopback};
use netsocket_telemetry::names::metric;
use serde_json::Value;

use crate::telemetry::open;
use crate::world::World;

crate::tests![
    rules_name_metrics_that_there_are,
    #[needs(Prometheus)]
    promtool_takes_rules_and_metrics,
    #[needs(Prometheus)]
    a_prometheus_sees_a_server_die,
];

const RULES: &str = "infra/prometheus/rules.yml";
const CONFIG: &str = "infra/prometheus/prometheus.yml";
/// The same for a balancer that wants a secret.
const SITE_CONFIG: &str = "infra/prometheus/prometheus.site.yml";
const RULE_TESTS: &str = "infra/prometheus/rules_test.yml";
const SITE_COMPOSE: &str = "infra/compose.site.yaml";
const PAGE: &str = "docs/monitoring.md";

/// File servers say nothing of themselves unless they are asked to.
const WITH_ADMIN: &str = "admin = '127.0.0.1:0'\n";

/// For a rule that holds its condition for twenty seconds.
const HELD: Duration = Duration::from_secs(60);

fn fleet(world: &World) -> Fleet {
    Plan {
        server_settings: WITH_ADMIN,
        ..Plan::over(&world.few_files())
    }
    .start()
}

/// Where a file server tells of itself.
fn admin(fleet: &mut Fleet, name: &str) -> SocketAddr {
    let process = &fleet.server(name).process;
    eventually(PATIENCE, "the admin address of a file server", || {
        let said = access_log::events(&process.log(), "admin");
        said.first()?["address"].as_str()?.parse().ok()
    })
}

/// The rules of all groups.
fn rules() -> Vec<Value> {
    let file = files::document(RULES);
    let groups = file["groups"].as_array().expect("groups").clone();
    let rules = groups.iter().flat_map(|group| group["rules"].as_array());
    rules.flatten().cloned().collect()
}

/// The metrics that a page of `/metrics` announces.
fn announced(page: &str) -> BTreeSet<String> {
    let lines = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let mut names = BTreeSet::new();
    for line in lines {
        let (name, kind) = line.split_once(' ').expect("a name and a type");
        names.insert(name.to_owned());
        if kind == "histogram" {
            names.extend(["_bucket", "_sum", "_count"].map(|part| format!("{name}{part}")));
        }
    }
    names
}

fn rules_name_metrics_that_there_are(world: &World) {
    let mut fleet = fleet(world);
    let address = admin(&mut fleet, "server");
    // Some labels come with the first request.
    let server = eventually(PATIENCE, "a request counted", || {
        open(&fleet).quit().unwrap();
        let page = http::get(address, "/metrics").unwrap();
        page.body.contains("command=\"dirlist\"").then_some(page)
    });
    let balancer = fleet.balancer.admin.page("/metrics");
    let mut known = announced(&balancer.body);
    known.extend(announced(&server.body));
    // What is there only with Kafka.
    known.extend(
        [
            metric::PRODUCER_CONNECTED,
            metric::PRODUCER_DROPPED,
            metric::COLLECTOR_LAG,
            metric::COLLECTOR_KAFKA_UP,
            metric::COLLECTOR_INFLUX_UP,
        ]
        .map(ToOwned::to_owned),
    );
    let rules = rules();
    let recorded = rules.iter().filter_map(|rule| rule["record"].as_str());
    known.extend(recorded.map(ToOwned::to_owned));
    for rule in &rules {
        let expression = rule["expr"].as_str().expect("an expression");
        for name in names(expression) {
            assert!(known.contains(&name), "{name} in {expression}");
        }
        assert_labels(expression, &[&balancer.body, &server.body]);
    }
    let page = files::text(PAGE);
    for rule in &rules {
        match rule["record"].as_str() {
            Some(record) => assert!(page.contains(&format!("`{record}`")), "{record} in {PAGE}"),
            None => assert_has_row(&page, rule),
        }
    }
    let rows = page.lines().filter(|line| line.starts_with("| `Netsocket"));
    let alerts = rules.iter().filter(|rule| rule["alert"].is_string());
    assert_eq!(rows.count(), alerts.count(), "a row too many in {PAGE}");
}

/// Labels that an expression groups by are on the pages, or Prometheus' own; values that it asks for are on the pages.
fn assert_labels(expression: &str, pages: &[&str]) {
    let is_there = |text: &str| pages.iter().any(|page| page.contains(text));
    for grouping in ["by (", "on ("] {
        for rest in expression.split(grouping).skip(1) {
            let labels = rest.split(')').next().unwrap_or_default();
            for label in labels.split(", ") {
                let known = ["job", "instance"].contains(&label);
                assert!(
                    known || is_there(&format!("{label}=\"")),
                    "{label} in {expression}"
                );
            }
        }
    }
    for rest in expression.split('{').skip(1) {
        let (label, values) = rest.split_once('=').expect("a label and its value");
        let values = values.split('"').nth(1).expect("a value in quotes");
        for value in values.split('|').filter(|_| label != "job") {
            let sample = format!("{label}=\"{value}\"");
            assert!(is_there(&sample), "{sample} in {expression}");
        }
    }
}

fn assert_has_row(page: &str, rule: &Value) {
    let alert = rule["alert"].as_str().expect("an alert");
    let severity = rule["labels"]["severity"].as_str().expect("a severity");
    let row = format!("| `{alert}` | {severity} | ");
    assert!(page.contains(&row), "no row {row} in {PAGE}");
    let tested = files::text(RULE_TESTS).contains(alert);
    assert!(tested, "{alert} has no test in {RULE_TESTS}");
}

/// What an expression names: metrics of ours and of recording rules.
fn names(expression: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let words = expression.split(|c| !is_part(c));
    // A job is a text.
    let names = words.filter(|word| word.contains("netsocket_"));
    names.map(ToOwned::to_owned).collect()
}

fn promtool(words: &[&str], input: &str) -> Ran {
    let mut command = clean_command(in_path("promtool").expect("promtool"));
    command.args(words);
    let ran = Ran::with_input(command, input.as_bytes(), PATIENCE);
    let said = String::from_utf8_lossy(&ran.stdout);
    assert_eq!(ran.code, Some(0), "{words:?}\n{said}\n{}", ran.stderr);
    ran
}

fn promtool_takes_rules_and_metrics(world: &World) {
    let file = |path| files::path(path).display().to_string();
    promtool(&["check", "config", &file(CONFIG)], "");
    // The secret is in the container only.
    promtool(
        &["check", "config", "--syntax-only", &file(SITE_CONFIG)],
        "",
    );
    let mut site = files::document(SITE_CONFIG);
    let balancer = site["scrape_configs"][0].as_object_mut().expect("a job");
    let secret = balancer.remove("authorization").expect("a secret");
    assert_eq!(site, files::document(CONFIG));
    let mounted = secret["credentials_file"].as_str().expect("a file");
    let volumes = &files::document(SITE_COMPOSE)["services"]["prometheus"]["volumes"];
    let volume = volumes[0].as_str().expect("a volume");
    assert_eq!(volume, format!("./read.token:{mounted}:ro"));
    promtool(&["check", "rules", &file(RULES)], "");
    promtool(&["test", "rules", &file(RULE_TESTS)], "");
    // The example of the page, too.
    let dir = Scratch::new("prometheus-example");
    let example = dir.write("prometheus.yml", &Document::read(PAGE).texts("yaml")[0]);
    promtool(&["check", "config", &example.display().to_string()], "");
    let mut fleet = fleet(world);
    let server = http::get(admin(&mut fleet, "server"), "/metrics").unwrap();
    promtool(&["check", "metrics"], &server.body);
    promtool(
        &["check", "metrics"],
        &fleet.balancer.admin.page("/metrics").body,
    );
}

fn a_prometheus_sees_a_server_die(world: &World) {
    let mut fleet = fleet(world);
    let targets = NAMES.map(|name| admin(&mut fleet, name).to_string());
    let dir = Scratch::new("prometheus");
    // The rules as they are; the addresses of this run.
    let balancer = fleet.balancer.admin.0.to_string();
    let config = serde_json::json!({
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [files::path(RULES)],
        "scrape_configs": [
            {"job_name": "netsocket-balancer", "static_configs": [{"targets": [balancer]}]},
            {"job_name": "netsocket-fileserver", "static_configs": [{"targets": targets}]},
        ],
    });
    let free = TcpListener::bind((loopback::own_address(), 0)).unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let mut command = clean_command(in_path("prometheus").expect("prometheus"));
    let config = dir.write("prometheus.yml", config.to_string());
    command
        .arg(format!("--config.file={}", config.display()))
        .arg(format!(
            "--storage.tsdb.path={}",
            dir.path().join("data").display()
        ))
        .arg(format!("--web.listen-address={address}"));
    let _prometheus = Process::start("prometheus", command, dir);
    let count = NAMES.len() as f64;
    eventually(PATIENCE, "a scrape of every backend", || {
        (value(address, "sum(netsocket_backend_up)")? == count).then_some(())
    });
    assert_eq!(value(address, "min(up)"), Some(1.0));
    assert_eq!(firing(address), BTreeSet::new());

    fleet.server("mirror1").process.kill();
    let both: BTreeSet<String> = ["NetsocketBackendDown", "NetsocketTargetDown"]
        .map(ToOwned::to_owned)
        .into();
    eventually(HELD, "the dead server told", || {
        (firing(address) == both).then_some(())
    });
    // On another port of its own admin page, so that its target stays down.
    fleet.server("mirror1").restart();
    eventually(PATIENCE, "its return told", || {
        (!firing(address).contains("NetsocketBackendDown")).then_some(())
    });
}

/// The one number that an expression is.
fn value(address: SocketAddr, expression: &str) -> Option<f64> {
    let answer = http::get(address, &format!("/api/v1/query?query={expression}")).ok()?;
    let answer: Value = serde_json::from_str(&answer.body).ok()?;
    answer["data"]["result"][0]["value"][1]
        .as_str()?
        .parse()
        .ok()
}

/// The alerts that somebody would be told of.
fn firing(address: SocketAddr) -> BTreeSet<String> {
    let answer = http::get(address, "/api/v1/alerts").expect("an answer of Prometheus");
    let answer: Value = serde_json::from_str(&answer.body).expect("JSON");
    let alerts = answer["data"]["alerts"].as_array().expect("alerts");
    let firing = alerts.iter().filter(|alert| alert["state"] == "firing");
    let names = firing.filter_map(|alert| alert["labels"]["alertname"].as_str());
    names.map(ToOwned::to_owned).collect()
}
