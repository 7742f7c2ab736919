//! The file server under test, and what a contestant of the group `files` did in one round.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use rustix::process::geteuid;
use tokio::task::spawn_blocking;

use crate::cpu;
use crate::failure::{Explain as _, Failure, Outcome};
use crate::host::Host;
use crate::port::listening;
use crate::process::Process;
use crate::tool::need;

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

    /// The same at an address that is known before. Like the others, it writes no access log.
    ///
    /// # Errors
    /// Where it is not built, or does not listen in time.
    pub async fn start_at(host: &Host, root: &Path, listen: SocketAddr) -> Outcome<Self> {
        let config = host.write("file-server.toml", "log = \"warn\"\n")?;
        let program = host.launcher.bench().with_file_name(FILESERVER);
        if !program.is_file() {
            return Err(Failure::new(format!("{} is not built", program.display())));
        }
        let address = listen.to_string();
        let arguments = [
            "--config".as_ref(),
            config.as_os_str(),
            "--listen".as_ref(),
            address.as_ref(),
            "--root".as_ref(),
            root.as_os_str(),
        ];
        let process = host.launcher.start(FILESERVER, &program, arguments)?;
        Self::listening(process, listen).await
    }

    /// Starts nginx over a directory, as its experts set it up for static files.
    ///
    /// # Errors
    /// Where it is missing, or does not listen in time.
    pub async fn nginx(host: &Host, root: &Path, listen: SocketAddr) -> Outcome<Self> {
        let program = need(host.tools.nginx.as_ref(), "nginx")?;
        let workers = host.cores;
        // Its workers would become a user who may not enter our directory.
        let user = if geteuid().is_root() {
            "user root;\n"
        } else {
            ""
        };
        let config = format!(
            "{user}daemon off;\npid nginx.pid;\nerror_log stderr error;\nworker_processes {workers};\n\
             events {{\n    worker_connections 4096;\n}}\nhttp {{\n    access_log off;\n    sendfile on;\n    tcp_nopush on;\n\
             \x20   keepalive_requests 1000000;\n    open_file_cache max=20000 inactive=60s;\n    open_file_cache_valid 60s;\n\
             \x20   default_type application/octet-stream;\n    server {{\n        listen {listen};\n        root {};\n\
             \x20       autoindex on;\n    }}\n}}\n",
            root.display()
        );
        let file = host.write("nginx-files.conf", &config)?;
        let arguments = [
            "-e".as_ref(),
            "stderr".as_ref(),
            "-p".as_ref(),
            host.dir().as_os_str(),
            "-c".as_ref(),
            file.as_os_str(),
        ];
        let process = host.launcher.start("nginx-files", program, arguments)?;
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
