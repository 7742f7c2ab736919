//! The files with the secrets of the admin HTTP. They are read once at each start, as the settings are judged, and at each
//! reload; `--check-config` sees whether they can be.

use std::fmt;
use std::fs;
use std::path::Path;

use netsocket_settings::{Check, Scalar, file_reason, short_token};

use crate::core::secret::Secret;

/// The key of the file for changes.
pub(crate) const CHANGE: &str = "admin_token_file";
/// The key of the file for reading.
pub(crate) const READ: &str = "admin_read_token_file";

/// What the files of secrets hold.
#[derive(Clone, Default)]
pub struct Secrets {
    /// The token for changes.
    pub(crate) change: Option<String>,
    /// The secret for reading.
    pub(crate) read: Option<Secret>,
}

impl fmt::Debug for Secrets {
    /// Nothing of them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets")
    }
}

/// Reads the files that the entries of both keys name, if files are looked at.
pub(super) fn read(
    check: &mut Check,
    change: Option<&Scalar>,
    read: Option<&Scalar>,
) -> Option<Secrets> {
    check.looks_at_files().then(|| Secrets {
        change: kept(check, CHANGE, change, token, |it| short_token(it)),
        read: kept(check, READ, read, read_secret, |it| match it {
            Secret::Plain(text) => short_token(text),
            Secret::Hashed { .. } => None,
        }),
    })
}

fn kept<T>(
    check: &mut Check,
    key: &str,
    entry: Option<&Scalar>,
    open: impl FnOnce(&Path) -> Result<T, String>,
    doubt: impl FnOnce(&T) -> Option<String>,
) -> Option<T> {
    let given = entry?.as_str();
    match open(Path::new(given)) {
        Ok(secret) => {
            if let Some(said) = doubt(&secret) {
                check.doubt(key, given, said);
            }
            Some(secret)
        }
        Err(problem) => {
            check.problem(key, given, problem);
            None
        }
    }
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
    let text = fs::read_to_string(path).map_err(|error| file_reason(path, &error))?;
    match text.lines().next().map(str::trim) {
        Some(token) if !token.is_empty() => Ok(token.to_owned()),
        _ => Err("contains no token".to_owned()),
    }
}
