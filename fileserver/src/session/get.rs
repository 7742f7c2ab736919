//! Plain files on the new wire: any range of one, by `sendfile(2)` or with a checksum for each block.
//!
//! Owns: what happens where the file is another one than the client has the beginning of, or becomes one meanwhile: a
//! frame is always as long as announced, with zeros for what is not there any more, and the trailer says so.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::sync::Arc;

use bytes::Bytes;
use netsocket_protocol::block::Block;
use netsocket_protocol::frame::{FrameType, header};
use netsocket_protocol::message::{FileStart, Problem, Trailer, Verify, Warning};
use netsocket_protocol::name::Name;
use rustix::io::{Errno, IoSliceMut, ReadWriteFlags, preadv2};
use tokio::task::spawn_blocking;

use super::access_log::Served;
use super::connection::Connection;
use super::messages::{send_message, too_long};
use crate::query::directory::check_path;
use crate::service::file_service::Service;
use crate::service::request_error::RequestError;
use crate::tree::metadata::Timestamp;
use crate::tree::root::Root;

/// Bytes of a raw frame, and of what is read ahead at once.
const RAW: u64 = 2 << 20;

/// Bytes of a file in a data frame.
const BLOCK: usize = 1 << 20;

/// Bytes that are read ahead into nowhere, to have them in the page cache.
const WARM: usize = 128 * 1024;

const ZEROS: [u8; 16 * 1024] = [0; 16 * 1024];

/// What a client asks for.
pub(super) struct Wanted {
    pub(super) path: Name,
    pub(super) offset: u64,
    pub(super) length: Option<u64>,
    pub(super) identity: Option<String>,
    pub(super) verify: Verify,
}

/// An open file and how it was then.
struct Opened {
    file: Arc<File>,
    size: u64,
    mode: u32,
    modified: Timestamp,
}

/// Sends a file, or a range of one.
pub(super) async fn send(
    connection: &mut Connection,
    service: &Service,
    wanted: Wanted,
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
            sending.connection.full_packets(true);
            let sent = sending.raw().await;
            sending.connection.full_packets(false);
            sent.map(|()| (0, String::new()))?
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

/// Opens a file that is shared. Blocks the thread.
fn open(root: &Root, path: &Name) -> Result<Opened, RequestError> {
    let missing = || RequestError::NotFound(format!("there is no file {path}"));
    if !Root::is_shared(path.as_bytes()) {
        return Err(missing());
    }
    let opened = root.file(path.as_bytes()).and_then(|(file, _)| {
        let metadata = file.metadata()?;
        Ok(Opened {
            file: Arc::new(file),
            size: metadata.len(),
            mode: metadata.mode(),
            modified: Timestamp {
                seconds: metadata.mtime(),
                nanos: u32::try_from(metadata.mtime_nsec()).unwrap_or_default(),
            },
        })
    });
    opened.map_err(|error| match Errno::from_io_error(&error) {
        Some(Errno::ACCESS | Errno::PERM) => {
            RequestError::Denied(format!("the server may not read {path}"))
        }
        // Not there, no regular file, or behind a link, which is never followed.
        None
        | Some(
            Errno::NOENT
            | Errno::NOTDIR
            | Errno::LOOP
            | Errno::XDEV
            | Errno::NXIO
            | Errno::NAMETOOLONG,
        ) => missing(),
        Some(_) => RequestError::internal("opening a file", error),
    })
}

/// What is said before the bytes; an error where they would not be those that were asked for.
fn start(opened: &Opened, wanted: &Wanted) -> Result<FileStart, RequestError> {
    let (path, size) = (&wanted.path, opened.size);
    let identity = opened.identity();
    if let Some(known) = &wanted.identity
        && *known != identity
    {
        let said = match known.split_once('-') {
            Some((before, _)) if before.parse() == Ok(size) => "was written to".to_owned(),
            Some((before, _)) if before.parse::<u64>().is_ok() => {
                format!("has {size} bytes now, it had {before}")
            }
            _ => "has another identity".to_owned(),
        };
        let changed = format!("{path} {said}: begin anew");
        return Err(RequestError::FileChanged(changed));
    }
    let Some(left) = size.checked_sub(wanted.offset) else {
        let offset = wanted.offset;
        return Err(RequestError::BadRequest(format!(
            "{path} has {size} bytes, so none from {offset} on"
        )));
    };
    Ok(FileStart {
        identity,
        size,
        offset: wanted.offset,
        length: wanted.length.map_or(left, |length| length.min(left)),
        modified: opened.modified.rfc3339(),
        mode: opened.mode,
    })
}

impl Opened {
    /// The same on every replica whose copy has the size and the time.
    fn identity(&self) -> String {
        let Timestamp { seconds, nanos } = self.modified;
        format!("{}-{seconds}.{nanos:09}", self.size)
    }

    /// What has become of it since it was opened.
    fn problem(&self) -> Option<Problem> {
        let now = self.file.metadata().ok()?;
        let then = (self.modified.seconds, i64::from(self.modified.nanos));
        match now.len().cmp(&self.size) {
            std::cmp::Ordering::Less => Some(Problem::Shrank),
            std::cmp::Ordering::Greater => Some(Problem::Grew),
            std::cmp::Ordering::Equal => {
                ((now.mtime(), now.mtime_nsec()) != then).then_some(Problem::Changed)
            }
        }
    }
}

/// The rest of a range on its way.
struct Sending<'a> {
    connection: &'a mut Connection,
    file: &'a Arc<File>,
    at: u64,
    end: u64,
    /// What went wrong with the bytes.
    problem: Option<Problem>,
}

impl Sending<'_> {
    /// As raw frames, straight from the page cache.
    async fn raw(&mut self) -> Result<(), RequestError> {
        while self.at < self.end {
            let next = self.end.min(self.at + RAW);
            let length = usize::try_from(next - self.at).unwrap_or_default();
            let before = header(FrameType::Raw, length).map_err(too_long)?;
            self.warm(next).await;
            self.connection.send_before(&before).await?;
            let sent = self.connection.send_file(self.file, self.at..next).await?;
            let missing = next - self.at - sent;
            if missing > 0 {
                let has_ended = self.file.metadata().is_ok_and(|now| now.len() < next);
                self.problem = Some(if has_ended {
                    Problem::Shrank
                } else {
                    Problem::Unreadable
                });
                self.zeros(missing).await?;
            }
            self.at = next;
        }
        Ok(())
    }

    /// Sees to it that the bytes before `next` are in the page cache: a session must not keep a thread of the runtime
    /// waiting for a disk.
    async fn warm(&self, next: u64) {
        let mut byte = [0];
        let last = preadv2(
            self.file,
            &mut [IoSliceMut::new(&mut byte)],
            next - 1,
            ReadWriteFlags::NOWAIT,
        );
        if !matches!(last, Err(Errno::AGAIN)) {
            return;
        }
        let (file, mut at) = (Arc::clone(self.file), self.at);
        let read = move || {
            let mut nowhere = vec![0; WARM];
            while at < next {
                match file.read_at(&mut nowhere, at) {
                    Ok(count @ 1..) => at += count as u64,
                    // Sending it will meet the same.
                    _ => return,
                }
            }
        };
        // Without it the bytes are read all the same, only later.
        let _ = spawn_blocking(read).await;
    }

    async fn zeros(&mut self, mut count: u64) -> Result<(), RequestError> {
        while count > 0 {
            let piece = usize::try_from(count).map_or(ZEROS.len(), |count| count.min(ZEROS.len()));
            self.connection.send(&ZEROS[..piece]).await?;
            count -= piece as u64;
        }
        Ok(())
    }

    /// As data frames. Returns how many, and the digest of their bytes.
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

/// Fills the buffer from an offset; what is not there stays as it is. Blocks the thread.
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
