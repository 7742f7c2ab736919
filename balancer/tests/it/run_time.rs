//! Backends, pools and services that come, change and go by the API while clients are served.

use serde_json::Value;

use crate::peers::{Echo, converse};
use crate::running::{Balancer, eventually, soon};
use crate::services::{settings, start};

async fn put(balancer: &Balancer, path: &str, body: &str) -> Value {
    let (status, answer) = balancer.put(path, "", body).await;
    assert_eq!(status, 200, "{answer}");
    serde_json::from_str(&answer).unwrap()
}

async fn remove(balancer: &Balancer, path: &str) {
    let (status, answer) = balancer.delete(path, "").await;
    assert_eq!(status, 200, "{answer}");
}

async fn differences(balancer: &Balancer) -> Vec<String> {
    let (_, answer) = balancer.get("/api/v1/config/differences").await;
    let answer: Value = serde_json::from_str(&answer).unwrap();
    let list = answer["differences"].as_array().unwrap();
    list.iter()
        .map(|it| it.as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_backend_comes_with_its_state_and_goes_and_the_file_is_saved() {
    let (a, b) = (Echo::start("a").await, Echo::start("b").await);
    let balancer = start(&format!(
        "listen = '127.0.0.1:0'\nbackends = ['a={}']\n",
        a.address
    ))
    .await;
    balancer.up(1).await;
    assert!(differences(&balancer).await.is_empty());
    let path = "/api/v1/pools/default/backends/b";
    let body = format!(r#"{{"address":"{}","weight":3,"drained":true}}"#, b.address);
    let changes = put(&balancer, path, &body).await;
    assert_eq!(changes["backends"]["added"], serde_json::json!(["b"]));
    // Checked, weighted and drained by one request.
    eventually("it is checked", || {
        let backends = balancer.pool.backends();
        backends[1].report().last_check.is_some()
    })
    .await;
    let backend = &balancer.pool.backends()[1];
    assert_eq!(
        (backend.report().state.label(), backend.attributes().weight),
        ("draining", 3)
    );
    for _ in 0..4 {
        assert_eq!(converse(balancer.connect().await).await, "a");
    }
    assert_eq!(balancer.post("/api/v1/backends/b/ready", "").await.0, 200);
    balancer.up(2).await;
    remove(&balancer, "/api/v1/pools/default/backends/a").await;
    assert_eq!(converse(balancer.connect().await).await, "b");
    assert_eq!(
        differences(&balancer).await,
        ["backend b added", "backend a removed"]
    );

    // What is saved is accepted, and is what runs.
    let (status, text) = balancer.post("/api/v1/config/file", "").await;
    assert_eq!(status, 200);
    let saved = settings(&text);
    assert_eq!(
        (saved.backends.len(), saved.backends[0].attributes.weight),
        (1, 3)
    );
    *balancer.settings.lock().unwrap() = saved;
    assert!(differences(&balancer).await.is_empty());
    // A reload takes back what was not saved.
    put(
        &balancer,
        "/api/v1/pools/default/backends/c",
        r#"{"address":"127.0.0.1:9"}"#,
    )
    .await;
    assert_eq!(balancer.post("/api/v1/reload", "").await.0, 200);
    assert_eq!(balancer.pool.backends().len(), 1);
}

#[tokio::test]
async fn a_weight_that_was_set_outlives_the_edit_of_another_backend_and_no_reload() {
    let (a, b) = (Echo::start("a").await, Echo::start("b").await);
    let text = format!(
        "listen = '127.0.0.1:0'\nbackends = ['a={}', 'b={}']\n",
        a.address, b.address
    );
    let balancer = start(&text).await;
    balancer.up(2).await;
    for name in ["a", "b"] {
        let path = format!("/api/v1/backends/{name}/weight");
        assert_eq!(balancer.put(&path, "", r#"{"weight":0}"#).await.0, 200);
    }
    let ready = balancer.get("/readyz").await;
    let said = "no backend takes sessions: those that are up have weight 0";
    assert_eq!((ready.0, ready.1.trim()), (503, said));
    let weights = || {
        let backends = balancer.pool.backends();
        let each = backends.iter().map(|it| it.attributes().weight);
        each.collect::<Vec<_>>()
    };
    let path = |name: &str| format!("/api/v1/pools/default/backends/{name}");
    let c = format!(r#"{{"address":"{}"}}"#, a.address);
    let changes = put(&balancer, &path("c"), &c).await;
    assert_eq!(changes["backends"]["altered"], serde_json::json!([]));
    assert_eq!(weights(), [0, 0, 1]);
    // An edit says all of its own backend.
    let b = format!(r#"{{"address":"{}"}}"#, b.address);
    put(&balancer, &path("b"), &b).await;
    assert_eq!(weights(), [0, 1, 1]);
    assert_eq!(balancer.post("/api/v1/reload", "").await.0, 200);
    assert_eq!(weights(), [1, 1]);
}

#[tokio::test]
async fn pools_and_services_come_and_go_and_what_is_wrong_changes_nothing() {
    let (a, b) = (Echo::start("a").await, Echo::start("b").await);
    let balancer = start(&format!(
        "listen = '127.0.0.1:0'\nbackends = ['a={}']\n",
        a.address
    ))
    .await;
    balancer.up(1).await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    put(
        &balancer,
        "/api/v1/pools/p",
        &format!(r#"{{"backends":["b={}"]}}"#, b.address),
    )
    .await;
    let service = format!(
        r#"{{"listen":"unix:{}","pool":"p","idle_timeout":"9s"}}"#,
        path.display()
    );
    let changes = put(&balancer, "/api/v1/services/s", &service).await;
    assert_eq!(changes["services"], serde_json::json!(["service s added"]));
    // The default one goes on, though the first service has come.
    assert_eq!(converse(balancer.connect().await).await, "a");
    let said = soon(async {
        loop {
            use tokio::io::AsyncReadExt as _;
            let mut client = tokio::net::UnixStream::connect(&path).await.unwrap();
            let mut said = [0; 2];
            if client.read_exact(&mut said).await.is_ok() {
                break said;
            }
        }
    })
    .await;
    assert_eq!(&said, b"b\n");

    for (method, path, body, expected) in [
        (
            "PUT",
            "/api/v1/services/t",
            r#"{"listen":"127.0.0.1:0","pool":"q"}"#,
            "service t: pool = \"q\"",
        ),
        (
            "PUT",
            "/api/v1/services/s",
            r#"{"listen":"x"}"#,
            "service s: listen = \"x\"",
        ),
        (
            "DELETE",
            "/api/v1/pools/p",
            "",
            "service s uses pool p: `ctl set-service s JSON` with another one, or `ctl remove-service s`, comes first",
        ),
        ("DELETE", "/api/v1/services/t", "", "no service \"t\""),
        (
            "PUT",
            "/api/v1/pools/q/backends/a",
            r#"{"address":"h:1"}"#,
            "no pool \"q\"",
        ),
        (
            "PUT",
            "/api/v1/pools/default/backends/x",
            r#"{"address":"nowhere"}"#,
            "backend x: address = \"nowhere\"",
        ),
    ] {
        let (status, said) = match method {
            "PUT" => balancer.put(path, "", body).await,
            _ => balancer.delete(path, "").await,
        };
        assert!(
            status == 422 && said.contains(expected),
            "{method} {path}: {status} {said}"
        );
    }
    assert_eq!(balancer.put("/api/v1/pools/p", "", "[]").await.0, 400);
    assert_eq!(
        balancer
            .put("/api/v1/pools/p", "Origin: http://evil.example\r\n", "{}")
            .await
            .0,
        403
    );
    remove(&balancer, "/api/v1/services/s").await;
    eventually("its socket is closed", || !path.exists()).await;
    remove(&balancer, "/api/v1/pools/p").await;
    assert!(differences(&balancer).await.is_empty());
    assert_eq!(converse(balancer.connect().await).await, "a");
}
