//! Releases of Apache Kafka, fetched once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use crate::tool::{cache, in_path};

/// What is fetched.
const POM: &str = include_str!("../../kafka/pom.xml");
/// Where the version belongs in it.
const VERSION: &str = "@KAFKA@";

/// A release of Kafka.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// The last of the third generation.
    V3,
    /// The newest of the fourth.
    V4,
}

impl Release {
    /// Its number.
    #[must_use]
    pub fn version(self) -> &'static str {
        match self {
            Self::V3 => "3.9.1",
            Self::V4 => "4.4.0",
        }
    }
}

/// The directory of the jars of a release, fetched once and kept in the user's cache directory.
///
/// # Errors
/// Why there are none, in one line.
pub fn jars(release: Release) -> Result<PathBuf, String> {
    // One at a time: two tests that need the same release fetch it once.
    static FETCHING: Mutex<()> = Mutex::new(());
    let _fetching = FETCHING
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    in_path("java").ok_or("Kafka needs `java`, which is not installed")?;
    let pom = POM.replace(VERSION, release.version());
    // The name holds what was asked for: another pom is another directory.
    let key = blake3::hash(pom.as_bytes()).to_hex();
    let jars = cache()?
        .join("netsocket")
        .join(format!("kafka-{}", &key[..16]));
    if !jars.is_dir() {
        fetch(&pom, &jars)?;
    }
    Ok(jars)
}

fn fetch(pom: &str, jars: &Path) -> Result<(), String> {
    in_path("mvn").ok_or("Kafka's jars are fetched by `mvn`, which is not installed")?;
    let parent = jars.parent().unwrap_or(jars);
    let failed = |error: std::io::Error| format!("{}: {error}", parent.display());
    fs::create_dir_all(parent).map_err(failed)?;
    // Into a directory beside it, renamed when complete: a run that is ended half-way leaves nothing that looks whole.
    let part = tempfile::tempdir_in(parent).map_err(failed)?;
    let file = part.path().join("pom.xml");
    fs::write(&file, pom).map_err(failed)?;
    let lib = part.path().join("lib");
    eprintln!("fetching Apache Kafka from Maven Central");
    let mvn = Command::new("mvn")
        .args([
            "-q",
            "-B",
            "dependency:copy-dependencies",
            "-DincludeScope=runtime",
        ])
        .arg(format!("-DoutputDirectory={}", lib.display()))
        .arg("-f")
        .arg(file)
        .output();
    let said = mvn.map_err(|error| format!("`mvn` does not start: {error}"))?;
    if !said.status.success() {
        let text = String::from_utf8_lossy(&said.stdout).into_owned();
        let first = text.lines().next().unwrap_or("no word about it");
        return Err(format!("Kafka's jars cannot be fetched: {first}"));
    }
    // Another run may have been first; its jars are the same.
    if let Err(error) = fs::rename(&lib, jars)
        && !jars.is_dir()
    {
        return Err(failed(error));
    }
    Ok(())
}
