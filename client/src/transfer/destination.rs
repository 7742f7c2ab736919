//! Where what was asked for is to arrive, and what may happen on the way.

use std::path::PathBuf;

use crate::output::console::Stdout;

/// The place of an archive or of a plain file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// The file that is to appear, or to be replaced, once all of it is there and verified. Something that cannot be
    /// replaced, such as a FIFO or a device, is written to as the bytes come.
    File(PathBuf),
    /// Standard output: it gets the bytes and nothing else.
    Stdout,
    /// The directory that an archive is unpacked into while it comes; made where it is missing.
    Extract(PathBuf),
}

impl Destination {
    /// Who has standard output while something comes there.
    #[must_use]
    pub fn stdout(&self) -> Stdout {
        match self {
            Self::Stdout => Stdout::Data,
            Self::File(_) | Self::Extract(_) => Stdout::Free,
        }
    }
}

/// A destination and its conditions.
///
/// # Examples
///
/// ```
/// use netsocket_client::output::console::Stdout;
/// use netsocket_client::transfer::destination::{OutputOptions, Destination};
///
/// let options = OutputOptions::to(Destination::File("report.pdf".into()));
/// assert!(options.resume && !options.force);
/// assert_eq!(options.destination.stdout(), Stdout::Free);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputOptions {
    /// The place.
    pub destination: Destination,
    /// Whether what an earlier run has left of the same file is gone on with; else it is thrown away.
    pub resume: bool,
    /// Whether files that are there already are overwritten where an archive is unpacked. A `File` is replaced in
    /// either case.
    pub force: bool,
    /// Whether the directory of a `File` is made where it is missing.
    pub make_directory: bool,
}

impl OutputOptions {
    /// A options to `destination` that goes on with what is there, overwrites nothing and makes no directory.
    #[must_use]
    pub fn to(destination: Destination) -> Self {
        Self {
            destination,
            resume: true,
            force: false,
            make_directory: false,
        }
    }
}
