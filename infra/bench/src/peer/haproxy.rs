//! HAProxy in mode tcp: as it is, with its usual option for splicing, and as its experts run it.

use std::fmt::Write as _;
use std::net::SocketAddr;

use super::route::{CONNECTIONS, Route, Traffic};
use crate::failure::Outcome;
use crate::host::Host;
use crate::process::Process;
use crate::tool::{Tool, need};

/// How it is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Setup {
    /// Bytes go through its buffers.
    Copy,
    /// Bytes go through pipes of the default size, once it finds a stream worth it.
    Splice,
    /// What its manual and its users recommend for the traffic; see [`tuning`].
    Tuned,
}

/// What it relays, and for how many connections.
pub(super) struct Pool<'a> {
    pub(super) listen: SocketAddr,
    pub(super) backends: &'a [SocketAddr],
    pub(super) traffic: Traffic,
    pub(super) connections: usize,
}

/// Starts it in front of one backend.
pub(super) fn start(
    host: &Host,
    program: Option<&Tool>,
    route: &Route,
    setup: Setup,
) -> Outcome<Process> {
    let pool = Pool {
        listen: route.listen,
        backends: &[route.backend],
        traffic: route.traffic,
        connections: CONNECTIONS,
    };
    start_pool(host, program, &pool, setup)
}

/// Starts it in front of several, each in its turn.
pub(super) fn start_pool(
    host: &Host,
    program: Option<&Tool>,
    pool: &Pool<'_>,
    setup: Setup,
) -> Outcome<Process> {
    let program = need(program, "haproxy")?;
    let file = host.write("haproxy.cfg", &config(pool, host.cores, setup))?;
    // -db: in the foreground, one process.
    let arguments = ["-db".as_ref(), "-f".as_ref(), file.as_os_str()];
    host.launcher.start("haproxy", program, arguments)
}

/// Lines of each section.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tuning {
    global: &'static str,
    defaults: &'static str,
    bind: &'static str,
}

/// From the configuration manual of HAProxy, 2.6 and 3.2: bytes in bulk are spliced from the first one on, through pipes
/// of the largest size that the kernel gives anybody (`option splice-request`, `option splice-response`,
/// `tune.pipesize`); for many short connections, every thread has its own listening socket (`shards by-thread`), and
/// the kernel sends no acknowledgement of its own before there is data to send with it (`option tcp-smart-accept`,
/// `option tcp-smart-connect`). Splicing does not pay for short messages.
fn tuning(setup: Setup, traffic: Traffic) -> Tuning {
    let lines = |global, defaults, bind| Tuning {
        global,
        defaults,
        bind,
    };
    match (setup, traffic) {
        (Setup::Copy, _) => Tuning::default(),
        (Setup::Splice, _) => lines("", "    option splice-auto\n", ""),
        (Setup::Tuned, Traffic::Small) => lines(
            "",
            "    option tcp-smart-accept\n    option tcp-smart-connect\n",
            " shards by-thread",
        ),
        (Setup::Tuned, Traffic::Bulk | Traffic::HalfCloses) => lines(
            "    tune.pipesize 1048576\n",
            "    option splice-request\n    option splice-response\n",
            " shards by-thread",
        ),
    }
}

/// No `log` line means no logging; without `check` it opens no connections of its own.
fn config(pool: &Pool<'_>, threads: usize, setup: Setup) -> String {
    let Pool {
        listen,
        backends,
        traffic,
        connections,
    } = pool;
    let Tuning {
        global,
        defaults,
        bind,
    } = tuning(setup, *traffic);
    let mut text = format!(
        "global\n    nbthread {threads}\n    maxconn {connections}\n{global}\
         defaults\n    mode tcp\n    timeout connect 5s\n    timeout client 1h\n    timeout server 1h\n{defaults}\
         listen relay\n    bind {listen}{bind}\n    balance roundrobin\n"
    );
    for (number, backend) in backends.iter().enumerate() {
        // A `String` takes everything.
        let _ = writeln!(text, "    server b{number} {backend}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(setup: Setup, traffic: Traffic) -> String {
        let pool = Pool {
            listen: ([127, 0, 0, 1], 1).into(),
            backends: &[([127, 0, 0, 1], 2).into(), ([127, 0, 0, 1], 3).into()],
            traffic,
            connections: 7,
        };
        config(&pool, 2, setup)
    }

    #[test]
    fn splice_is_one_line_of_difference() {
        let copy = of(Setup::Copy, Traffic::Bulk);
        let splice = of(Setup::Splice, Traffic::Bulk);
        assert_eq!(splice.replace("    option splice-auto\n", ""), copy);
        assert!(copy.contains("bind 127.0.0.1:1\n") && copy.contains("maxconn 7\n"));
        assert!(copy.ends_with("    server b0 127.0.0.1:2\n    server b1 127.0.0.1:3\n"));
    }

    #[test]
    fn what_is_tuned_depends_on_the_traffic() {
        let bulk = of(Setup::Tuned, Traffic::Bulk);
        assert!(bulk.contains("    tune.pipesize 1048576\ndefaults\n"));
        assert!(bulk.contains("    option splice-request\n    option splice-response\nlisten"));
        let small = of(Setup::Tuned, Traffic::Small);
        assert!(!small.contains("splice") && small.contains("bind 127.0.0.1:1 shards by-thread\n"));
    }
}
