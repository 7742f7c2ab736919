//! The prompt, typed at over a terminal of its own.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};

use rustix::process::{Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use crate::client::files_in;
use crate::peer::{BLOCKS, Fake, archive_bytes, plan};
use crate::process::{Home, comes_true, end, eventually, pid_of};

/// A prompt and the screen in front of it.
struct Screen {
    home: Home,
    keyboard: File,
    shown: Arc<Mutex<Vec<u8>>>,
    child: Child,
}

impl Screen {
    fn open(home: Home, server: SocketAddr) -> Self {
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&terminal).unwrap();
        unlockpt(&terminal).unwrap();
        let name = ptsname(&terminal, Vec::new()).unwrap();
        let side = File::options()
            .read(true)
            .write(true)
            .open(std::ffi::OsStr::from_bytes(name.to_bytes()))
            .unwrap();
        let mut command = home.against(server, &[]);
        command
            .stdin(Stdio::from(side.try_clone().unwrap()))
            .stdout(Stdio::from(side.try_clone().unwrap()))
            .stderr(Stdio::from(side));
        let child = command.spawn().unwrap();
        drop(command);
        let keyboard = File::from(terminal);
        let shown = Arc::new(Mutex::new(Vec::new()));
        let (mut screen, sink) = (keyboard.try_clone().unwrap(), Arc::clone(&shown));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // Ends with an error when the last program on the terminal is gone.
            while let Ok(count @ 1..) = screen.read(&mut bytes) {
                sink.lock().unwrap().extend_from_slice(&bytes[..count]);
            }
        });
        Self {
            home,
            keyboard,
            shown,
            child,
        }
    }

    fn type_keys(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().unwrap()).into_owned()
    }

    /// Waits until that stands on the screen, and wipes it.
    async fn shows(&self, text: &str) -> String {
        let came = comes_true(|| self.text().contains(text)).await;
        let shown = self.text();
        assert!(came, "no {text:?} in {shown:?}");
        self.shown.lock().unwrap().clear();
        shown
    }

    /// Waits for the prompt, ready for keys.
    async fn ready(&self) -> String {
        let shown = self.shows("netsocket> ").await;
        eventually("raw mode", || !self.is_cooked()).await;
        shown
    }

    /// Whether the terminal waits for whole lines, as it does outside the line editor.
    fn is_cooked(&self) -> bool {
        tcgetattr(&self.keyboard)
            .unwrap()
            .local_modes
            .contains(LocalModes::ICANON)
    }
}

#[tokio::test]
async fn commands_are_typed_and_answered() {
    let server = Fake::good().await;
    let mut screen = Screen::open(Home::new(), server.address);
    assert!(screen.ready().await.contains("help lists the commands"));
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
    assert!(answer.contains("\nUnknown command 'nonsense'"), "{answer}");
    screen.type_keys("w24ft pdf\r");
    let answer = screen.ready().await;
    assert!(answer.contains("temp.tar.gz: 12 files, 38 B"), "{answer}");
    assert_eq!(
        std::fs::read(screen.home.target()).unwrap(),
        archive_bytes()
    );
    screen.type_keys("w24ft pdf -o -\r");
    let answer = screen.ready().await;
    assert!(answer.contains("Standard output is a terminal"), "{answer}");
    // Up three times: the archive with -o, the archive, nonsense.
    screen.type_keys("\x1b[A\x1b[A\x1b[A\r");
    let answer = screen.ready().await;
    assert!(answer.contains("\nUnknown command 'nonsense'"), "{answer}");
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
    assert!(answer.contains("\nUnknown command 'nonsense'"), "{answer}");
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
        "Unknown command 'nonsense'",
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
