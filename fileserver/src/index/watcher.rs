//! The system's reports of what changes in directories.
//!
//! Owns: the inotify descriptor. A directory is watched through its open descriptor, so the watch is on what was opened
//! below the root and on nothing that took its place. Does not own: what a report means ([`super::dirty_set`]).

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd as _, BorrowedFd, OwnedFd};

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;

/// What is reported of a directory and of the files in it. `ONLYDIR` keeps a watch off whatever else has the place.
const WATCHED: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MODIFY)
    .union(WatchFlags::CLOSE_WRITE)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::EXCL_UNLINK)
    .union(WatchFlags::ONLYDIR);

/// Bytes of reports that are read at once.
const REPORTS: usize = 64 * 1024;

/// The number of a watch.
pub(crate) type Watch = i32;

/// What the system says about a watched directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) watch: Watch,
    pub(crate) what: ReadFlags,
    /// The entry that it is about; nothing where it is about the directory.
    pub(crate) name: Option<Box<[u8]>>,
}

/// Why a directory cannot be watched, or nothing can.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unwatchable {
    /// As many directories are watched as may be.
    #[error("no more directories may be watched (max_watches, or fs.inotify.max_user_watches)")]
    Limit,
    /// What happens on another machine is not reported here.
    #[error("'{place}' is on a file system of the kind {kind}, whose changes are not reported")]
    Remote {
        /// The directory, escaped.
        place: String,
        /// What the file system is called.
        kind: &'static str,
    },
    /// The system does not let us.
    #[error("the system refuses: {0}")]
    Refused(String),
    /// The settings say so.
    #[error("it is switched off (index)")]
    Off,
}

/// Where reports come from.
pub(crate) trait Watcher: std::fmt::Debug + Send + Sync {
    /// Watches an open directory. One that is watched already keeps its number.
    fn watch(&self, directory: BorrowedFd<'_>) -> Result<Watch, Unwatchable>;

    /// Ends a watch.
    fn forget(&self, watch: Watch);

    /// Appends all reports that there are to `reports`.
    fn read(&self, reports: &mut Vec<Report>) -> io::Result<()>;

    /// Whether there are reports that nobody has read.
    fn has_reports(&self) -> bool;
}

/// inotify(7).
#[derive(Debug)]
pub(crate) struct Inotify {
    fd: OwnedFd,
}

impl Inotify {
    /// Starts without a watch.
    pub(crate) fn new() -> Result<Self, Unwatchable> {
        let fd = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)
            .map_err(|error| Unwatchable::Refused(io::Error::from(error).to_string()))?;
        Ok(Self { fd })
    }
}

impl Watcher for Inotify {
    fn watch(&self, directory: BorrowedFd<'_>) -> Result<Watch, Unwatchable> {
        // The link leads to the open directory itself, whatever its path is by now.
        let path = format!("/proc/self/fd/{}", directory.as_raw_fd());
        match inotify::add_watch(&self.fd, path, WATCHED) {
            Ok(watch) => Ok(watch),
            Err(Errno::NOSPC) => Err(Unwatchable::Limit),
            Err(error) => Err(Unwatchable::Refused(io::Error::from(error).to_string())),
        }
    }

    fn forget(&self, watch: Watch) {
        // It fails where the directory is gone, and the watch with it.
        let _ = inotify::remove_watch(&self.fd, watch);
    }

    fn read(&self, reports: &mut Vec<Report>) -> io::Result<()> {
        let mut buffer = vec![MaybeUninit::uninit(); REPORTS];
        let mut reader = Reader::new(&self.fd, &mut buffer);
        loop {
            match reader.next() {
                Ok(event) => reports.push(Report {
                    watch: event.wd(),
                    what: event.events(),
                    name: event.file_name().map(|name| name.to_bytes().into()),
                }),
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn has_reports(&self) -> bool {
        rustix::io::ioctl_fionread(&self.fd).is_ok_and(|bytes| bytes > 0)
    }
}

/// Kinds of file systems whose changes may be made elsewhere, by the magic number of statfs(2).
const REMOTE: [(u64, &str); 9] = [
    (0x6969, "nfs"),
    (0x517b, "smb"),
    (0xff53_4d42, "cifs"),
    (0xfe53_4d42, "smb2"),
    (0x6573_5546, "fuse"),
    (0x0102_1997, "9p"),
    (0x00c3_6400, "ceph"),
    (0x5346_414f, "afs"),
    (0x7461_636f, "ocfs2"),
];

/// The name of the file system of an open file, if it is of a kind whose changes may be made elsewhere.
pub(crate) fn remote_kind(file: BorrowedFd<'_>) -> Option<&'static str> {
    let magic = rustix::fs::fstatfs(file).ok()?.f_type;
    let magic = u64::try_from(magic).ok()? & 0xffff_ffff;
    REMOTE
        .iter()
        .find(|(of, _)| *of == magic)
        .map(|(_, kind)| *kind)
}
