//! Plain files on the new wire: any range of a file, by `sendfile(2)` or with a checksum per block.
//!
//! Owns: what happens if the file differs from the one the client started to download, or changes while it is sent: a
//! frame always has the announced length, with zeros for missing bytes, and the trailer reports it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use bytes::Bytes;
use netsocket_protocol::block::Block;
use netsocket_protocol::frame::{FrameType, header};
use netsocket_protocol::message::{FileStart, Problem, Trailer, Verify, Warning};
use netsocket_protocol::name::Name;
use rustix::fs::fstat;
use tokio::task::spawn_blocking;

use super::connection::Connection;
use super::messages::{send_message, too_long};
use crate::query::directory::check_path;
use crate::service::access_log::Served;
use crate::service::file_service::Service;
use crate::service::request_error::RequestError;
use crate::tree::page_cache::{is_cached, read_ahead};
use crate::tree::root::Root;
use crate::tree::version::Version;

/// Bytes in a raw frame, and to prefetch at once.
const RAW: u64 = 2 << 20;

/// Bytes at the end of a range that are copied, so that nothing refers to the file while they are on their way.
const COPIED: u64 = 256 * 1024;

/// Bytes in a data frame.
const BLOCK: usize = 1 << 20;

const ZEROS: [u8; 16 * 1024] = [0; 16 * 1024];

/// A request for a plain file.
pub(super) struct GetRequest {
    pub(super) path: Name,
    pub(super) offset: u64,
    pub(super) length: Option<u64>,
    pub(super) identity: Option<String>,
    pub(super) verify: Verify,
}

/// An open file and its metadata when it was opened.
struct Opened {
    file: Arc<File>,
    mode: u32,
    version: Version,
}

/// Sends a file or a range of it.
pub(super) async fn send(
    connection: &mut Connection,
    service: &Service,
    wanted: GetRequest,
) -> Result<Served, RequestError> {
    check_path(wanted.path.as_bytes())?;
    let (root, path) = (Arc::clone(&service.root), wanted.path.clone());
    let opened = spawn_blocking(move || open(&root, &path))
        .await
        .map_err(|error| RequestError::internal("opening a file", error))??;
    let start = start(&opened, &wanted)?;
    send_message(connection, &start).await?;
    let range = start.offset..start.offset + start.length;
    let mut sending = Sending {
        connection,
        file: &opened.file,
        at: range.start,
        end: range.end,
        problem: None,
    };
    let (blocks, digest) = match wanted.verify {
        Verify::None => {
            sending.connection.set_cork(true);
            let sent = sending.raw().await;
            sending.connection.set_cork(false);
            // Only then nothing that happens to the file can change the bytes any more.
            sending.connection.acknowledged(sent?).await?;
            (0, String::new())
        }
        Verify::Blocks => sending.blocks().await?,
    };
    let problem = sending.problem.or_else(|| opened.problem());
    let warning = |problem| Warning {
        path: wanted.path.clone(),
        problem,
    };
    let trailer = Trailer {
        blocks,
        bytes: start.length,
        digest,
        warnings: problem.map(warning).into_iter().collect(),
        unlisted: 0,
    };
    send_message(connection, &trailer).await?;
    Ok(Served {
        files: 1,
        warnings: trailer.warnings.len() as u64,
        ..Served::default()
    })
}

/// Opens a shared file. Blocks the thread.
fn open(root: &Root, path: &Name) -> Result<Opened, RequestError> {
    if !Root::is_shared(path.as_bytes()) {
        return Err(RequestError::no_file(path));
    }
    let opened = root.file(path.as_bytes()).and_then(|(file, _)| {
        let stat = fstat(&file)?;
        Ok(Opened {
            file: Arc::new(file),
            mode: stat.st_mode,
            version: Version::of(&stat),
        })
    });
    opened.map_err(|error| RequestError::opening(path, error))
}

/// The message before the bytes; an error if the file is not the one the client expects.
fn start(opened: &Opened, wanted: &GetRequest) -> Result<FileStart, RequestError> {
    let (path, size) = (&wanted.path, opened.version.size);
    let identity = opened.version.to_string();
    if let Some(known) = &wanted.identity
        && *known != identity
    {
        let said = match known.split_once('-') {
            Some((before, _)) if before.parse() == Ok(size) => "was modified".to_owned(),
            Some((before, _)) if before.parse::<u64>().is_ok() => {
                format!("now has {size} bytes instead of {before}")
            }
            _ => "is a different version".to_owned(),
        };
        let changed = format!("{path} {said}: start over");
        return Err(RequestError::FileChanged(changed));
    }
    let Some(left) = size.checked_sub(wanted.offset) else {
        let offset = wanted.offset;
        return Err(RequestError::BadRequest(format!(
            "{path} has only {size} bytes, but offset {offset} was requested"
        )));
    };
    Ok(FileStart {
        identity,
        size,
        offset: wanted.offset,
        length: wanted.length.map_or(left, |length| length.min(left)),
        modified: opened.version.modified.rfc3339(),
        mode: opened.mode,
    })
}

impl Opened {
    /// How the file has changed since it was opened.
    fn problem(&self) -> Option<Problem> {
        let now = Version::of(&fstat(&self.file).ok()?);
        match now.size.cmp(&self.version.size) {
            std::cmp::Ordering::Less => Some(Problem::Shrank),
            std::cmp::Ordering::Greater => Some(Problem::Grew),
            std::cmp::Ordering::Equal => (now != self.version).then_some(Problem::Changed),
        }
    }
}

/// A range that is being sent.
struct Sending<'a> {
    connection: &'a mut Connection,
    file: &'a Arc<File>,
    at: u64,
    end: u64,
    /// The first problem with the bytes.
    problem: Option<Problem>,
}

impl Sending<'_> {
    /// Sends raw frames, straight from the page cache except for the end. Returns how many bytes were sent after the last
    /// one that refers to the page cache.
    async fn raw(&mut self) -> Result<u64, RequestError> {
        let copied_from = self.end.saturating_sub(COPIED).max(self.at);
        let mut referring = self.connection.sent();
        while self.at < self.end {
            let next = self.end.min(self.at + RAW);
            let length = usize::try_from(next - self.at).unwrap_or_default();
            let before = header(FrameType::Raw, length).map_err(too_long)?;
            self.prefetch(next).await;
            self.connection.send_before(&before).await?;
            let border = copied_from.clamp(self.at, next);
            let mut sent = self
                .connection
                .send_file(self.file, self.at..border)
                .await?;
            if sent > 0 {
                referring = self.connection.sent();
            }
            if sent == border - self.at {
                sent += self.connection.send_copy(self.file, border..next).await?;
            }
            let missing = next - self.at - sent;
            if missing > 0 {
                let has_ended = self.file.metadata().is_ok_and(|now| now.len() < next);
                self.problem = Some(if has_ended {
                    Problem::Shrank
                } else {
                    Problem::Unreadable
                });
                self.send_zeros(missing).await?;
            }
            self.at = next;
        }
        Ok(self.connection.sent() - referring)
    }

    /// Makes sure that the bytes before `next` are in the page cache: a session must not block a runtime thread on disk
    /// I/O.
    async fn prefetch(&self, next: u64) {
        if !is_cached(self.file, next) {
            let (file, range) = (Arc::clone(self.file), self.at..next);
            // If it fails, the bytes are read later, while sending.
            let _ = spawn_blocking(move || read_ahead(&file, range)).await;
        }
    }

    async fn send_zeros(&mut self, mut count: u64) -> Result<(), RequestError> {
        while count > 0 {
            let piece = usize::try_from(count).map_or(ZEROS.len(), |count| count.min(ZEROS.len()));
            self.connection.send(&ZEROS[..piece]).await?;
            count -= piece as u64;
        }
        Ok(())
    }

    /// Sends data frames. Returns their number and the digest of their bytes.
    async fn blocks(&mut self) -> Result<(u64, String), RequestError> {
        let mut digest = blake3::Hasher::new();
        let mut index = 0;
        while self.at < self.end {
            let length = usize::try_from(self.end - self.at).map_or(BLOCK, |left| left.min(BLOCK));
            let (file, at) = (Arc::clone(self.file), self.at);
            let work = move || {
                let mut bytes = vec![0; length];
                let problem = read(&file, at, &mut bytes);
                digest.update(&bytes);
                (crc32fast::hash(&bytes), bytes, problem, digest)
            };
            let (checksum, bytes, problem, hasher) = spawn_blocking(work)
                .await
                .map_err(|error| RequestError::internal("reading a file", error))?;
            digest = hasher;
            self.problem = self.problem.or(problem);
            let block = Block {
                index,
                bytes: Bytes::from(bytes),
            };
            let before = block.before(checksum).map_err(too_long)?;
            self.connection.send_both(&before, &block.bytes).await?;
            self.at += length as u64;
            index += 1;
        }
        Ok((index, digest.finalize().to_hex().to_string()))
    }
}

/// Fills the buffer from an offset; missing bytes are left as they are. Blocks the thread.
fn read(file: &File, offset: u64, buffer: &mut [u8]) -> Option<Problem> {
    let mut count = 0;
    while count < buffer.len() {
        match file.read_at(&mut buffer[count..], offset + count as u64) {
            Ok(0) => return Some(Problem::Shrank),
            Ok(more) => count += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Some(Problem::Unreadable),
        }
    }
    None
}
