//! Where `get` saves, and that nothing is saved before that is known.

use netsocket_client::outcome::exit::Exit;

use crate::client::Client;
use crate::peer::Fake;

/// A client whose local directory has a directory `d`, one `music`, and a file `mine`.
fn at_home(server: &Fake) -> Client {
    let mut client = Client::new(server.address);
    let home = client.home().join("here");
    for directory in ["d", "music"] {
        std::fs::create_dir_all(home.join(directory)).unwrap();
    }
    std::fs::write(home.join("mine"), "mine").unwrap();
    client.program.context.at.local = Some(home);
    client
}

/// Every file below a directory.
fn all_below(directory: &std::path::Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let path = path.strip_prefix(directory).unwrap();
                found.push(path.to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

/// The files of a client that is at home after it has run a line.
async fn files_after(server: &Fake, line: &str) -> Vec<String> {
    let mut client = at_home(server);
    let exit = client.run(line).await;
    assert_eq!(exit, Exit::Done, "{line}: {}", client.err.text());
    all_below(client.home())
}

#[tokio::test]
async fn the_last_operand_is_local_where_its_form_or_the_server_says_so() {
    let server = Fake::good().await;
    for (line, saved) in [
        ("get notes.txt new.txt", "here/new.txt"),
        ("get notes.txt d", "here/d/notes.txt"),
        ("get notes.txt d/", "here/d/notes.txt"),
        ("get notes.txt d/new.txt", "here/d/new.txt"),
        ("get notes.txt .", "here/notes.txt"),
        ("get notes.txt ./", "here/notes.txt"),
        ("get notes.txt ..", "notes.txt"),
        ("get notes.txt ../new.txt", "new.txt"),
        ("get notes.txt ./music", "here/music/notes.txt"),
        ("get notes.txt '~/new.txt'", "new.txt"),
        ("get notes.txt '~'", "notes.txt"),
        // The server has it as well, but not as a file.
        ("get notes.txt music", "here/music/notes.txt"),
        ("get notes.txt music/", "here/music/notes.txt"),
        ("get 'note*' d", "here/d/notes.txt"),
        // It is on the server, whatever it looks like.
        ("get evil* notes.txt", "here/notes.txt"),
    ] {
        let files = files_after(&server, line).await;
        assert!(files.contains(&saved.to_owned()), "{line}: {files:?}");
    }
    // Several go where all of them have a place.
    for line in [
        "get notes.txt music/song.mp3 d",
        "get notes.txt music/song.mp3 ./d/",
        "get notes.txt 'music/*' d",
    ] {
        let files = files_after(&server, line).await;
        assert_eq!(
            files,
            ["here/d/notes.txt", "here/d/song.mp3", "here/mine"],
            "{line}"
        );
    }
    let mut client = at_home(&server);
    let place = client.home().join("here/d").display().to_string();
    let line = format!("get notes.txt '{place}'");
    assert_eq!(client.run(&line).await, Exit::Done);
    assert_eq!(all_below(client.home()), ["here/d/notes.txt", "here/mine"]);
}

#[tokio::test]
async fn nothing_is_saved_where_the_last_operand_leads_nowhere() {
    let server = Fake::good().await;
    for (line, said) in [
        (
            "get notes.txt ../x/y/z.txt",
            "z.txt: there is no directory ",
        ),
        ("get notes.txt ./x/", "./x/: there is no such directory"),
        ("get notes.txt x/", "x/: there is no such directory"),
        (
            "get notes.txt music/song.mp3 x/",
            "x/: there is no such directory",
        ),
        (
            "get notes.txt x/y.txt",
            "x/y.txt: there is no directory x on this machine, and no such file on the server",
        ),
        (
            "get notes.txt /nowhere/y.txt",
            "y.txt: there is no directory /nowhere on this machine, and no such file on the server",
        ),
        ("get notes.txt evil* ./mine", "mine is not a directory"),
        (
            "get notes.txt music/song.mp3 new",
            "new is neither a directory on this machine nor a file on the server",
        ),
        (
            "get notes.txt music/song.mp3 mine",
            "mine is neither a directory on this machine nor a file on the server",
        ),
        (
            "get -r notes.txt music new",
            "new is neither a directory on this machine nor a file on the server",
        ),
        (
            "get notes.txt with* -o new",
            "new is not a directory on this machine: 2 files or directories need one",
        ),
        ("get -r music ./x/y", "y: there is no directory "),
        (
            "get notes.txt -o newdir/",
            "newdir/: there is no such directory",
        ),
        ("archive -o newdir/", "newdir/: there is no such directory"),
        (
            "w24ft pdf -o newdir/",
            "newdir/: there is no such directory",
        ),
        (
            "get -r music notes.txt ./x/y",
            "./x/y is not a directory on this machine: 2 files or directories need one",
        ),
    ] {
        let mut client = at_home(&server);
        let exit = client.run(line).await;
        assert!(exit > Exit::NothingFound, "{line}: {exit:?}");
        let err = client.err.text();
        assert!(
            err.contains(said) && err.lines().count() == 1,
            "{line}: {err}"
        );
        assert_eq!(all_below(client.home()), ["here/mine"], "{line}");
    }
}

#[tokio::test]
async fn a_directory_is_named_as_one_whatever_is_here() {
    let server = Fake::good().await;
    for line in [
        "get music",
        "get music notes.txt",
        "get music -o d",
        "get music --force",
    ] {
        for is_file in [false, true] {
            let mut client = at_home(&server);
            let home = client.home().join("here");
            std::fs::create_dir(home.join("d/music")).unwrap();
            if is_file {
                std::fs::remove_dir(home.join("music")).unwrap();
                std::fs::write(home.join("music"), "mine").unwrap();
            }
            assert_eq!(client.run(line).await, Exit::Usage, "{line}");
            let err = client.err.text();
            assert!(
                err.contains("/music is a directory: get -r /music downloads all of it\n"),
                "{line}: {err}"
            );
        }
    }
    let mut client = at_home(&server);
    assert_eq!(client.run("mget '*'").await, Exit::Done);
    assert_eq!(
        client.err.text(),
        "skipping /music, which is a directory: get -r /music downloads all of it\n"
    );
    // What is here and in the way of a file is said as before.
    let mut client = at_home(&server);
    std::fs::create_dir(client.home().join("here/notes.txt")).unwrap();
    assert_eq!(client.run("get notes.txt").await, Exit::TransferFailed);
    assert!(
        client
            .err
            .text()
            .ends_with("notes.txt: it is a directory\n")
    );
}

#[tokio::test]
async fn a_directory_cannot_be_sent_to_standard_output() {
    let server = Fake::good().await;
    let mut client = at_home(&server);
    assert_eq!(client.run("get -r music -o -").await, Exit::Usage);
    assert!(
        client
            .err
            .text()
            .contains("archive --below DIR -o - sends one archive")
    );
    assert!(!client.home().join("here/-").exists());
}

/// Only who has named the file with `-o` wants it replaced.
#[tokio::test]
async fn a_file_that_is_there_is_replaced_where_it_was_named() {
    let server = Fake::good().await;
    for (line, is_replaced) in [
        ("get notes.txt", false),
        ("get notes.txt .", false),
        ("get notes.txt -o ./", false),
        ("get notes.txt with* -o .", false),
        ("get -r notes.txt", false),
        ("get notes.txt ./notes.txt", false),
        ("get notes.txt '~/here/notes.txt'", false),
        ("get -r notes.txt ./notes.txt", false),
        ("get notes.txt ./notes.txt --force", true),
        ("get -r notes.txt -o notes.txt", true),
        ("get notes.txt -o notes.txt", true),
        ("get notes.txt . --force", true),
        ("get -r notes.txt with* -o . --force", true),
    ] {
        let mut client = at_home(&server);
        let file = client.home().join("here/notes.txt");
        std::fs::write(&file, "mine").unwrap();
        let exit = match is_replaced {
            true => Exit::Done,
            false => Exit::TransferFailed,
        };
        assert_eq!(
            client.run(line).await,
            exit,
            "{line}: {}",
            client.err.text()
        );
        let now = std::fs::read(&file).unwrap();
        assert_eq!(now != b"mine", is_replaced, "{line}");
    }
}

/// Nothing is asked and nothing is saved under a name that says another format.
#[tokio::test]
async fn an_archive_is_not_named_as_another_format() {
    let (server, mut requests) = Fake::recording().await;
    let address = server.address;
    for (line, said) in [
        (
            "archive --below music --ext mp3 -o x.zip",
            format!(
                "x.zip would be no zip: an archive is .tar.gz, .tar.zst or .tar; the server makes a zip by HTTP: \
                 curl -o x.zip 'http://{address}/music/?archive=zip&ext=mp3'\n"
            ),
        ),
        (
            "archive -o 'a b.ZIP'",
            format!("curl -o 'a b.ZIP' 'http://{address}/?archive=zip'\n"),
        ),
        (
            "archive -o d/x.tar.bz2",
            "d/x.tar.bz2 would be no bzip2: an archive is .tar.gz, .tar.zst or .tar\n".to_owned(),
        ),
        (
            "archive -o x.tar.xz",
            "x.tar.xz would be no xz: an ".to_owned(),
        ),
        ("archive -o y.7z", "y.7z would be no 7z: an ".to_owned()),
        ("archive -o x.rar", "x.rar would be no rar: an ".to_owned()),
        (
            "w24ft mp3 -o x.zip",
            "x.zip would be no zip: w24ft makes a .tar.gz\n".to_owned(),
        ),
        (
            "w24fz 1 2 -o x.tar.zst",
            "x.tar.zst would be no tar.zst: w24fz makes a .tar.gz\n".to_owned(),
        ),
    ] {
        let mut client = at_home(&server);
        assert_eq!(client.run(line).await, Exit::Usage, "{line}");
        let err = client.err.text();
        assert!(
            err.contains(&said) && err.lines().count() == 1,
            "{line}: {err}"
        );
        assert_eq!(all_below(client.home()), ["here/mine"], "{line}");
    }
    assert!(requests.try_recv().is_err());
    // Who says the format, or nothing, gets it.
    for (line, is_warned) in [
        ("archive -o x.zip --format gz", true),
        ("archive -o x.iso", true),
        ("archive -o x.TGZ", false),
        ("w24ft mp3 -o x", false),
        ("w24ft mp3 -o x.iso", true),
        ("w24fdb 2030-01-01 -o x.tgz", false),
    ] {
        let mut client = at_home(&server);
        assert_eq!(client.run(line).await, Exit::Done, "{line}");
        let said = client.err.text();
        let has_warning = [" under this name\n", " has the name of a "]
            .iter()
            .any(|warning| said.contains(warning));
        assert_eq!(has_warning, is_warned, "{line}: {said}");
    }
}
