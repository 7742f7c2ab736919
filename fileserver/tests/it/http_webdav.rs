//! WebDAV for reading, as file managers and mounts ask for it.

use std::fs;
use std::time::{Duration, SystemTime};

use super::http_client::{ask, get};
use super::server::TestServer;

const SOME: &str = "<?xml version=\"1.0\"?><p:propfind xmlns:p=\"DAV:\" xmlns:q=\"urn:own\"><p:prop><p:getcontentlength/>\
                    <p:resourcetype/><q:mine/><p:quota/></p:prop></p:propfind>";

#[tokio::test]
async fn a_directory_and_its_files_are_told_apart() {
    let tree = tempfile::tempdir().unwrap();
    fs::create_dir_all(tree.path().join("a b/c")).unwrap();
    fs::write(tree.path().join("a b/f&.txt"), "12345").unwrap();
    fs::write(tree.path().join("a b/.hidden"), "").unwrap();
    let server = TestServer::start(tree.path());
    let all = ask(server.address, "PROPFIND", "/a%20b/", &[("Depth", "1")]).await;
    assert_eq!(
        (all.status, all.header("content-type").as_deref()),
        (207, Some("application/xml; charset=utf-8"))
    );
    let text = all.text();
    let hrefs: Vec<&str> = text
        .split("<D:href>")
        .skip(1)
        .map(|part| part.split_once("</D:href>").unwrap().0)
        .collect();
    assert_eq!(hrefs, ["/a%20b/", "/a%20b/c/", "/a%20b/f%26.txt"]);
    assert!(
        text.contains("<D:displayname>f&amp;.txt</D:displayname>"),
        "{text}"
    );
    let file = ask(server.address, "GET", "/a%20b/f%26.txt", &[]).await;
    let told = format!(
        "<D:getetag>{}</D:getetag>",
        file.header("etag").unwrap().replace('"', "&quot;")
    );
    assert!(text.contains(&told), "{text}");
    let told = format!(
        "<D:getlastmodified>{}</D:getlastmodified>",
        file.header("last-modified").unwrap()
    );
    assert!(text.contains(&told), "{text}");
    let one = ask(server.address, "PROPFIND", "/a%20b", &[("Depth", "0")]).await;
    assert_eq!(one.text().matches("<D:response>").count(), 1);
    server.stop().await;
}

#[tokio::test]
async fn what_is_asked_for_is_answered_and_what_is_not_there_is_said() {
    let tree = tempfile::tempdir().unwrap();
    fs::write(tree.path().join("f"), "12345").unwrap();
    let server = TestServer::start(tree.path());
    let mut client = super::http_client::HttpClient::connect(server.address).await;
    let length = SOME.len();
    client
        .send(format!(
            "PROPFIND /f HTTP/1.1\r\nHost: a\r\nDepth: 0\r\nContent-Length: {length}\r\n\r\n{SOME}"
        ))
        .await;
    let some = client.reply("PROPFIND").await.unwrap();
    assert!(some.text().contains(
        "<D:propstat><D:prop><D:getcontentlength>5</D:getcontentlength><D:resourcetype></D:resourcetype></D:prop>\
         <D:status>HTTP/1.1 200 OK</D:status></D:propstat><D:propstat><D:prop><X:mine xmlns:X=\"urn:own\"/><D:quota/></D:prop>\
         <D:status>HTTP/1.1 404 Not Found</D:status></D:propstat>"
    ), "{}", some.text());
    for (url, headers, status) in [
        ("/", vec![("Depth", "infinity")], 403),
        ("/", vec![], 403),
        ("/none", vec![("Depth", "0")], 404),
        ("/.f", vec![("Depth", "0")], 404),
    ] {
        assert_eq!(
            ask(server.address, "PROPFIND", url, &headers).await.status,
            status,
            "{url}"
        );
    }
    let endless = ask(server.address, "PROPFIND", "/", &[("Depth", "infinity")]).await;
    let error = "<D:error xmlns:D=\"DAV:\"><D:propfind-finite-depth/></D:error>";
    assert!(endless.text().contains(error), "{}", endless.text());
    let options = ask(server.address, "OPTIONS", "*", &[]).await;
    assert_eq!(
        (options.status, options.header("dav").as_deref()),
        (204, Some("1"))
    );
    for method in ["PROPPATCH", "MKCOL", "LOCK", "MOVE", "COPY", "UNLOCK"] {
        assert_eq!(
            ask(server.address, method, "/", &[]).await.status,
            405,
            "{method}"
        );
    }
    server.stop().await;
}

/// Programs parse dates by regular expressions.
#[tokio::test]
async fn every_date_has_a_day_of_two_digits() {
    let tree = tempfile::tempdir().unwrap();
    let file = fs::File::create(tree.path().join("f")).unwrap();
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_699_142_400);
    file.set_modified(time).unwrap();
    let server = TestServer::start(tree.path());
    let date = "Sun, 05 Nov 2023 00:00:00 GMT";
    let head = ask(server.address, "HEAD", "/f", &[]).await;
    assert_eq!(head.header("last-modified").as_deref(), Some(date));
    let json = get(server.address, "/?format=json").await.text();
    assert!(json.contains(&format!("\"mtime\":\"{date}\"")), "{json}");
    let page = get(server.address, "/").await.text();
    assert!(page.contains("<td>2023-11-05 00:00</td>"), "{page}");
    let properties = ask(server.address, "PROPFIND", "/f", &[("Depth", "0")]).await;
    let told = format!("<D:getlastmodified>{date}</D:getlastmodified>");
    assert!(properties.text().contains(&told), "{}", properties.text());
    server.stop().await;
}
