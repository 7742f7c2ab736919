//! Flags that people know from other servers, and what does the same here.

use crate::programs::Program;

const FOREGROUND: &str =
    "it stays in the foreground; systemd, or & in a shell, puts it in the background";
const LOG: &str = "the variable 'NETSOCKET_LOG=debug', or the key 'log' of the settings file";
const CONFIG: &str = "here this is '--config FILE'";
const CHECK: &str = "here this is '--check-config'";
const LISTEN: &str = "here this is '--listen ADDR', as in '--listen 0.0.0.0:8081'";
const SERVE: &str = "here this is '--listen ADDR', as in '--listen 0.0.0.0:9000'";
const ADMIN: &str = "metrics are at '--admin IP:PORT'; nothing else is listened on";
const ROOT: &str = "here this is '--root DIR'";
const TLS: &str = "TLS needs both, '--tls-certificate FILE' and '--tls-key FILE'";

/// Of every server.
const ALL: [(&str, &str); 21] = [
    ("-f", CONFIG),
    ("--file", CONFIG),
    ("--conf", CONFIG),
    ("-c", "here this is '--check-config', or '--config FILE'"),
    ("-t", CHECK),
    ("-T", CHECK),
    ("--check", CHECK),
    ("--test", CHECK),
    ("--validate", CHECK),
    ("-D", FOREGROUND),
    ("--daemon", FOREGROUND),
    ("--daemonize", FOREGROUND),
    ("--background", FOREGROUND),
    ("--foreground", FOREGROUND),
    ("-v", "here this is '--version'"),
    ("--verbose", LOG),
    ("--debug", LOG),
    ("--quiet", LOG),
    ("-q", LOG),
    ("--log-level", LOG),
    ("--loglevel", LOG),
];
const BALANCER: [(&str, &str); 9] = [
    (
        "-s",
        "here this is 'ctl reload'; a signal TERM ends the program",
    ),
    ("--port", LISTEN),
    ("--bind", LISTEN),
    ("--host", LISTEN),
    ("-b", LISTEN),
    ("-l", LISTEN),
    (
        "-p",
        "here this is '--listen ADDR' for a port, and the key 'pid_file' for a file with the process id",
    ),
    (
        "--pidfile",
        "here this is the key 'pid_file' of the settings file",
    ),
    ("--server", "here this is '--backend NAME=HOST:PORT'"),
];
const FILE_SERVER: [(&str, &str); 16] = [
    ("--port", SERVE),
    ("--bind", SERVE),
    ("--host", SERVE),
    ("-p", SERVE),
    ("-b", SERVE),
    ("-l", SERVE),
    ("--dir", ROOT),
    ("--directory", ROOT),
    ("--folder", ROOT),
    ("--path", ROOT),
    ("-d", ROOT),
    ("-r", ROOT),
    ("--tls", TLS),
    ("--ssl", TLS),
    ("--cert", TLS),
    ("--key", TLS),
];
const COLLECTOR: [(&str, &str); 8] = [
    ("--port", ADMIN),
    ("--bind", ADMIN),
    ("--listen", ADMIN),
    ("-p", ADMIN),
    ("--broker", "here this is '--kafka HOST:PORT'"),
    ("--brokers", "here this is '--kafka HOST:PORT'"),
    ("--url", "here this is '--influx-url URL'"),
    (
        "--token",
        "the token is in the variable 'INFLUXDB_TOKEN': everybody sees a command line",
    ),
];

/// What is said of a flag of others, without its value.
pub(crate) fn tip(flag: &str, program: &Program) -> Option<&'static str> {
    let own: &[(&str, &str)] = match program.name {
        "netsocket-balancer" => &BALANCER,
        "netsocket-fileserver" => &FILE_SERVER,
        "netsocket-collector" => &COLLECTOR,
        _ => return None,
    };
    let mut all = own.iter().chain(&ALL);
    let (_, tip) = all.find(|(theirs, _)| *theirs == flag)?;
    Some(tip)
}
