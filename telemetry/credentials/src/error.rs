//! Why a file is of no use. The message has the path, never the content.

use std::io;
use std::path::{Path, PathBuf};

use netsocket_settings::reason;
use rustls::pki_types::pem;

/// A file, and what is wrong with it.
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
    #[error("{}", reason(.0))]
    Unreadable(io::Error),
    /// Its PEM is damaged.
    #[error("no right PEM: {0}")]
    Pem(String),
    /// It has no section of the kind that belongs there.
    #[error("no {0} in it")]
    Missing(&'static str),
    /// What is in it cannot be used.
    #[error("{0}")]
    Unusable(String),
}

impl FileError {
    pub(crate) fn new(path: &Path, problem: Problem) -> Self {
        Self {
            path: path.to_owned(),
            problem,
        }
    }

    /// What is in the file cannot be used, because of `why`.
    pub fn unusable(path: &Path, why: impl ToString) -> Self {
        Self::new(path, Problem::Unusable(why.to_string()))
    }

    pub(crate) fn pem(path: &Path, error: pem::Error, wanted: &'static str) -> Self {
        let problem = match error {
            pem::Error::Io(error) => Problem::Unreadable(error),
            pem::Error::NoItemsFound => Problem::Missing(wanted),
            error => Problem::Pem(error.to_string()),
        };
        Self::new(path, problem)
    }
}
