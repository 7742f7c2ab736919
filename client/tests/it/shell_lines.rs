//! What is suggested for a shell works when it is pasted there.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::batch::batch;
use crate::peer::Fake;
use crate::process::{Ended, Home, run};
use crate::tree::contents_of;

/// Runs the line in a shell that finds the program, in a directory.
async fn pasted(line: &str, directory: &Path) -> Ended {
    let program = Path::new(env!("CARGO_BIN_EXE_netsocket"));
    let mut shell = Command::new("sh");
    shell
        .args(["-c", line])
        .env_clear()
        .env("HOME", directory)
        .env(
            "PATH",
            format!("{}:/usr/bin:/bin", program.parent().unwrap().display()),
        )
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    run(shell).await
}

#[tokio::test]
async fn a_line_for_a_shell_does_there_what_was_typed_here() {
    let server = Fake::good().await;
    let home = Home::new();
    let size = contents_of("music/song.mp3").len();
    for (typed, meant, printed) in [
        (
            "cat song.mp3 | wc -c",
            "cat music/song.mp3 | wc -c",
            format!("{size}\n"),
        ),
        ("get song.mp3|wc", "", String::new()),
        (
            "get song.mp3 >> x",
            "get music/song.mp3 -o - >> x",
            String::new(),
        ),
        (
            "get *.mp3 | wc -c",
            "cat 'music/*.mp3' | wc -c",
            format!("{size}\n"),
        ),
        (
            "find --larger 1M | sed s/$/!/",
            "find --below music --larger 1M | sed s/$/!/",
            "music/song.mp3!\n".to_owned(),
        ),
        (
            "ls -1 | head -n 1",
            "ls music -1 | head -n 1",
            "covers/\n".to_owned(),
        ),
    ] {
        let lines = format!("cd music\n{typed}\n");
        let ended = batch(home.against(server.address, &[]), lines.as_bytes()).await;
        let said = ended.err.lines().next().unwrap_or_default();
        let Some((_, line)) = said.split_once("in a shell: ") else {
            assert_eq!(meant, "", "{typed}: {}", ended.err);
            continue;
        };
        assert_eq!(
            line,
            format!("netsocket --server {} {meant}", server.address)
        );
        let ended = pasted(line, &home.path()).await;
        assert_eq!(
            (ended.code, String::from_utf8(ended.out).unwrap()),
            (Some(0), printed),
            "{line}: {}",
            ended.err
        );
    }
    let saved = std::fs::read(home.path().join("x")).unwrap();
    assert_eq!(saved, contents_of("music/song.mp3"));
}

#[tokio::test]
async fn what_has_no_line_gets_a_sentence() {
    let server = Fake::good().await;
    for (typed, said) in [
        (
            "lls | head",
            "there is no | here: use !ls | head, or in a shell: ls | head",
        ),
        (
            "find | xargs get",
            "there is no | here: get and archive take names and patterns, and archive the conditions of find",
        ),
        (
            "get -r music | tar t",
            "there is no | here: only a shell knows it",
        ),
        (
            "get notes.txt # it",
            "a comment has a line of its own; quote # in a name",
        ),
    ] {
        let ended = batch(Home::new().against(server.address, &[]), typed.as_bytes()).await;
        assert_eq!(
            ended.err.lines().next(),
            Some(format!("netsocket: {said}").as_str())
        );
        assert_eq!(ended.code, Some(2));
    }
}

#[tokio::test]
async fn a_misspelt_variable_is_warned_of_at_every_run() {
    let server = Fake::good().await;
    for words in [&["ls", "music"][..], &["--quiet", "ls", "music"]] {
        let home = Home::new();
        let mut command = home.against(server.address, words);
        command.env("NETSOCKET_SERVR", "a:1");
        let ended = run(command).await;
        assert_eq!(
            ended.err,
            "netsocket: warning: NETSOCKET_SERVR: no such setting; did you mean NETSOCKET_SERVER?\n"
        );
        assert_eq!(ended.code, Some(0));
    }
}

#[tokio::test]
async fn a_search_may_start_from_a_file() {
    let server = Fake::good().await;
    let home = Home::new();
    for (line, code, printed) in [
        ("find notes.txt -size 49c", 0, "notes.txt\n"),
        ("find notes.txt -type f -name *.txt", 0, "notes.txt\n"),
        ("find music/song.mp3 -type f", 0, "music/song.mp3\n"),
        ("find notes.txt -size 48c", 1, ""),
        ("find notes.txt -name *.mp3", 1, ""),
        ("find nowhere -type f", 1, ""),
        ("find music", 0, "music/song.mp3\n"),
        ("find notes.txt", 0, "notes.txt\n"),
        ("find ./notes.txt", 0, "notes.txt\n"),
        ("find music/song.mp3", 0, "music/song.mp3\n"),
        ("find music/", 0, "music/song.mp3\n"),
        ("find song.mp3", 0, "music/song.mp3\n"),
        ("find notes.txt music *.mp3", 0, "music/song.mp3\n"),
        ("find notes.txt music", 0, "notes.txt\nmusic/song.mp3\n"),
        ("find notes.txt music --limit 1", 0, "notes.txt\n"),
        ("find none music", 1, "music/song.mp3\n"),
        ("find none nothing", 1, ""),
        ("find music song.mp3", 0, "music/song.mp3\n"),
        ("find music/ song.mp3 --larger 1M", 0, "music/song.mp3\n"),
        ("find . song.mp3 --sort size", 0, "music/song.mp3\n"),
        ("find music music/covers song.mp3", 0, "music/song.mp3\n"),
        ("find music nothing", 1, ""),
        ("find music/covers song.mp3", 1, ""),
        ("find music ./song.mp3", 1, "music/song.mp3\n"),
        ("find song.mp3 music", 1, "music/song.mp3\n"),
        ("find notes.txt song.mp3", 1, "notes.txt\n"),
        ("find music notes.txt", 0, "music/song.mp3\nnotes.txt\n"),
        ("find music notes.txt --sort size", 2, ""),
        ("find music music", 0, "music/song.mp3\n"),
        ("find music -iname SONG.mp3", 0, "music/song.mp3\n"),
        ("find --iname SONG.*", 0, "music/song.mp3\n"),
        ("find mus*/*", 0, "music/song.mp3\n"),
        ("find music/nothing", 1, ""),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let ended = run(home.against(server.address, &words)).await;
        let out = String::from_utf8(ended.out).unwrap();
        assert_eq!(
            (ended.code, out.as_str()),
            (Some(code), printed),
            "{line}: {}",
            ended.err
        );
    }
}

#[tokio::test]
async fn archive_says_what_was_meant() {
    let server = Fake::good().await;
    let home = Home::new();
    for (line, said) in [
        ("archive a.tgz --ext none", "did you mean -o a.tgz?"),
        ("archive --ext none -o b.tgz a.tgz", ""),
        (
            "archive x y z",
            "archive takes one directory, and one name or glob: make one archive of each, or of a directory with all of them. Usage",
        ),
        (
            "archive music y/z",
            "archive takes one directory, and one name or glob: make one archive of each, or of a directory with all of them. Usage",
        ),
        (
            "archive music notes.txt",
            "archive takes one directory, and one name or glob: make one archive of each, or of a directory with all of them\n",
        ),
        ("archive x music", "there is no file or directory /x\n"),
        ("archive music none", "no file named none below /music\n"),
        (
            "archive notes.txt/",
            "/notes.txt is a file: get /notes.txt downloads it",
        ),
        (
            "archive x a.tgz",
            "archive takes one directory, and one name or glob; did you mean -o a.tgz? Usage",
        ),
        (
            "archive --ext pdf -o f.tar.zst --format gz",
            "warning: f.tar.zst has the name of a tar.zst, and is a tar.gz",
        ),
        (
            "archive --ext pdf -o f.zip --format tar",
            "warning: f.zip has the name of a zip, and is a tar\n",
        ),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let ended = run(home.against(server.address, &words)).await;
        let err = ended.err.replace("netsocket: ", "");
        assert!(err.contains(said), "{line}: {err}");
        assert_eq!(
            err.contains("did you mean"),
            said.contains("did you mean"),
            "{line}: {err}"
        );
    }
}

#[tokio::test]
async fn the_way_back_and_local_patterns() {
    let server = Fake::good().await;
    let home = Home::new();
    for name in ["a.bin", "b.bin", "c.txt", "l[1]"] {
        std::fs::write(home.path().join(name), "").unwrap();
    }
    std::fs::create_dir(home.path().join("sub")).unwrap();
    let lines = b"cd -
cd music
cd covers
cd -
pwd
cd ~
pwd
cd ~/music
pwd
lls *.bin
lls l[1]
lcd sub
lcd -
lls -1 [ab]*
lcd sub
cd
get notes.txt ../zz
-lls *.none
-netsocket ls
";
    let ended = batch(home.against(server.address, &[]), lines).await;
    assert_eq!(ended.code, Some(2));
    assert!(ended.err.contains("there is no directory to go back to"));
    let ended = batch(home.against(server.address, &[]), &lines[5..]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let out = String::from_utf8(ended.out).unwrap();
    let place = home.path().canonicalize().unwrap();
    let saved = format!("saved {}: 49 B\n", place.join("zz").display());
    assert_eq!(
        out.replace(&saved, ""),
        "/music\n/\n/music\na.bin\nb.bin\nl[1]\na.bin\nb.bin\n"
    );
    assert!(
        out.contains(&saved) || ended.err.contains(&saved),
        "{out}{}",
        ended.err
    );
    assert!(ended.err.contains("'*.none'"), "{}", ended.err);
    assert!(
        ended
            .err
            .contains("no command 'netsocket': leave out the word netsocket")
    );
}
