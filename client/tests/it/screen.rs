//! A terminal of its own for the prompt.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::process::{Home, comes_true, eventually};

/// A prompt and the screen in front of it.
pub(crate) struct Screen {
    pub(crate) home: Home,
    pub(crate) keyboard: File,
    shown: Arc<Mutex<Vec<u8>>>,
    pub(crate) child: Child,
}

impl Screen {
    pub(crate) fn open(home: Home, server: SocketAddr) -> Self {
        let command = home.against(server, &[]);
        Self::show(home, command)
    }

    /// The same in a session of its own, whose terminal this is: keys are signals then, as at a real one.
    pub(crate) fn open_as_session(home: Home, server: SocketAddr) -> Self {
        Self::open_as_session_with(home, server, &[])
    }

    /// The same with these variables.
    pub(crate) fn open_as_session_with(
        home: Home,
        server: SocketAddr,
        variables: &[(&str, &str)],
    ) -> Self {
        let program = home.against(server, &[]);
        let mut command = Command::new("setsid");
        command
            .arg("--ctty")
            .arg(program.get_program())
            .args(program.get_args())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", home.path())
            .env("TERM", "xterm")
            .envs(variables.iter().copied())
            .current_dir(home.path());
        Self::show(home, command)
    }

    pub(crate) fn show(home: Home, mut command: Command) -> Self {
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&terminal).unwrap();
        unlockpt(&terminal).unwrap();
        let name = ptsname(&terminal, Vec::new()).unwrap();
        let side = File::options()
            .read(true)
            .write(true)
            .open(std::ffi::OsStr::from_bytes(name.to_bytes()))
            .unwrap();
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

    pub(crate) fn type_keys(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().unwrap()).into_owned()
    }

    /// Waits until that stands on the screen, and wipes it.
    pub(crate) async fn shows(&self, text: &str) -> String {
        let came = comes_true(|| self.text().contains(text)).await;
        let shown = self.text();
        assert!(came, "no {text:?} in {shown:?}");
        self.shown.lock().unwrap().clear();
        shown
    }

    /// Waits for the prompt, ready for keys, with nothing typed behind it. The screen is wiped.
    pub(crate) async fn ready(&self) -> String {
        self.ready_at("netsocket> ").await
    }

    pub(crate) async fn ready_at(&self, prompt: &str) -> String {
        // Each key has the line drawn again, prompt and all: only an empty one is a new one.
        let came = comes_true(|| without_controls(&self.text()).ends_with(prompt)).await;
        let shown = self.text();
        assert!(came, "no {prompt:?} at the end of {shown:?}");
        eventually("raw mode", || !self.is_cooked()).await;
        self.shown.lock().unwrap().clear();
        shown
    }

    /// Gives the window so many columns.
    pub(crate) fn resize(&self, columns: u16) {
        let size = Winsize {
            ws_row: 24,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&self.keyboard, size).unwrap();
    }

    /// Whether the terminal waits for whole lines, as it does outside the line editor.
    pub(crate) fn is_cooked(&self) -> bool {
        tcgetattr(&self.keyboard)
            .unwrap()
            .local_modes
            .contains(LocalModes::ICANON)
    }
}

/// What is on the screen without the sequences that move the cursor and colour it.
pub(crate) fn without_controls(text: &str) -> String {
    let mut pieces = text.split("\x1b[");
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let end = piece.find(|c: char| ('@'..='~').contains(&c));
        plain.push_str(end.map_or("", |end| &piece[end + 1..]));
    }
    plain.trim_end_matches('\r').to_owned()
}
