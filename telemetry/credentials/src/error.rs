//! Why a file cannot be used. The message names the path and never shows the content.

use std::io;
use std::path::{Path, PathBuf};

use netsocket_settings::file_reason;
use rustls::pki_types::pem;

/// The file and what is wrong with it.
///
/// # Examples
///
/// ```
/// use std::path::Path;
///
/// use netsocket_credentials::key;
///
/// let error = key(Path::new("/no/such.key")).unwrap_err();
/// assert_eq!(error.to_string(), "/no/such.key: no such file or directory");
/// ```
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub problem: Problem,
}

/// What can be wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(String),
    /// Its PEM is damaged.
    #[error("invalid PEM: {0}")]
    Pem(String),
    /// It has no section of the expected kind.
    #[error("no {0} in it")]
    Missing(&'static str),
    /// Its content cannot be used.
    #[error("{0}")]
    Unusable(String),
}

impl Problem {
    pub(crate) fn unreadable(path: &Path, error: &io::Error) -> Self {
        Self::Unreadable(file_reason(path, error))
    }
}

impl FileError {
    pub(crate) fn new(path: &Path, problem: Problem) -> Self {
        Self {
            path: path.to_owned(),
            problem,
        }
    }

    /// The file's content cannot be used, because of `why`.
    pub fn unusable(path: &Path, why: impl ToString) -> Self {
        Self::new(path, Problem::Unusable(why.to_string()))
    }

    pub(crate) fn pem(path: &Path, error: pem::Error, wanted: &'static str) -> Self {
        let problem = match error {
            pem::Error::Io(error) => Problem::unreadable(path, &error),
            pem::Error::NoItemsFound => Problem::Missing(wanted),
            error => Problem::Pem(error.to_string()),
        };
        Self::new(path, problem)
    }
}
