//! Notifications to the service manager, as datagrams to the socket that it names.

use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use netsocket_settings::reason;
use rustix::time::{ClockId, clock_gettime};
use tracing::warn;

/// The manager's socket: a path, or `@` and a name that no file system has.
const NOTIFY_SOCKET: &str = "NOTIFY_SOCKET";
/// Microseconds after which the manager gives up a process that says nothing.
const WATCHDOG_USEC: &str = "WATCHDOG_USEC";
/// The process that this is about; any, where it is not set.
pub(super) const WATCHDOG_PID: &str = "WATCHDOG_PID";

/// The service manager, or none.
#[derive(Debug, Default)]
pub struct Manager {
    socket: Option<(UnixDatagram, SocketAddr)>,
    /// The longest silence.
    watchdog: Option<Duration>,
    /// Whether the latest message did not arrive: the first of a row is a line in the log.
    unreachable: AtomicBool,
    /// Why the latest reload was refused.
    refusal: Mutex<Option<String>>,
}

impl Manager {
    /// The service manager that the environment names; `variable` reads it.
    ///
    /// # Errors
    /// The name is not that of a socket, or there is no descriptor left.
    pub fn of_process(variable: impl Fn(&str) -> Option<String>) -> io::Result<Self> {
        let Some(name) = variable(NOTIFY_SOCKET).filter(|name| !name.is_empty()) else {
            return Ok(Self::default());
        };
        let address = match name.strip_prefix('@') {
            Some(name) => SocketAddr::from_abstract_name(name)?,
            None => SocketAddr::from_pathname(name)?,
        };
        let socket = UnixDatagram::unbound()?;
        // A manager that does not read must not stop the balancer.
        socket.set_nonblocking(true)?;
        let number = |name: &str| variable(name).and_then(|text| text.parse::<u64>().ok());
        let mine = number(WATCHDOG_PID).is_none_or(|pid| pid == u64::from(std::process::id()));
        let silence = number(WATCHDOG_USEC).filter(|&usec| mine && usec > 0);
        Ok(Self {
            socket: Some((socket, address)),
            watchdog: silence.map(Duration::from_micros),
            unreachable: AtomicBool::new(false),
            refusal: Mutex::new(None),
        })
    }

    /// Whether anybody listens.
    pub(crate) fn is_there(&self) -> bool {
        self.socket.is_some()
    }

    /// The longest silence that it takes.
    pub(super) fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// Clients are served; also the end of a reload.
    pub(crate) fn ready(&self, status: &str) {
        let status = self.with_refusal(status);
        self.tell(&format!("READY=1\nSTATUS={}", one_line(&status)));
    }

    /// Why the latest reload was refused, or nothing. It is part of every status from now on.
    pub(crate) fn refused(&self, reason: Option<String>) {
        *self.refusal() = reason;
    }

    /// A reload begins, until [`Self::ready`].
    pub(crate) fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let micros = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1_000;
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={micros}"));
    }

    /// The sessions that are left come to their end.
    pub(crate) fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=draining");
    }

    /// Another process is the service from now on.
    pub(crate) fn succeeded_by(&self, pid: u32) {
        self.tell(&format!("MAINPID={pid}"));
    }

    /// How it is.
    pub(super) fn status(&self, status: &str) {
        let status = self.with_refusal(status);
        self.tell(&format!("STATUS={}", one_line(&status)));
    }

    /// It lives.
    pub(super) fn alive(&self) {
        self.tell("WATCHDOG=1");
    }

    fn refusal(&self) -> MutexGuard<'_, Option<String>> {
        self.refusal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with_refusal(&self, status: &str) -> String {
        match &*self.refusal() {
            None => status.to_owned(),
            Some(reason) => format!("{status}; reload refused: {reason}"),
        }
    }

    fn tell(&self, message: &str) {
        let Some((socket, address)) = &self.socket else {
            return;
        };
        let sent = socket.send_to_addr(message.as_bytes(), address);
        let was_unreachable = self.unreachable.swap(sent.is_err(), Relaxed);
        if let (Err(error), false) = (sent, was_unreachable) {
            warn!(error = reason(&error), "cannot notify the service manager");
        }
    }
}

/// A line end would begin another message.
fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], "; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays the manager, and hears what a process tells it.
    fn heard(name: &str, at: &SocketAddr, tell: impl FnOnce(&Manager)) -> Vec<String> {
        let socket = UnixDatagram::bind_addr(at).unwrap();
        let value = |key: &str| (key == NOTIFY_SOCKET).then(|| name.to_owned());
        tell(&Manager::of_process(value).unwrap());
        socket.set_nonblocking(true).unwrap();
        let mut all = Vec::new();
        let mut buffer = [0; 512];
        while let Ok(count) = socket.recv(&mut buffer) {
            all.push(String::from_utf8(buffer[..count].to_vec()).unwrap());
        }
        all
    }

    #[test]
    fn every_message_at_a_path() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let name = path.to_str().unwrap();
        let all = heard(
            name,
            &SocketAddr::from_pathname(&path).unwrap(),
            |manager| {
                manager.ready("up");
                manager.reloading();
                manager.ready("wrong: a\nb");
                manager.succeeded_by(7);
                manager.alive();
                manager.stopping();
            },
        );
        let usec = all[1].strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
        assert!(usec.parse::<u64>().unwrap() > 0);
        assert_eq!(all[0], "READY=1\nSTATUS=up");
        assert_eq!(all[2], "READY=1\nSTATUS=wrong: a; b");
        assert_eq!(
            all[3..],
            ["MAINPID=7", "WATCHDOG=1", "STOPPING=1\nSTATUS=draining"]
        );
    }

    #[test]
    fn an_abstract_name_and_no_reader() {
        let name = format!("netsocket-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let all = heard(&format!("@{name}"), &address, |manager| manager.status("x"));
        assert_eq!(all, ["STATUS=x"]);
        // With the manager gone this is a line in the log.
        let gone = |key: &str| (key == NOTIFY_SOCKET).then(|| format!("@{name}"));
        Manager::of_process(gone).unwrap().alive();
        assert!(!Manager::of_process(|_| None).unwrap().is_there());
    }

    #[test]
    fn the_watchdog_is_for_one_process() {
        let ask = |pid: &str, usec: &str| {
            let value = |key: &str| match key {
                NOTIFY_SOCKET => Some("@x".to_owned()),
                WATCHDOG_PID => Some(pid.to_owned()).filter(|pid| !pid.is_empty()),
                WATCHDOG_USEC => Some(usec.to_owned()),
                _ => None,
            };
            Manager::of_process(value).unwrap().watchdog()
        };
        let own = std::process::id().to_string();
        let two = Some(Duration::from_secs(2));
        assert_eq!([ask(&own, "2000000"), ask("", "2000000")], [two, two]);
        for (pid, usec) in [("1", "2000000"), (&own, "0"), (&own, "x")] {
            assert_eq!(ask(pid, usec), None, "{pid} {usec}");
        }
    }
}
