//! HAProxy in mode tcp, with and without splice.

use super::route::{CONNECTIONS, Route};
use crate::failure::Outcome;
use crate::host::Host;
use crate::process::Process;
use crate::tool::need;

/// How it moves bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Forward {
    /// Through its buffers.
    Copy,
    /// Through pipes, once it finds a stream worth it.
    Splice,
}

/// Starts it.
pub(super) fn start(host: &Host, route: &Route, forward: Forward) -> Outcome<Process> {
    let program = need(host.tools.haproxy.as_ref(), "haproxy")?;
    let file = host.write("haproxy.cfg", &config(route, host.cores, forward))?;
    // -db: in the foreground, one process.
    let arguments = ["-db".as_ref(), "-f".as_ref(), file.as_os_str()];
    host.launcher.start("haproxy", program, arguments)
}

/// No `log` line means no logging; without `check` it opens no connections of its own.
fn config(route: &Route, threads: usize, forward: Forward) -> String {
    let Route {
        listen, backend, ..
    } = route;
    let splice = match forward {
        Forward::Copy => "",
        Forward::Splice => "    option splice-auto\n",
    };
    format!(
        "global\n    nbthread {threads}\n    maxconn {CONNECTIONS}\n\
         defaults\n    mode tcp\n    timeout connect 5s\n    timeout client 1h\n    timeout server 1h\n{splice}\
         listen relay\n    bind {listen}\n    server backend {backend}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::Closing;

    #[test]
    fn splice_is_one_line_of_difference() {
        let route = Route {
            listen: ([127, 0, 0, 1], 1).into(),
            backend: ([127, 0, 0, 1], 2).into(),
            closing: Closing::Both,
        };
        let copy = config(&route, 2, Forward::Copy);
        let splice = config(&route, 2, Forward::Splice);
        assert_eq!(splice.replace("    option splice-auto\n", ""), copy);
        assert!(
            copy.contains("bind 127.0.0.1:1\n") && copy.contains("server backend 127.0.0.1:2\n")
        );
    }
}
