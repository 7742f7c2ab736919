//! nginx with its stream module.

use super::route::{CONNECTIONS, Route, Traffic};
use crate::failure::{Failure, Outcome};
use crate::host::Host;
use crate::process::Process;
use crate::tool::{StreamModule, need};

/// Waiting connections: nginx has 511 by default, the others thousands.
const BACKLOG: u32 = 4096;
/// Two connections for each proxied one, and some for itself. One worker may get them all.
const WORKER_CONNECTIONS: usize = 2 * CONNECTIONS + 100;

/// How it is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Setup {
    /// As many workers as cores, and room for the connections.
    Usual,
    /// A listening socket for each worker (`reuseport`), several connections accepted at a time (`multi_accept`), workers
    /// bound to cores, and for bytes in bulk a buffer as large as what the kernel gives in one read
    /// (`proxy_buffer_size`): the manual of ngx_stream_proxy_module and ngx_core_module.
    Tuned,
}

/// Starts it.
pub(super) fn start(host: &Host, route: &Route, setup: Setup) -> Outcome<Process> {
    let program = need(host.tools.nginx.as_ref(), "nginx")?;
    let load = match &host.tools.nginx_stream {
        StreamModule::BuiltIn => String::new(),
        StreamModule::File(path) => format!("load_module {};\n", path.display()),
        StreamModule::Missing => return Err(Failure::new("nginx has no stream module")),
    };
    let file = host.write("nginx.conf", &config(route, host.cores, setup, &load))?;
    let arguments = [
        // Before it has read its settings, errors go to a file of the system otherwise.
        "-e".as_ref(),
        "stderr".as_ref(),
        "-p".as_ref(),
        host.dir().as_os_str(),
        "-c".as_ref(),
        file.as_os_str(),
    ];
    host.launcher.start("nginx", program, arguments)
}

fn config(route: &Route, workers: usize, setup: Setup, load: &str) -> String {
    let Route {
        listen,
        backend,
        traffic,
    } = route;
    let half_close = match traffic {
        Traffic::Bulk | Traffic::Small => "",
        Traffic::HalfCloses => "        proxy_half_close on;\n",
    };
    let (main, events, options) = match setup {
        Setup::Usual => ("", "", ""),
        Setup::Tuned => (
            "worker_cpu_affinity auto;\n",
            "    multi_accept on;\n",
            " reuseport",
        ),
    };
    let buffer = match (setup, traffic) {
        (Setup::Usual, _) | (_, Traffic::Small) => "",
        (Setup::Tuned, _) => "        proxy_buffer_size 256k;\n",
    };
    format!(
        "{load}daemon off;\npid nginx.pid;\nerror_log stderr error;\nworker_processes {workers};\n{main}\
         worker_rlimit_nofile {WORKER_CONNECTIONS};\nevents {{\n    worker_connections {WORKER_CONNECTIONS};\n{events}}}\n\
         stream {{\n    access_log off;\n    server {{\n        listen {listen} backlog={BACKLOG}{options};\n\
         \x20       proxy_pass {backend};\n        proxy_timeout 1h;\n{half_close}{buffer}    }}\n}}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_close_is_handed_on_only_where_it_matters() {
        let mut route = Route {
            listen: ([127, 0, 0, 1], 1).into(),
            backend: ([127, 0, 0, 1], 2).into(),
            traffic: Traffic::Bulk,
        };
        let usual = config(&route, 2, Setup::Usual, "");
        assert!(!usual.contains("half_close"));
        assert!(usual.contains("        proxy_pass 127.0.0.1:2;\n"));
        route.traffic = Traffic::HalfCloses;
        assert!(config(&route, 2, Setup::Usual, "").contains("        proxy_half_close on;\n"));
    }

    #[test]
    fn each_worker_has_its_own_listener_when_tuned() {
        let route = Route {
            listen: ([127, 0, 0, 1], 1).into(),
            backend: ([127, 0, 0, 1], 2).into(),
            traffic: Traffic::Bulk,
        };
        let tuned = config(&route, 2, Setup::Tuned, "");
        for line in [
            "    multi_accept on;\n",
            "listen 127.0.0.1:1 backlog=4096 reuseport;\n",
            "        proxy_buffer_size 256k;\n",
        ] {
            assert!(tuned.contains(line), "{tuned}");
        }
        assert!(!config(&route, 2, Setup::Usual, "").contains("reuseport"));
    }
}
