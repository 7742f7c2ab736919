//! What readers need, looked for or prepared in a folder that is kept from one run to the next.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::files;
use crate::process::clean_command;
use crate::readers::reader::{Language, Need};
use crate::tool::{cache, in_path};

/// What has been prepared from which sources.
const MARK: &str = "prepared";

/// Where prepared programs are.
#[derive(Debug)]
pub struct Toolbox {
    dir: PathBuf,
}

impl Toolbox {
    /// The one of this user.
    ///
    /// # Panics
    /// Where there is no home directory, or it cannot be written.
    #[must_use]
    pub fn open() -> Self {
        let dir = cache()
            .expect("a cache directory")
            .join("netsocket-readers");
        fs::create_dir_all(dir.join("home")).expect("a folder for prepared programs");
        Self { dir }
    }

    /// Makes sure that all of it is here.
    ///
    /// # Errors
    /// What is missing, or why it cannot be prepared.
    pub fn provide(&self, needs: &[Need]) -> Result<(), String> {
        needs.iter().try_for_each(|need| match need {
            Need::Program(program, package) => match in_path(program) {
                Some(_) => Ok(()),
                None => Err(format!("`{program}` is not installed (Debian: {package})")),
            },
            Need::File(file, _) if Path::new(file).exists() => Ok(()),
            Need::File(file, package) => Err(format!("{file} is missing (Debian: {package})")),
            Need::Libraries(language) => self.prepare(*language),
        })
    }

    /// Brings the libraries of a language, unless they are here already.
    fn prepare(&self, language: Language) -> Result<(), String> {
        let (name, line) = recipe(language);
        let sources = files::path(&format!("infra/e2e/readers/{name}"));
        let mark = digest(&sources, line);
        let dir = self.dir.join(name);
        if fs::read_to_string(dir.join(MARK)).is_ok_and(|found| found == mark) {
            return Ok(());
        }
        eprintln!("preparing the readers of {name}");
        let said = |error: std::io::Error| format!("{}: {error}", dir.display());
        copy(&sources, &dir).map_err(said)?;
        // With the environment of the person who runs it: package managers are set up there.
        let status = Command::new("bash")
            .args(["-euc", line])
            .current_dir(&dir)
            .status()
            .map_err(said)?;
        if !status.success() {
            return Err(format!("the readers of {name} cannot be prepared"));
        }
        fs::write(dir.join(MARK), mark).map_err(said)
    }

    /// A shell line with the names that it may use.
    #[must_use]
    pub fn command(&self, line: &str) -> Command {
        let mut command = clean_command("bash");
        command
            .args(["-uo", "pipefail", "-c", line])
            // Names are UTF-8 for most people, and some readers ask.
            .env("LC_ALL", "C.UTF-8")
            .env("HOME", self.dir.join("home"))
            .env("TOOLS", &self.dir)
            .env("SCRIPTS", files::path("infra/e2e/readers"));
        command
    }
}

/// The folder of a language, and the line that prepares what is in it.
fn recipe(language: Language) -> (&'static str, &'static str) {
    match language {
        Language::Go => ("go", "go build -o read ."),
        Language::Java => (
            "java",
            "mvn --quiet --batch-mode dependency:copy-dependencies -DoutputDirectory=lib
             javac -d classes -cp 'lib/*' Gunzip.java Read.java",
        ),
        Language::Node => (
            "node",
            "npm ci --silent --ignore-scripts --no-audit --no-fund",
        ),
        Language::Python => (
            "python",
            "python3 -m venv venv
             venv/bin/pip install --quiet --disable-pip-version-check -r requirements.txt",
        ),
        Language::Rust => (
            "rust",
            "CARGO_TARGET_DIR=target cargo build --quiet --release --locked",
        ),
    }
}

/// Of everything that takes part in preparing.
fn digest(sources: &Path, line: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(line.as_bytes());
    for file in files::below(sources) {
        hasher.update(file.as_os_str().as_encoded_bytes());
        hasher.update(&fs::read(&file).expect("a file of the project"));
    }
    hasher.finalize().to_hex().to_string()
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    for file in files::below(from) {
        let below = file.strip_prefix(from).unwrap_or(&file);
        let target = to.join(below);
        if let Some(above) = target.parent() {
            fs::create_dir_all(above)?;
        }
        fs::copy(&file, target)?;
    }
    Ok(())
}
