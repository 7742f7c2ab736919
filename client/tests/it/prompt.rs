//! The prompt, typed at over a terminal of its own.

use netsocket_protocol::message::{ErrorKind, Request};
use rustix::process::{Signal, kill_process};
use rustix::termios::{LocalModes, tcgetattr};

use crate::client::files_in;
use crate::peer::{BLOCKS, Fake, archive_bytes, plan};
use crate::process::{Home, end, eventually, pid_of};
use crate::screen::{Screen, without_controls};

#[tokio::test]
async fn commands_are_typed_and_answered() {
    let server = Fake::good().await;
    let mut screen = Screen::open(Home::new(), server.address);
    assert!(screen.ready().await.contains("Type help for the commands"));
    screen.type_keys("dirlist -a\r");
    assert!(
        screen
            .ready()
            .await
            .contains("a b\r\nesc\\u{1b}[2J\r\nz\\xff\r\n")
    );
    // Ctrl-C gives the line up.
    screen.type_keys("dirlist -t\x03");
    let given_up = screen.ready().await;
    assert!(!given_up.contains("a b\r\n"), "{given_up}");
    screen.type_keys("nonsense\r");
    let answer = screen.ready().await;
    assert!(answer.contains("\nunknown command 'nonsense'"), "{answer}");
    screen.type_keys("w24ft pdf\r");
    let answer = screen.ready().await;
    assert!(answer.contains("temp.tar.gz: 12 files, 38 B"), "{answer}");
    assert_eq!(
        std::fs::read(screen.home.target()).unwrap(),
        archive_bytes()
    );
    screen.type_keys("w24ft pdf -o -\r");
    let answer = screen.ready().await;
    assert!(
        answer.contains("not writing an archive to a terminal"),
        "{answer}"
    );
    // Up three times: the archive with -o, the archive, nonsense.
    screen.type_keys("\x1b[A\x1b[A\x1b[A\r");
    let answer = screen.ready().await;
    assert!(answer.contains("\nunknown command 'nonsense'"), "{answer}");
    screen.type_keys("\x04");
    let (child, home) = (screen.child, screen.home);
    assert_eq!(end(child).await.code, Some(0));
    assert_eq!(server.accepted(), 1);

    let history = home.path().join(".local/state/netsocket/history");
    let kept = std::fs::read_to_string(history).unwrap();
    assert!(
        kept.contains("\ndirlist -a\nnonsense\nw24ft pdf\n"),
        "{kept}"
    );
    // The next prompt knows it.
    let mut screen = Screen::open(home, server.address);
    screen.ready().await;
    screen.type_keys("\x1b[A\r");
    let answer = screen.ready().await;
    assert!(answer.contains("\nunknown command 'nonsense'"), "{answer}");
    screen.type_keys("quitc\r");
    assert_eq!(end(screen.child).await.code, Some(0));
}

#[tokio::test]
async fn lines_pasted_at_once_are_all_performed() {
    let server = Fake::good().await;
    let mut screen = Screen::open(Home::new(), server.address);
    screen.ready().await;
    screen.type_keys("dirlist -a\rnonsense\rw24ft pdf\rquitc\r");
    for answer in [
        "a b\r\n",
        "unknown command 'nonsense'",
        "temp.tar.gz: 12 files",
    ] {
        eventually(answer, || screen.text().contains(answer)).await;
    }
    assert_eq!(end(screen.child).await.code, Some(0));
}

#[tokio::test]
async fn an_interrupt_ends_the_transfer_and_not_the_prompt() {
    let server = Fake::start(|number, mut peer| async move {
        peer.greet().await;
        if number > 0 {
            return peer.serve().await;
        }
        peer.request().await;
        peer.send(&plan()).await;
        peer.block(0, BLOCKS[0]).await;
        peer.until_gone().await;
    })
    .await;
    let mut screen = Screen::open(Home::new(), server.address);
    screen.ready().await;
    // One that comes too early is forgotten.
    kill_process(pid_of(&screen.child), Signal::INT).unwrap();
    screen.type_keys("w24ft pdf\r");
    let shown = screen.shows("33% of 12 files").await;
    assert!(shown.contains("B/s"), "{shown}");
    kill_process(pid_of(&screen.child), Signal::INT).unwrap();
    assert!(screen.ready().await.contains("interrupted"));
    let left = files_in(&screen.home.path().join("w24project"));
    assert_eq!(left.len(), 2, "a part for the next time: {left:?}");
    screen.type_keys("dirlist -a\r");
    assert!(screen.ready().await.contains("a b\r\n"));
    screen.type_keys("exit\r");
    assert_eq!(end(screen.child).await.code, Some(0));
}

#[tokio::test]
async fn a_signal_that_ends_the_prompt_gives_the_terminal_back() {
    let server = Fake::good().await;
    let screen = Screen::open(Home::new(), server.address);
    screen.ready().await;
    kill_process(pid_of(&screen.child), Signal::TERM).unwrap();
    let (child, keyboard) = (screen.child, screen.keyboard);
    assert_eq!(end(child).await.code, Some(130));
    let modes = tcgetattr(&keyboard).unwrap().local_modes;
    assert!(modes.contains(LocalModes::ICANON | LocalModes::ECHO));
}

#[tokio::test]
async fn that_hidden_files_are_not_shown_is_said_below_the_list() {
    let server = Fake::start(|_, mut peer| async move {
        peer.greet().await;
        while let Some(request) = peer.request().await {
            match request {
                Request::List { hidden: true, .. } => peer.error(ErrorKind::Denied, "no").await,
                request => peer.answer(&request).await,
            }
        }
    })
    .await;
    let mut screen = Screen::open(Home::new(), server.address);
    screen.ready().await;
    screen.type_keys("ls -la\r");
    let answer = screen.ready().await;
    let list = answer.find("notes.txt").unwrap();
    let notice = answer.find("does not show hidden files").unwrap();
    assert!(list < notice, "{answer}");
}

#[tokio::test]
async fn tab_completes_commands_options_and_names_of_the_server() {
    let server = Fake::good().await;
    let mut screen = Screen::open(Home::new(), server.address);
    screen.ready().await;
    screen.type_keys("dirl\t-a\r");
    assert!(screen.ready().await.contains("a b\r\n"));
    // Two commands begin like that: both are shown.
    screen.type_keys("sta\t");
    let shown = screen.shows("status").await;
    assert!(shown.contains("stat "), "{shown}");
    screen.type_keys("\x15find --larg\t1M\r");
    assert!(screen.ready().await.contains("music/song.mp3\r\n"));
    screen.type_keys("stat mu\tso\t\r");
    let answer = screen.ready().await;
    assert!(answer.contains("Path: music/song.mp3\r\n"), "{answer}");
    screen.type_keys("stat wi\t\r");
    let answer = screen.ready().await;
    assert!(answer.contains("Path: with space.txt\r\n"), "{answer}");
    screen.type_keys("cd mu\t\r");
    screen.ready_at("netsocket:music> ").await;
    screen.type_keys("ls so\t\r");
    let answer = screen.ready_at("netsocket:music> ").await;
    assert!(answer.contains("ls song.mp3"), "{answer}");
    assert!(answer.contains("\nsong.mp3\r\n"), "{answer}");
    screen.type_keys("bye\r");
    assert_eq!(end(screen.child).await.code, Some(0));
    assert_eq!(
        server.accepted(),
        2,
        "names come over a connection of their own"
    );
}

/// The local directory is another one.
#[tokio::test]
async fn tab_completes_below_the_home_directory_where_a_path_is_local() {
    let server = Fake::good().await;
    let home = Home::new();
    std::fs::create_dir(home.path().join("downloads")).unwrap();
    let downloads = home.path().join("downloads");
    let mut screen = Screen::open(home, server.address);
    screen.ready().await;
    screen.type_keys("lcd ~/down\t\r");
    screen.ready().await;
    screen.type_keys("lpwd\r");
    let answer = screen.ready().await;
    assert!(
        answer.contains(&format!("{}\r\n", downloads.display())),
        "{answer}"
    );
    screen.type_keys("lcd /\r");
    screen.ready().await;
    screen.type_keys("get notes.txt ~/down\t\r");
    let answer = screen.ready().await;
    assert!(downloads.join("notes.txt").is_file(), "{answer}");
    screen.type_keys("bye\r");
    assert_eq!(end(screen.child).await.code, Some(0));
}

#[tokio::test]
async fn a_server_that_is_slow_with_names_keeps_nobody_from_typing() {
    // The first connection is that of the commands. The second is that of the names: it is never answered.
    let server = Fake::start(|number, mut peer| async move {
        if number != 1 {
            peer.greet().await;
            return peer.serve().await;
        }
        peer.until_gone().await;
    })
    .await;
    let mut screen = Screen::open(Home::new(), server.address);
    screen.ready().await;
    screen.type_keys("ls mus\tic\r");
    let answer = screen.ready().await;
    assert!(answer.contains("covers/\x1b[0m  song.mp3\r\n"), "{answer}");
    screen.type_keys("quit\r");
    assert_eq!(end(screen.child).await.code, Some(0));
}

#[tokio::test]
async fn the_history_is_searched_and_hinted_at() {
    let server = Fake::good().await;
    let mut screen = Screen::open(Home::new(), server.address);
    screen.ready().await;
    for line in ["find --ext mp3\r", "dirlist -a\r", "pwd\r"] {
        screen.type_keys(line);
        screen.ready().await;
    }
    // Ctrl-R
    screen.type_keys("\x12ext\r");
    let answer = screen.ready().await;
    assert!(answer.contains("reverse-i-search"), "{answer}");
    assert!(answer.contains("music/song.mp3\r\n"), "{answer}");
    // The rest of an earlier line stands faint behind the cursor, and the right arrow takes it.
    screen.type_keys("dirl");
    screen.shows("\x1b[2mist -a\x1b[0m").await;
    screen.type_keys("\x1b[C\r");
    assert!(screen.ready().await.contains("a b\r\n"));
    // So do the arguments of a command that is typed for the first time.
    screen.type_keys("w24fz ");
    screen.shows("\x1b[2mSIZE1 SIZE2\x1b[0m").await;
    screen.type_keys("\x03");
    screen.ready().await;
    screen.type_keys("\x04");
    assert_eq!(end(screen.child).await.code, Some(0));
}

#[tokio::test]
async fn without_colours_there_are_no_hints() {
    let server = Fake::good().await;
    let home = Home::new();
    let mut command = home.against(server.address, &[]);
    command.env("NO_COLOR", "1");
    let mut screen = Screen::show(home, command);
    screen.ready().await;
    screen.type_keys("ls\r");
    let answer = screen.ready().await;
    assert!(answer.contains("music/  notes.txt"), "{answer}");
    screen.type_keys("l");
    screen.shows("l").await;
    screen.type_keys("\x03");
    let shown = screen.ready().await;
    assert!(!shown.contains("\x1b[2m"), "{shown}");
    screen.type_keys("\x04");
    assert_eq!(end(screen.child).await.code, Some(0));
}

#[tokio::test]
async fn several_lines_of_one_paste_are_several_commands() {
    let server = Fake::good().await;
    let mut screen = Screen::open(Home::new(), server.address);
    screen.ready().await;
    // As a terminal sends a paste to whoever asked for brackets around it.
    screen.type_keys("\x1b[200~dirlist -a\nstat 'notes.txt'\nnonsense\n\x1b[201~");
    screen.shows("nonsense").await;
    screen.type_keys("\r");
    let answer = screen.ready().await;
    for part in [
        "a b\r\n",
        "Path: notes.txt\r\n",
        "unknown command 'nonsense'",
    ] {
        assert!(answer.contains(part), "{part}: {answer}");
    }
    screen.type_keys("\x04");
    assert_eq!(end(screen.child).await.code, Some(0));
}

#[tokio::test]
async fn ctrl_c_ends_a_transfer_and_a_command_of_the_shell() {
    let server = Fake::start(|number, mut peer| async move {
        peer.greet().await;
        if number > 0 {
            return peer.serve().await;
        }
        peer.request().await;
        peer.send(&plan()).await;
        peer.block(0, BLOCKS[0]).await;
        peer.until_gone().await;
    })
    .await;
    let mut screen = Screen::open_as_session(Home::new(), server.address);
    screen.ready().await;
    screen.type_keys("archive --ext pdf\r");
    screen.shows("33%").await;
    screen.type_keys("\x03");
    assert!(screen.ready().await.contains("interrupted"));
    // No process is forked in it, so that no key can come between.
    screen.type_keys("!trap 'exit 7' INT; echo begun; while :; do :; done\r");
    screen.shows("begun\r\n").await;
    screen.type_keys("\x03");
    let answer = screen.ready().await;
    assert!(answer.contains("the command exited with 7"), "{answer}");
    screen.type_keys("dirlist -a\r");
    assert!(screen.ready().await.contains("a b\r\n"));
    screen.type_keys("quit\r");
    assert_eq!(end(screen.child).await.code, Some(0));
}

#[tokio::test]
async fn a_window_may_change_its_size() {
    let server = Fake::good().await;
    let mut screen = Screen::open_as_session(Home::new(), server.address);
    screen.ready().await;
    screen.resize(200);
    screen.type_keys("ls\r");
    let answer = screen.ready().await;
    assert!(answer.contains("notes.txt  with space.txt\r\n"), "{answer}");
    // In the middle of a line that has no room any more.
    screen.type_keys("stat notes.txt music/song.mp3 music");
    screen.shows("song.mp3 music").await;
    screen.resize(20);
    screen.type_keys("/covers\r");
    let answer = screen.ready().await;
    assert!(answer.contains("Path: music/covers\r\n"), "{answer}");
    screen.type_keys("ls\r");
    let answer = screen.ready().await;
    assert!(!answer.contains("notes.txt  with space.txt"), "{answer}");
    assert!(answer.contains("with space.txt\r\n"), "{answer}");
    screen.type_keys("quit\r");
    assert_eq!(end(screen.child).await.code, Some(0));
}

#[tokio::test]
async fn the_shell_runs_where_lcd_has_gone() {
    let server = Fake::good().await;
    let home = Home::new();
    std::fs::create_dir(home.path().join("a b")).unwrap();
    let mut screen = Screen::open(home, server.address);
    screen.ready().await;
    screen.type_keys("lcd a\t\r");
    screen.ready().await;
    screen.type_keys("!pwd; exit 3\r");
    let answer = screen.ready().await;
    assert!(answer.contains("/a b\r\n"), "{answer}");
    assert!(answer.contains("the command exited with 3"), "{answer}");
    screen.type_keys("get notes.txt\r");
    screen.ready().await;
    assert!(screen.home.path().join("a b/notes.txt").is_file());
    screen.type_keys("quit\r");
    assert_eq!(end(screen.child).await.code, Some(0));
}

#[tokio::test]
async fn the_progress_line_fits_into_a_narrow_terminal() {
    const COLUMNS: u16 = 30;
    let server = Fake::start(|_, mut peer| async move {
        peer.greet().await;
        peer.request().await;
        peer.send(&plan()).await;
        peer.block(0, BLOCKS[0]).await;
        peer.until_gone().await;
    })
    .await;
    let mut screen = Screen::open(Home::new(), server.address);
    screen.resize(COLUMNS);
    screen.ready().await;
    screen.type_keys("archive\r");
    screen.shows("33%").await;
    // Drawn again and again.
    screen.shows("33%").await;
    screen.shows("33%").await;
    let drawn = || without_controls(&screen.text()).matches("33%").count() >= 3;
    eventually("three more lines", drawn).await;
    let text = screen.text();
    // Where a line wraps, the cursor goes up to draw it again.
    assert!(!text.contains("\x1b[1A"), "{text:?}");
    for line in without_controls(&text).split(['\r', '\n']) {
        let line = line.trim_end();
        assert!(line.chars().count() < usize::from(COLUMNS), "{line:?}");
    }
    kill_process(pid_of(&screen.child), Signal::INT).unwrap();
    screen.ready().await;
    screen.type_keys("\x04");
    assert_eq!(end(screen.child).await.code, Some(0));
}

#[tokio::test]
async fn a_quoted_newline_stays_in_one_entry_of_the_history() {
    let server = Fake::good().await;
    let mut screen = Screen::open(Home::new(), server.address);
    screen.ready().await;
    screen.type_keys("\x1b[200~stat 'two\nlines'\npwd\n\x1b[201~");
    screen.shows("pwd").await;
    screen.type_keys("\r");
    screen.ready().await;
    screen.type_keys("\x04");
    let (child, home) = (screen.child, screen.home);
    assert_eq!(end(child).await.code, Some(0));
    let history = home.path().join(".local/state/netsocket/history");
    let kept = std::fs::read_to_string(history).unwrap();
    let entries: Vec<&str> = kept.lines().skip(1).collect();
    assert_eq!(entries, ["stat 'two\\nlines'", "pwd"]);

    // The next prompt gives it back as one command.
    let mut screen = Screen::open(home, server.address);
    screen.ready().await;
    screen.type_keys("\x1b[A\x1b[A\r");
    let answer = screen.ready().await;
    assert!(
        answer.contains("there is no file or directory /two\\nlines"),
        "{answer}"
    );
    screen.type_keys("\x04");
    assert_eq!(end(screen.child).await.code, Some(0));
}

#[tokio::test]
async fn a_prompt_says_at_once_that_nobody_answers() {
    // Bound, and nobody listens.
    let taken = tokio::net::TcpSocket::new_v4().unwrap();
    taken.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = taken.local_addr().unwrap();
    let mut screen = Screen::open(Home::new(), address);
    let greeting = screen.ready().await;
    let expected = format!("{address} does not answer yet: connection refused\r\n");
    assert!(greeting.contains(&expected), "{greeting}");
    // It goes on, and answers once somebody is there.
    screen.type_keys("lpwd\r");
    screen.ready().await;
    screen.type_keys("quit\r");
    assert_eq!(end(screen.child).await.code, Some(0));
}

#[tokio::test]
async fn who_is_asked_for_several_files_may_agree_for_all() {
    let server = Fake::good().await;
    let mut screen = Screen::open_as_session_with(Home::new(), server.address, &[]);
    screen.ready().await;
    let names = ["notes.txt", "with space.txt"];
    for (keys, answered, replaced) in [
        ("n\r", 2, [false, false]),
        ("a\r", 1, [true, true]),
        ("y\r", 2, [true, true]),
    ] {
        for name in names {
            std::fs::write(screen.home.path().join(name), "mine").unwrap();
        }
        screen.type_keys("mget *.txt\r");
        for _ in 0..answered {
            screen.shows("? [y/N/a(ll)] ").await;
            screen.type_keys(keys);
        }
        screen.ready().await;
        let now = names.map(|name| std::fs::read(screen.home.path().join(name)).unwrap());
        assert_eq!(now.map(|now| now != b"mine"), replaced, "{keys:?}");
    }
    // The same content needs no question; it has just been saved, and so has another time.
    screen.type_keys("get notes.txt\r");
    let answer = screen.ready().await;
    assert!(!answer.contains("[y/N]"), "{answer}");
    // A single one has no others.
    std::fs::write(screen.home.path().join("notes.txt"), "mine").unwrap();
    screen.type_keys("get notes.txt\r");
    let question = screen.shows("? [y/N] ").await;
    assert!(
        question.contains("overwrite notes.txt (4 B, 20"),
        "{question}"
    );
    assert!(question.contains(") with 49 B, 2026-11-22 "), "{question}");
    screen.type_keys("a\r");
    let answer = screen.ready().await;
    assert!(answer.contains("\nnotes.txt: kept\r\n"), "{answer}");
    // So is a second name that the server does not have.
    std::fs::write(screen.home.path().join("reame.md"), "mine").unwrap();
    screen.type_keys("get notes.txt reame.md\r");
    let question = screen.shows("? [y/N] ").await;
    assert!(question.contains("overwrite reame.md (4 B"), "{question}");
    screen.type_keys("\r");
    let answer = screen.ready().await;
    assert!(answer.contains("reame.md: kept\r\n"), "{answer}");
    // Ctrl-D and Enter keep the file; Ctrl-C ends the command, and what is typed then is for the prompt.
    for (keys, said) in [
        ("\x04", "\r\nnotes.txt: kept\r\n"),
        ("\r", "notes.txt: kept"),
        ("\x03", "\r\ninterrupted\r\n"),
    ] {
        screen.type_keys("get notes.txt\r");
        screen.shows("? [y/N] ").await;
        screen.type_keys(keys);
        let answer = screen.ready().await;
        assert!(answer.contains(said), "{keys:?}: {answer:?}");
    }
    screen.type_keys("pwd\r");
    assert!(screen.ready().await.contains("\n/\r\n"));
    screen.type_keys("\x04");
    assert_eq!(end(screen.child).await.code, Some(0));
}
