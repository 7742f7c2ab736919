//! Files that are there already where a download would go.

use std::path::Path;

use netsocket_client::outcome::exit::Exit;

use crate::client::Client;
use crate::peer::Fake;
use crate::tree::contents_of;

async fn at_home(server: &Fake) -> Client {
    let mut client = Client::new(server.address);
    client.program.context.at.local = Some(client.home().to_owned());
    client
}

/// What was printed, without the directory of the test.
fn printed(client: &Client) -> String {
    let home = format!("{}/", client.home().display());
    let all = format!("{}{}", client.out.text(), client.err.text());
    client.out.take();
    client.err.take();
    all.replace(&home, "").replace("./", "")
}

fn modified(path: &Path) -> std::time::SystemTime {
    std::fs::metadata(path).unwrap().modified().unwrap()
}

#[tokio::test]
async fn a_second_time_is_done_as_well() {
    let server = Fake::good().await;
    for (line, said) in [
        ("get notes.txt", "notes.txt is there already: 49 B\n"),
        ("get -r notes.txt", "notes.txt is there already: 49 B\n"),
        ("get -p notes.txt", "notes.txt is there already: 49 B\n"),
        (
            "get notes.txt 'with space.txt' -P 2",
            "notes.txt is there already: 49 B\nwith space.txt is there already: 5 B\n",
        ),
        (
            "get -r music/song.mp3 notes.txt .",
            "song.mp3 is there already: 2.9 MiB\nnotes.txt is there already: 49 B\n",
        ),
        (
            "get 'music/*.mp3' -o .",
            "song.mp3 is there already: 2.9 MiB\n",
        ),
    ] {
        let mut client = at_home(&server).await;
        assert_eq!(client.run(line).await, Exit::Done, "{line}");
        let _ = printed(&client);
        assert_eq!(client.run(line).await, Exit::Done, "{line}");
        assert_eq!(printed(&client), said, "{line}");
        let mut client = client.json();
        assert_eq!(client.run(line).await, Exit::Done, "{line}");
        for object in client.out.text().lines() {
            let object: serde_json::Value = serde_json::from_str(object).unwrap();
            let path = object["path"].as_str().unwrap();
            let digest = blake3::hash(&contents_of(path)).to_hex();
            assert_eq!(object["digest"], digest.as_str(), "{line}");
        }
    }
}

#[tokio::test]
async fn a_file_of_the_same_size_and_time_is_not_read_from_the_server() {
    let server = Fake::good().await;
    let mut client = at_home(&server).await;
    assert_eq!(client.run("get -r notes.txt").await, Exit::Done);
    let path = client.home().join("notes.txt");
    let before = modified(&path);
    std::fs::write(&path, [b'x'; 49]).unwrap();
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(before).unwrap();
    assert_eq!(client.run("get -r notes.txt").await, Exit::Done);
    assert_eq!(std::fs::read(&path).unwrap(), [b'x'; 49]);
}

#[tokio::test]
async fn another_file_is_kept_and_said() {
    let server = Fake::good().await;
    let of_other_size = b"mine".to_vec();
    let mut of_other_content = contents_of("notes.txt");
    of_other_content[48] ^= 1;
    for content in [of_other_size, of_other_content] {
        for (line, others) in [
            ("get notes.txt", ""),
            ("get -r notes.txt", ""),
            (
                "get notes.txt 'with space.txt'",
                "saved with space.txt: 5 B\n",
            ),
        ] {
            let mut client = at_home(&server).await;
            let path = client.home().join("notes.txt");
            std::fs::write(&path, &content).unwrap();
            assert_eq!(client.run(line).await, Exit::TransferFailed, "{line}");
            let said = printed(&client);
            assert_eq!(
                said,
                format!(
                    "{others}cannot write notes.txt: it is there already: --force overwrites it\n"
                ),
                "{line}"
            );
            assert_eq!(std::fs::read(&path).unwrap(), content, "{line}");
        }
    }
}

/// The last of several names that the server does not have: it may be mistyped.
#[tokio::test]
async fn a_local_operand_replaces_nothing() {
    let server = Fake::good().await;
    for (word, content) in [
        ("get", b"mine".to_vec()),
        ("mget", vec![b'x'; 49]),
        ("get -r", b"mine".to_vec()),
        ("get -r", vec![b'x'; 49]),
        ("get -p", b"mine".to_vec()),
    ] {
        let mut client = at_home(&server).await;
        let path = client.home().join("reame.md");
        std::fs::write(&path, &content).unwrap();
        let line = format!("{word} notes.txt reame.md");
        assert_eq!(client.run(&line).await, Exit::TransferFailed, "{line}");
        assert_eq!(
            printed(&client),
            "cannot write reame.md: it is there already: -o or --force overwrites it\n"
        );
        assert_eq!(std::fs::read(&path).unwrap(), content, "{line}");
        // In a directory it has the name of the file, as without LOCAL.
        let inside = client.home().join("notes.txt");
        std::fs::write(&inside, &content).unwrap();
        let line = format!("{word} notes.txt .");
        assert_eq!(client.run(&line).await, Exit::TransferFailed, "{line}");
        assert!(printed(&client).ends_with(": --force overwrites it\n"));
        std::fs::write(&path, contents_of("notes.txt")).unwrap();
        let line = format!("{word} notes.txt reame.md");
        assert_eq!(client.run(&line).await, Exit::Done, "{line}");
        assert_eq!(printed(&client), "reame.md is there already: 49 B\n");
    }
}

#[tokio::test]
async fn results_are_in_the_order_of_the_words() {
    let server = Fake::good().await;
    let mut client = at_home(&server).await;
    std::fs::write(client.home().join("with space.txt"), "mine").unwrap();
    assert_eq!(client.run("get -p notes.txt").await, Exit::Done);
    client.out.take();
    let mut client = client.json();
    let line = "get -p 'with space.txt' music/song.mp3 notes.txt";
    assert_eq!(client.run(line).await, Exit::TransferFailed);
    let paths: Vec<String> = client
        .out
        .text()
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["path"].to_string())
        .collect();
    assert_eq!(
        paths,
        ["\"with space.txt\"", "\"music/song.mp3\"", "\"notes.txt\""]
    );
}

#[tokio::test]
async fn a_directory_is_not_named_as_an_archive() {
    let server = Fake::good().await;
    for (line, instead) in [
        (
            "get -r music -o x.tar.gz",
            "archive music -o x.tar.gz makes",
        ),
        ("get -r music x.tar.gz", "archive music -o x.tar.gz makes"),
        ("get -r music/ ./x.tgz", "archive music/ -o x.tgz makes"),
        (
            "get -r 'mus*' x.tar.zst",
            "archive /music -o x.tar.zst makes",
        ),
        ("get -r music x.tzst", "archive music -o x.tzst makes"),
        ("get -r music x.TAR", "archive music -o x.TAR makes"),
        (
            "get -r music 'x y.zip'",
            "archive music -o 'x y.tar.gz' makes",
        ),
        ("get -r music x.tar.xz", "archive music -o x.tar.gz makes"),
        ("archive music --extract x.tar.gz", ": -o x.tar.gz makes"),
    ] {
        let mut client = at_home(&server).await;
        assert_eq!(client.run(line).await, Exit::Usage, "{line}");
        let said = printed(&client);
        assert!(said.contains(instead), "{line}: {said}");
        assert!(client.files().is_empty(), "{line}");
        std::fs::create_dir(client.home().join("x.tar.gz")).unwrap();
    }
    // A file may have any name.
    let mut client = at_home(&server).await;
    assert_eq!(client.run("get -r notes.txt x.tar.gz").await, Exit::Done);
}
