//! Directories and searches over HTTP: the page, JSON, and what programs make of them.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::http_client::{HttpReply, ask, get};
use super::server::{TestServer, eventually};

fn file(path: &Path, length: usize, seconds: u64) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, vec![b'x'; length]).unwrap();
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    fs::File::options()
        .append(true)
        .open(path)
        .unwrap()
        .set_modified(time)
        .unwrap();
}

fn tree() -> tempfile::TempDir {
    let tree = tempfile::tempdir().unwrap();
    file(&tree.path().join("docs/b.pdf"), 2_000_000, 1_700_000_000);
    file(&tree.path().join("docs/a.txt"), 5, 1_600_000_000);
    file(&tree.path().join("docs/new/C.pdf"), 100, 1_650_000_000);
    file(&tree.path().join("docs/.hidden"), 1, 0);
    file(&tree.path().join("<i>&.txt"), 1, 0);
    tree
}

/// The names in the links of a page, in order.
fn links(page: &HttpReply) -> Vec<String> {
    let text = page.text();
    let rows = text.split("<tr").skip(2);
    rows.map(|row| {
        let (_, rest) = row.split_once("href=\"").unwrap();
        rest.split_once('"').unwrap().0.to_owned()
    })
    .collect()
}

fn names(reply: &HttpReply) -> Vec<String> {
    let entries: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
    let names = entries
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["name"].as_str().unwrap().to_owned());
    names.collect()
}

#[tokio::test]
async fn a_directory_is_a_page_of_relative_links() {
    let tree = tree();
    let server = TestServer::start(tree.path());
    let page = get(server.address, "/docs/").await;
    assert_eq!(
        (page.status, page.header("content-type").as_deref()),
        (200, Some("text/html; charset=utf-8"))
    );
    assert_eq!(links(&page), ["new/", "a.txt", "b.pdf"]);
    let text = page.text();
    assert!(
        text.contains("<td>2023-11-14 22:13</td><td><data value=\"2000000\">1.9M</data></td>"),
        "{text}"
    );
    // No link but those of the entries and the way up: programs follow all of them.
    assert!(
        !text.contains("href=\"?") && !text.contains("<script"),
        "{text}"
    );
    assert!(
        page.header("content-security-policy")
            .unwrap()
            .starts_with("default-src 'none'; style-src 'sha256-")
    );
    let root = get(server.address, "/").await;
    assert_eq!(links(&root), ["docs/", "%3Ci%3E%26.txt"]);
    assert!(root.text().contains(">&lt;i&gt;&amp;.txt</a>"));
    for (url, order) in [
        ("/docs/?sort=size", ["new/", "a.txt", "b.pdf"]),
        ("/docs/?sort=-size", ["new/", "b.pdf", "a.txt"]),
        ("/docs/?sort=-modified", ["new/", "b.pdf", "a.txt"]),
        ("/docs/?sort=modified", ["new/", "a.txt", "b.pdf"]),
    ] {
        assert_eq!(links(&get(server.address, url).await), order, "{url}");
    }
    for (url, status) in [
        ("/docs/?sort=luck", 400),
        ("/docs/?format=xml", 400),
        ("/none/", 404),
        ("/docs/a.txt/", 404),
        ("/docs/.hidden/", 404),
        ("//docs/", 404),
        ("/docs//", 404),
    ] {
        assert_eq!(get(server.address, url).await.status, status, "{url}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_directory_is_json_for_who_asks() {
    let tree = tree();
    fs::write(
        tree.path().join(std::ffi::OsStr::from_bytes(b"docs/\xff")),
        "",
    )
    .unwrap();
    let server = TestServer::start(tree.path());
    let json = ask(
        server.address,
        "GET",
        "/docs/",
        &[("Accept", "application/json")],
    )
    .await;
    assert_eq!(
        json.header("content-type").as_deref(),
        Some("application/json")
    );
    assert_eq!(names(&json), ["new", "a.txt", "b.pdf", "\u{fffd}"]);
    let same = get(server.address, "/docs/?format=json").await;
    assert_eq!(json.body, same.body);
    assert!(same.text().contains(
        r#"{"name":"b.pdf","type":"file","mtime":"Tue, 14 Nov 2023 22:13:20 GMT","size":2000000}"#
    ));
    assert!(same.text().contains(r#""href":"%FF"}"#));
    fs::create_dir(tree.path().join("empty")).unwrap();
    assert!(names(&get(server.address, "/empty/?format=json").await).is_empty());
    server.stop().await;
}

#[tokio::test]
async fn a_large_directory_arrives_whole() {
    let tree = tempfile::tempdir().unwrap();
    // More than are kept, so that its length is not known when it begins.
    let expected: Vec<String> = (0..20_001).map(|at| format!("file-{at:05}.txt")).collect();
    for name in &expected {
        fs::write(tree.path().join(name), "").unwrap();
    }
    let server = TestServer::start(tree.path());
    let page = get(server.address, "/").await;
    assert_eq!(page.header("transfer-encoding").as_deref(), Some("chunked"));
    assert_eq!(links(&page), expected);
    assert!(page.text().ends_with("</html>\n"));
    assert_eq!(names(&get(server.address, "/?format=json").await), expected);
    server.stop().await;
}

#[tokio::test]
async fn a_search_finds_what_the_command_finds() {
    let tree = tree();
    for indexed in [true, false] {
        let server = TestServer::with(tree.path(), |config| config.index = indexed);
        let found = async |url: &str| {
            let reply = get(server.address, url).await;
            assert_eq!(
                (reply.status, reply.header("content-type").as_deref()),
                (200, Some("application/jsonl")),
                "{url}"
            );
            let lines = reply.text();
            let paths = lines.lines().map(|line| {
                let entry: serde_json::Value = serde_json::from_str(line).unwrap();
                entry["path"].as_str().unwrap().to_owned()
            });
            paths.collect::<Vec<_>>()
        };
        assert_eq!(
            found("/?find=*.pdf&format=json").await,
            ["docs/b.pdf", "docs/new/C.pdf"]
        );
        assert_eq!(
            found("/?find=*.pdf&larger=1M&format=json").await,
            ["docs/b.pdf"]
        );
        assert_eq!(
            found("/docs/?find=*.pdf&below=new&format=jsonl").await,
            ["docs/new/C.pdf"]
        );
        assert_eq!(found("/?q=c.P&format=json").await, Vec::<String>::new());
        assert_eq!(found("/?q=c.p&format=json").await, ["docs/new/C.pdf"]);
        assert_eq!(
            found("/docs/?ext=pdf,txt&sort=-size&limit=2&format=json").await,
            ["docs/b.pdf", "docs/new/C.pdf"]
        );
        let page = get(server.address, "/docs/?q=pdf").await;
        assert_eq!(links(&page), ["/docs/b.pdf", "/docs/new/C.pdf"]);
        assert!(page.text().contains(">new/C.pdf</a>") && page.text().contains("2 files."));
        assert!(
            get(server.address, "/?q=zzz")
                .await
                .text()
                .contains("No file found.")
        );
        for (url, status) in [
            ("/?larger=much", 400),
            ("/?find=a&below=none", 404),
            ("/?find=%5Bx", 400),
            ("/?hidden", 403),
        ] {
            assert_eq!(get(server.address, url).await.status, status, "{url}");
        }
        server.stop().await;
    }
}

#[tokio::test]
async fn an_index_html_is_the_directory_only_by_option() {
    let tree = tempfile::tempdir().unwrap();
    fs::write(tree.path().join("index.html"), "own").unwrap();
    let server = TestServer::start(tree.path());
    assert_eq!(links(&get(server.address, "/").await), ["index.html"]);
    server.stop().await;
    let server = TestServer::with(tree.path(), |config| config.index_html = true);
    assert_eq!(get(server.address, "/").await.body, b"own");
    assert_eq!(
        names(&get(server.address, "/?format=json").await),
        ["index.html"]
    );
    server.stop().await;
}

/// Answers are kept while nothing changes; after a change, not one is old.
#[tokio::test]
async fn what_is_kept_is_never_old() {
    let tree = tempfile::tempdir().unwrap();
    let path = tree.path().join("f");
    file(&path, 4, 1_700_000_000);
    let server = TestServer::with(tree.path(), |config| {
        config.admin = Some(([127, 0, 0, 1], 0).into())
    });
    let admin = server.admin.unwrap();
    eventually(async || {
        let metrics = get(admin, "/metrics").await.text();
        metrics
            .contains("index_mode{mode=\"index\"} 1")
            .then_some(())
    })
    .await;
    for round in 0..30 {
        let ask = async |url: &str| get(server.address, url).await;
        // In place, with the same length.
        let content = format!("{round:04}");
        fs::write(&path, &content).unwrap();
        for _ in 0..3 {
            assert_eq!(ask("/f").await.text(), content, "{round}");
        }
        // Another file under the name, with the same length and time.
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        let other = tree.path().join("other");
        fs::write(&other, "othr").unwrap();
        fs::File::options()
            .append(true)
            .open(&other)
            .unwrap()
            .set_modified(modified)
            .unwrap();
        fs::rename(&other, &path).unwrap();
        assert_eq!(ask("/f").await.text(), "othr", "{round}");
        // Entries that come, grow and go.
        let new = tree.path().join("new");
        fs::write(&new, "1").unwrap();
        assert!(
            ask("/?format=json").await.text().contains("\"new\""),
            "{round}"
        );
        fs::write(&new, "12345").unwrap();
        assert!(
            ask("/?format=json").await.text().contains("\"size\":5}"),
            "{round}"
        );
        fs::remove_file(&new).unwrap();
        assert!(
            !ask("/?format=json").await.text().contains("\"new\""),
            "{round}"
        );
        assert_eq!(ask("/new").await.status, 404, "{round}");
    }
    // A name elsewhere, under which nobody watches it.
    let elsewhere = tempfile::tempdir_in(tree.path().parent().unwrap()).unwrap();
    let second = elsewhere.path().join("second");
    fs::hard_link(&path, &second).unwrap();
    for round in 0..10 {
        let content = "x".repeat(round + 5);
        fs::write(&second, &content).unwrap();
        assert_eq!(get(server.address, "/f").await.text(), content);
        let size = format!("\"size\":{}}}", content.len());
        assert!(
            get(server.address, "/?format=json")
                .await
                .text()
                .contains(&size),
            "{round}"
        );
    }
    server.stop().await;
}

/// An archive or a search of more than was asked for looks like the right one.
#[tokio::test]
async fn a_misspelt_parameter_is_refused_and_a_foreign_one_does_no_harm() {
    let tree = tree();
    let server = TestServer::start(tree.path());
    for (url, said) in [
        (
            "/?archive=tar&exts=txt",
            "exts: no such parameter; did you mean ext?",
        ),
        (
            "/docs/?find=*.pdf&large=1M",
            "large: no such parameter; did you mean larger?",
        ),
        (
            "/docs/?archve=tar",
            "archve: no such parameter; did you mean archive?",
        ),
        ("/?archive", "archive: must be tar.gz, tar.zst, tar or zip"),
        ("/?find=*.pdf&larger=much", "larger: 'much' is not a size"),
        (
            "/?format=xml",
            "format: must be html, json or jsonl, got xml",
        ),
        (
            "/?sort=luck",
            "sort: must be name, modified, size, born, path, with - before it for the reverse, got luck",
        ),
    ] {
        let refused = get(server.address, url).await;
        assert_eq!(
            (refused.status, refused.header("content-type").as_deref()),
            (400, Some("application/problem+json")),
            "{url}"
        );
        let problem: serde_json::Value = serde_json::from_slice(&refused.body).unwrap();
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.starts_with(said), "{url}: {detail}");
        let page = ask(server.address, "GET", url, &[("Accept", "text/html")]).await;
        assert_eq!(page.status, 400, "{url}");
        assert!(page.text().contains("<h1>400 Bad Request</h1>"), "{url}");
    }
    for url in ["/", "/docs/"] {
        let plain = get(server.address, url).await;
        for foreign in [
            "v=3",
            "utm_source=mail",
            "C=N;O=D",
            "q=&ext=&larger=&limit=",
        ] {
            let same = get(server.address, &format!("{url}?{foreign}")).await;
            assert_eq!(
                (same.status, links(&same)),
                (200, links(&plain)),
                "{foreign}"
            );
        }
    }
    for url in [
        "/docs/a.txt?v=3",
        "/docs/a.txt?exts=txt&archive",
        "/docs/a.txt?download=a",
    ] {
        let file = get(server.address, url).await;
        assert_eq!((file.status, file.text().len()), (200, 5), "{url}");
    }
    server.stop().await;
}
