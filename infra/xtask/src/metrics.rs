//! Reads the balancer's admin address: how many backends it calls up.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// The gauge that is 1 for a backend that takes sessions.
const BACKEND_UP: &str = "netsocket_backend_up{";

const TIMEOUT: Duration = Duration::from_secs(1);

/// The number of backends that are up, or `None` while the admin address does not answer.
pub(crate) fn backends_up(admin: SocketAddr) -> Option<usize> {
    let text = get(admin, "/metrics").ok()?;
    Some(
        text.lines()
            .filter(|line| line.starts_with(BACKEND_UP) && line.ends_with(" 1"))
            .count(),
    )
}

fn get(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
