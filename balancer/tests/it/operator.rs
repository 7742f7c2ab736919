//! What an operator may ask of backends and sessions through the API, each right and wrong.

use std::net::SocketAddr;

use serde_json::Value;

use crate::peers::{Echo, Puppet, converse};
use crate::running::{Balancer, eventually, read_to_end};

async fn backend(balancer: &Balancer, name: &str) -> Value {
    let (status, text) = balancer.get(&format!("/api/v1/backends/{name}")).await;
    assert_eq!(status, 200, "{text}");
    serde_json::from_str(&text).unwrap()
}

async fn two_echoes() -> (Balancer, Echo, Echo) {
    let (a, b) = (Echo::start("a").await, Echo::start("b").await);
    let backends: [(&str, SocketAddr); 2] = [("a", a.address), ("b", b.address)];
    let balancer = Balancer::start(&backends).await;
    balancer.up(2).await;
    (balancer, a, b)
}

/// Who answers so many sessions.
async fn answers(balancer: &Balancer, count: usize) -> Vec<String> {
    let mut names = Vec::new();
    for _ in 0..count {
        names.push(converse(balancer.connect().await).await);
    }
    names
}

#[tokio::test]
async fn a_backend_is_drained_taken_out_and_put_back() {
    let (balancer, _a, _b) = two_echoes().await;
    assert_eq!(backend(&balancer, "a").await["drain"], Value::Null);
    for (what, state, wanted) in [
        ("drain", "draining", "drain"),
        ("maintenance", "maintenance", "maintenance"),
    ] {
        let path = format!("/api/v1/backends/a/{what}");
        let (status, said) = balancer.post(&path, "").await;
        assert_eq!(status, 200, "{said}");
        let answer: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(
            (&answer["state"], &answer["admin"], &answer["reason"]),
            (
                &state.into(),
                &wanted.into(),
                &format!("set to {wanted} from 127.0.0.1").into()
            )
        );
        assert_eq!(answer["drain"]["done"], true);
        assert_eq!(answer["drain"]["deadline"], Value::Null);
        assert_eq!(answers(&balancer, 4).await, ["b"; 4]);
    }
    let (status, said) = balancer.post("/api/v1/backends/a/ready", "").await;
    assert_eq!(status, 200, "{said}");
    // After a maintenance it is up with its first check.
    balancer.up(2).await;
    let mut names = answers(&balancer, 4).await;
    names.sort();
    assert_eq!(names, ["a", "a", "b", "b"]);
    let (_, said) = balancer.get("/api/v1/transitions").await;
    let changes: Value = serde_json::from_str(&said).unwrap();
    let changes = changes["transitions"].as_array().unwrap();
    let back = changes.iter().find(|it| it["to"] == "ready").unwrap();
    assert_eq!(
        (&back["from"], &back["reason"]),
        (&"maintenance".into(), &"set from 127.0.0.1".into())
    );
    assert_eq!(backend(&balancer, "a").await["drain"], Value::Null);
}

#[tokio::test]
async fn what_is_wrong_changes_nothing_and_is_told() {
    let (balancer, _a, _b) = two_echoes().await;
    let before = backend(&balancer, "a").await;
    let drain = "/api/v1/backends/a/drain";
    for (path, body, status, said) in [
        (
            "/api/v1/backends/x/drain",
            "",
            404,
            "no backend \"x\"; known backends: a, b\n",
        ),
        (
            drain,
            "{\"deadline\":\"soon\"}",
            422,
            "deadline = \"soon\": a duration is a whole number and a unit: ms, s, m, h or d (500ms, 2s, 10m)\n",
        ),
        (
            drain,
            "{\"deadline\":\"25h\"}",
            422,
            "deadline must be at most 24h, got \"25h\"\n",
        ),
        (
            drain,
            "{\"spread\":\"1s\"}",
            422,
            "spread needs a deadline, got only spread 1s\n",
        ),
        (
            drain,
            "{\"deadline\":\"1s\",\"spread\":\"2s\"}",
            422,
            "spread must not exceed the deadline, got spread 2s and deadline 1s\n",
        ),
        (
            "/api/v1/backends/a/ready",
            "{\"deadline\":\"1s\"}",
            422,
            "ready takes no deadline, got \"1s\"\n",
        ),
    ] {
        let answer = balancer.post(path, body).await;
        assert_eq!(answer, (status, said.to_owned()), "{path} {body}");
    }
    for body in ["{\"dead\":\"1s\"}", "[", "7"] {
        let (status, said) = balancer.post(drain, body).await;
        assert_eq!(status, 400);
        assert!(
            said.contains("{\"deadline\":\"30s\",\"spread\":\"10s\"}"),
            "{said}"
        );
    }
    assert_eq!(balancer.get("/api/v1/backends/x").await.0, 404);
    let after = backend(&balancer, "a").await;
    assert_eq!(before["state"], after["state"]);
    assert_eq!(before["since"], after["since"]);
}

#[tokio::test]
async fn a_weight_counts_at_once() {
    let (balancer, _a, _b) = two_echoes().await;
    let path = "/api/v1/backends/a/weight";
    let (status, said) = balancer.put(path, "", "{\"weight\":3}").await;
    assert_eq!(status, 200, "{said}");
    assert_eq!(backend(&balancer, "a").await["weight"], 3);
    let names = answers(&balancer, 8).await;
    assert_eq!(names.iter().filter(|name| *name == "a").count(), 6);
    balancer.put(path, "", "{\"weight\":0}").await;
    assert_eq!(answers(&balancer, 3).await, ["b"; 3]);
    for (body, right) in [
        ("", "the body must be {\"weight\":N}, N from 0 to 256\n"),
        ("{\"weight\":257}", "weight must be 0 to 256, got 257\n"),
        (
            "{\"weight\":5000000000}",
            "weight must be 0 to 256, got 5000000000\n",
        ),
        ("{\"weight\":-1}", "weight must be 0 to 256, got -1\n"),
        ("{\"weight\":\"x\"}", "weight must be 0 to 256, got \"x\"\n"),
    ] {
        let (status, said) = balancer.put(path, "", body).await;
        assert_eq!((status, said.as_str()), (422, right), "{body}");
    }
    assert_eq!(balancer.put(path, "", "{\"weight\":}").await.0, 400);
    let unknown = "/api/v1/backends/x/weight";
    assert_eq!(balancer.put(unknown, "", "{\"weight\":1}").await.0, 404);
    assert_eq!(backend(&balancer, "a").await["weight"], 0);
}

#[tokio::test]
async fn the_sessions_of_one_backend_are_listed_and_ended() {
    let (one, other) = (Puppet::start().await, Puppet::start().await);
    let balancer = Balancer::start(&[("one", one.address), ("other", other.address)]).await;
    balancer.up(2).await;
    drop((one.accept().await, other.accept().await));
    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(balancer.connect().await);
    }
    let mut held = Vec::new();
    for puppet in [&one, &other, &one, &other] {
        held.push(puppet.accept().await);
    }
    let count = async |path: &str| {
        let (status, text) = balancer.get(path).await;
        assert_eq!(status, 200, "{text}");
        let list: Value = serde_json::from_str(&text).unwrap();
        list["sessions"].as_array().unwrap().len()
    };
    assert_eq!(count("/api/v1/sessions").await, 4);
    assert_eq!(count("/api/v1/sessions?backend=one").await, 2);
    assert_eq!(balancer.get("/api/v1/sessions?backend=x").await.0, 404);
    assert_eq!(balancer.get("/api/v1/sessions?server=one").await.0, 400);

    // Whose must be said.
    assert_eq!(balancer.delete("/api/v1/sessions", "").await.0, 422);
    assert_eq!(
        balancer.delete("/api/v1/sessions?backend=x", "").await.0,
        404
    );
    let of_one = "/api/v1/sessions?backend=one";
    assert_eq!(
        balancer
            .delete(of_one, "Origin: http://evil.example\r\n")
            .await
            .0,
        403
    );
    assert_eq!(count("/api/v1/sessions").await, 4);
    let ended = balancer.delete(of_one, "").await;
    assert_eq!(ended, (200, "{\"ended\":2}".to_owned()));
    assert_eq!(count("/api/v1/sessions?backend=other").await, 2);
    let records = balancer.records_of(2).await;
    for record in records {
        assert_eq!(record.termination.code(), "KD");
        assert_eq!(record.backend.unwrap().name(), "one");
    }
    for session in held.iter_mut().step_by(2) {
        assert!(read_to_end(session).await.1, "ended by reset");
    }
}

#[tokio::test]
async fn whoever_asks_learns_what_it_may_do() {
    let (balancer, _a, _b) = two_echoes().await;
    let (status, text) = balancer.get("/api/v1/whoami").await;
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (status, &answer["changes"], &answer["why"]),
        (200, &true.into(), &Value::Null)
    );
    assert!(answer["peer"].as_str().unwrap().starts_with("127.0.0.1:"));
    let (_, text) = balancer
        .get_with("/api/v1/whoami", "Sec-Fetch-Site: cross-site\r\n")
        .await;
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(answer["changes"], false);
    assert!(answer["why"].as_str().unwrap().contains("another site"));
}

#[tokio::test]
async fn every_change_is_counted_by_what_became_of_it() {
    let (balancer, _a, _b) = two_echoes().await;
    balancer.post("/api/v1/backends/a/drain", "").await;
    balancer.post("/api/v1/backends/a/drain", "[").await;
    balancer.post("/api/v1/backends/x/drain", "").await;
    let cross = "Origin: http://evil.example\r\n";
    balancer.delete("/api/v1/sessions/0-0-1", cross).await;
    let (_, page) = balancer.get("/metrics").await;
    let counted: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("netsocket_admin_changes_total"))
        .collect();
    let drain = "method=\"POST\",path=\"/api/v1/backends/{name}/drain\"";
    assert_eq!(
        counted,
        [
            "{method=\"DELETE\",path=\"/api/v1/sessions/{id}\",result=\"denied\"} 1".to_owned(),
            format!("{{{drain},result=\"done\"}} 1"),
            format!("{{{drain},result=\"wrong\"}} 2"),
        ]
    );
}

#[tokio::test]
async fn connect_times_are_shown_and_counted() {
    let (balancer, _a, _b) = two_echoes().await;
    answers(&balancer, 6).await;
    let view = backend(&balancer, "a").await;
    let (p50, p99) = (&view["connect_p50_ms"], &view["connect_p99_ms"]);
    assert!(
        p50.as_f64().unwrap() > 0.0 && p50.as_f64() <= p99.as_f64(),
        "{view}"
    );
    let (_, page) = balancer.get("/metrics").await;
    let name = "netsocket_backend_connect_duration_seconds";
    let of = |suffix: &str, rest: &str| -> f64 {
        let key = format!("{name}{suffix}{{pool=\"default\",backend=\"a\"{rest}}} ");
        let value = page.lines().find_map(|line| line.strip_prefix(&key));
        value.unwrap_or_else(|| panic!("{key}")).parse().unwrap()
    };
    assert_eq!(of("_count", ""), 3.0);
    assert_eq!(of("_bucket", ",le=\"+Inf\""), 3.0);
    assert_eq!(of("_bucket", ",le=\"10\""), 3.0);
    assert!(of("_sum", "") > 0.0);
    eventually("all over", || balancer.records().len() == 6).await;
}

/// Weights of 0 take out all as surely as drains do: since when is told, and who did it.
#[tokio::test]
async fn changed_weights_are_among_the_changes_and_an_outage_by_them_has_its_time() {
    let (balancer, _a, _b) = two_echoes().await;
    let weigh = async |name: &str, weight: u32| {
        let path = format!("/api/v1/backends/{name}/weight");
        let body = format!("{{\"weight\":{weight}}}");
        let (status, said) = balancer.put(&path, "", &body).await;
        assert_eq!(status, 200, "{said}");
    };
    let json = async |path: &str| -> Value {
        let (status, said) = balancer.get(path).await;
        assert_eq!(status, 200, "{said}");
        serde_json::from_str(&said).unwrap()
    };
    weigh("a", 0).await;
    // The same again is no change.
    weigh("a", 0).await;
    let pools = json("/api/v1/pools").await;
    assert_eq!(pools["pools"][0]["outage_since"], Value::Null);
    weigh("b", 0).await;
    let pools = json("/api/v1/pools").await;
    let alert = &pools["alerts"][0];
    assert!(alert["what"].as_str().unwrap().ends_with("have weight 0"));
    let since = alert["since"].as_str().unwrap().to_owned();
    let changes = json("/api/v1/transitions").await;
    let changes = changes["transitions"].as_array().unwrap();
    let of_weight = changes.iter().filter(|it| it["to"] == "weight 0");
    let told: Vec<_> = of_weight
        .map(|it| {
            (
                it["backend"].clone(),
                it["from"].clone(),
                it["reason"].clone(),
            )
        })
        .collect();
    let expected =
        ["a", "b"].map(|name| (name.into(), "weight 1".into(), "set from 127.0.0.1".into()));
    assert_eq!(told, expected);
    // Nothing else moves that time on.
    weigh("a", 1).await;
    weigh("a", 0).await;
    weigh("b", 1).await;
    weigh("b", 0).await;
    let again = json("/api/v1/pools").await["alerts"][0]["since"].clone();
    assert!(again.as_str().unwrap() >= since.as_str());
    let (status, page) = balancer.get("/").await;
    assert_eq!(status, 200);
    assert!(page.contains("<dt>Since</dt>"), "{page}");
    assert!(page.contains("<small>was weight 1: set from 127.0.0.1</small>"));
}
