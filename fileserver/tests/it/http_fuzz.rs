//! Requests that nobody would send, one after the other: the server answers each with a status or closes, and goes on.
//!
//! `NETSOCKET_FUZZ_SECONDS` and `NETSOCKET_FUZZ_SEED` make it longer, and the same again.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use netsocket_fileserver::Config;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config as Runs, RngAlgorithm, TestRng, TestRunner};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::http_client::get;
use crate::server::{TestServer, patiently};

/// How long, where nobody says otherwise.
const SECONDS: u64 = 2;

/// What a server may say: no 500 among them.
const STATUSES: [&str; 17] = [
    "200", "204", "206", "207", "301", "304", "400", "401", "403", "404", "405", "411", "412",
    "414", "416", "431", "503",
];

fn number(variable: &str, default: u64) -> u64 {
    let given = std::env::var(variable).ok();
    given.map_or(default, |text| text.parse().unwrap())
}

/// One request: well formed in most places, wrong in some.
fn request() -> impl Strategy<Value = Vec<u8>> {
    let method = prop_oneof![
        5 => Just("GET".to_owned()), 2 => Just("HEAD".to_owned()), 2 => Just("PROPFIND".to_owned()),
        1 => Just("OPTIONS".to_owned()), 1 => "[A-Z]{1,9}", 1 => "\\PC{0,6}",
    ];
    let option = prop_oneof![
        Just("archive=tar".to_owned()),
        Just("archive=tar.gz".to_owned()),
        Just("archive=zip".to_owned()),
        Just("format=json".to_owned()),
        Just("plan=0".to_owned()),
        "sort=-?(name|size|modified|x)",
        "(q|find|ext|below|larger|smaller|size)=[a-z0-9*?%{}\\[.\\\\]{0,8}",
        "(born|modified)-(after|before)=[0-9-]{0,10}",
        "limit=-?[0-9]{0,21}",
        "hidden",
        "download",
        "\\PC{0,10}",
    ];
    let path = (
        "/(docs/|f|docs|large|%2e%2e/|%00|%ff|[a-z%/.]{0,9}){0,3}",
        prop::collection::vec(option, 0..4),
    );
    let path = path.prop_map(|(path, options)| match options.is_empty() {
        true => path,
        false => format!("{path}?{}", options.join("&")),
    });
    let header = prop_oneof![
        "Range: bytes=([0-9]{0,8}-[0-9]{0,20},?){0,20}",
        "If-(Range|Match|None-Match): (W/)?\"?[0-9a-z ,\"-]{0,9}\"?",
        "Want-Repr-Digest: (sha-256|md5)=[0-9]{0,3}(, sha-256=[0-9])?",
        "If-(Un)?[Mm]odified-[Ss]ince: (Tue, 14 Nov 2023 22:13:20 GMT|[0-9A-Za-z ]{0,9})",
        "Depth: [01i]",
        "Accept: [a-z/*;=q.0-9,]{0,30}",
        "Content-Length: [0-9]{1,3}",
        "Transfer-Encoding: [a-z]{0,9}",
        "Authorization: (Basic|Bearer) [A-Za-z0-9=]{0,20}",
        "Connection: (close|keep-alive|upgrade)",
        "Host: [a-z]{0,5}",
        "Expect: 100-continue",
        "\\PC{0,20}",
    ];
    let end = prop_oneof![9 => Just("\r\n"), 1 => Just("\n"), 1 => Just("\r")];
    let body =
        prop_oneof![3 => Just(String::new()), 1 => "(<[a-zD:/]{0,9}( xmlns:D='DAV:')?>|\\PC){0,9}"];
    (
        method,
        path,
        prop::collection::vec((header, end), 0..5),
        body,
        any::<prop::sample::Index>(),
        any::<Option<u8>>(),
    )
        .prop_map(|(method, path, headers, body, place, wrong)| {
            let mut text = format!("{method} {path} HTTP/1.1\r\nHost: a\r\n");
            for (header, end) in headers {
                text.push_str(&header);
                text.push_str(end);
            }
            text.push_str("\r\n");
            text.push_str(&body);
            let mut bytes = text.into_bytes();
            // One byte in a few requests is another.
            if let Some(wrong) = wrong.filter(|byte| byte % 4 == 0) {
                let at = place.index(bytes.len());
                bytes[at] = wrong;
            }
            bytes
        })
}

fn start(root: &std::path::Path) -> TestServer {
    TestServer::with(root, |config: &mut Config| {
        config.idle_timeout = Duration::from_millis(500);
        config.progress_timeout = Duration::from_millis(500);
    })
}

#[tokio::test]
async fn no_request_ends_the_server() {
    let panics = Arc::new(AtomicUsize::new(0));
    let (counted, previous) = (Arc::clone(&panics), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |info| {
        // Not those that other tests make on purpose.
        let is_ours = |file: &str| file.contains("src/") && !file.contains("supervisor");
        if info.location().is_some_and(|place| is_ours(place.file())) {
            counted.fetch_add(1, Ordering::SeqCst);
        }
        previous(info);
    }));
    let tree = tempfile::tempdir().unwrap();
    fs::create_dir_all(tree.path().join("docs/new")).unwrap();
    fs::write(tree.path().join("f"), "f").unwrap();
    fs::write(tree.path().join("docs/b.pdf"), vec![7; 100_000]).unwrap();
    fs::write(tree.path().join("large"), vec![7; 300_000]).unwrap();
    let server = start(tree.path());
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&number("NETSOCKET_FUZZ_SEED", 1).to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut runner = TestRunner::new_with_rng(Runs::default(), rng);
    let end = Instant::now() + Duration::from_secs(number("NETSOCKET_FUZZ_SECONDS", SECONDS));
    let mut count = 0_u64;
    while Instant::now() < end {
        let bytes = request().new_tree(&mut runner).unwrap().current();
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        // A reset is an end as well.
        let _ = patiently(stream.read_to_end(&mut answer)).await;
        let shown = || {
            format!(
                "{} -> {}",
                bytes.escape_ascii(),
                answer[..answer.len().min(200)].escape_ascii()
            )
        };
        if answer.starts_with(b"HTTP/1.") {
            let status = std::str::from_utf8(&answer[9..12]).unwrap();
            assert!(STATUSES.contains(&status) || status == "100", "{}", shown());
        }
        assert_eq!(panics.load(Ordering::SeqCst), 0, "{}", shown());
        count += 1;
    }
    assert_eq!(get(server.address, "/f").await.body, b"f");
    println!("{count} requests");
    server.stop().await;
}
