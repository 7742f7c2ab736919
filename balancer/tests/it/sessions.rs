//! The open sessions in the API, and their end on purpose.

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::peers::Puppet;
use crate::running::{Balancer, read_to_end, soon};

async fn list(balancer: &Balancer) -> Vec<Value> {
    let (status, text) = balancer.get("/api/v1/sessions").await;
    assert_eq!(status, 200);
    let mut answer: Value = serde_json::from_str(&text).unwrap();
    match answer["sessions"].take() {
        Value::Array(sessions) => sessions,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn are_listed_and_one_can_be_ended() {
    let (balancer, mut client, mut backend) = Puppet::session(|_| {}).await;
    client.write_all(b"hello").await.unwrap();
    backend.read_exact(&mut [0; 5]).await.unwrap();
    let session = soon(async {
        loop {
            // The bytes are there a moment before they are counted.
            if let [session] = &list(&balancer).await[..]
                && session["bytes_up"] == 5
            {
                return session.clone();
            }
        }
    })
    .await;
    assert_eq!(session["client"], client.local_addr().unwrap().to_string());
    assert_eq!(session["backend"], "puppet");
    assert_eq!(session["stage"], "relaying");
    assert!(session["age_ms"].as_f64().unwrap() >= 0.0);

    let id = session["id"].as_str().unwrap();
    let path = format!("/api/v1/sessions/{id}");
    let cross = "Origin: http://evil.example\r\n";
    assert_eq!(balancer.delete(&path, cross).await.0, 403);
    assert_eq!(list(&balancer).await.len(), 1);
    assert_eq!(balancer.delete(&path, "").await.0, 204);
    assert!(read_to_end(&mut client).await.1, "ended by reset");
    assert!(read_to_end(&mut backend).await.1);
    assert_eq!(balancer.record().await.termination.code(), "KD");
    assert!(list(&balancer).await.is_empty());
    for gone in [&path[..], "/api/v1/sessions/what", "/api/v1/sessions/9-0-0"] {
        assert_eq!(balancer.delete(gone, "").await.0, 404, "{gone}");
    }
}
