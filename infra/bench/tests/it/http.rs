//! The servers of files over HTTP that are here, as the bench starts them.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use bench::case::http::Contestant;

use crate::{PATIENCE, host};

fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn those_of_others_serve_files_and_list_them() {
    let host = host();
    let tree = tempfile::tempdir().unwrap();
    fs::create_dir(tree.path().join("dir")).unwrap();
    fs::write(tree.path().join("dir/some-file.txt"), "its content").unwrap();
    for who in [Contestant::Nginx, Contestant::Miniserve, Contestant::Dufs] {
        if let Some(why) = who.missing(&host) {
            println!("{}: {why}", who.name());
            continue;
        }
        let mut server = who.start(&host, tree.path()).await.unwrap();
        let address = server.address;
        let (file, list) = tokio::task::spawn_blocking(move || {
            (get(address, "/dir/some-file.txt"), get(address, "/dir/"))
        })
        .await
        .unwrap();
        assert!(file.starts_with("HTTP/1.1 200 "), "{who:?}: {file}");
        assert!(file.ends_with("its content"), "{who:?}: {file}");
        assert!(list.contains("some-file.txt"), "{who:?}: {list}");
        assert!(server.cpu().is_ok());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_missing_is_named() {
    let mut host = host();
    host.tools.dufs = None;
    let why = Contestant::Dufs.missing(&host).unwrap();
    assert_eq!(why, "infra/bench/install-peers installs it");
    let failure = Contestant::Dufs.start(&host, host.dir()).await.unwrap_err();
    assert!(failure.to_string().contains("dufs is not installed"));
}
