//! Conditions and ranges together: what the tests of nginx (`range*.t`, `not_modified.t`) and Apache (`byterange*.t`,
//! `etag*.t`) ask of a server, in our words.

use std::fs;
use std::time::{Duration, SystemTime};

use super::http_client::{ask, get};
use super::http_files::content;
use super::server::TestServer;

const THEN: &str = "Tue, 14 Nov 2023 22:13:20 GMT";
const BEFORE: &str = "Mon, 13 Nov 2023 22:13:20 GMT";
const LATER: &str = "Wed, 15 Nov 2023 22:13:20 GMT";

/// What stands for the tag of the file.
const TAG: &str = "TAG";

#[tokio::test]
async fn conditions_go_before_ranges() {
    let tree = tempfile::tempdir().unwrap();
    let file = tree.path().join("f.txt");
    let whole = content(1000);
    fs::write(&file, &whole).unwrap();
    let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let open = fs::File::options().append(true).open(&file).unwrap();
    open.set_modified(then).unwrap();
    let server = TestServer::start(tree.path());
    let tag = get(server.address, "/f.txt").await.header("etag").unwrap();
    let (all, none, part) = (0..1000, 0..0, 10..20);
    let range = ("Range", "bytes=10-19");
    let beyond = ("Range", "bytes=1000-");
    for (method, headers, status, bytes) in [
        ("GET", &[range][..], 206, &part),
        ("HEAD", &[range], 200, &none),
        // A failed or known version is never sent in part.
        ("GET", &[range, ("If-Match", "\"other\"")], 412, &none),
        ("GET", &[range, ("If-Match", TAG)], 206, &part),
        ("GET", &[range, ("If-Match", "*")], 206, &part),
        ("GET", &[range, ("If-Unmodified-Since", BEFORE)], 412, &none),
        ("GET", &[range, ("If-Unmodified-Since", THEN)], 206, &part),
        ("GET", &[range, ("If-None-Match", TAG)], 304, &none),
        (
            "GET",
            &[range, ("If-None-Match", "W/\"x\", TAG")],
            304,
            &none,
        ),
        ("GET", &[range, ("If-None-Match", "\"other\"")], 206, &part),
        ("GET", &[range, ("If-Modified-Since", THEN)], 304, &none),
        ("GET", &[range, ("If-Modified-Since", LATER)], 304, &none),
        ("GET", &[range, ("If-Modified-Since", BEFORE)], 206, &part),
        ("HEAD", &[("If-None-Match", TAG)], 304, &none),
        // A tag decides alone.
        (
            "GET",
            &[("If-Match", TAG), ("If-Unmodified-Since", BEFORE)],
            200,
            &all,
        ),
        (
            "GET",
            &[("If-None-Match", "\"other\""), ("If-Modified-Since", LATER)],
            200,
            &all,
        ),
        (
            "GET",
            &[("If-None-Match", TAG), ("If-Modified-Since", BEFORE)],
            304,
            &none,
        ),
        // What is no date, or is given by halves, is no condition.
        (
            "GET",
            &[("If-Modified-Since", "Tue, 14 Nov 2023")],
            200,
            &all,
        ),
        ("GET", &[("If-Unmodified-Since", "1700000000")], 200, &all),
        // Of another version there is no part, not even a missing one.
        ("GET", &[range, ("If-Range", TAG)], 206, &part),
        ("GET", &[range, ("If-Range", THEN)], 206, &part),
        ("GET", &[range, ("If-Range", "\"other\"")], 200, &all),
        ("GET", &[range, ("If-Range", "W/TAG")], 200, &all),
        ("GET", &[range, ("If-Range", BEFORE)], 200, &all),
        ("GET", &[range, ("If-Range", LATER)], 200, &all),
        ("GET", &[beyond], 416, &none),
        ("GET", &[beyond, ("If-Range", TAG)], 416, &none),
        ("GET", &[beyond, ("If-Range", "\"other\"")], 200, &all),
        ("GET", &[beyond, ("If-None-Match", TAG)], 304, &none),
        ("GET", &[("If-Range", "\"other\"")], 200, &all),
        // One header with one unit, or it does not count.
        ("GET", &[range, ("Range", "bytes=0-1")], 200, &all),
        ("GET", &[("Range", "items=10-19")], 200, &all),
        ("GET", &[("Range", "bytes 10-19")], 200, &all),
        ("GET", &[("Range", "bytes=19-10")], 200, &all),
        ("GET", &[("Range", "bytes=10-19,")], 206, &part),
        ("GET", &[("Range", "bytes=5000-6000,10-19")], 206, &part),
        ("GET", &[("Range", "bytes=-0")], 416, &none),
    ] {
        let headers: Vec<(&str, String)> = headers
            .iter()
            .map(|(name, value)| (*name, value.replace(TAG, &tag)))
            .collect();
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let reply = ask(server.address, method, "/f.txt", &headers).await;
        assert_eq!(reply.status, status, "{method} {headers:?}");
        if status < 400 {
            assert!(reply.body == whole[bytes.clone()], "{method} {headers:?}");
            assert_eq!(reply.header("etag").as_ref(), Some(&tag));
        }
        let told = (status == 206).then(|| "bytes 10-19/1000".to_owned());
        let told = told.or((status == 416).then(|| "bytes */1000".to_owned()));
        assert_eq!(reply.header("content-range"), told, "{method} {headers:?}");
    }
    // What has no parts is sent whole.
    for path in ["/", "/?find=*.txt", "/?archive=tar.gz"] {
        assert_eq!(
            ask(server.address, "GET", path, &[beyond]).await.status,
            200,
            "{path}"
        );
    }
    assert_eq!(
        ask(server.address, "GET", "/none", &[range]).await.status,
        404
    );
    server.stop().await;
}
