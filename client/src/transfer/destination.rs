//! Where a download is saved, and the options for saving it.

use std::os::fd::RawFd;
use std::path::PathBuf;

use crate::output::console::Stdout;
use crate::transfer::descriptor;

/// Where a download is saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// A file, created or replaced once the download is complete and verified. Something that cannot be
    /// replaced, such as a FIFO or a device, is written as data arrives.
    File(PathBuf),
    /// Standard output, which then carries nothing else.
    Stdout,
    /// Another descriptor that the program was started with, as in `-o /dev/fd/3`.
    Descriptor {
        /// Its number.
        number: RawFd,
        /// The path as given.
        path: PathBuf,
    },
    /// A directory into which an archive is unpacked while it arrives; created if missing.
    Extract(PathBuf),
}

impl Destination {
    /// What standard output is used for meanwhile.
    #[must_use]
    pub fn stdout(&self) -> Stdout {
        match self {
            Self::Stdout => Stdout::Data,
            // As after `3>&1`.
            Self::Descriptor { number, .. } if descriptor::is_stdout(*number) => Stdout::Data,
            Self::Descriptor { .. } | Self::File(_) | Self::Extract(_) => Stdout::Free,
        }
    }
}

/// A destination and options for it.
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
    /// The destination.
    pub destination: Destination,
    /// Whether to resume a partial download; otherwise it is discarded.
    pub resume: bool,
    /// Whether unpacking overwrites existing files. A `File` is always
    /// replaced.
    pub force: bool,
    /// Whether unpacked files get the permissions in the archive, whatever the umask is.
    pub preserve_permissions: bool,
    /// How many bytes at the beginning of each path in the archive unpacking leaves out: those of a directory and its slash.
    pub strip: usize,
    /// Whether to create the directory of a `File` if it is missing.
    pub make_directory: bool,
}

impl OutputOptions {
    /// Saves to `destination`, resumes, overwrites no unpacked file, honours the umask, and creates no directory.
    #[must_use]
    pub fn to(destination: Destination) -> Self {
        Self {
            destination,
            resume: true,
            force: false,
            preserve_permissions: false,
            strip: 0,
            make_directory: false,
        }
    }
}
