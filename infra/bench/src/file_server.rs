//! The file server under test, and what a contestant of the group `files` did in one round.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use tokio::task::spawn_blocking;

use crate::cpu;
use crate::failure::{Explain as _, Failure, Outcome};
use crate::host::Host;
use crate::port::listening;
use crate::process::Process;

/// The program under test, beside this one.
const FILESERVER: &str = "netsocket-fileserver";

/// What one contestant did in one round.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lap {
    /// By the clock.
    pub seconds: f64,
    /// CPU time of the contestant's processes.
    pub cpu: f64,
    /// Bytes that came.
    pub bytes: u64,
    /// Seconds to the first of these, where that can be told.
    pub first_byte: Option<f64>,
    /// Bytes of memory at most, above those of the idle process.
    pub memory: Option<u64>,
}

/// A server that files are asked of. Dropping it ends it.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    process: Process,
    idle: u64,
}

impl Server {
    /// Starts the file server over a directory.
    ///
    /// # Errors
    /// Where it is not built, or does not listen in time.
    pub async fn start(host: &Host, root: &Path) -> Outcome<Self> {
        Self::start_at(host, root, host.ports.free()?).await
    }

    /// The same at an address that is known before.
    ///
    /// # Errors
    /// Where it is not built, or does not listen in time.
    pub async fn start_at(host: &Host, root: &Path, listen: SocketAddr) -> Outcome<Self> {
        let program = host.launcher.bench().with_file_name(FILESERVER);
        if !program.is_file() {
            return Err(Failure::new(format!("{} is not built", program.display())));
        }
        let address = listen.to_string();
        let arguments = [
            "--listen".as_ref(),
            address.as_ref(),
            "--root".as_ref(),
            root.as_os_str(),
        ];
        let process = host.launcher.start(FILESERVER, &program, arguments)?;
        Self::listening(process, listen).await
    }

    /// A server that was started, once it listens.
    ///
    /// # Errors
    /// Where it does not in time.
    pub async fn listening(mut process: Process, address: SocketAddr) -> Outcome<Self> {
        listening(address, &mut process).await?;
        let idle = memory(process.id(), "VmRSS:")?;
        Ok(Self {
            address,
            process,
            idle,
        })
    }

    /// CPU time of its processes so far, in seconds.
    ///
    /// # Errors
    /// Where it is gone.
    pub fn cpu(&mut self) -> Outcome<f64> {
        self.process.check_alive()?;
        cpu::of_tree(self.process.id())
    }

    /// The most memory that it has had, in bytes, above what it had when nobody had asked it for anything.
    ///
    /// # Errors
    /// Where it is gone.
    pub fn peak_above_idle(&self) -> Outcome<u64> {
        let peak = memory(self.process.id(), "VmHWM:")?;
        Ok(peak.saturating_sub(self.idle))
    }
}

/// A line of `/proc/PID/status` in bytes.
fn memory(id: u32, field: &str) -> Outcome<u64> {
    let path = format!("/proc/{id}/status");
    let text = fs::read_to_string(&path).explain(&path)?;
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kib.map(|kib| kib * 1024)
        .ok_or_else(|| Failure::new(format!("{path} has no {field}")))
}

/// Does work that blocks beside the runtime.
///
/// # Errors
/// Its own.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Outcome<T> + Send + 'static,
) -> Outcome<T> {
    spawn_blocking(work).await.explain("a thread")?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_memory_is_told() {
        let own = std::process::id();
        assert!(memory(own, "VmHWM:").unwrap() >= 1 << 20);
        assert!(memory(own, "VmNone:").is_err());
    }
}
