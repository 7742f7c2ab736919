//! Whether the directories of the settings are there. They are looked at where the settings are checked, so that
//! `--check-config` finds what would stop a start.

use std::io;
use std::path::Path;

use netsocket_settings::{Check, file_reason};

use super::settings::Config;

/// Judges the directory to share and the one for spooling; every problem goes to `check`.
pub(super) fn directories(check: &mut Check, config: &Config) {
    let is_directory = |path: &Path| match path.metadata()?.is_dir() {
        true => Ok(()),
        false => Err(io::Error::from_raw_os_error(
            rustix::io::Errno::NOTDIR.raw_os_error(),
        )),
    };
    let can_be_listed = |path: &Path| path.read_dir().map(drop);
    // It must only be there: nothing in it is read. A container may lack the default one, and never need it.
    let is_chosen = config.old_wire && config.spool_dir != std::env::temp_dir();
    let spools = is_chosen.then(|| is_directory(&config.spool_dir));
    let found = [
        ("root", &config.root, Some(can_be_listed(&config.root))),
        ("spool_dir", &config.spool_dir, spools),
    ];
    for (key, path, found) in found {
        if let Some(Err(error)) = found
            && !path.as_os_str().is_empty()
        {
            check.problem(key, path.display(), file_reason(path, &error));
        }
    }
}
