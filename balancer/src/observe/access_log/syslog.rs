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
    socket: UnixDatagram,
    dates: Dates,
    message: Vec<u8>,
}

impl Syslog {
    pub(super) fn connect(path: &Path) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            socket: connect(path)?,
            dates: Dates::new(SYSLOG_DATE, Zone::Local),
            message: Vec::new(),
        })
    }

    /// Sends one message. A syslog that was started anew has another socket at the same place.
    fn send(&mut self) -> io::Result<()> {
        match self.socket.send(&self.message) {
            Err(error) if is_gone(&error) => {
                self.socket = connect(&self.path)?;
                self.socket.send(&self.message).map(drop)
            }
            sent => sent.map(drop),
        }
    }
}

fn connect(path: &Path) -> io::Result<UnixDatagram> {
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
        self.socket = connect(&self.path)?;
        Ok(())
    }
}
