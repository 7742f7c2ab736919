//! The secrets of the admin HTTP, for reading and for changes.

use std::path::PathBuf;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::ctl::{ctl, done, said};
use crate::peers::Echo;
use crate::running::{Balancer, soon};
use crate::services::start;

#[tokio::test]
async fn reading_takes_a_secret_where_one_is_set() {
    let echo = Echo::start("a").await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("secret");
    std::fs::write(&file, "open sesame\n").unwrap();
    let text = format!(
        "listen = '127.0.0.1:0'\nbackends = ['a={}']\nadmin_read_token_file = '{}'\n",
        echo.address,
        file.display()
    );
    let balancer = start(&text).await;
    // This machine is trusted, unless a browser asks for another site.
    assert_eq!(balancer.get("/metrics").await.0, 200);
    let foreign = "Origin: http://other.example\r\n";
    // Everybody learns what it may do.
    assert_eq!(balancer.get_with("/api/v1/whoami", foreign).await.0, 200);
    for path in ["/", "/metrics", "/api/v1/pools"] {
        assert_eq!(balancer.get_with(path, foreign).await.0, 401, "{path}");
        // "x:open sesame"
        for secret in ["Bearer open sesame", "Basic eDpvcGVuIHNlc2FtZQ=="] {
            let head = format!("{foreign}Authorization: {secret}\r\n");
            assert_eq!(
                balancer.get_with(path, &head).await.0,
                200,
                "{path} {secret}"
            );
        }
        let wrong = format!("{foreign}Authorization: Bearer closed\r\n");
        assert_eq!(balancer.get_with(path, &wrong).await.0, 401, "{path}");
    }
    assert_eq!(balancer.get_with("/healthz", foreign).await.0, 200);
    // Reading is not changing.
    let head = format!("{foreign}Authorization: Bearer open sesame\r\n");
    assert_eq!(balancer.post_with("/api/v1/reload", &head, "").await.0, 403);
    // A hash in its place, by a reload.
    std::fs::write(&file, netsocket_balancer::hash_secret("other").unwrap()).unwrap();
    assert_eq!(balancer.post("/api/v1/reload", "").await.0, 200);
    let head = format!("{foreign}Authorization: Bearer other\r\n");
    assert_eq!(balancer.get_with("/metrics", &head).await.0, 200);
}

/// Both secrets are set, to `reading` and `changing`.
async fn with_both() -> (Balancer, [PathBuf; 2], tempfile::TempDir) {
    let echo = Echo::start("a").await;
    let dir = tempfile::tempdir().unwrap();
    let files = ["reading", "changing"].map(|secret| {
        let path = dir.path().join(secret);
        std::fs::write(&path, secret).unwrap();
        path
    });
    let text = format!(
        "listen = '127.0.0.1:0'\nbackends = ['a={}']\nadmin_read_token_file = '{}'\nadmin_token_file = '{}'\n",
        echo.address,
        files[0].display(),
        files[1].display()
    );
    (start(&text).await, files, dir)
}

#[tokio::test]
async fn the_secret_for_changes_is_good_for_reading_and_not_the_other_way_round() {
    let (balancer, [reading, changing], _dir) = with_both().await;
    let foreign = "Origin: http://other.example\r\n";
    // "x:changing"
    for secret in ["Bearer changing", "Basic eDpjaGFuZ2luZw=="] {
        let head = format!("{foreign}Authorization: {secret}\r\n");
        assert_eq!(
            balancer.get_with("/metrics", &head).await.0,
            200,
            "{secret}"
        );
    }
    let token = |file: &PathBuf| file.to_str().unwrap().to_owned();
    let drain = ["--token-file", &token(&reading), "drain", "a"];
    let output = ctl(balancer.admin, &drain).await;
    let expected = "netsocket-balancer: this is the secret for reading (admin_read_token_file): changes need that of admin_token_file, \
        or none from this machine\n";
    assert_eq!(said(&output), (Some(1), "", expected));
    done(
        balancer.admin,
        &["--token-file", &token(&changing), "drain", "a"],
    )
    .await;
}

/// A browser asks its user for a password where it is told to, also while a script waits.
#[tokio::test]
async fn a_wrong_token_is_not_answered_with_a_wish_for_a_password() {
    let (balancer, _files, _dir) = with_both().await;
    for (method, path, authorization, wanted) in [
        ("GET", "/", "", "Basic"),
        (
            "GET",
            "/api/v1/pools",
            "Authorization: Basic eDp4\r\n",
            "Basic",
        ),
        (
            "GET",
            "/api/v1/pools",
            "Authorization: Bearer x\r\n",
            "Bearer",
        ),
        (
            "POST",
            "/api/v1/reload",
            "Authorization: Bearer x\r\n",
            "Bearer",
        ),
        (
            "POST",
            "/api/v1/reload",
            "Authorization: bearer x\r\n",
            "Bearer",
        ),
    ] {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n{authorization}\r\n"
        );
        // From this machine a browser's request for another site is the only one that reading is refused.
        let request = match method {
            "GET" => request.replace("\r\n\r\n", "\r\nOrigin: http://other.example\r\n\r\n"),
            _ => request,
        };
        let answer = soon(async {
            let mut stream = TcpStream::connect(balancer.admin).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answer
        })
        .await;
        assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
        let challenge = format!("www-authenticate: {wanted} realm=\"netsocket-balancer\"\r\n");
        assert!(answer.contains(&challenge), "{method} {path}: {answer}");
    }
}
