//! The body of an answer with parts of a file: by `sendfile(2)` in the clear, in blocks otherwise.
//!
//! Owns: that no thread of the runtime waits for a disk, and that the bytes are all of one version: if the file changes
//! meanwhile, the answer is cut before its end.

use std::collections::VecDeque;
use std::future::Future as _;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use rustix::io::{IoSliceMut, ReadWriteFlags, preadv2};
use tokio::task::{JoinHandle, spawn_blocking};

use super::chunk::{Chunk, MAX_FILE_CHUNK};
use super::file::{KEPT_BYTES, Opened};
use super::link::{FileRange, Link, Sent};
use super::part::Part;
use crate::tree::page_cache::{is_cached, read_ahead};

/// Bytes in a block, where a file is copied.
const BLOCK: usize = 64 * 1024;

/// Shorter answers are read and sent with their head: cheaper than a system call of their own.
const COPIED: u64 = 32 * 1024;

/// Work on another thread.
#[derive(Debug)]
enum Work {
    None,
    /// Reads ahead, so that the socket finds the bytes in the page cache.
    Ahead(JoinHandle<()>),
    Block(JoinHandle<io::Result<Vec<u8>>>),
}

#[derive(Debug)]
pub(super) struct FileBody {
    opened: Arc<Opened>,
    parts: VecDeque<Part>,
    /// Where the socket sends files: the connection.
    link: Option<Arc<Link>>,
    /// Where the bytes that the next chunk stands for were read ahead.
    is_ahead: bool,
    work: Work,
}

impl FileBody {
    pub(super) fn new(opened: Arc<Opened>, parts: VecDeque<Part>, link: &Arc<Link>) -> Self {
        let bytes = |part: &Part| match part {
            Part::Text(_) => 0,
            Part::File(range) => range.end - range.start,
        };
        let is_long = parts.iter().map(bytes).sum::<u64>() > COPIED;
        Self {
            opened,
            parts,
            link: (link.sends_files && is_long).then(|| Arc::clone(link)),
            is_ahead: false,
            work: Work::None,
        }
    }

    /// Leaves it to the socket to say when the last byte is sent; gives it back if the socket sends no files.
    pub(super) fn when_sent(&self, sent: Sent) -> Option<Sent> {
        let Some(link) = &self.link else {
            return Some(sent);
        };
        match link.files().back_mut() {
            Some(last) => {
                last.sent = Some(sent);
                None
            }
            // A short text followed the last file.
            None => Some(sent),
        }
    }

    /// The next piece; nothing at the end.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Chunk>>> {
        loop {
            match &mut self.work {
                Work::None => {}
                Work::Ahead(work) => {
                    // If it fails, the bytes are read while they are sent.
                    let _ = ready!(Pin::new(work).poll(cx));
                    (self.work, self.is_ahead) = (Work::None, true);
                }
                Work::Block(work) => {
                    let read = ready!(Pin::new(work).poll(cx)).map_err(io::Error::other);
                    self.work = Work::None;
                    let block = read.flatten().and_then(|block| self.copied(block));
                    return Poll::Ready(Some(block));
                }
            }
            let range = match self.parts.pop_front() {
                None => return Poll::Ready(None),
                Some(Part::Text(text)) => return Poll::Ready(Some(Ok(Chunk::Bytes(text)))),
                Some(Part::File(range)) => range,
            };
            self.parts.push_front(Part::File(range.clone()));
            let next = match &self.link {
                Some(link) => self.placeholder(&range, Arc::clone(link)),
                None => self.block(&range),
            };
            if let Some(next) = next {
                return Poll::Ready(Some(next));
            }
        }
    }

    /// Takes bytes from the part at the front.
    fn take(&mut self, count: usize) -> u64 {
        if let Some(Part::File(range)) = self.parts.front_mut() {
            let offset = range.start;
            range.start += count as u64;
            if range.is_empty() {
                self.parts.pop_front();
            }
            return offset;
        }
        0
    }

    /// Whether nothing but text is left.
    fn is_last(&self) -> bool {
        !self.parts.iter().any(|part| matches!(part, Part::File(_)))
    }

    fn placeholder(&mut self, range: &Range<u64>, link: Arc<Link>) -> Option<io::Result<Chunk>> {
        let length = usize::try_from(range.end - range.start)
            .map_or(MAX_FILE_CHUNK, |left| left.min(MAX_FILE_CHUNK));
        let end = range.start + length as u64;
        if !std::mem::take(&mut self.is_ahead) && !is_cached(&self.opened.file, end) {
            let (file, range) = (Arc::clone(&self.opened.file), range.start..end);
            self.work = Work::Ahead(spawn_blocking(move || read_ahead(&file, range)));
            return None;
        }
        let offset = self.take(length);
        let last_of = self.is_last().then_some(self.opened.version);
        link.queue(FileRange {
            file: Arc::clone(&self.opened.file),
            offset,
            left: length as u64,
            last_of,
            sent: None,
        });
        Some(Ok(Chunk::File(length)))
    }

    /// The next block, if the kernel has it; otherwise a thread reads it.
    fn block(&mut self, range: &Range<u64>) -> Option<io::Result<Chunk>> {
        if let Some(content) = self.opened.content.get() {
            let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
            let piece = content.slice(place(range.start)..place(range.end));
            self.take(piece.len());
            return Some(Ok(Chunk::Bytes(piece)));
        }
        let length = usize::try_from(range.end - range.start).map_or(BLOCK, |left| left.min(BLOCK));
        let mut block = vec![0; length];
        let read = preadv2(
            &self.opened.file,
            &mut [IoSliceMut::new(&mut block)],
            range.start,
            ReadWriteFlags::NOWAIT,
        );
        if read == Ok(length) {
            return Some(self.copied(block));
        }
        let (file, offset) = (Arc::clone(&self.opened.file), range.start);
        self.work = Work::Block(spawn_blocking(move || {
            file.read_exact_at(&mut block, offset)?;
            Ok(block)
        }));
        None
    }

    fn copied(&mut self, block: Vec<u8>) -> io::Result<Chunk> {
        self.take(block.len());
        if self.is_last() {
            self.opened.version.check(&self.opened.file)?;
        }
        let block = Bytes::from(block);
        if block.len() as u64 == self.opened.version.size && block.len() <= KEPT_BYTES {
            // Read by another request meanwhile, it is the same.
            let _ = self.opened.content.set(block.clone());
        }
        Ok(Chunk::Bytes(block))
    }
}
