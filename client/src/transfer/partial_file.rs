//! A file that is not whole yet: `.NAME.netsocket-part` beside its target, with a state file (see `journal`)
//! that lets a later run of the program go on with it.
//!
//! Owns: both files, from their creation to the rename that makes the part the target; that no two programs write the
//! same part; that nothing is gone on with whose bytes are not those that were verified. All functions block the thread.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use netsocket_protocol::message::Request;
use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use rustix::io::Errno;

use crate::transfer::journal::{BlockRecord, Head, Journal, MAX_BYTES, VERSION};
use crate::transfer::state::{Position, Source};
use crate::transfer::target::directory_of;
use crate::transfer::verify::VerifiedBlock;

/// Permissions of a new file, before the umask takes its share.
const NEW_FILE_MODE: u32 = 0o666;
/// Permissions of a state file: it names what was asked for.
const STATE_MODE: u32 = 0o600;
/// The longest name that a Linux file system takes, in bytes.
const NAME_MAX: usize = 255;
const PART_END: &str = ".netsocket-part";
const STATE_END: &str = ".netsocket-state";
/// What is read at once while a part is verified.
const READ: usize = 1 << 20;

/// What was kept of a target and is not whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The file that was to appear.
    pub target: PathBuf,
    /// Its bytes that are there.
    pub bytes: u64,
}

/// What was kept of a target, if anything was.
///
/// # Examples
///
/// ```
/// use netsocket_client::transfer::partial_file::kept;
///
/// let dir = tempfile::tempdir()?;
/// let target = dir.path().join("report.pdf");
/// assert_eq!(kept(&target), None);
/// // As a download leaves it that was cut off.
/// std::fs::write(dir.path().join(".report.pdf.netsocket-part"), "half of it")?;
/// assert_eq!(kept(&target).expect("a part").bytes, 10);
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use]
pub fn kept(target: &Path) -> Option<Kept> {
    let [part, _] = beside(target)?;
    let bytes = fs::symlink_metadata(part).ok()?.len();
    Some(Kept {
        target: target.to_owned(),
        bytes,
    })
}

/// What is there of a target when a transfer begins.
#[derive(Debug)]
pub enum Existing {
    /// Nothing.
    Nothing,
    /// A part of something else, so many bytes of it.
    Other(u64),
    /// A part whose bytes, so many, are not those that were verified.
    Damaged(u64),
    /// A part of the same.
    Resumable(Box<ResumePoint>),
}

/// A part that can be gone on with.
#[derive(Debug)]
pub struct ResumePoint {
    /// The part, up to the place.
    pub part: PartialFile,
    /// What it is of.
    pub source: Source,
    /// How much of that is there.
    pub position: Position,
    /// Over all of the part.
    pub hasher: blake3::Hasher,
}

/// A part that is being written.
#[derive(Debug)]
pub struct PartialFile {
    // Shared with a write that is still running when the command is dropped.
    file: Arc<File>,
    state: Arc<File>,
    part_path: PathBuf,
    state_path: PathBuf,
    target: PathBuf,
    bytes: u64,
    state_length: u64,
    /// Bytes and length of the state file where the present answer began.
    answer_began: (u64, u64),
    is_done: bool,
}

impl PartialFile {
    /// Looks for a part of `target` that answers `question`, and verifies it.
    ///
    /// # Errors
    /// What the system says; also where another program writes the same part.
    pub fn find(target: &Path, request: &Request) -> io::Result<Existing> {
        let Some([part_path, state_path]) = beside(target) else {
            return Ok(Existing::Nothing);
        };
        let Some(file) = open_exclusive(&part_path)? else {
            return Ok(Existing::Nothing);
        };
        let length = file.metadata()?.len();
        let Some((state, journal)) = read_state(&state_path)? else {
            return Ok(Existing::Damaged(length));
        };
        if journal.head.request != *request {
            return Ok(Existing::Other(length));
        }
        let Some((position, state_length, hasher)) = verify(&file, length, &journal)? else {
            return Ok(Existing::Damaged(length));
        };
        file.set_len(position.bytes)?;
        state.set_len(state_length)?;
        let part = Self {
            file: Arc::new(file),
            state: Arc::new(state),
            part_path,
            state_path,
            target: target.to_owned(),
            bytes: position.bytes,
            state_length,
            answer_began: (position.bytes, state_length),
            is_done: false,
        };
        let source = journal.head.source;
        Ok(Existing::Resumable(Box::new(ResumePoint {
            part,
            source,
            position,
            hasher,
        })))
    }

    /// A new part of `target`, empty; an older one is thrown away.
    ///
    /// # Errors
    /// What the system says; also where another program writes the same part.
    pub fn create(target: &Path, request: &Request, source: &Source) -> io::Result<Self> {
        let invalid = || io::Error::from(io::ErrorKind::InvalidFilename);
        let [part_path, state_path] = beside(target).ok_or_else(invalid)?;
        // Held until the old part is gone, so that nobody's is taken away while it is written.
        let old = open_exclusive(&part_path)?;
        remove(&part_path)?;
        remove(&state_path)?;
        drop(old);
        let new = |path: &Path, mode: u32| {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create_new(true).mode(mode);
            options.open(path)
        };
        let file = new(&part_path, NEW_FILE_MODE).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => taken(),
            _ => error,
        })?;
        let state = new(&state_path, STATE_MODE).inspect_err(|_| drop(remove(&part_path)))?;
        // From here on a failure takes both files away.
        let mut part = Self {
            state: Arc::new(state),
            file: Arc::new(file),
            part_path,
            state_path,
            target: target.to_owned(),
            bytes: 0,
            state_length: 0,
            answer_began: (0, 0),
            is_done: false,
        };
        flock(&part.file, FlockOperation::NonBlockingLockExclusive).map_err(|_| taken())?;
        // Who replaces a private file does not publish it.
        if let Ok(there) = fs::metadata(target) {
            part.file
                .set_permissions(Permissions::from_mode(there.mode() & 0o777))?;
        }
        let head = Head {
            version: VERSION,
            request: request.clone(),
            source: source.clone(),
        };
        let line = head.line();
        part.state.write_all_at(&line, 0)?;
        part.state_length = line.len() as u64;
        part.answer_began = (0, part.state_length);
        Ok(part)
    }

    /// What writes the next block, on whatever thread; it counts once [`Self::wrote`] has been told.
    pub fn writing(
        &self,
        block: VerifiedBlock,
    ) -> impl FnOnce() -> io::Result<u64> + Send + 'static {
        let (file, state) = (Arc::clone(&self.file), Arc::clone(&self.state));
        let (bytes, state_length) = (self.bytes, self.state_length);
        move || {
            file.write_all_at(&block.bytes, bytes)?;
            let record = BlockRecord {
                end: bytes + block.bytes.len() as u64,
                checksum: block.checksum,
            };
            let line = record.line();
            state.write_all_at(&line, state_length)?;
            Ok(line.len() as u64)
        }
    }

    /// A block of so many bytes was written, with a line of that length.
    pub fn wrote(&mut self, bytes: u64, line: u64) {
        self.bytes += bytes;
        self.state_length += line;
    }

    /// An answer begins here.
    pub fn answer_begins(&mut self) {
        self.answer_began = (self.bytes, self.state_length);
    }

    /// Goes back to where the present answer began.
    ///
    /// # Errors
    /// What the system says.
    pub fn rewind(&mut self) -> io::Result<()> {
        (self.bytes, self.state_length) = self.answer_began;
        // In this order: records without bytes would be found wrong.
        self.state.set_len(self.state_length)?;
        self.file.set_len(self.bytes)
    }

    /// Makes the part the target, on whatever thread: its bytes are on the disk first, so that a machine that fails has
    /// the old file or the new one.
    ///
    /// # Errors
    /// What the system says; the part stays then, and is whole.
    pub fn commit(mut self) -> io::Result<()> {
        self.file.sync_data()?;
        fs::rename(&self.part_path, &self.target)?;
        self.is_done = true;
        remove(&self.state_path)
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        if !self.is_done && self.bytes == 0 {
            // Nothing of it is worth anything. There is nobody to tell that it cannot be removed.
            let _ = remove(&self.part_path);
            let _ = remove(&self.state_path);
        }
    }
}

/// The paths of part and state file. None for a path without a name.
fn beside(target: &Path) -> Option<[PathBuf; 2]> {
    let name = target.file_name()?.as_bytes();
    let directory = directory_of(target);
    Some([PART_END, STATE_END].map(|end| directory.join(hidden(name, end))))
}

/// `.NAME` and an end; a name that would become too long is cut, and its digest stands for the rest.
fn hidden(name: &[u8], end: &str) -> OsString {
    let room = NAME_MAX - 1 - end.len();
    let stem = if name.len() <= room {
        name.to_vec()
    } else {
        let digest = blake3::hash(name).to_hex();
        let digest = digest.as_bytes().get(..16).unwrap_or_default();
        [name.get(..room - 17).unwrap_or_default(), b"~", digest].concat()
    };
    let hidden = [&b"."[..], &stem, end.as_bytes()].concat();
    OsString::from_vec(hidden)
}

/// Opens a part that nobody else writes. None where there is none.
fn open_exclusive(path: &Path) -> io::Result<Option<File>> {
    // Neither a link nor a FIFO that someone has put there.
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::NOENT) => return Ok(None),
        Err(error) => return Err(in_the_way(path, error.into())),
    };
    let opened = file.metadata()?;
    if !opened.is_file() || opened.nlink() > 1 {
        return Err(in_the_way(path, io::Error::other("no file of ours")));
    }
    flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|error| match error {
        Errno::WOULDBLOCK => taken(),
        error => error.into(),
    })?;
    // Whoever had the lock may have renamed the file before it let go.
    match fs::symlink_metadata(path) {
        Ok(there) if (there.dev(), there.ino()) == (opened.dev(), opened.ino()) => Ok(Some(file)),
        Ok(_) => Err(taken()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn in_the_way(path: &Path, error: io::Error) -> io::Error {
    let name = path.file_name().unwrap_or(OsStr::new("")).display();
    io::Error::new(error.kind(), format!("{name}: {error}"))
}

fn taken() -> io::Error {
    io::Error::new(
        io::ErrorKind::ResourceBusy,
        "another download is writing it at this moment",
    )
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// None where there is no state file, or none that can be read.
fn read_state(path: &Path) -> io::Result<Option<(File, Journal)>> {
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let state = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(state) => File::from(state),
        Err(Errno::NOENT | Errno::LOOP) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let there = state.metadata()?;
    if !there.is_file() || there.len() > MAX_BYTES {
        return Ok(None);
    }
    let mut text = Vec::new();
    (&state).read_to_end(&mut text)?;
    Ok(Journal::read(&text).map(|journal| (state, journal)))
}

/// Reads all blocks of a part that its journal knows and that are there whole. None where one of them is wrong.
fn verify(
    file: &File,
    length: u64,
    journal: &Journal,
) -> io::Result<Option<(Position, u64, blake3::Hasher)>> {
    let (mut position, mut state_length) = (Position::default(), journal.head_length);
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; READ];
    for (record, line_end) in &journal.records {
        if record.end > length {
            break;
        }
        let mut checksum = crc32fast::Hasher::new();
        while position.bytes < record.end {
            let want =
                usize::try_from(record.end - position.bytes).map_or(READ, |left| left.min(READ));
            let piece = buffer.get_mut(..want).unwrap_or_default();
            file.read_exact_at(piece, position.bytes)?;
            checksum.update(piece);
            hasher.update(piece);
            position.bytes += want as u64;
        }
        if checksum.finalize() != record.checksum {
            return Ok(None);
        }
        position.blocks += 1;
        state_length = *line_end;
    }
    Ok(Some((position, state_length, hasher)))
}

#[cfg(test)]
mod tests;
