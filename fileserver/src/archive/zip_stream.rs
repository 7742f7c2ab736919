//! Turns the blocks of a plan's tar stream into a zip with the same files.
//!
//! The blocks are read, checked and limited as those of a tar; here their headers and padding are replaced. So a zip
//! has all properties of the tar but one: it is only made from its start, because its checksums need all contents.

use std::sync::Arc;

use bytes::Bytes;
use crc32fast::Hasher;

use super::assembly::ArchiveBlock;
use super::plan::{Plan, PlanError};
use super::zip::{Directory, Member, NAME_MAX};

/// Bytes of a piece of the central directory.
const PIECE: usize = 64 << 10;

/// A zip that is being made.
#[derive(Debug)]
pub struct ZipStream {
    plan: Arc<Plan>,
    directory: Directory,
    length: u64,
    /// The place in the tar stream.
    place: u64,
    /// The entry at that place.
    index: usize,
    /// Over the content of that entry so far.
    crc: Hasher,
    /// The checksums of the entries before it.
    checksums: Vec<u32>,
}

/// Where the parts of an entry begin in the tar stream.
struct Places {
    header: u64,
    content: u64,
    padding: u64,
    next: u64,
}

impl ZipStream {
    /// Increase it whenever the same plan produces other bytes.
    pub const FORMAT: u32 = 1;

    /// Starts a zip of a plan, whose blocks must be those of a tar without compression.
    ///
    /// # Errors
    /// [`PlanError`] if the length exceeds 64 bits, or a name what a zip can hold.
    pub fn new(plan: Arc<Plan>) -> Result<Self, PlanError> {
        let mut directory = Directory::default();
        for entry in plan.entries() {
            let member = entry.member();
            if member.name.len() > NAME_MAX {
                return Err(PlanError::LongName { most: NAME_MAX });
            }
            directory.members += 1;
            // Less than one header a file, so it cannot overflow.
            directory.bytes += member.central_bytes(directory.offset);
            directory.offset = behind(&member, directory.offset).ok_or(PlanError::TooLarge)?;
        }
        let length = directory
            .offset
            .checked_add(directory.bytes)
            .and_then(|bytes| bytes.checked_add(directory.end_bytes()))
            .ok_or(PlanError::TooLarge)?;
        Ok(Self {
            directory,
            length,
            place: 0,
            index: 0,
            crc: Hasher::new(),
            checksums: Vec::with_capacity(plan.entries().len()),
            plan,
        })
    }

    /// Bytes of the whole zip.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// What the next block of the tar stream is in the zip.
    #[must_use]
    pub fn put(&mut self, mut block: ArchiveBlock) -> ArchiveBlock {
        let length = block.bytes.len() as u64;
        match self.places() {
            // Content only, and more follows: it is as it is, and its checksum is known.
            Some(places)
                if places.content <= self.place && self.place + length < places.padding =>
            {
                let content = Hasher::new_with_initial_len(block.checksum, length);
                self.crc.combine(&content);
                self.place += length;
            }
            _ => {
                block.bytes = self.converted(&block.bytes).into();
                block.checksum = crc32fast::hash(&block.bytes);
            }
        }
        block.state = None;
        block
    }

    fn converted(&mut self, mut tar: &[u8]) -> Vec<u8> {
        let plan = Arc::clone(&self.plan);
        let mut zip = Vec::with_capacity(tar.len());
        while !tar.is_empty()
            && let (Some(entry), Some(places)) = (plan.entries().get(self.index), self.places())
        {
            if self.place == places.header {
                entry.member().put_local(&mut zip);
            }
            let is_content = (places.content..places.padding).contains(&self.place);
            let ends = [places.content, places.padding, places.next];
            let end = ends.into_iter().find(|end| *end > self.place);
            let left = end.map_or(0, |end| end - self.place);
            let count = usize::try_from(left).map_or(tar.len(), |left| left.min(tar.len()));
            let (piece, rest) = tar.split_at(count);
            if is_content {
                self.crc.update(piece);
                zip.extend_from_slice(piece);
            }
            tar = rest;
            self.place += count as u64;
            if self.place == places.padding {
                let crc = std::mem::take(&mut self.crc).finalize();
                entry.member().put_descriptor(&mut zip, crc);
                self.checksums.push(crc);
            }
            if self.place == places.next {
                self.index += 1;
            }
        }
        zip
    }

    fn places(&self) -> Option<Places> {
        let entry = self.plan.entries().get(self.index)?;
        let header = self.plan.start_of(self.index)?;
        let content = header + entry.header().length();
        Some(Places {
            header,
            content,
            padding: content + entry.size,
            next: header + entry.tar_bytes()?,
        })
    }

    /// What follows the last block: the central directory and the end of the archive, in pieces.
    pub fn finish(self) -> impl Iterator<Item = Bytes> + Send {
        let (mut index, mut offset, mut is_over) = (0, 0, false);
        std::iter::from_fn(move || {
            if is_over {
                return None;
            }
            let mut piece = Vec::with_capacity(2 * PIECE);
            while piece.len() < PIECE && !is_over {
                let entry = self.plan.entries().get(index);
                if let (Some(entry), Some(crc)) = (entry, self.checksums.get(index)) {
                    let member = entry.member();
                    member.put_central(&mut piece, *crc, offset);
                    offset = behind(&member, offset).unwrap_or(u64::MAX);
                    index += 1;
                } else {
                    self.directory.put_end(&mut piece);
                    is_over = true;
                }
            }
            Some(piece.into())
        })
    }
}

/// The offset behind a member that begins at an offset; `None` beyond 64 bits.
fn behind(member: &Member<'_>, offset: u64) -> Option<u64> {
    offset
        .checked_add(member.local_bytes())?
        .checked_add(member.size)?
        .checked_add(member.descriptor_bytes())
}

#[cfg(test)]
mod tests;
