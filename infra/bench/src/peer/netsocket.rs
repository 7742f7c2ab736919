//! Our own balancer, as it is shipped: only its addresses, its log and its timers are set.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};

use super::Route;
use crate::failure::{Explain as _, Failure, Outcome};
use crate::host::Host;
use crate::port::listening;
use crate::process::{Process, said_by};
use crate::tool::need;

/// How long it may take to find its backend.
const READY_LIMIT: Duration = Duration::from_secs(15);
/// Between two looks.
const POLL: Duration = Duration::from_millis(10);

/// Why it cannot be measured: it is not built, or knows nothing of the relay mode `relay`.
pub(super) fn missing(host: &Host, relay: Option<&str>) -> Option<String> {
    let Some(tool) = &host.tools.balancer else {
        return Some(
            "not built: cargo build --release -p netsocket-balancer, or name its directory in NETSOCKET_BIN_DIR".into(),
        );
    };
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
    let checked = host
        .write(
            "balancer-check.toml",
            &config(nowhere, nowhere, nowhere, relay),
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
pub(super) async fn start(host: &Host, route: &Route, relay: Option<&str>) -> Outcome<Process> {
    let program = need(host.tools.balancer.as_ref(), "netsocket-balancer")?;
    let admin = host.ports.free()?;
    let file = host.write(
        "balancer.toml",
        &config(route.listen, admin, route.backend, relay),
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

fn config(
    listen: SocketAddr,
    admin: SocketAddr,
    backend: SocketAddr,
    relay: Option<&str>,
) -> String {
    let relay = relay.map_or_else(String::new, |mode| format!("relay = \"{mode}\"\n"));
    format!(
        "listen = \"{listen}\"\nadmin = \"{admin}\"\nbackends = [\"backend={backend}\"]\nlog = \"warn\"\n\
         check_interval = \"1h\"\nidle_timeout = \"1h\"\n{relay}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_relay_mode_is_named_only_where_it_is_asked_for() {
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let usual = config(at(1), at(2), at(3), None);
        assert!(usual.contains("backends = [\"backend=127.0.0.1:3\"]\n"));
        assert!(!usual.contains("relay"));
        let copy = config(at(1), at(2), at(3), Some("copy"));
        assert!(copy.ends_with("relay = \"copy\"\n"));
    }
}
