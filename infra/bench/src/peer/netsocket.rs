//! Our own balancer, as it is shipped: only its addresses, its log and its timers are set.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};

use super::route::Route;
use crate::failure::{Explain as _, Failure, Outcome};
use crate::host::Host;
use crate::port::listening;
use crate::process::{Process, said_by};
use crate::tool::{Tool, need};

/// Bytes are copied only.
pub(super) const COPY: &str = "relay = \"copy\"\n";
/// Bytes are spliced only.
pub(super) const SPLICE: &str = "relay = \"splice\"\n";
/// First bytes travel with first packets, where client, backend and system have it too.
pub(super) const FAST_OPEN: &str = "defer_accept = true\nfast_open = true\n";

/// Which build of the balancer.
#[derive(Debug, Clone, Copy)]
pub(super) enum Build {
    /// The one under test.
    This,
    /// An earlier one, to compare with.
    Before,
}

impl Build {
    fn of(self, host: &Host) -> Option<&Tool> {
        match self {
            Self::This => host.tools.balancer.as_ref(),
            Self::Before => host.tools.balancer_before.as_ref(),
        }
    }

    /// What makes it be there.
    fn hint(self) -> &'static str {
        match self {
            Self::This => {
                "not built: cargo build --release -p netsocket-balancer, or name its directory in NETSOCKET_BIN_DIR"
            }
            Self::Before => "no earlier build: name its directory in NETSOCKET_BEFORE_DIR",
        }
    }
}

/// Telemetry goes to this Kafka.
pub(super) fn kafka(address: &str) -> String {
    format!("kafka = \"{address}\"\n")
}

/// How long it may take to find its backend.
const READY_LIMIT: Duration = Duration::from_secs(15);
/// Between two looks.
const POLL: Duration = Duration::from_millis(10);

/// Why it cannot be measured: it is not built, or knows nothing of one of `settings`.
pub(super) fn missing(host: &Host, build: Build, settings: &str) -> Option<String> {
    let Some(tool) = build.of(host) else {
        return Some(build.hint().to_owned());
    };
    // Nothing is started there; but each must be another address, as the balancer would listen on two of them.
    let nowhere = |port| SocketAddr::from(([127, 0, 0, 1], port));
    let checked = host
        .write(
            "balancer-check.toml",
            &config(nowhere(1), nowhere(2), nowhere(3), settings),
        )
        .and_then(|file| {
            let arguments = [
                "--check-config".as_ref(),
                "--config".as_ref(),
                file.as_os_str(),
            ];
            said_by(&tool.path, arguments)
        });
    match checked {
        Ok(said) if said.success => None,
        Ok(said) => Some(format!("it refuses these settings: {}", said.text.trim())),
        Err(failure) => Some(failure.to_string()),
    }
}

/// Starts it and waits until it has found its backend up.
///
/// Its check of the backend is a connection, which `iperf3` would take for a client. So something that expects it stands
/// in for the backend meanwhile; no further check comes while a case runs.
pub(super) async fn start(
    host: &Host,
    build: Build,
    route: &Route,
    settings: &str,
) -> Outcome<Process> {
    let program = need(build.of(host), "netsocket-balancer")?;
    let admin = host.ports.free()?;
    let file = host.write(
        "balancer.toml",
        &config(route.listen, admin, route.backend, settings),
    )?;
    let stand_in = TcpListener::bind(route.backend)
        .await
        .explain(&route.backend.to_string())?;
    let arguments = ["--config".as_ref(), file.as_os_str()];
    let mut process = host
        .launcher
        .start("netsocket-balancer", program, arguments)?;
    listening(admin, &mut process).await?;
    let end = Instant::now() + READY_LIMIT;
    while !is_ready(admin).await {
        process.check_alive()?;
        if Instant::now() > end {
            return Err(Failure::new(format!(
                "netsocket-balancer does not become ready: {}",
                process.last_words()
            )));
        }
        sleep(POLL).await;
    }
    drop(stand_in);
    Ok(process)
}

async fn is_ready(admin: SocketAddr) -> bool {
    let answer = async {
        let mut stream = TcpStream::connect(admin).await?;
        stream
            .write_all(b"GET /readyz HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
            .await?;
        let mut status = [0; b"HTTP/1.1 200".len()];
        stream.read_exact(&mut status).await?;
        std::io::Result::Ok(status)
    };
    answer.await.is_ok_and(|status| &status == b"HTTP/1.1 200")
}

fn config(listen: SocketAddr, admin: SocketAddr, backend: SocketAddr, settings: &str) -> String {
    format!(
        "listen = \"{listen}\"\nadmin = \"{admin}\"\nbackends = [\"backend={backend}\"]\nlog = \"warn\"\n\
         check_interval = \"1h\"\naccess_log_target = \"off\"\nidle_timeout = \"1h\"\n{settings}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_differ_in_their_settings_only() {
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let usual = config(at(1), at(2), at(3), "");
        assert!(usual.contains("backends = [\"backend=127.0.0.1:3\"]\n"));
        for settings in [COPY, SPLICE, FAST_OPEN] {
            let variant = config(at(1), at(2), at(3), settings);
            assert_eq!(variant.strip_prefix(&usual), Some(settings));
        }
    }
}
