//! Where a download is saved, the options for saving it, and what the file keeps of the one on the server.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::RawFd;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use chrono::DateTime;
use netsocket_protocol::message::FileEntry;
use rustix::fs::{Timespec, Timestamps, UTIME_OMIT, futimens};

use crate::output::console::Stdout;
use crate::transfer::descriptor;

/// Where a download is saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// A file, created or replaced once the download is complete and verified. Something that cannot be
    /// replaced, such as a FIFO or a device, is written as data arrives.
    File(PathBuf),
    /// A file that is there and stays: what arrives is compared with it, and must be the same.
    Existing(PathBuf),
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
            Self::Descriptor { .. } | Self::File(_) | Self::Existing(_) | Self::Extract(_) => {
                Stdout::Free
            }
        }
    }
}

/// What a saved file keeps of the one on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attributes {
    /// When it was modified.
    modified: Timespec,
    /// Its permissions, never set-user-ID.
    permissions: u32,
}

impl Attributes {
    /// Those of a file on the server: its permissions as far as the umask allows, or `exactly` them. `None` if the server
    /// tells no time.
    #[must_use]
    pub fn of(entry: &FileEntry, exactly: bool) -> Option<Self> {
        let modified = DateTime::parse_from_rfc3339(&entry.modified).ok()?;
        let permissions = entry.mode & 0o777;
        Some(Self {
            modified: Timespec {
                tv_sec: modified.timestamp(),
                tv_nsec: modified.timestamp_subsec_nanos().into(),
            },
            permissions: match exactly {
                true => permissions,
                false => permissions & !umask(),
            },
        })
    }

    /// Gives them to a file.
    pub(crate) fn apply(&self, file: &File) -> io::Result<()> {
        file.set_permissions(Permissions::from_mode(self.permissions))?;
        let times = Timestamps {
            last_access: Timespec {
                tv_sec: 0,
                tv_nsec: UTIME_OMIT,
            },
            last_modification: self.modified,
        };
        Ok(futimens(file, &times)?)
    }
}

/// The umask of this process, which cannot be asked for without setting it.
fn umask() -> u32 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mut lines = status.lines();
    let line = lines.find_map(|line| line.strip_prefix("Umask:"));
    let mask = line.and_then(|mask| u32::from_str_radix(mask.trim(), 8).ok());
    mask.unwrap_or(0o022)
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
    /// What a `File` keeps of the one on the server.
    pub attributes: Option<Attributes>,
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
            attributes: None,
        }
    }
}
