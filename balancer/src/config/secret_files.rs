//! The files with the secrets of the admin HTTP. They are read at each start and reload; `--check-config` sees whether they can
//! be.

use std::fs;
use std::path::{Path, PathBuf};

use netsocket_settings::{Check, Scalar, reason};

use crate::core::secret::Secret;

/// The key of the file for changes.
pub(crate) const CHANGE: &str = "admin_token_file";
/// The key of the file for reading.
pub(crate) const READ: &str = "admin_read_token_file";

/// Judges the key of the file for changes.
pub(super) fn change(check: &mut Check, entry: Option<&Scalar>) -> Option<PathBuf> {
    file(check, CHANGE, entry, |path| token(path).map(drop))
}

/// Judges the key of the file for reading.
pub(super) fn read(check: &mut Check, entry: Option<&Scalar>) -> Option<PathBuf> {
    file(check, READ, entry, |path| read_secret(path).map(drop))
}

fn file(
    check: &mut Check,
    key: &str,
    entry: Option<&Scalar>,
    open: impl Fn(&Path) -> Result<(), String>,
) -> Option<PathBuf> {
    let given = entry?.as_str();
    let path = PathBuf::from(given);
    if check.looks_at_files()
        && let Err(problem) = open(&path)
    {
        check.problem(key, given, problem);
    }
    Some(path)
}

/// The secret for reading.
///
/// # Errors
/// What is wrong with the file.
pub(crate) fn read_secret(path: &Path) -> Result<Secret, String> {
    let line = token(path)?;
    Secret::read(&line).ok_or_else(|| "not a hash as hash-secret makes it".to_owned())
}

/// The first line of the file, which holds nothing else.
///
/// # Errors
/// What is wrong with the file.
pub(crate) fn token(path: &Path) -> Result<String, String> {
    let text = fs::read_to_string(path).map_err(|error| reason(&error))?;
    match text.lines().next().map(str::trim) {
        Some(token) if !token.is_empty() => Ok(token.to_owned()),
        _ => Err("contains no token".to_owned()),
    }
}
