//! inotify: events about changes in directories.
//!
//! Owns: the inotify descriptor. A directory is watched through its open descriptor, so the watch is on the directory
//! that was opened below the root, not on whatever replaced it. Does not own: the meaning of an event
//! ([`super::dirty_set`]).

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd as _, BorrowedFd, OwnedFd};

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;

/// Events to receive for a directory and its files. `ONLYDIR` refuses anything but a directory.
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

/// Buffer size for reading events, in bytes.
const EVENT_BYTES: usize = 64 * 1024;

/// A watch descriptor.
pub(crate) type Watch = i32;

/// An event of a watched directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) watch: Watch,
    pub(crate) what: ReadFlags,
    /// The entry it is about; nothing if it is about the directory itself.
    pub(crate) name: Option<Box<[u8]>>,
}

/// Why a directory, or the tree, cannot be watched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WatchError {
    /// The limit on watches is reached.
    #[error(
        "the limit on watched directories is reached (max_watches, or fs.inotify.max_user_watches)"
    )]
    Limit,
    /// A network file system does not report changes made by other machines.
    #[error("'{place}' is on a file system of type {kind}, which does not report changes")]
    Remote {
        /// The directory, escaped.
        place: String,
        /// The type of the file system.
        kind: &'static str,
    },
    /// The system refused.
    #[error("the system refused to watch: {0}")]
    Refused(String),
    /// The index is disabled in the settings.
    #[error("disabled in the configuration (index)")]
    Off,
}

/// A source of events.
pub(crate) trait Watcher: std::fmt::Debug + Send + Sync {
    /// Watches an open directory. If it is already watched, returns the same descriptor.
    fn watch(&self, directory: BorrowedFd<'_>) -> Result<Watch, WatchError>;

    /// Ends a watch.
    fn unwatch(&self, watch: Watch);

    /// Appends all pending events to `events`.
    fn read(&self, events: &mut Vec<Event>) -> io::Result<()>;

    /// Whether there are unread events.
    fn has_events(&self) -> bool;
}

/// inotify(7).
#[derive(Debug)]
pub(crate) struct Inotify {
    fd: OwnedFd,
}

impl Inotify {
    /// Starts without a watch.
    pub(crate) fn new() -> Result<Self, WatchError> {
        let fd = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)
            .map_err(|error| WatchError::Refused(io::Error::from(error).to_string()))?;
        Ok(Self { fd })
    }
}

impl Watcher for Inotify {
    fn watch(&self, directory: BorrowedFd<'_>) -> Result<Watch, WatchError> {
        // This link leads to the open directory itself, whatever its current path is.
        let path = format!("/proc/self/fd/{}", directory.as_raw_fd());
        match inotify::add_watch(&self.fd, path, WATCHED) {
            Ok(watch) => Ok(watch),
            Err(Errno::NOSPC) => Err(WatchError::Limit),
            Err(error) => Err(WatchError::Refused(io::Error::from(error).to_string())),
        }
    }

    fn unwatch(&self, watch: Watch) {
        // It fails if the directory is gone, and the watch with it.
        let _ = inotify::remove_watch(&self.fd, watch);
    }

    fn read(&self, events: &mut Vec<Event>) -> io::Result<()> {
        let mut buffer = vec![MaybeUninit::uninit(); EVENT_BYTES];
        let mut reader = Reader::new(&self.fd, &mut buffer);
        loop {
            match reader.next() {
                Ok(event) => events.push(Event {
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

    fn has_events(&self) -> bool {
        rustix::io::ioctl_fionread(&self.fd).is_ok_and(|bytes| bytes > 0)
    }
}

/// File systems that other machines may change, by their magic number in statfs(2).
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

/// The type of an open file's file system, if other machines may change it.
pub(crate) fn remote_kind(file: BorrowedFd<'_>) -> Option<&'static str> {
    let magic = rustix::fs::fstatfs(file).ok()?.f_type;
    let magic = u64::try_from(magic).ok()? & 0xffff_ffff;
    REMOTE
        .iter()
        .find(|(of, _)| *of == magic)
        .map(|(_, kind)| *kind)
}
