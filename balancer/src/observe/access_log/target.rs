//! Where lines go: a file, standard output or error, or syslog.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use netsocket_settings::reason;

use super::sink::{Sink, WriteFailure, count_lines};
use super::syslog::{self, Syslog};

/// Of a new file: its owner writes, its group reads. Lines have addresses of clients.
const FILE_MODE: u32 = 0o640;
/// The longest path of a socket in bytes: `sun_path` of unix(7) without the terminating zero.
const MOST_SOCKET_PATH: usize = 107;
/// The socket of the system's syslog.
const DEFAULT_SYSLOG: &str = "/dev/log";

/// The target of the access log in the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// `stdout`
    Stdout,
    /// `stderr`
    Stderr,
    /// A file; created if it is missing, appended to otherwise.
    File(PathBuf),
    /// `syslog`, or `syslog:` and the path of a datagram socket.
    Syslog(PathBuf),
}

/// A text that is not a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("stdout, stderr, syslog, syslog:/PATH or the path of a file with at least one slash")]
pub struct TargetError;

/// As in the settings.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("stdout"),
            Self::Stderr => f.write_str("stderr"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Syslog(socket) => write!(f, "syslog:{}", socket.display()),
        }
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        match text {
            "stdout" => Ok(Self::Stdout),
            "stderr" => Ok(Self::Stderr),
            "syslog" => Ok(Self::Syslog(DEFAULT_SYSLOG.into())),
            _ => match text.strip_prefix("syslog:") {
                Some(socket) if is_socket_path(socket) => Ok(Self::Syslog(socket.into())),
                Some(_) => Err(TargetError),
                // A misspelt word must not become a file of that name.
                None if text.contains('/') && !text.ends_with('/') => Ok(Self::File(text.into())),
                None => Err(TargetError),
            },
        }
    }
}

impl Target {
    /// Opens it.
    ///
    /// # Errors
    /// The error of the system. A syslog that cannot be reached is none: it may come later.
    pub fn open(&self) -> io::Result<Box<dyn Sink>> {
        let stream = |file| FileSink {
            file: File::from(file),
            path: None,
            torn: false,
        };
        Ok(match self {
            Self::Stdout => Box::new(stream(io::stdout().as_fd().try_clone_to_owned()?)),
            Self::Stderr => Box::new(stream(io::stderr().as_fd().try_clone_to_owned()?)),
            Self::File(path) => Box::new(FileSink {
                file: open(path)?,
                path: Some(path.clone()),
                torn: false,
            }),
            Self::Syslog(socket) => Box::new(Syslog::open(socket)),
        })
    }

    /// What is said of a syslog that cannot be reached now. Nothing is sent to it.
    pub(crate) fn unreachable(&self) -> Option<String> {
        let Self::Syslog(socket) = self else {
            return None;
        };
        let why = reason(&syslog::connect(socket).err()?);
        Some(format!(
            "access_log_target {self}: {why}; lines are lost until a syslog listens there"
        ))
    }
}

/// As for `unix:`, the path is absolute: a word must not become a socket of that name.
fn is_socket_path(text: &str) -> bool {
    text.starts_with('/') && text.len() <= MOST_SOCKET_PATH
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(FILE_MODE).open(path)
}

/// A file, or a stream that cannot be reopened.
struct FileSink {
    file: File,
    path: Option<PathBuf>,
    /// Whether the last bytes written are the beginning of a line that was given up.
    torn: bool,
}

impl Sink for FileSink {
    fn write(&mut self, lines: &[u8]) -> Result<(), WriteFailure> {
        let mut rest = lines;
        let failed = |rest: &[u8], error| WriteFailure {
            lost: count_lines(rest),
            error,
        };
        if self.torn {
            self.file
                .write_all(b"\n")
                .map_err(|error| failed(rest, error))?;
            self.torn = false;
        }
        while !rest.is_empty() {
            match self.file.write(rest) {
                Ok(0) => return Err(failed(rest, io::ErrorKind::WriteZero.into())),
                Ok(written) => {
                    self.torn = rest.get(written.wrapping_sub(1)) != Some(&b'\n');
                    rest = rest.get(written..).unwrap_or_default();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(rest, error)),
            }
        }
        Ok(())
    }

    fn reopen(&mut self) -> io::Result<()> {
        if let Some(path) = &self.path {
            self.file = open(path)?;
            self.torn = false;
        }
        Ok(())
    }

    fn follow(&mut self) -> io::Result<()> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        let same = match std::fs::metadata(path) {
            Ok(there) => {
                let open = self.file.metadata()?;
                (there.dev(), there.ino()) == (open.dev(), open.ino())
            }
            Err(_) => true,
        };
        if same { Ok(()) } else { self.reopen() }
    }
}
