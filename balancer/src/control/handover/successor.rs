//! Starts the new process and waits until it serves.

use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::mem;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd, RawFd};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use netsocket_settings::reason;
use rustix::io::{Errno, dup};
use rustix::pipe::{PipeFlags, pipe_with};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::detach::Detached;
use super::manifest::{InheritedSocket, Manifest, READY, VARIABLE};
use crate::control::systemd::PERSONAL_VARIABLES;
use crate::data_path::listen_socket::ListenSocket;
use crate::data_path::listener::Listener;

/// The most of an answer that is read, in bytes.
const MAX_ANSWER: u64 = 16 << 10;

/// The program that a restart starts.
#[derive(Debug, Clone)]
pub struct Program {
    /// The path that this process was started with, so that a new program at the same path is used. Without a slash it is
    /// looked up in `PATH`.
    pub path: OsString,
    /// Its arguments.
    pub arguments: Vec<OsString>,
}

impl Program {
    /// The program and arguments of this process. `None` if it was started without a name.
    #[must_use]
    pub fn of_process() -> Option<Self> {
        let mut arguments = env::args_os();
        let path = arguments.next().filter(|path| !path.is_empty())?;
        Some(Self {
            path,
            arguments: arguments.collect(),
        })
    }

    /// Its path, as it is shown.
    fn name(&self) -> String {
        self.path.to_string_lossy().into_owned()
    }
}

/// Why a restart failed and the old process keeps serving.
#[derive(Debug, thiserror::Error)]
pub enum RestartError {
    /// The balancer is stopping.
    #[error("the balancer is draining")]
    Draining,
    /// A fault of the balancer ended the restart.
    #[error("internal error of the balancer: see its log")]
    Panicked,
    /// The program is not known.
    #[error("cannot tell which program to start")]
    NoProgram,
    /// No process or descriptor is left for it.
    #[error("cannot start the new process: {}", reason(.0))]
    NoRoom(io::Error),
    /// There is no such program, or it cannot be executed.
    #[error("cannot start the new process: {program}: {}", reason(error))]
    NotExecutable {
        /// Its path.
        program: String,
        /// The error of the system.
        error: io::Error,
    },
    /// It gave up with this message.
    #[error("the new process gave up: {0}")]
    GaveUp(String),
    /// It ended without a word.
    #[error("the new process gave up: no answer, {status}")]
    Ended {
        /// The path of its program.
        program: String,
        /// How it ended.
        status: String,
    },
    /// It was not ready in time and was terminated.
    #[error("the new process was not ready within {0:?}")]
    NotReady(Duration),
}

/// What has to be mended before another restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RestartCause {
    /// What the new process said.
    Settings,
    /// The program at this path.
    Program(String),
    /// It was too slow.
    Time,
    /// The system has no room for it.
    Room,
    /// Only a start from outside helps.
    Unknown,
    /// It is in the log.
    Internal,
}

impl RestartError {
    pub(crate) fn cause(&self) -> RestartCause {
        match self {
            Self::GaveUp(_) => RestartCause::Settings,
            Self::NotExecutable { program, .. } | Self::Ended { program, .. } => {
                RestartCause::Program(program.clone())
            }
            Self::NotReady(_) => RestartCause::Time,
            Self::NoRoom(_) => RestartCause::Room,
            Self::NoProgram => RestartCause::Unknown,
            Self::Draining | Self::Panicked => RestartCause::Internal,
        }
    }

    /// A program that could not be started.
    fn not_started(program: &Program, error: io::Error) -> Self {
        let is_room = matches!(
            Errno::from_io_error(&error),
            Some(Errno::AGAIN | Errno::MFILE | Errno::NFILE | Errno::NOMEM)
        );
        match is_room {
            true => Self::NoRoom(error),
            false => Self::NotExecutable {
                program: program.name(),
                error,
            },
        }
    }
}

/// The sockets that the new process inherits.
pub(crate) struct InheritedSockets {
    /// One at least.
    pub(crate) listen: Vec<Arc<Listener>>,
    pub(crate) admin: Arc<ListenSocket>,
    /// Whether the latter came from the service manager.
    pub(crate) admin_is_managed: bool,
}

/// The descriptors under which the new process has them.
pub(crate) struct PassedSockets {
    pub(crate) listen: InheritedSocket,
    pub(crate) more_listen: Vec<InheritedSocket>,
    pub(crate) admin: InheritedSocket,
    /// The pipe for its answer.
    pub(crate) ready: RawFd,
}

/// A new process that is not trusted yet: it is ended when this is dropped.
pub(crate) struct Successor {
    process: Option<Detached>,
    /// The path of its program.
    program: String,
}

impl Successor {
    /// Starts `program` with the sockets and the rest of `manifest`, whose descriptor numbers are filled in here; and the pipe for
    /// its answer.
    pub(crate) fn start(
        program: &Program,
        sockets: &InheritedSockets,
        manifest: impl FnOnce(PassedSockets) -> Manifest,
    ) -> Result<(Self, File), RestartError> {
        let no_room = |errno: Errno| RestartError::NoRoom(errno.into());
        let (answer, ready) = pipe_with(PipeFlags::CLOEXEC).map_err(no_room)?;
        // Copies that live on over the exec. No other program is started by this process, so nobody else gets them.
        let keep = |socket: &dyn AsFd| dup(socket.as_fd()).map_err(no_room);
        let listen = sockets.listen.iter();
        let listen = listen.map(|listener| keep(&listener.bound.socket));
        let listen: Vec<OwnedFd> = listen.collect::<Result<_, _>>()?;
        let (admin, ready) = (keep(&*sockets.admin)?, keep(&ready)?);
        let clients = listen.iter().zip(&sockets.listen);
        let mut clients = clients.map(|(socket, listener)| InheritedSocket {
            fd: socket.as_raw_fd(),
            managed: listener.bound.managed.is_some(),
            name: listener.bound.managed.clone(),
            service: Some(listener.service.name.to_string()),
        });
        let manifest = manifest(PassedSockets {
            listen: clients.next().ok_or(RestartError::Draining)?,
            more_listen: clients.collect(),
            admin: InheritedSocket {
                fd: admin.as_raw_fd(),
                managed: sockets.admin_is_managed,
                ..InheritedSocket::default()
            },
            ready: ready.as_raw_fd(),
        });
        let mut command = Command::new(&program.path);
        command
            .args(&program.arguments)
            .env(VARIABLE, manifest.to_text())
            .stdin(Stdio::null());
        for name in PERSONAL_VARIABLES {
            command.env_remove(name);
        }
        let process = Detached::spawn(&mut command)
            .map_err(|error| RestartError::not_started(program, error))?;
        let successor = Self {
            process: Some(process),
            program: program.name(),
        };
        Ok((successor, answer.into()))
    }

    /// Waits until it serves, no longer than `limit`; its number. From then on it is no child of this process.
    pub(crate) async fn ready(
        mut self,
        answer: File,
        limit: Duration,
    ) -> Result<u32, RestartError> {
        let read = spawn_blocking(move || {
            let mut text = String::new();
            let mut lines = BufReader::new(answer.take(MAX_ANSWER));
            // What cannot be read says as little as an end without a word.
            while text != READY && lines.read_line(&mut text).is_ok_and(|count| count > 0) {}
            text
        });
        // The thread that reads comes to an end when the process is ended.
        let Ok(text) = timeout(limit, read).await else {
            return Err(RestartError::NotReady(limit));
        };
        match text.unwrap_or_default().as_str() {
            READY => {
                let process = self.process.take();
                Ok(process.map_or(0, Detached::release))
            }
            "" => {
                let status = self.end();
                let status = status.map_or("no status".to_owned(), |status| status.to_string());
                Err(RestartError::Ended {
                    program: mem::take(&mut self.program),
                    status,
                })
            }
            said => Err(RestartError::GaveUp(said.trim_end().replace('\n', "; "))),
        }
    }

    /// Ends it if it has not ended, and takes its status, so that nothing is left of it.
    fn end(&mut self) -> Option<ExitStatus> {
        self.process.take()?.end()
    }
}

impl Drop for Successor {
    fn drop(&mut self) {
        self.end();
    }
}
