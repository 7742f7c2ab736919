//! A terminal with a program on it: keys go in, and what is shown comes out.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use crate::{PATIENCE, eventually};

/// A terminal, and the program that was started on it. The program is killed when the value goes.
#[derive(Debug)]
pub struct Terminal {
    keyboard: File,
    shown: Arc<Mutex<Vec<u8>>>,
    program: Child,
}

impl Terminal {
    /// Starts `command` in a session whose terminal this is.
    ///
    /// # Panics
    /// Where there is no terminal, or the program does not start.
    #[must_use]
    pub fn start(command: &Command) -> Self {
        let (terminal, side) = pair();
        let stdio = || Stdio::from(side.try_clone().expect("one more descriptor"));
        let mut session = Command::new("setsid");
        session
            .arg("--ctty")
            .arg(command.get_program())
            .args(command.get_args())
            .env_clear()
            .envs(
                command
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .stdin(stdio())
            .stdout(stdio())
            .stderr(stdio());
        if let Some(directory) = command.get_current_dir() {
            session.current_dir(directory);
        }
        let program = session.spawn().expect("a program on the terminal");
        let keyboard = terminal;
        let shown = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&shown);
        follow(&keyboard, move |bytes| {
            let mut shown = sink.lock().unwrap_or_else(PoisonError::into_inner);
            shown.extend_from_slice(bytes);
        });
        Self {
            keyboard,
            shown,
            program,
        }
    }

    /// Types these keys.
    ///
    /// # Panics
    /// Where the terminal is gone.
    pub fn press(&mut self, keys: &str) {
        self.keyboard
            .write_all(keys.as_bytes())
            .expect("keys for the terminal");
    }

    /// All that has been shown so far.
    #[must_use]
    pub fn shown(&self) -> String {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&shown).into_owned()
    }

    /// Waits until the program reads single keys, as an editor of lines does.
    ///
    /// # Panics
    /// When it does not.
    pub fn wait_for_line_editor(&self) {
        eventually(PATIENCE, "an editor of lines", || {
            let modes = tcgetattr(&self.keyboard).expect("the modes of the terminal");
            (!modes.local_modes.contains(LocalModes::ICANON)).then_some(())
        });
    }
}

/// Both sides of a new terminal: the one of the person, and the one of the program.
pub(crate) fn pair() -> (File, File) {
    let terminal =
        openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal");
    grantpt(&terminal).expect("rights to the terminal");
    unlockpt(&terminal).expect("a terminal that is not locked");
    let name = ptsname(&terminal, Vec::new()).expect("the name of the terminal");
    let side = File::options()
        .read(true)
        .write(true)
        .open(OsStr::from_bytes(name.to_bytes()))
        .expect("the program's side of the terminal");
    (File::from(terminal), side)
}

/// Hands on what is shown, until the last program on the terminal is gone.
pub(crate) fn follow(terminal: &File, mut take: impl FnMut(&[u8]) + Send + 'static) {
    let mut screen = terminal.try_clone().expect("one more descriptor");
    thread::spawn(move || {
        let mut bytes = [0; 4096];
        // Ends with an error then.
        while let Ok(count @ 1..) = screen.read(&mut bytes) {
            take(&bytes[..count]);
        }
    });
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Both fail only where it has ended by itself.
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}
