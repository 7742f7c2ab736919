//! A real InfluxDB 2, set up as the original system had it: organisation and bucket `root`.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::process::{Process, clean_command};
use crate::scratch::Scratch;
use crate::tool::in_path;
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
    /// Where its API is; the same after a restart.
    pub address: SocketAddr,
    process: Process,
    dir: Scratch,
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
        let influx = Self::start_new();
        let setup = json!({"username": ROOT, "password": "a-password", "org": ROOT, "bucket": ROOT, "token": TOKEN});
        let headers = [("Content-Type", "application/json")];
        let answer = http::request(
            influx.address,
            "POST",
            "/api/v2/setup",
            &headers,
            setup.to_string().as_bytes(),
        );
        let answer = answer.expect("an answer to the setup");
        assert_eq!(answer.status, 201, "{}", answer.body);
        influx
    }

    /// Starts an empty database that nobody has set up.
    ///
    /// # Panics
    /// Where it does not come up.
    #[must_use]
    pub fn start_new() -> Self {
        let free = TcpListener::bind((loopback::own_address(), 0)).expect("a free port");
        let address = free.local_addr().expect("its address");
        drop(free);
        let dir = Scratch::new("influx");
        let process = launch(address, dir.path());
        let mut influx = Self {
            address,
            process,
            dir,
        };
        influx.wait_until_up();
        influx
    }

    /// Ends it as `kill -9` does.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again on its old address, with its old data.
    pub fn restart(&mut self) {
        self.process = launch(self.address, self.dir.path());
        self.wait_until_up();
    }

    fn wait_until_up(&mut self) {
        eventually(PATIENCE, "InfluxDB", || {
            assert!(!self.process.has_ended(), "influxd ended at its start");
            http::get(self.address, "/health")
                .ok()
                .filter(|answer| answer.status == 200)
        });
    }

    /// What a Flux query answers.
    ///
    /// # Panics
    /// Where the query is refused.
    #[must_use]
    pub fn query(&self, flux: &str) -> Vec<Row> {
        let answer = self.ask(TOKEN, flux);
        assert_eq!(answer.status, 200, "{flux}\n{}", answer.body);
        rows(&answer.body)
    }

    /// Writes points in line protocol, with times in milliseconds.
    ///
    /// # Panics
    /// Where they are refused.
    pub fn write(&self, lines: &str) {
        let token = format!("Token {TOKEN}");
        let headers = [("Authorization", token.as_str())];
        let path = format!("/api/v2/write?org={ROOT}&bucket={ROOT}&precision=ms");
        let answer = http::request(self.address, "POST", &path, &headers, lines.as_bytes());
        let answer = answer.expect("an answer to the write");
        assert_eq!(answer.status, 204, "{}", answer.body);
    }

    /// Deletes every point of a measurement in bucket `root`.
    ///
    /// # Panics
    /// Where that is refused.
    pub fn delete(&self, measurement: &str) {
        let points = json!({
            "start": "1970-01-01T00:00:00Z",
            "stop": "2100-01-01T00:00:00Z",
            "predicate": format!("_measurement=\"{measurement}\""),
        });
        let path = format!("/api/v2/delete?org={ROOT}&bucket={ROOT}");
        self.administer("POST", &path, &points.to_string());
    }

    /// Lets bucket `root` keep points for so many seconds; an hour is the least.
    ///
    /// # Panics
    /// Where that is refused.
    pub fn keep(&self, seconds: u32) {
        let rule =
            json!({"type": "expire", "everySeconds": seconds, "shardGroupDurationSeconds": 3_600});
        let rules = json!({"retentionRules": [rule]});
        let path = format!("/api/v2/buckets/{}", self.bucket());
        self.administer("PATCH", &path, &rules.to_string());
    }

    /// Deletes bucket `root` with everything in it.
    ///
    /// # Panics
    /// Where that is refused.
    pub fn delete_bucket(&self) {
        let path = format!("/api/v2/buckets/{}", self.bucket());
        self.administer("DELETE", &path, "");
    }

    /// Makes bucket `root` again.
    ///
    /// # Panics
    /// Where that is refused.
    pub fn create_bucket(&self) {
        let orgs = self.administer("GET", &format!("/api/v2/orgs?org={ROOT}"), "");
        let bucket = json!({"orgID": orgs["orgs"][0]["id"], "name": ROOT, "retentionRules": []});
        self.administer("POST", "/api/v2/buckets", &bucket.to_string());
    }

    /// The id of bucket `root`.
    fn bucket(&self) -> String {
        let found = self.administer("GET", &format!("/api/v2/buckets?name={ROOT}"), "");
        let id = found["buckets"][0]["id"].as_str();
        id.expect("the bucket").to_owned()
    }

    fn administer(&self, method: &str, path: &str, body: &str) -> serde_json::Value {
        let token = format!("Token {TOKEN}");
        let headers = [
            ("Authorization", token.as_str()),
            ("Content-Type", "application/json"),
        ];
        let answer = http::request(self.address, method, path, &headers, body.as_bytes());
        let answer = answer.expect("an answer");
        let good = (200..300).contains(&answer.status);
        assert!(good, "{method} {path}: {} {}", answer.status, answer.body);
        serde_json::from_str(&answer.body).unwrap_or_default()
    }

    /// The answer to a Flux query with this token, whatever it is.
    ///
    /// # Panics
    /// Where there is none.
    #[must_use]
    pub fn ask(&self, token: &str, flux: &str) -> http::Answer {
        let token = format!("Token {token}");
        let headers = [
            ("Authorization", token.as_str()),
            ("Content-Type", "application/vnd.flux"),
            ("Accept", "application/csv"),
        ];
        let path = format!("/api/v2/query?org={ROOT}");
        let answer = http::request(self.address, "POST", &path, &headers, flux.as_bytes());
        answer.expect("an answer to the query")
    }
}

fn launch(address: SocketAddr, dir: &Path) -> Process {
    let program = program().unwrap_or_else(|reason| panic!("{reason}"));
    let mut command = clean_command(program);
    command.env("HOME", dir).args([
        "--http-bind-address",
        &address.to_string(),
        "--reporting-disabled",
    ]);
    for (flag, name) in [
        ("--bolt-path", "bolt"),
        ("--sqlite-path", "sqlite"),
        ("--engine-path", "engine"),
    ] {
        command.arg(flag).arg(dir.join(name));
    }
    Process::start("influxd", command, Scratch::new("influx-log"))
}

/// Tables of CSV, each with its own line of column names, with empty lines between them.
#[must_use]
pub fn rows(csv: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut names: Option<Vec<String>> = None;
    for line in lines(csv) {
        match &names {
            _ if line == [""] => names = None,
            None => names = Some(line),
            Some(names) => rows.push(names.iter().cloned().zip(line).collect()),
        }
    }
    rows
}

/// The cells of each line (RFC 4180): those with commas, quotes or line ends in them are in quotes.
fn lines(csv: &str) -> Vec<Vec<String>> {
    let mut lines = Vec::new();
    let (mut line, mut cell, mut quoted) = (Vec::new(), String::new(), false);
    let mut chars = csv.chars().filter(|&c| c != '\r').peekable();
    while let Some(c) = chars.next() {
        match (c, quoted) {
            ('"', true) if chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            ('"', _) => quoted = !quoted,
            (',', false) => line.push(std::mem::take(&mut cell)),
            ('\n', false) => {
                line.push(std::mem::take(&mut cell));
                lines.push(std::mem::take(&mut line));
            }
            (c, _) => cell.push(c),
        }
    }
    lines
}
