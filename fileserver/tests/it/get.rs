//! Plain files: whole and in ranges, raw and with checksums, and what cannot be had.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{FileExt as _, symlink};

use netsocket_protocol::frame::FrameType;
use netsocket_protocol::message::{
    ErrorKind, FileStart, Hello, Message as _, Problem, Request, Trailer, Verify,
};
use netsocket_protocol::name::Name;
use tokio::net::{TcpSocket, TcpStream};

use crate::new_client::NewClient;
use crate::server::{TestServer, eventually};
use crate::tree::{MORE_THAN_BUFFERS, Tree, random};

fn get(path: &[u8], offset: u64, length: Option<u64>, verify: Verify) -> Request {
    Request::Get {
        path: Name::from(path),
        offset,
        length,
        identity: None,
        verify,
    }
}

fn rest(path: &[u8], offset: u64, identity: &str) -> Request {
    Request::Get {
        path: Name::from(path),
        offset,
        length: None,
        identity: Some(identity.to_owned()),
        verify: Verify::None,
    }
}

#[tokio::test]
async fn any_range_of_any_file_comes_as_it_is() {
    let tree = Tree::hostile();
    let content = random((5 << 20) + 7, 41);
    tree.write(b"directory/large.bin", &content);
    let server = TestServer::start(&tree.root);
    let mut client = NewClient::connect(server.address).await;
    let size = content.len() as u64;
    for verify in [Verify::None, Verify::Blocks] {
        for (offset, length) in [
            (0, None),
            (0, Some(0)),
            (1, Some(1)),
            (size - 1, None),
            (size, None),
            ((2 << 20) - 3, Some(3 << 20)),
            (7, Some(u64::MAX)),
        ] {
            let request = get(b"directory/large.bin", offset, length, verify);
            let (start, bytes, trailer) = client.get(&request).await;
            let from = usize::try_from(offset).unwrap();
            let count = usize::try_from(length.unwrap_or(size).min(size - offset)).unwrap();
            assert!(bytes == content[from..from + count], "{offset} {length:?}");
            assert_eq!((start.size, start.offset), (size, offset));
            assert_eq!(trailer.warnings, []);
            assert_eq!(trailer.digest.is_empty(), verify == Verify::None);
        }
    }
    for path in [
        &b"alpha/quote's \"x\" `y` $z.txt"[..],
        b"bytes\xff/not\xfeutf8.txt",
        b"alpha/-rf",
        b"beta dir/sparse.bin",
        b"alpha/empty.txt",
    ] {
        let (_, bytes, _) = client.get(&get(path, 0, None, Verify::None)).await;
        assert!(bytes == fs::read(tree.path(path)).unwrap());
    }
}

#[tokio::test]
async fn what_is_not_shared_is_not_found() {
    let tree = Tree::hostile();
    let server = TestServer::start(&tree.root);
    let mut client = NewClient::connect(server.address).await;
    let outside = tree.root.parent().unwrap().join("outside/outside.txt");
    for path in [
        &b"missing"[..],
        b"",
        b"alpha",
        b"/etc/passwd",
        outside.as_os_str().as_encoded_bytes(),
        b"../outside/outside.txt",
        b"alpha/../../outside/outside.txt",
        b"link.txt",
        b"linked-directory/outside.txt",
        b"alpha/inner-link.pdf",
        b".hidden/secret.txt",
        b"alpha/.dotfile.txt",
        b"fifo.txt",
        b"socket.txt",
        b"alpha//report.pdf",
        b"alpha/report.pdf/",
        b"alpha/report.pdf/x",
        b"alpha/report.pdf\0",
        &[b'n'; 300],
    ] {
        client.send(&get(path, 0, None, Verify::None)).await;
        let error = client.error().await;
        assert_eq!(error.kind, ErrorKind::NotFound, "{}", path.escape_ascii());
    }
    client
        .send(&get(&[b'n'; 5000], 0, None, Verify::None))
        .await;
    assert_eq!(client.error().await.kind, ErrorKind::BadRequest);
    client
        .send(&get(b"alpha/report.pdf", 17, None, Verify::None))
        .await;
    let error = client.error().await;
    assert_eq!(
        (error.kind, error.message.as_str()),
        (
            ErrorKind::BadRequest,
            "alpha/report.pdf has only 16 bytes, but offset 17 was requested"
        )
    );
}

#[tokio::test]
async fn the_rest_of_a_file_comes_from_any_copy_until_it_is_another_file() {
    let tree = Tree::empty();
    tree.write(b"a/file", b"0123456789");
    let copy = tree.copy();
    let (first, second) = (TestServer::start(&tree.root), TestServer::start(&copy));
    let mut client = NewClient::connect(first.address).await;
    let (start, _, _) = client.get(&get(b"a/file", 0, Some(4), Verify::None)).await;
    let mut client = NewClient::connect(second.address).await;
    let (again, bytes, _) = client.get(&rest(b"a/file", 4, &start.identity)).await;
    assert_eq!(
        (bytes.as_slice(), &again.identity),
        (&b"456789"[..], &start.identity)
    );

    fs::write(copy.join("a/file"), "9876543210").unwrap();
    client.send(&rest(b"a/file", 4, &start.identity)).await;
    let error = client.error().await;
    assert_eq!(
        (error.kind, error.message.as_str()),
        (ErrorKind::Changed, "a/file was modified: start over")
    );
    fs::write(copy.join("a/file"), "98").unwrap();
    client.send(&rest(b"a/file", 4, &start.identity)).await;
    let error = client.error().await;
    assert_eq!(
        error.message,
        "a/file now has 2 bytes instead of 10: start over"
    );
    client.send(&rest(b"a/file", 0, "what?")).await;
    assert_eq!(client.error().await.kind, ErrorKind::Changed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_becomes_of_a_file_on_its_way_is_in_the_trailer() {
    let content = random(MORE_THAN_BUFFERS, 43);
    for verify in [Verify::None, Verify::Blocks] {
        for (problem, name) in [
            (Some(Problem::Shrank), &b"shrinks"[..]),
            (Some(Problem::Grew), b"grows"),
            (Some(Problem::Changed), b"is-rewritten"),
            (None, b"is-removed"),
            (None, b"is-replaced"),
        ] {
            let tree = Tree::empty();
            tree.write(name, &content);
            let server = TestServer::start(&tree.root);
            let mut client = NewClient::connect(server.address).await;
            client.send(&get(name, 0, None, verify)).await;
            let start: FileStart = client.message().await;
            let path = tree.path(name);
            let mut file = fs::File::options()
                .read(true)
                .append(true)
                .open(&path)
                .unwrap();
            let end = content.len() - 100;
            match name {
                b"shrinks" => file.set_len(end as u64).unwrap(),
                b"grows" => file.write_all(b"more").unwrap(),
                b"is-rewritten" => {
                    let file = fs::File::options().write(true).open(&path).unwrap();
                    file.write_all_at(&[0; 100], end as u64).unwrap();
                }
                b"is-removed" => fs::remove_file(&path).unwrap(),
                _ => {
                    fs::remove_file(&path).unwrap();
                    symlink("/etc/passwd", &path).unwrap();
                }
            }
            let mut bytes = Vec::new();
            let trailer: Trailer = loop {
                let frame = client.frame().await.unwrap();
                match frame.kind {
                    FrameType::Raw => bytes.extend_from_slice(&frame.payload),
                    FrameType::Data => bytes.extend_from_slice(&frame.payload[12..]),
                    _ => break Trailer::from_frame(&frame).unwrap(),
                }
            };
            assert_eq!(bytes.len() as u64, start.length);
            assert!(bytes[..end] == content[..end]);
            let ends_in_zeros = bytes[end..].iter().all(|byte| *byte == 0);
            assert_eq!(
                ends_in_zeros,
                matches!(problem, Some(Problem::Shrank | Problem::Changed))
            );
            let said: Vec<Problem> = trailer.warnings.iter().map(|w| w.problem).collect();
            assert_eq!(said, Vec::from_iter(problem), "{}", name.escape_ascii());
        }
    }
}

/// Bytes on their way from the server: sent and not acknowledged, or acknowledged and not read.
fn on_their_way(stream: &TcpStream) -> usize {
    let (client, server) = (
        stream.local_addr().unwrap().port(),
        stream.peer_addr().unwrap().port(),
    );
    let table = fs::read_to_string("/proc/self/net/tcp").unwrap();
    let port = |address: &str| u16::from_str_radix(address.split_once(':').unwrap().1, 16).unwrap();
    let queues = table.lines().skip(1).filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (sent, received) = fields[4].split_once(':').unwrap();
        match (port(fields[1]), port(fields[2])) {
            ends if ends == (server, client) => Some(sent),
            ends if ends == (client, server) => Some(received),
            _ => None,
        }
    });
    queues
        .map(|count| usize::from_str_radix(count, 16).unwrap())
        .sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_becomes_of_a_file_while_its_bytes_are_queued_is_in_the_trailer() {
    let content = random(1 << 20, 47);
    for problem in [None, Some(Problem::Shrank), Some(Problem::Changed)] {
        let tree = Tree::empty();
        tree.write(b"file", &content);
        let server = TestServer::start(&tree.root);
        // A small window, so that nearly all of the answer waits at the server.
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4 * 1024).unwrap();
        let stream = socket.connect(server.address).await.unwrap();
        let mut client = NewClient::over(stream, &NewClient::opening(1)).await;
        let _: Hello = client.message().await;
        client.send(&get(b"file", 0, None, Verify::None)).await;
        eventually(async || (on_their_way(&client.stream) > content.len()).then_some(())).await;
        let file = fs::File::options()
            .write(true)
            .open(tree.path(b"file"))
            .unwrap();
        match problem {
            Some(Problem::Shrank) => file.set_len(1).unwrap(),
            Some(_) => file.write_all_at(&[0; 4096], 512 * 1024).unwrap(),
            None => {}
        }
        let start: FileStart = client.message().await;
        let frame = client.frame().await.unwrap();
        assert_eq!(frame.kind, FrameType::Raw);
        assert_eq!(frame.payload.len() as u64, start.length);
        let trailer: Trailer = client.message().await;
        let said: Vec<Problem> = trailer.warnings.iter().map(|w| w.problem).collect();
        assert_eq!(said, Vec::from_iter(problem));
        assert!(problem.is_some() || frame.payload == content);
    }
}
