//! The Landlock sandbox: before it serves, the process gives up all files except those below the root (to read), the
//! spool directory (to write), the directories of certificates and tokens (to reload them), and those that system
//! libraries read.
//!
//! Opening below the root is safe without it ([`crate::tree::root`]); the sandbox limits the damage of a bug there. It
//! applies to the calling thread and to threads started afterwards, so it is set up before the runtime. It needs no
//! privileges.

use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use landlock::{
    ABI, Access as _, AccessFs, BitFlags, CompatLevel, Compatible as _, PathBeneath, PathFd,
    Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, RulesetStatus,
    path_beneath_rules,
};

/// The newest Landlock version we know; an older kernel enforces what it supports.
const RIGHTS: ABI = ABI::V5;

/// Time zones, and what telemetry samples.
const ALWAYS: [&str; 4] = ["/etc/localtime", "/usr/share/zoneinfo", "/proc", "/sys"];

/// What resolving a host name and verifying its certificate read.
const FOR_NAMES: [&str; 6] = [
    "/etc",
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/run/systemd/resolve",
];

/// Whether to set up the sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SandboxMode {
    /// As far as the kernel supports it.
    #[default]
    Auto,
    /// In full, or refuse to start.
    Required,
    /// Not at all.
    Off,
}

impl FromStr for SandboxMode {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "auto" => Ok(Self::Auto),
            "required" => Ok(Self::Required),
            "off" => Ok(Self::Off),
            _ => Err(()),
        }
    }
}

/// Why a required sandbox cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The kernel lacks Landlock, or has it disabled, or supports an older version.
    #[error("confinement is required, but this kernel supports Landlock {0}")]
    NotEnforced(&'static str),
    /// The kernel refused.
    #[error("cannot set up confinement: {0}")]
    Refused(RulesetError),
}

impl From<RulesetError> for SandboxError {
    /// Not as its source: the sentence has it already.
    fn from(error: RulesetError) -> Self {
        Self::Refused(error)
    }
}

/// What the process needs besides the root.
#[derive(Debug)]
pub(crate) struct Places<'a> {
    /// To write.
    pub(crate) spool_dir: &'a Path,
    /// To read files in.
    pub(crate) credentials: &'a [PathBuf],
    /// Whether host names are resolved.
    pub(crate) asks_for_names: bool,
}

/// Sandboxes this thread and those it starts later, and logs how far.
///
/// # Errors
/// [`SandboxError`] if the sandbox is required and cannot be set up in full.
pub(crate) fn apply(
    wanted: SandboxMode,
    root: impl AsFd,
    places: &Places<'_>,
) -> Result<(), SandboxError> {
    if wanted == SandboxMode::Off {
        tracing::info!("not confined: disabled in the configuration");
        return Ok(());
    }
    let level = match restrict(root, places) {
        Ok(level) => level,
        Err(error) if wanted == SandboxMode::Auto => {
            tracing::warn!(%error, "not confined");
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    match (&level, wanted) {
        (RulesetStatus::FullyEnforced, _) => {
            tracing::info!(
                level = "full",
                "confined to the root and the spool directory"
            );
        }
        (_, SandboxMode::Required) => {
            let level = if level == RulesetStatus::NotEnforced {
                "not at all"
            } else {
                "only partly"
            };
            return Err(SandboxError::NotEnforced(level));
        }
        (RulesetStatus::PartiallyEnforced, _) => {
            tracing::info!(
                level = "part",
                "confined to the root and the spool directory"
            );
        }
        (RulesetStatus::NotEnforced, _) => {
            tracing::warn!(
                level = "none",
                "not confined: this kernel has no Landlock, or it is disabled"
            );
        }
    }
    Ok(())
}

fn restrict(root: impl AsFd, places: &Places<'_>) -> Result<RulesetStatus, RulesetError> {
    let Places {
        spool_dir,
        credentials,
        asks_for_names,
    } = places;
    let read: BitFlags<AccessFs> = AccessFs::ReadFile | AccessFs::ReadDir;
    let spool =
        read | AccessFs::WriteFile | AccessFs::Truncate | AccessFs::MakeReg | AccessFs::RemoveFile;
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(RIGHTS))?
        .create()?
        .add_rule(PathBeneath::new(root, read))?
        .add_rules(path_beneath_rules(ALWAYS, read))?
        .add_rules(path_beneath_rules(*credentials, AccessFs::ReadFile))?
        // A backtrace reads function names from the program's own file.
        .add_rules(path_beneath_rules(std::env::current_exe(), read))?;
    if *asks_for_names {
        rules = rules.add_rules(path_beneath_rules(FOR_NAMES, read))?;
    }
    // If the directory is missing, each request that needs the spool reports it.
    if let Ok(directory) = PathFd::new(spool_dir) {
        rules = rules.add_rule(PathBeneath::new(directory, spool))?;
    }
    Ok(rules.restrict_self()?.ruleset)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::archive::spool::Spool;
    use crate::tree::root::Root;

    /// What a sandboxed thread can still do. On a thread of its own, because the sandbox is permanent.
    #[test]
    fn a_confined_thread_reads_the_root_writes_the_spool_and_nothing_else() {
        let place = tempfile::tempdir().unwrap();
        let (inside, spool) = (place.path().join("root"), place.path().join("spool"));
        fs::create_dir(&inside).unwrap();
        fs::create_dir(&spool).unwrap();
        fs::write(inside.join("file"), "inside").unwrap();
        fs::write(place.path().join("secret"), "outside").unwrap();
        let keys = place.path().join("keys");
        fs::create_dir(&keys).unwrap();
        fs::write(keys.join("key"), "key").unwrap();
        let root = Root::open(&inside).unwrap();
        let confined = std::thread::spawn(move || {
            let places = Places {
                spool_dir: &spool,
                credentials: std::slice::from_ref(&keys),
                asks_for_names: false,
            };
            let status = restrict(&root, &places).unwrap();
            if status == RulesetStatus::NotEnforced {
                eprintln!("no Landlock here: nothing is tested");
                return;
            }
            assert!(root.file(b"file").is_ok());
            assert_eq!(fs::read(inside.join("file")).unwrap(), b"inside");
            assert!(root.directory(b"").is_ok());
            let _: chrono::DateTime<chrono::Local> = chrono::Local::now();
            drop(Spool::create(&spool, 10, 0).unwrap());
            assert_eq!(fs::read(keys.join("key")).unwrap(), b"key");
            fs::write(spool.join("named"), "x").unwrap();
            fs::remove_file(spool.join("named")).unwrap();
            for result in [
                fs::read(inside.parent().unwrap().join("secret")).map(drop),
                fs::read("/etc/passwd").map(drop),
                fs::read_dir(&keys).map(drop),
                fs::write(keys.join("key"), "x"),
                fs::read_dir("/").map(drop),
                fs::write(inside.join("file"), "x"),
                fs::write(inside.join("new"), "x"),
                fs::remove_file(inside.join("file")),
                fs::create_dir(inside.join("directory")),
            ] {
                assert_eq!(
                    result.unwrap_err().kind(),
                    std::io::ErrorKind::PermissionDenied
                );
            }
        });
        confined.join().unwrap();
    }

    #[test]
    fn three_words_say_how_much() {
        assert_eq!("auto".parse(), Ok(SandboxMode::Auto));
        assert_eq!("required".parse(), Ok(SandboxMode::Required));
        assert_eq!("off".parse(), Ok(SandboxMode::Off));
        assert_eq!("yes".parse::<SandboxMode>(), Err(()));
    }
}
