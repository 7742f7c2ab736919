//! The program `wrk`: requests as fast as they are answered.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;

use crate::failure::{Explain as _, Failure, Outcome};
use crate::host::Host;
use crate::tool::need;

/// Over the time of the test, for its begin and end.
const SLACK: Duration = Duration::from_secs(20);
/// Begins the line of our report in what it prints.
const MARK: &str = "BENCH ";
/// Prints the report: exact numbers, where its own text rounds them.
const SCRIPT: &str = r#"
done = function(summary, latency, requests)
    local failed = summary.errors
    io.write(string.format(
        'BENCH {"requests":%d,"us":%d,"p50":%d,"p99":%d,"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}\n',
        summary.requests, summary.duration, latency:percentile(50.0), latency:percentile(99.0),
        failed.connect, failed.read, failed.write, failed.status, failed.timeout))
end
"#;

/// The load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Load {
    /// Connections at a time.
    pub(crate) connections: u16,
    /// Whether each request has a connection of its own.
    pub(crate) close: bool,
    /// How long.
    pub(crate) seconds: u64,
}

/// What was answered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Answered {
    /// Requests.
    pub(crate) requests: u64,
    /// How long they took.
    pub(crate) seconds: f64,
    /// Latency that half of them kept, in µs.
    pub(crate) p50: f64,
    /// Latency that 99 of 100 kept, in µs.
    pub(crate) p99: f64,
}

/// Sends requests to `address`.
///
/// # Errors
/// Where one of them fails.
pub(crate) async fn run(host: &Host, address: SocketAddr, load: Load) -> Outcome<Answered> {
    run_at(host, address, "/", load).await
}

/// The same for a path.
///
/// # Errors
/// Where one of them fails.
pub(crate) async fn run_at(
    host: &Host,
    address: SocketAddr,
    path: &str,
    load: Load,
) -> Outcome<Answered> {
    let program = need(host.tools.wrk.as_ref(), "wrk")?;
    let script = host.write("report.lua", SCRIPT)?;
    // The peer and the backend need cores, too.
    let threads = (host.cores / 2).clamp(1, usize::from(load.connections));
    let mut arguments: Vec<String> = vec![
        format!("-t{threads}"),
        format!("-c{}", load.connections),
        format!("-d{}s", load.seconds),
        "--timeout=10s".to_owned(),
        format!("-s{}", script.display()),
    ];
    if load.close {
        arguments.push("-HConnection: close".to_owned());
    }
    arguments.push(format!("http://{address}{path}"));
    let mut wrk = host.launcher.start("wrk", program, arguments)?;
    wrk.end(Duration::from_secs(load.seconds) + SLACK).await?;
    let output = wrk.output();
    // It says why only where it does not even begin.
    let report = output.lines().find_map(|line| line.strip_prefix(MARK));
    parse(report.ok_or_else(|| Failure::new(format!("wrk: {}", wrk.last_words())))?)
}

/// Reads what our script printed.
fn parse(report: &str) -> Outcome<Answered> {
    let report: Value = serde_json::from_str(report).explain("the report of wrk")?;
    let number = |name: &str| {
        let value = report[name].as_u64();
        value.ok_or_else(|| Failure::new(format!("the report of wrk has no number {name}")))
    };
    for error in ["connect", "read", "write", "status", "timeout"] {
        let count = number(error)?;
        if count > 0 {
            let what = format!("wrk counts {count} {error} errors");
            return Err(Failure::new(what));
        }
    }
    let (requests, us) = (number("requests")?, number("us")?);
    if requests == 0 || us == 0 {
        return Err(Failure::new("wrk: nothing was answered"));
    }
    Ok(Answered {
        requests,
        seconds: us as f64 / 1e6,
        p50: number("p50")? as f64,
        p99: number("p99")? as f64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(requests: u64, read_errors: u64) -> String {
        format!(
            "{{\"requests\":{requests},\"us\":500000,\"p50\":40,\"p99\":90,\
             \"connect\":0,\"read\":{read_errors},\"write\":0,\"status\":0,\"timeout\":0}}"
        )
    }

    #[test]
    fn a_report_is_read() {
        let answered = parse(&report(1000, 0)).unwrap();
        assert_eq!(
            answered,
            Answered {
                requests: 1000,
                seconds: 0.5,
                p50: 40.0,
                p99: 90.0
            }
        );
    }

    #[test]
    fn one_failed_request_fails_the_case() {
        let said = parse(&report(1000, 1)).unwrap_err().to_string();
        assert_eq!(said, "wrk counts 1 read errors");
        assert!(parse(&report(0, 0)).is_err());
        assert!(parse("{}").is_err() && parse("nothing").is_err());
    }
}
