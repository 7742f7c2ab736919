//! The four programs under test, and where they are.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::scratch::Scratch;
use crate::tool;

/// The environment variable that names the directory of the programs.
pub const BIN_DIR: &str = "NETSOCKET_BIN_DIR";

/// A program under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// The balancer.
    Balancer,
    /// A file server.
    Fileserver,
    /// The client.
    Client,
    /// From Kafka to InfluxDB.
    Collector,
}

impl Program {
    /// All four.
    pub const ALL: [Self; 4] = [
        Self::Balancer,
        Self::Fileserver,
        Self::Client,
        Self::Collector,
    ];

    /// The name of its file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Balancer => "netsocket-balancer",
            Self::Fileserver => "netsocket-fileserver",
            Self::Client => "netsocket",
            Self::Collector => "netsocket-collector",
        }
    }

    /// Its file: in the directory of [`BIN_DIR`], else where cargo put it, beside the directory of this test.
    ///
    /// # Panics
    /// Where it is missing; the sentence says what builds it.
    #[must_use]
    pub fn path(self) -> PathBuf {
        let dir = std::env::var_os(BIN_DIR).map_or_else(beside_this_test, PathBuf::from);
        let path = dir.join(self.name());
        assert!(
            path.is_file(),
            "{} is missing: build it with `cargo build --workspace --bins`, or name its directory in {BIN_DIR}",
            path.display()
        );
        path
    }

    /// A file of it that the file servers' user may run, which is not so for one in a private home directory.
    ///
    /// # Panics
    /// Where it cannot be copied.
    #[must_use]
    pub fn path_for_everybody(self) -> PathBuf {
        if !tool::is_root() {
            return self.path();
        }
        let mut stage = STAGE
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let dir = stage.get_or_insert_with(|| Scratch::new("bin"));
        let copy = dir.path().join(self.name());
        if !copy.exists() {
            fs::copy(self.path(), &copy).expect("a copy of a program");
        }
        copy
    }
}

/// Copies for a user without rights, made at most once a run.
static STAGE: Mutex<Option<Scratch>> = Mutex::new(None);

/// Removes the copies. A static is never dropped, so the end of the run says when.
pub fn remove_copies() {
    STAGE
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
        .take();
}

/// `target/debug` for a test in `target/debug/deps`.
fn beside_this_test() -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let dir = test.parent().and_then(Path::parent);
    dir.expect("two directories above this test").to_path_buf()
}
