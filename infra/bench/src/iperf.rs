//! The program `iperf3`: some flows of as many bytes as go through.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::failure::{Explain as _, Failure, Outcome};
use crate::host::Host;
use crate::port::listening;
use crate::process::Process;
use crate::tool::need;

/// Over the time of the test, for its begin and end.
const SLACK: Duration = Duration::from_secs(20);
/// For the server to end after its only test.
const SERVER_END: Duration = Duration::from_secs(5);

/// Which way the bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From the client to the backend.
    Upload,
    /// From the backend to the client.
    Download,
}

/// What arrived.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Arrived {
    /// Payload of all flows, in bytes.
    pub(crate) bytes: u64,
    /// How long the receiver took.
    pub(crate) seconds: f64,
}

/// Starts a server for a single test on `address`.
///
/// # Errors
/// Where it does not start.
pub(crate) async fn serve_once(host: &Host, address: SocketAddr) -> Outcome<Process> {
    let (ip, port) = (address.ip().to_string(), address.port().to_string());
    let arguments = ["-s", "-1", "-B", &ip, "-p", &port];
    let mut server = host
        .launcher
        .start("iperf3-server", program(host)?, arguments)?;
    listening(address, &mut server).await?;
    Ok(server)
}

/// Runs a client against `address`, through which `server` is reached.
///
/// # Errors
/// Where the test breaks, or nothing arrives.
pub(crate) async fn run(
    host: &Host,
    mut server: Process,
    address: SocketAddr,
    (flows, direction, seconds): (u16, Direction, u64),
) -> Outcome<Arrived> {
    let (ip, port) = (address.ip().to_string(), address.port().to_string());
    let (flows, time) = (flows.to_string(), seconds.to_string());
    let mut arguments = vec!["-J", "-c", &ip, "-p", &port, "-P", &flows, "-t", &time];
    if direction == Direction::Download {
        arguments.push("-R");
    }
    let mut client = host.launcher.start("iperf3", program(host)?, arguments)?;
    client.end(Duration::from_secs(seconds) + SLACK).await?;
    let arrived = parse(&client.output())?;
    server.end(SERVER_END).await?;
    Ok(arrived)
}

fn program(host: &Host) -> Outcome<&Path> {
    need(host.tools.iperf3.as_ref(), "iperf3")
}

/// Reads the report of a client (`-J`).
fn parse(report: &str) -> Outcome<Arrived> {
    let report: Value = serde_json::from_str(report).explain("the report of iperf3")?;
    if let Some(error) = report["error"].as_str() {
        return Err(Failure::new(format!("iperf3: {error}")));
    }
    let sum = &report["end"]["sum_received"];
    match (sum["bytes"].as_u64(), sum["seconds"].as_f64()) {
        (Some(bytes @ 1..), Some(seconds)) if seconds > 0.0 => Ok(Arrived { bytes, seconds }),
        _ => Err(Failure::new("iperf3: nothing arrived")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read() {
        let report = r#"{"start":{},"end":{"sum_sent":{"bytes":9},"sum_received":{"bytes":8,"seconds":2.5}}}"#;
        let arrived = Arrived {
            bytes: 8,
            seconds: 2.5,
        };
        assert_eq!(parse(report), Ok(arrived));
    }

    #[test]
    fn a_failed_test_is_a_failure() {
        let refused = r#"{"start":{},"error":"unable to connect to server"}"#;
        let said = parse(refused).unwrap_err().to_string();
        assert_eq!(said, "iperf3: unable to connect to server");
        let nothing = r#"{"end":{"sum_received":{"bytes":0,"seconds":1.0}}}"#;
        assert!(parse(nothing).is_err());
        assert!(parse("").is_err());
    }
}
