//! A client in this process, its outputs caught.

use std::future::pending;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use netsocket_client::cmd::context::Context;
use netsocket_client::command_line::shell_words;
use netsocket_client::config::user_directories::UserDirectories;
use netsocket_client::connection::dial::Service;
use netsocket_client::connection::framed::Timeouts;
use netsocket_client::connection::tls::Security;
use netsocket_client::outcome::exit::Exit;
use netsocket_client::output::console::{Console, Form};
use netsocket_client::output::progress::ProgressDisplay;
use netsocket_client::program::run_command::{Outcome, Program};
use netsocket_client::program::signals::Interrupt;
use netsocket_client::session::Session;
use netsocket_client::session::working_directories::WorkingDirectories;
use tempfile::TempDir;

/// Long enough for a busy machine, short enough for a test that fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// What was written, shared with who wrote it.
#[derive(Clone, Default)]
pub(crate) struct Caught(Arc<Mutex<Vec<u8>>>);

impl Caught {
    pub(crate) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.take()).unwrap()
    }
}

impl Write for Caught {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) struct Client {
    pub(crate) program: Program,
    pub(crate) out: Caught,
    pub(crate) err: Caught,
    home: TempDir,
}

impl Client {
    /// A client that tries nothing again.
    pub(crate) fn new(server: SocketAddr) -> Self {
        Self::with_stall(server, PATIENCE)
    }

    pub(crate) fn with_stall(server: SocketAddr, stall: Duration) -> Self {
        Self::of(
            &server.to_string(),
            stall,
            Duration::ZERO,
            Security::default(),
        )
    }

    /// A client whose transfers go on, until nothing has come for so long.
    pub(crate) fn surviving(servers: &str, stall: Duration, retry_deadline: Duration) -> Self {
        Self::of(servers, stall, retry_deadline, Security::default())
    }

    /// `PATIENCE` bounds the whole command, so this client waits for less.
    pub(crate) fn with_security(server: SocketAddr, security: Security) -> Self {
        Self::of(&server.to_string(), PATIENCE / 2, Duration::ZERO, security)
    }

    fn of(servers: &str, stall: Duration, retry_deadline: Duration, security: Security) -> Self {
        let home = tempfile::tempdir().unwrap();
        let (out, err) = (Caught::default(), Caught::default());
        let timeouts = Timeouts {
            connect: stall,
            answer: stall,
            stall,
        };
        let service = Service {
            servers: servers.parse().unwrap(),
            timeouts,
            retry_deadline,
            security,
        };
        let program = Program::new(Context {
            session: Session::new(service),
            console: Console {
                can_ask: false,
                out: Box::new(out.clone()),
                err: Box::new(err.clone()),
                form: Form::Text,
                command: None,
                quiet: false,
                out_is_terminal: false,
                progress_display: ProgressDisplay::Hidden,
                prefix: "",
                colours: None,
                pager: None,
            },
            directories: UserDirectories {
                home: Some(home.path().to_owned()),
                ..UserDirectories::default()
            },
            output: None,
            at: WorkingDirectories::default(),
        });
        Self {
            program,
            out,
            err,
            home,
        }
    }

    /// The same person, to whom another server is the service.
    pub(crate) fn moved_to(mut self, server: SocketAddr) -> Self {
        let other = Self::surviving(&server.to_string(), PATIENCE, PATIENCE);
        self.program.context.session = other.program.context.session;
        self
    }

    /// Tells the wait for an answer from the one in a transfer.
    pub(crate) fn set_answer_timeout(&mut self, answer: Duration) {
        let mut service = self.program.context.session.service().clone();
        service.timeouts.answer = answer;
        self.program.context.session = Session::new(service);
    }

    pub(crate) fn json(mut self) -> Self {
        self.program.context.console.form = Form::Json;
        self
    }

    pub(crate) async fn run(&mut self, line: &str) -> Exit {
        self.run_until(line, pending()).await.exit
    }

    pub(crate) async fn run_until(
        &mut self,
        line: &str,
        stop: impl Future<Output = Interrupt>,
    ) -> Outcome {
        let words = shell_words::split(line.as_bytes()).unwrap();
        tokio::time::timeout(PATIENCE, self.program.perform(&words, stop))
            .await
            .expect("the command ends")
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// The default target.
    pub(crate) fn target(&self) -> PathBuf {
        self.home().join("w24project/temp.tar.gz")
    }

    /// Puts an older archive at the default target.
    pub(crate) fn keep_old_archive(&self) {
        std::fs::create_dir_all(self.target().parent().unwrap()).unwrap();
        std::fs::write(self.target(), "old").unwrap();
    }

    /// The files beside the default target, that one included.
    pub(crate) fn files(&self) -> Vec<String> {
        files_in(self.target().parent().unwrap())
    }
}

/// The names in a directory; none where it is missing.
pub(crate) fn files_in(directory: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return vec![];
    };
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
