//! What the parts of one HTTP connection share: who the client is, how far it has got, the files that its socket sends
//! next.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::service::file_service::Service;
use crate::tree::version::Version;

/// What is done once the last byte of an answer is in the socket, or can not be sent.
pub(super) type Sent = Box<dyn FnOnce(io::Result<()>) + Send>;

/// A range of a file that the socket sends by `sendfile(2)`.
pub(super) struct FileRange {
    pub(super) file: Arc<File>,
    pub(super) offset: u64,
    pub(super) left: u64,
    /// Where these are the last bytes of an answer: how the file must still be, so that none of them are of another
    /// version.
    pub(super) last_of: Option<Version>,
    /// Dropped where the connection ends before.
    pub(super) sent: Option<Sent>,
}

impl fmt::Debug for FileRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offset, left, .. } = self;
        write!(f, "FileRange({offset}, {left} left)")
    }
}

/// One connection.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) peer: SocketAddr,
    pub(super) service: Arc<Service>,
    /// Whether files are sent by `sendfile(2)`: only without TLS.
    pub(super) sends_files: bool,
    files: Mutex<VecDeque<FileRange>>,
    /// Whether there may be any: most answers have none.
    has_files: AtomicBool,
    malformed: AtomicBool,
    requests: AtomicU64,
    open: AtomicUsize,
    /// Answers that are being sent.
    sending: AtomicUsize,
    /// Those of them that wait for us, not for the client.
    late: AtomicUsize,
    activity: AtomicU64,
    stalled: AtomicBool,
}

impl Link {
    pub(super) fn new(peer: SocketAddr, service: Arc<Service>, sends_files: bool) -> Self {
        Self {
            peer,
            service,
            sends_files,
            files: Mutex::default(),
            has_files: AtomicBool::new(false),
            malformed: AtomicBool::new(false),
            requests: AtomicU64::new(0),
            open: AtomicUsize::new(0),
            sending: AtomicUsize::new(0),
            late: AtomicUsize::new(0),
            activity: AtomicU64::new(0),
            stalled: AtomicBool::new(false),
        }
    }

    /// The files that the socket sends next, in the order of the placeholders for them.
    pub(super) fn files(&self) -> MutexGuard<'_, VecDeque<FileRange>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the socket send a file after those before.
    pub(super) fn queue(&self, range: FileRange) {
        self.files().push_back(range);
        self.has_files.store(true, Ordering::Relaxed);
    }

    /// Whether the socket has files to send: the task that queues them is the one that sends.
    pub(super) fn has_files(&self) -> bool {
        self.has_files.load(Ordering::Relaxed) && {
            let has_files = !self.files().is_empty();
            self.has_files.store(has_files, Ordering::Relaxed);
            has_files
        }
    }

    /// Notes that the client sent a head that two parsers may read differently.
    pub(super) fn set_malformed(&self) {
        self.malformed.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_malformed(&self) -> bool {
        self.malformed.load(Ordering::Relaxed)
    }

    /// Notes that the client read nothing for too long.
    pub(super) fn set_stalled(&self) {
        self.stalled.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_stalled(&self) -> bool {
        self.stalled.load(Ordering::Relaxed)
    }

    /// Counts a request that begins; returns how many there were with it.
    pub(super) fn begin(&self) -> u64 {
        self.open.fetch_add(1, Ordering::Relaxed);
        self.touch();
        self.requests.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Notes that an answer begins to be sent.
    pub(super) fn begin_sending(&self) {
        self.sending.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a request that has ended, and its answer, if that was being sent.
    pub(super) fn end(&self, was_sending: bool) {
        if was_sending {
            self.sending.fetch_sub(1, Ordering::Relaxed);
        }
        self.open.fetch_sub(1, Ordering::Relaxed);
        self.touch();
    }

    /// Notes that an answer waits for us, or does so no longer.
    pub(super) fn set_late(&self, is_late: bool) {
        match is_late {
            true => self.late.fetch_add(1, Ordering::Relaxed),
            false => self.late.fetch_sub(1, Ordering::Relaxed),
        };
        self.touch();
    }

    /// Notes that the client made progress.
    pub(super) fn touch(&self) {
        self.activity.fetch_add(1, Ordering::Relaxed);
    }

    /// How far the client is.
    pub(super) fn progress(&self) -> Progress {
        let sending = self.sending.load(Ordering::Relaxed);
        Progress {
            activity: self.activity.load(Ordering::Relaxed),
            requests: self.requests.load(Ordering::Relaxed),
            is_idle: self.open.load(Ordering::Relaxed) == 0,
            waits_for_client: sending > self.late.load(Ordering::Relaxed),
        }
    }
}

/// How far a client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Progress {
    /// Changes whenever the client does something.
    pub(super) activity: u64,
    /// Requests since the connection opened.
    pub(super) requests: u64,
    /// Whether no request is open.
    pub(super) is_idle: bool,
    /// Whether an answer waits for the client to read it.
    pub(super) waits_for_client: bool,
}
