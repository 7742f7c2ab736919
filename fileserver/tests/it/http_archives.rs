//! Archives over HTTP: a tar in ranges, from any replica; a zip as a whole; compressed ones as they are made.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::http_client::{HttpClient, ask, get};
use super::server::TestServer;
use super::tools::run;

fn file(path: &Path, length: usize) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let content: Vec<u8> = (0..length)
        .map(|at| u8::try_from(at * 7 % 253).unwrap())
        .collect();
    fs::write(path, content).unwrap();
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    fs::File::options()
        .append(true)
        .open(path)
        .unwrap()
        .set_modified(time)
        .unwrap();
}

fn tree() -> tempfile::TempDir {
    let tree = tempfile::tempdir().unwrap();
    file(&tree.path().join("docs/one.bin"), 3 << 20);
    file(&tree.path().join("docs/sub/two.txt"), 700_000);
    file(&tree.path().join("docs/empty"), 0);
    file(&tree.path().join("other/three.txt"), 10);
    tree
}

/// What GNU tar lists.
fn listed(archive: &[u8]) -> Vec<String> {
    listed_as(archive, "tar")
}

#[tokio::test]
async fn a_tar_goes_on_at_another_replica() {
    let trees = [tree(), tree()];
    let servers = [
        TestServer::start(trees[0].path()),
        TestServer::start(trees[1].path()),
    ];
    let whole = get(servers[0].address, "/docs/?archive=tar").await;
    assert_eq!(
        (whole.status, whole.header("accept-ranges").as_deref()),
        (200, Some("bytes"))
    );
    assert_eq!(
        whole.header("content-length"),
        Some(whole.body.len().to_string())
    );
    assert!(
        whole
            .header("content-disposition")
            .unwrap()
            .contains("filename=\"docs.tar\"")
    );
    assert_eq!(
        listed(&whole.body),
        ["docs/empty", "docs/one.bin", "docs/sub/two.txt"]
    );
    let tag = whole.header("etag").unwrap();
    let head = ask(servers[1].address, "HEAD", "/docs/?archive=tar", &[]).await;
    assert_eq!(
        (head.header("etag"), head.header("content-length")),
        (Some(tag.clone()), whole.header("content-length"))
    );
    let end = whole.body.len();
    for (from, to) in [
        (0, 1),
        (1 << 20, (1 << 20) + 1),
        (1_500_000, end),
        ((1 << 20) - 1, (3 << 20) + 5),
        (end - 1, end),
    ] {
        let range = format!("bytes={from}-{}", to - 1);
        let part = ask(
            servers[1].address,
            "GET",
            "/docs/?archive=tar",
            &[("Range", &range), ("If-Range", &tag)],
        )
        .await;
        assert_eq!((part.status, part.body.len()), (206, to - from), "{range}");
        assert!(part.body == whole.body[from..to], "{range}");
    }
    let several = ask(
        servers[1].address,
        "GET",
        "/docs/?archive=tar",
        &[("Range", "bytes=0-511,2000000-2000009")],
    )
    .await;
    assert!(
        several.status == 206
            && several
                .body
                .windows(10)
                .any(|bytes| bytes == &whole.body[2_000_000..2_000_010])
    );
    let known = ask(
        servers[1].address,
        "GET",
        "/docs/?archive=tar",
        &[("If-None-Match", &tag)],
    )
    .await;
    assert_eq!(known.status, 304);
    // A changed tree: whole and anew, or refused where that is asked for.
    file(&trees[1].path().join("docs/more"), 1);
    let headers = [("Range", "bytes=5-"), ("If-Range", tag.as_str())];
    let anew = ask(servers[1].address, "GET", "/docs/?archive=tar", &headers).await;
    assert!(anew.status == 200 && anew.header("etag") != Some(tag.clone()));
    assert_eq!(listed(&anew.body).len(), 4);
    let id = tag.trim_matches('"');
    let plan = format!("/docs/?archive=tar&plan={id}");
    assert_eq!(get(servers[0].address, &plan).await.body, whole.body);
    assert_eq!(get(servers[1].address, &plan).await.status, 412);
    for server in servers {
        server.stop().await;
    }
}

#[tokio::test]
async fn a_compressed_archive_is_sent_as_it_is_made() {
    let tree = tree();
    let server = TestServer::start(tree.path());
    for (format, media) in [
        ("tar.gz", "application/gzip"),
        ("tar.zst", "application/zstd"),
    ] {
        let url = format!("/?archive={format}&find=*.txt");
        let archive = ask(server.address, "GET", &url, &[("Range", "bytes=5-")]).await;
        // It has no byte of this number, nor a tar that long: there is no length to be beyond.
        let beyond = ask(
            server.address,
            "GET",
            &url,
            &[("Range", "bytes=999999999-")],
        )
        .await;
        assert_eq!(
            (beyond.status, beyond.header("accept-ranges").as_deref()),
            (200, Some("none"))
        );
        assert!(beyond.body == archive.body);
        assert_eq!(
            (archive.status, archive.header("content-type").as_deref()),
            (200, Some(media))
        );
        assert_eq!(
            archive.header("transfer-encoding").as_deref(),
            Some("chunked")
        );
        assert!(
            archive
                .header("content-disposition")
                .unwrap()
                .contains(&format!("filename=\"files.{format}\""))
        );
        // It is a medium, not the coding of one: nobody unpacks it on the way.
        assert_eq!(archive.header("content-encoding"), None);
        if format == "tar.gz" || super::tools::is_there("zstd") {
            let renamed = listed_as(&archive.body, format);
            assert_eq!(renamed, ["docs/sub/two.txt", "other/three.txt"]);
        }
        let head = ask(server.address, "HEAD", &url, &[]).await;
        assert_eq!(
            (
                head.status,
                head.header("content-length"),
                head.header("etag")
            ),
            (200, None, archive.header("etag"))
        );
    }
    for (url, status) in [
        ("/?archive=rar", 400),
        ("/?archive=tar&find=none", 404),
        ("/?archive=tar&limit=1", 400),
        ("/none/?archive=tar", 404),
    ] {
        assert_eq!(get(server.address, url).await.status, status, "{url}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_zip_has_a_length_and_no_ranges() {
    let trees = [tree(), tree()];
    let servers = [
        TestServer::start(trees[0].path()),
        TestServer::start(trees[1].path()),
    ];
    fs::create_dir(trees[0].path().join("docs/nothing")).unwrap();
    file(&trees[0].path().join("docs/.hidden"), 5);
    let page = get(servers[0].address, "/docs/").await.text();
    let button = "<button name=\"archive\" value=\"zip\">.zip</button>";
    assert!(page.contains(button), "{page}");
    let url = "/docs/?archive=zip";
    let whole = get(servers[0].address, url).await;
    let headers = |name: &str| whole.header(name).unwrap();
    assert_eq!(whole.status, 200);
    assert_eq!(headers("content-type"), "application/zip");
    assert_eq!(headers("content-length"), whole.body.len().to_string());
    assert_eq!(headers("accept-ranges"), "none");
    assert!(headers("content-disposition").contains("filename=\"docs.zip\""));
    assert!(whole.body.starts_with(b"PK\x03\x04"));
    assert_eq!(
        listed_in_zip(&whole.body),
        ["docs/empty", "docs/one.bin", "docs/sub/two.txt"]
    );
    let tag = headers("etag");
    let tar = ask(servers[0].address, "HEAD", "/docs/?archive=tar", &[]).await;
    assert_ne!(tar.header("etag"), Some(tag.clone()));
    // Every replica makes the same bytes, and parts of them are not to be had.
    for headers in [
        &[][..],
        &[("Range", "bytes=5-9")],
        &[("Range", "bytes=999999999-")],
    ] {
        let again = ask(servers[1].address, "GET", url, headers).await;
        assert_eq!((again.status, again.header("content-range")), (200, None));
        assert!(again.body == whole.body && again.header("etag").as_ref() == Some(&tag));
    }
    let head = ask(servers[1].address, "HEAD", url, &[]).await;
    assert_eq!(
        (head.status, head.header("content-length")),
        (200, whole.header("content-length"))
    );
    let known = ask(servers[1].address, "GET", url, &[("If-None-Match", &tag)]).await;
    assert_eq!(known.status, 304);
    let plan = |tag: &str| format!("{url}&plan={}", tag.trim_matches('"'));
    assert_eq!(get(servers[1].address, &plan(&tag)).await.status, 200);
    let other = get(servers[1].address, &plan(&tar.header("etag").unwrap())).await;
    assert_eq!(other.status, 412);
    let found = get(servers[0].address, "/?archive=zip&find=*.txt&larger=11").await;
    assert_eq!(listed_in_zip(&found.body), ["docs/sub/two.txt"]);
    let unknown = get(servers[0].address, "/?archive=rar").await;
    let text = String::from_utf8(unknown.body).unwrap();
    assert!(
        text.contains("archive: must be tar.gz, tar.zst, tar or zip, got rar"),
        "{text}"
    );
    for server in servers {
        server.stop().await;
    }
}

/// What Python lists, after it has checked all contents.
fn listed_in_zip(archive: &[u8]) -> Vec<String> {
    let script = "import sys, zipfile\n\
                  archive = zipfile.ZipFile(sys.argv[1])\n\
                  assert archive.testzip() is None\n\
                  print('\\n'.join(archive.namelist()))";
    let place = tempfile::NamedTempFile::new().unwrap();
    fs::write(place.path(), archive).unwrap();
    let names = run(
        "python3",
        &["-c".as_ref(), script.as_ref(), place.path().as_ref()],
    );
    String::from_utf8(names)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect()
}

fn listed_as(archive: &[u8], extension: &str) -> Vec<String> {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join(format!("archive.{extension}"));
    fs::write(&path, archive).unwrap();
    let names = run("tar", &["-taf".as_ref(), path.as_ref()]);
    String::from_utf8(names)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn an_archive_of_changing_files_is_cut() {
    let tree = tempfile::tempdir().unwrap();
    let path = tree.path().join("large");
    file(&path, 96 << 20);
    let server = TestServer::start(tree.path());
    for format in ["tar", "tar.gz", "zip"] {
        file(&path, 96 << 20);
        let mut client = HttpClient::connect(server.address).await;
        client
            .send(format!(
                "GET /?archive={format} HTTP/1.1\r\nHost: a\r\n\r\n"
            ))
            .await;
        assert!(client.has_begun().await);
        fs::File::options()
            .append(true)
            .open(&path)
            .unwrap()
            .set_modified(SystemTime::UNIX_EPOCH)
            .unwrap();
        let reply = client.reply("GET").await;
        assert!(reply.is_none(), "{format}");
    }
    server.stop().await;
}

#[tokio::test]
async fn archives_have_their_limit() {
    let tree = tree();
    file(&tree.path().join("large"), 64 << 20);
    let server = TestServer::with(tree.path(), |config| config.max_archives = 1);
    let mut first = HttpClient::connect(server.address).await;
    first
        .send("GET /?archive=tar HTTP/1.1\r\nHost: a\r\n\r\n")
        .await;
    assert!(first.has_begun().await);
    let second = get(server.address, "/?archive=tar").await;
    assert_eq!(
        (second.status, second.header("retry-after").as_deref()),
        (503, Some("1"))
    );
    drop(first);
    super::server::eventually(async || {
        let again = ask(server.address, "HEAD", "/?archive=tar", &[]).await;
        (again.status == 200).then_some(())
    })
    .await;
    server.stop().await;
}
