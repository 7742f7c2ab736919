//! `--json` of every command: standard output has JSON and nothing else, an error says where.

use netsocket_client::outcome::exit::Exit;

use crate::client::Client;
use crate::peer::Fake;
use crate::process::{Home, run};

#[tokio::test]
async fn each_line_is_json_and_an_error_has_command_and_path() {
    let server = Fake::good().await;
    for (line, exit, path) in [
        ("ls none", Exit::NothingFound, Some("none")),
        ("ls 'none*'", Exit::NothingFound, Some("none*")),
        ("ls --bad", Exit::Usage, None),
        ("ls -l -1 music", Exit::Done, None),
        ("ls -0", Exit::Usage, None),
        ("find -0", Exit::Usage, None),
        ("find notes.txt", Exit::Done, None),
        ("find none/x", Exit::NothingFound, Some("none/x")),
        ("find --modified-after 3M", Exit::Usage, None),
        ("stat none", Exit::NothingFound, Some("none")),
        ("stat notes.txt", Exit::Done, None),
        ("get none", Exit::NothingFound, Some("none")),
        ("get 'none*'", Exit::NothingFound, Some("none*")),
        ("get music", Exit::Usage, Some("music")),
        ("get -r none", Exit::NothingFound, Some("none")),
        ("du none", Exit::NothingFound, Some("none")),
        ("du music", Exit::Done, None),
        ("tree none", Exit::NothingFound, Some("none")),
        ("tree notes.txt", Exit::Usage, Some("notes.txt")),
        ("tree music", Exit::Done, None),
        ("tree -d", Exit::Usage, Some("")),
        ("status", Exit::Done, None),
        ("pwd", Exit::Done, None),
        ("lpwd", Exit::Done, None),
        ("lls", Exit::Usage, None),
        ("man", Exit::Usage, None),
        ("completions bash", Exit::Usage, None),
        ("help ls", Exit::Done, None),
        ("nope", Exit::Usage, None),
        ("w24fz 9 x", Exit::Usage, None),
    ] {
        let mut client = Client::new(server.address).json();
        client.program.context.at.local = Some(client.home().to_owned());
        assert_eq!(
            client.run(line).await,
            exit,
            "{line}: {}",
            client.err.text()
        );
        let out = client.out.text();
        let objects: Vec<serde_json::Value> = out
            .lines()
            .map(|object| serde_json::from_str(object).unwrap())
            .collect();
        assert!(!objects.is_empty(), "{line}");
        let command = line.split(' ').next().unwrap();
        for object in objects {
            assert_eq!(object["command"], command, "{line}: {object}");
            assert_eq!(
                object.get("error").is_some(),
                exit != Exit::Done,
                "{object}"
            );
            if exit != Exit::Done {
                assert_eq!(object["path"].as_str(), path, "{line}: {object}");
            }
        }
    }
}

#[tokio::test]
async fn a_variable_that_is_no_text_is_named() {
    use std::os::unix::ffi::OsStrExt as _;

    let home = Home::new();
    let mut command = home.netsocket(&["pwd"]);
    command.env("NETSOCKET_SERVER", std::ffi::OsStr::from_bytes(b"\xff"));
    let ended = run(command).await;
    assert_eq!(ended.code, Some(2));
    assert!(
        ended.err.starts_with("netsocket: NETSOCKET_SERVER: "),
        "{}",
        ended.err
    );
}
