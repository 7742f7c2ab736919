//! sozu, a proxy in Rust, in front of one TCP cluster.

use super::route::{CONNECTIONS, Route, Traffic};
use crate::failure::Outcome;
use crate::host::Host;
use crate::process::Process;
use crate::tool::need;

/// Bytes a buffer, of which each session has two. sozu's own value is 16,393.
const BULK_BUFFER: usize = 65_536;
const SMALL_BUFFER: usize = 16_393;

/// Starts it.
pub(super) fn start(host: &Host, route: &Route) -> Outcome<Process> {
    let program = need(host.tools.sozu.as_ref(), "sozu")?;
    let socket = host.dir().join("sozu.sock");
    let config = config(route, host.cores, &socket.display().to_string());
    let file = host.write("sozu.toml", &config)?;
    let arguments = ["start".as_ref(), "-c".as_ref(), file.as_os_str()];
    host.launcher.start("sozu", program, arguments)
}

fn config(route: &Route, workers: usize, socket: &str) -> String {
    let Route {
        listen,
        backend,
        traffic,
    } = route;
    let buffer = match traffic {
        Traffic::Small => SMALL_BUFFER,
        Traffic::Bulk | Traffic::HalfCloses => BULK_BUFFER,
    };
    format!(
        "command_socket = \"{socket}\"\nlog_level = \"error\"\nlog_target = \"stdout\"\n\
         worker_count = {workers}\nworker_automatic_restart = false\nactivate_listeners = true\n\
         max_connections = {CONNECTIONS}\nmax_buffers = {}\nbuffer_size = {buffer}\n\
         [[listeners]]\nprotocol = \"tcp\"\naddress = \"{listen}\"\n\
         front_timeout = 3600\nback_timeout = 3600\n\
         [clusters.relay]\nprotocol = \"tcp\"\nfrontends = [{{ address = \"{listen}\" }}]\n\
         backends = [{{ address = \"{backend}\" }}]\n",
        2 * CONNECTIONS
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_listener_leads_to_one_backend() {
        let route = Route {
            listen: ([127, 0, 0, 1], 1).into(),
            backend: ([127, 0, 0, 1], 2).into(),
            traffic: Traffic::Bulk,
        };
        let config = config(&route, 2, "/x/sozu.sock");
        assert!(config.contains("frontends = [{ address = \"127.0.0.1:1\" }]\n"));
        assert!(config.contains("backends = [{ address = \"127.0.0.1:2\" }]\n"));
        assert!(config.contains("buffer_size = 65536\n"));
    }
}
