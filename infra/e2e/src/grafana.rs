//! What Grafana makes of our files, as far as it can be known without Grafana.
//!
//! Owns the reading of the board ([`board`]) and the alert rules ([`alerts`]), the filling in of queries ([`flux`]), the
//! series that a table of InfluxDB becomes ([`series`]), the state of an alert over time ([`evaluate`]), and a drawing of the
//! board ([`picture`]). Written after
//! Grafana's own sources: `pkg/tsdb/influxdb/flux`, `pkg/expr`, `pkg/services/provisioning`.

pub mod alerts;
pub mod board;
pub mod evaluate;
pub mod flux;
pub mod picture;
pub mod series;

use std::process::Command;

use crate::process::clean_command;

/// Python with the packages of whoever runs the tests.
#[must_use]
pub fn python() -> Command {
    let mut command = clean_command("python3");
    if let Some(path) = std::env::var_os("PYTHONPATH") {
        command.env("PYTHONPATH", path);
    }
    command
}

/// Whether Grafana's published types are here.
///
/// # Errors
/// Why not, in one line.
pub fn published_types() -> Result<(), String> {
    let mut command = python();
    command.args(["-c", "import grafana_foundation_sdk"]);
    let output = command
        .output()
        .map_err(|error| format!("`python3`: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err("python3 has no package `grafana-foundation-sdk`".to_owned()),
    }
}
