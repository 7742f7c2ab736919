//! Telegraf with the three plugins that the comparison needs, built once from its Go module.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::influx::{ROOT, TOKEN};
use e2e::kafka::TOPIC;
use e2e::tool::{cache, in_path};

/// What it is called in the results.
pub(crate) const NAME: &str = "Telegraf 1.37.2";
const MODULE: &str = "github.com/influxdata/telegraf";
const VERSION: &str = "v1.37.2";
const TAGS: &str = "custom,inputs.kafka_consumer,outputs.influxdb_v2,parsers.json";

/// The program, built now if it is not there.
///
/// # Errors
/// Why there is none, in one line.
pub(crate) fn program() -> Result<PathBuf, String> {
    let program = cache()?
        .join("netsocket")
        .join(format!("telegraf-{VERSION}"));
    if !program.is_file() {
        build(&program)?;
    }
    Ok(program)
}

fn build(program: &Path) -> Result<(), String> {
    let go = in_path("go").ok_or("Telegraf is built by `go`, which is not installed")?;
    eprintln!("building {NAME} from its Go module; this takes some minutes");
    let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
    // Not `go get`, which would fetch what all of its plugins need.
    let module = format!("module stack\ngo 1.24\nrequire {MODULE} {VERSION}\n");
    fs::write(dir.path().join("go.mod"), module).map_err(|error| error.to_string())?;
    let part = program.with_extension("part");
    let ran = Command::new(&go)
        .args(["build", "-mod=mod", "-tags", TAGS, "-o"])
        .arg(&part)
        .arg(format!("{MODULE}/cmd/telegraf"))
        .current_dir(dir.path())
        .output()
        .map_err(|error| error.to_string())?;
    if !ran.status.success() {
        return Err(String::from_utf8_lossy(&ran.stderr).into_owned());
    }
    fs::rename(&part, program).map_err(|error| error.to_string())
}

/// Its settings: everything from the beginning of the topic, in batches as large as ours.
pub(crate) fn config(brokers: &str, influx: SocketAddr) -> String {
    format!(
        r#"
[agent]
  interval = "1s"
  flush_interval = "1s"
  metric_batch_size = 5000
  metric_buffer_limit = 100000
  omit_hostname = true
[[inputs.kafka_consumer]]
  brokers = ["{brokers}"]
  topics = ["{TOPIC}"]
  consumer_group = "telegraf"
  # Its default asks brokers of the fourth generation for requests that they have not got any more.
  version = "3.6.0"
  offset = "oldest"
  max_undelivered_messages = 20000
  data_format = "json"
  name_override = "system_stats"
  tag_keys = ["host", "role", "instance"]
  json_time_key = "ts"
  json_time_format = "2006-01-02T15:04:05Z07:00"
[[outputs.influxdb_v2]]
  urls = ["http://{influx}"]
  token = "{TOKEN}"
  organization = "{ROOT}"
  bucket = "{ROOT}"
"#
    )
}
