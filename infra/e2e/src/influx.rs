//! A real InfluxDB 2, set up as the original system had it: organisation and bucket `root`.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;

use serde_json::json;

use crate::process::{Process, clean_command};
use crate::requirement::in_path;
use crate::scratch::Scratch;
use crate::{PATIENCE, eventually, http, loopback};

/// The environment variable that names the server's program.
pub const INFLUXD: &str = "INFLUXD";

/// Organisation and bucket.
pub const ROOT: &str = "root";

/// The API token of the test database.
pub const TOKEN: &str = "a-token-for-tests";

/// The server's program: [`INFLUXD`], else `influxd` in the path.
///
/// # Errors
/// Why there is none, in one line.
pub fn program() -> Result<PathBuf, String> {
    match std::env::var_os(INFLUXD).map(PathBuf::from) {
        Some(path) if path.is_file() => Ok(path),
        Some(path) => Err(format!("{INFLUXD}={} is no file", path.display())),
        None => in_path("influxd").ok_or(format!(
            "InfluxDB needs `influxd` in the path or in {INFLUXD}"
        )),
    }
}

/// A running server.
#[derive(Debug)]
pub struct Influx {
    /// Where its API is.
    pub address: SocketAddr,
    _process: Process,
}

/// One row of an answer, by column.
pub type Row = BTreeMap<String, String>;

impl Influx {
    /// Starts an empty database and sets it up.
    ///
    /// # Panics
    /// Where it does not come up.
    #[must_use]
    pub fn start() -> Self {
        let program = program().unwrap_or_else(|reason| panic!("{reason}"));
        let free = TcpListener::bind((loopback::own_address(), 0)).expect("a free port");
        let address = free.local_addr().expect("its address");
        drop(free);
        let dir = Scratch::new("influx");
        let mut command = clean_command(program);
        command.env("HOME", dir.path()).args([
            "--http-bind-address",
            &address.to_string(),
            "--reporting-disabled",
        ]);
        for (flag, name) in [
            ("--bolt-path", "bolt"),
            ("--sqlite-path", "sqlite"),
            ("--engine-path", "engine"),
        ] {
            command.arg(flag).arg(dir.path().join(name));
        }
        let mut process = Process::start("influxd", command, dir);
        eventually(PATIENCE, "InfluxDB", || {
            assert!(!process.has_ended(), "influxd ended at its start");
            http::get(address, "/health")
                .ok()
                .filter(|answer| answer.status == 200)
        });
        let setup = json!({"username": ROOT, "password": "a-password", "org": ROOT, "bucket": ROOT, "token": TOKEN});
        let headers = [("Content-Type", "application/json")];
        let answer = http::request(
            address,
            "POST",
            "/api/v2/setup",
            &headers,
            setup.to_string().as_bytes(),
        );
        let answer = answer.expect("an answer to the setup");
        assert_eq!(answer.status, 201, "{}", answer.body);
        Self {
            address,
            _process: process,
        }
    }

    /// What a Flux query answers.
    ///
    /// # Panics
    /// Where the query is refused.
    #[must_use]
    pub fn query(&self, flux: &str) -> Vec<Row> {
        let token = format!("Token {TOKEN}");
        let headers = [
            ("Authorization", token.as_str()),
            ("Content-Type", "application/vnd.flux"),
            ("Accept", "application/csv"),
        ];
        let path = format!("/api/v2/query?org={ROOT}");
        let answer = http::request(self.address, "POST", &path, &headers, flux.as_bytes());
        let answer = answer.expect("an answer to the query");
        assert_eq!(answer.status, 200, "{flux}\n{}", answer.body);
        rows(&answer.body)
    }
}

/// Tables of CSV, each with its own line of column names, with empty lines between them. Our values hold no commas.
fn rows(csv: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    for table in csv.replace('\r', "").split("\n\n") {
        let mut lines = table.lines().map(|line| line.split(','));
        let Some(names) = lines.next() else { continue };
        let names: Vec<&str> = names.collect();
        for line in lines {
            let cells = names.iter().map(ToString::to_string);
            rows.push(cells.zip(line.map(ToOwned::to_owned)).collect());
        }
    }
    rows
}
