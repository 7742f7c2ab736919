//! An incomplete download: `.NAME.netsocket-part` beside its target, with a state file (see `journal`) from which a later
//! run resumes.
//!
//! Owns: both files, from their creation to the rename to the target; no two programs write the same partial file; only
//! verified data is resumed. All functions block the thread.

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

use crate::outcome::error::InUse;
use crate::transfer::destination::Attributes;
use crate::transfer::journal::{BlockRecord, Head, Journal, MAX_BYTES};
use crate::transfer::output_path::directory_of;
use crate::transfer::state::{Position, Source};
use crate::transfer::verify::VerifiedBlock;

/// Permissions of a new file, before the umask.
const NEW_FILE_MODE: u32 = 0o666;
/// Permissions of a state file; private, as it contains the request.
const STATE_MODE: u32 = 0o600;
/// The maximum length of a file name on Linux, in bytes.
const NAME_MAX: usize = 255;
const PART_END: &str = ".netsocket-part";
const STATE_END: &str = ".netsocket-state";
/// The read size while verifying.
const READ: usize = 1 << 20;

/// A partial download.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The file to be created.
    pub target: PathBuf,
    /// The bytes received so far.
    pub bytes: u64,
}

/// The partial download of a target, if there is one.
///
/// # Examples
///
/// ```
/// use netsocket_client::transfer::partial_file::kept;
///
/// let dir = tempfile::tempdir()?;
/// let target = dir.path().join("report.pdf");
/// assert_eq!(kept(&target), None);
/// // As an interrupted download leaves it.
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

/// The partial file found when a transfer starts.
#[derive(Debug)]
pub enum Existing {
    /// None.
    Nothing,
    /// One of a different download; its size in bytes.
    Other(u64),
    /// One that fails verification; its size in bytes.
    Damaged(u64),
    /// One that can be resumed.
    Resumable(Box<ResumePoint>),
}

/// A partial file to resume.
#[derive(Debug)]
pub struct ResumePoint {
    /// The file, truncated to `position`.
    pub part: PartialFile,
    /// What is being downloaded.
    pub source: Source,
    /// How much of it is verified.
    pub position: Position,
    /// The digest state over all of it.
    pub hasher: blake3::Hasher,
    /// The end of the block before the last one, if there are blocks.
    before_last: Option<Checkpoint>,
}

impl ResumePoint {
    /// Goes back to the beginning of the last block and returns its bytes, to compare them with what the server sends:
    /// size and time may be those of another content. The files stay as they are until the block is written again.
    ///
    /// # Errors
    /// I/O errors.
    pub fn withdraw_last_block(&mut self) -> io::Result<Vec<u8>> {
        let Some(before) = self.before_last.take() else {
            return Ok(Vec::new());
        };
        let length = self.position.bytes - before.position.bytes;
        let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        self.part
            .file
            .read_exact_at(&mut bytes, before.position.bytes)?;
        self.part.withdraw(&before);
        (self.position, self.hasher) = (before.position, before.hasher);
        Ok(bytes)
    }
}

/// The end of a verified block.
#[derive(Debug, Clone)]
struct Checkpoint {
    position: Position,
    state_length: u64,
    hasher: blake3::Hasher,
}

/// A partial file being written.
#[derive(Debug)]
pub struct PartialFile {
    // Shared with a write that may still run when the command is dropped.
    file: Arc<File>,
    state: Arc<File>,
    part_path: PathBuf,
    state_path: PathBuf,
    target: PathBuf,
    bytes: u64,
    state_length: u64,
    /// Length of data and state file where the current answer began.
    answer_began: (u64, u64),
    /// Whether the files are longer than what counts, until the next block is written.
    has_withdrawn: bool,
    is_done: bool,
}

impl PartialFile {
    /// Looks for a partial file of `target` for the same request, and verifies it.
    ///
    /// # Errors
    /// I/O errors; also if another program is writing the same file.
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
        let Some((last, before_last)) = verify(&file, length, &journal)? else {
            return Ok(Existing::Damaged(length));
        };
        let Checkpoint {
            position,
            state_length,
            hasher,
        } = last;
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
            has_withdrawn: false,
            is_done: false,
        };
        let source = journal.head.source;
        Ok(Existing::Resumable(Box::new(ResumePoint {
            part,
            source,
            position,
            hasher,
            before_last,
        })))
    }

    /// Creates an empty partial file for `target`; an older one is discarded.
    ///
    /// # Errors
    /// I/O errors; also if another program is writing the same file.
    pub fn create(target: &Path, request: &Request, source: &Source) -> io::Result<Self> {
        let invalid = || io::Error::from(io::ErrorKind::InvalidFilename);
        let [part_path, state_path] = beside(target).ok_or_else(invalid)?;
        // Locked until removed, so that a file in use is never removed.
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
        // From here on, dropping it removes both files.
        let mut part = Self {
            state: Arc::new(state),
            file: Arc::new(file),
            part_path,
            state_path,
            target: target.to_owned(),
            bytes: 0,
            state_length: 0,
            answer_began: (0, 0),
            has_withdrawn: false,
            is_done: false,
        };
        flock(&part.file, FlockOperation::NonBlockingLockExclusive).map_err(|_| taken())?;
        // Replacing a private file keeps it private.
        if let Ok(there) = fs::metadata(target) {
            part.file
                .set_permissions(Permissions::from_mode(there.mode() & 0o777))?;
        }
        let head = Head::new(request.clone(), source.clone());
        let line = head.line();
        part.state.write_all_at(&line, 0)?;
        part.state_length = line.len() as u64;
        part.answer_began = (0, part.state_length);
        Ok(part)
    }

    /// Returns a closure that writes the next block on any thread; call [`Self::wrote`] afterwards.
    pub fn writing(
        &self,
        block: VerifiedBlock,
    ) -> impl FnOnce() -> io::Result<u64> + Send + 'static {
        let (file, state) = (Arc::clone(&self.file), Arc::clone(&self.state));
        let (bytes, state_length) = (self.bytes, self.state_length);
        let has_withdrawn = self.has_withdrawn;
        move || {
            if has_withdrawn {
                // In this order: records without data would fail verification.
                state.set_len(state_length)?;
                file.set_len(bytes)?;
            }
            file.write_all_at(&block.bytes, bytes)?;
            let record = BlockRecord {
                end: bytes + block.bytes.len() as u64,
                checksum: block.checksum,
                state: block.state,
            };
            let line = record.line();
            state.write_all_at(&line, state_length)?;
            Ok(line.len() as u64)
        }
    }

    /// Records that a block of `bytes` bytes and a line of `line` bytes were written.
    pub fn wrote(&mut self, bytes: u64, line: u64) {
        self.bytes += bytes;
        self.state_length += line;
        self.has_withdrawn = false;
    }

    fn withdraw(&mut self, to: &Checkpoint) {
        (self.bytes, self.state_length) = (to.position.bytes, to.state_length);
        self.answer_began = (self.bytes, self.state_length);
        self.has_withdrawn = true;
    }

    /// An answer begins at the current position.
    pub fn answer_begins(&mut self) {
        self.answer_began = (self.bytes, self.state_length);
    }

    /// Rewinds to where the current answer began.
    ///
    /// # Errors
    /// I/O errors.
    pub fn rewind(&mut self) -> io::Result<()> {
        (self.bytes, self.state_length) = self.answer_began;
        self.has_withdrawn = false;
        // In this order: records without data would fail verification.
        self.state.set_len(self.state_length)?;
        self.file.set_len(self.bytes)
    }

    /// Returns a closure that gives the file what it keeps of the one on the server, on any thread.
    pub(crate) fn applying(
        &self,
        attributes: Attributes,
    ) -> impl FnOnce() -> io::Result<()> + Send + 'static {
        let file = Arc::clone(&self.file);
        move || attributes.apply(&file)
    }

    /// Syncs the data and renames the file to the target, on any thread, so that a crash leaves either
    /// the old file or the new one.
    ///
    /// # Errors
    /// I/O errors; the complete partial file is kept then.
    pub fn commit(mut self) -> io::Result<()> {
        self.file.sync_data()?;
        fs::rename(&self.part_path, &self.target)?;
        self.is_done = true;
        remove(&self.state_path)
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        if !self.is_done && self.bytes == 0 && !self.has_withdrawn {
            // It holds no data. There is nowhere to report a failure.
            let _ = remove(&self.part_path);
            let _ = remove(&self.state_path);
        }
    }
}

/// The paths of the partial file and the state file. `None` for a path without a name.
fn beside(target: &Path) -> Option<[PathBuf; 2]> {
    let name = target.file_name()?.as_bytes();
    let directory = directory_of(target);
    Some([PART_END, STATE_END].map(|end| directory.join(hidden(name, end))))
}

/// `.NAME` and a suffix; a name that would become too long is cut and its digest added.
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

/// Opens and locks an existing partial file. `None` if there is none.
fn open_exclusive(path: &Path) -> io::Result<Option<File>> {
    // Never follows a link or blocks on a FIFO.
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::NOENT) => return Ok(None),
        Err(error) => return Err(in_the_way(path, error.into())),
    };
    let opened = file.metadata()?;
    if !opened.is_file() || opened.nlink() > 1 {
        return Err(in_the_way(
            path,
            io::Error::other("not a partial file of this program"),
        ));
    }
    flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|error| match error {
        Errno::WOULDBLOCK => taken(),
        error => error.into(),
    })?;
    // The previous holder may have renamed the file before unlocking it.
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
    io::Error::new(io::ErrorKind::ResourceBusy, InUse)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// `None` if there is no valid state file.
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

/// Verifies all blocks recorded in the journal that are present. Returns the end of the last one and, if there are
/// blocks, the end of the one before it. `None` if one of them is wrong.
fn verify(
    file: &File,
    length: u64,
    journal: &Journal,
) -> io::Result<Option<(Checkpoint, Option<Checkpoint>)>> {
    let mut last = Checkpoint {
        position: Position::default(),
        state_length: journal.head_length,
        hasher: blake3::Hasher::new(),
    };
    let mut before_last = None;
    let mut buffer = vec![0; READ];
    for (record, line_end) in &journal.records {
        if record.end > length {
            break;
        }
        before_last = Some(last.clone());
        let mut checksum = crc32fast::Hasher::new();
        let position = &mut last.position;
        while position.bytes < record.end {
            let want =
                usize::try_from(record.end - position.bytes).map_or(READ, |left| left.min(READ));
            let piece = buffer.get_mut(..want).unwrap_or_default();
            file.read_exact_at(piece, position.bytes)?;
            checksum.update(piece);
            last.hasher.update(piece);
            position.bytes += want as u64;
        }
        if checksum.finalize() != record.checksum {
            return Ok(None);
        }
        position.blocks += 1;
        position.state = record.state;
        last.state_length = *line_end;
    }
    Ok(Some((last, before_last)))
}

#[cfg(test)]
mod tests;
