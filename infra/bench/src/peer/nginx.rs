//! nginx with its stream module.

use super::route::{CONNECTIONS, Closing, Route};
use crate::failure::{Failure, Outcome};
use crate::host::Host;
use crate::process::Process;
use crate::tool::{StreamModule, need};

/// Waiting connections: nginx has 511 by default, the others thousands.
const BACKLOG: u32 = 4096;
/// Two connections for each proxied one, and some for itself. One worker may get them all.
const WORKER_CONNECTIONS: usize = 2 * CONNECTIONS + 100;

/// Starts it.
pub(super) fn start(host: &Host, route: &Route) -> Outcome<Process> {
    let program = need(host.tools.nginx.as_ref(), "nginx")?;
    let load = match &host.tools.nginx_stream {
        StreamModule::BuiltIn => String::new(),
        StreamModule::File(path) => format!("load_module {};\n", path.display()),
        StreamModule::Missing => return Err(Failure::new("nginx has no stream module")),
    };
    let file = host.write("nginx.conf", &config(route, host.cores, &load))?;
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

fn config(route: &Route, workers: usize, load: &str) -> String {
    let Route {
        listen,
        backend,
        closing,
    } = route;
    let half_close = match closing {
        Closing::Both => "",
        Closing::One => "        proxy_half_close on;\n",
    };
    format!(
        "{load}daemon off;\npid nginx.pid;\nerror_log stderr error;\nworker_processes {workers};\n\
         worker_rlimit_nofile {WORKER_CONNECTIONS};\nevents {{\n    worker_connections {WORKER_CONNECTIONS};\n}}\n\
         stream {{\n    access_log off;\n    server {{\n        listen {listen} backlog={BACKLOG};\n\
         \x20       proxy_pass {backend};\n        proxy_timeout 1h;\n{half_close}    }}\n}}\n"
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
            closing: Closing::Both,
        };
        let usual = config(&route, 2, "");
        assert!(!usual.contains("half_close"));
        assert!(usual.contains("        proxy_pass 127.0.0.1:2;\n"));
        route.closing = Closing::One;
        assert!(config(&route, 2, "").contains("        proxy_half_close on;\n"));
    }
}
