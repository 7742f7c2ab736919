//! Lines as messages of RFC 3164 to a datagram socket of this machine, each in a datagram of its own:
//! `<134>Feb  6 12:12:51 netsocket-balancer[4711]: ` and the line. No host name: syslog knows on which machine it is.

use std::io::{self, Write as _};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::date::{Dates, SYSLOG_DATE, Zone};
use super::sink::{Sink, WriteFailure};

/// Facility `local0` (16), severity `info` (6).
const PRIORITY: u32 = 16 * 8 + 6;
const TAG: &str = env!("CARGO_PKG_NAME");
/// A syslog that takes nothing for so long loses what is on its way to it.
const SEND_TIMEOUT: Duration = Duration::from_secs(1);

pub(super) struct Syslog {
    path: PathBuf,
    /// None until a syslog was there.
    socket: Option<UnixDatagram>,
    dates: Dates,
    message: Vec<u8>,
}

impl Syslog {
    /// Connects, if there is a syslog; a line that is to be sent tries again.
    pub(super) fn open(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            socket: connect(path).ok(),
            dates: Dates::new(SYSLOG_DATE, Zone::Local),
            message: Vec::new(),
        }
    }

    /// Sends one message. A syslog that was started anew has another socket at the same place.
    fn send(&mut self) -> io::Result<()> {
        match self.socket.as_ref().map(|it| it.send(&self.message)) {
            Some(Err(error)) if !is_gone(&error) => Err(error),
            Some(Ok(_)) => Ok(()),
            Some(Err(_)) | None => {
                let socket = self.socket.insert(connect(&self.path)?);
                socket.send(&self.message).map(drop)
            }
        }
    }
}

pub(super) fn connect(path: &Path) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.connect(path)?;
    socket.set_write_timeout(Some(SEND_TIMEOUT))?;
    Ok(socket)
}

fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionRefused, ConnectionReset, NotConnected};
    matches!(
        error.kind(),
        ConnectionRefused | ConnectionReset | NotConnected | BrokenPipe
    )
}

impl Sink for Syslog {
    fn write(&mut self, lines: &[u8]) -> Result<(), WriteFailure> {
        let (date, _) = self.dates.of(SystemTime::now());
        let process = std::process::id();
        self.message.clear();
        // Writing to memory cannot fail.
        let _ = write!(self.message, "<{PRIORITY}>{date} {TAG}[{process}]: ");
        let header = self.message.len();
        let mut lines = lines.split_inclusive(|&byte| byte == b'\n');
        while let Some(line) = lines.next() {
            self.message.truncate(header);
            self.message
                .extend_from_slice(line.strip_suffix(b"\n").unwrap_or(line));
            if let Err(error) = self.send() {
                // The others would meet the same, each after its own wait.
                let lost = 1 + lines.map(|_| 1).sum::<u64>();
                return Err(WriteFailure { lost, error });
            }
        }
        Ok(())
    }

    fn reopen(&mut self) -> io::Result<()> {
        // The next line connects anew.
        self.socket = None;
        Ok(())
    }

    fn follow(&mut self) -> io::Result<()> {
        // A socket that is gone is connected to anew when a line cannot be sent.
        Ok(())
    }
}
