//! The course of one transfer over however many answers: what is asked for next, and what has come, without any I/O.
//!
//! An archive goes on by its plan and the number of a block, a plain file by its identity and an offset; here both are a
//! [`Source`] and a [`Position`] in it.

use netsocket_protocol::frame::{Frame, FrameType};
use netsocket_protocol::message::{
    Compression, FileStart, Message as _, MessageError, Plan, Request, Resume, Trailer, Verify,
};
use serde::{Deserialize, Serialize};

use crate::outcome::damage::Damage;
use crate::outcome::error::Error;
use crate::transfer::verify::{Announced, VerifiedBlock, Verifier};

/// What the server says of the whole before its first byte; the same in every answer that goes on with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Source {
    /// An archive.
    Archive {
        /// The id of its plan.
        plan: String,
        /// Files in it.
        files: u64,
        /// Blocks of it.
        blocks: u64,
        /// Bytes of the tar stream in each block but the last.
        block_bytes: u64,
        /// How each block is compressed.
        compression: Compression,
        /// What lets another server say which files differ.
        sketch: String,
    },
    /// A plain file.
    File {
        /// Its size and time of modification.
        identity: String,
        /// Its size in bytes.
        size: u64,
    },
}

impl Source {
    /// Files in it.
    #[must_use]
    pub fn files(&self) -> u64 {
        match self {
            Self::Archive { files, .. } => *files,
            Self::File { .. } => 1,
        }
    }
}

/// How much of a whole has come and was found right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    /// Blocks.
    pub blocks: u64,
    /// Bytes of these.
    pub bytes: u64,
}

/// A transfer's course.
#[derive(Debug)]
pub(crate) struct TransferState {
    base_request: Request,
    source: Option<Source>,
    position: Position,
    /// Over all bytes up to the place, or, during an answer that began at the first of them, none: then it is the
    /// verifier's, as one hash over many gigabytes costs enough.
    hasher: blake3::Hasher,
    /// Where the present answer began.
    answer_began: (Position, blake3::Hasher),
    verifier: Option<Verifier>,
}

impl TransferState {
    /// The course of what `request` asks for, from its beginning. A plain file is asked for in blocks with checksums.
    ///
    /// # Errors
    /// [`Error::Usage`] for a request whose answer is a list.
    pub(crate) fn new(request: &Request) -> Result<Self, Error> {
        let mut base_request = request.clone();
        match &mut base_request {
            Request::Archive { resume, .. } => *resume = None,
            Request::Get {
                offset,
                length,
                identity,
                verify,
                ..
            } => {
                (*offset, *length, *identity) = (0, None, None);
                *verify = Verify::Blocks;
            }
            Request::Directories { .. } | Request::Find { .. } | Request::List { .. } => {
                return Err(Error::Usage("a list is no transfer".to_owned()));
            }
        }
        Ok(Self {
            base_request,
            source: None,
            position: Position::default(),
            hasher: blake3::Hasher::new(),
            answer_began: (Position::default(), blake3::Hasher::new()),
            verifier: None,
        })
    }

    /// Goes on from what an earlier run has verified and kept; `hasher` has taken all of it.
    pub(crate) fn go_on(&mut self, source: Source, position: Position, hasher: blake3::Hasher) {
        self.source = Some(source);
        self.position = position;
        self.hasher = hasher;
    }

    /// What is asked for, whatever has come of it.
    #[must_use]
    pub(crate) fn base_request(&self) -> &Request {
        &self.base_request
    }

    /// What the server has said of the whole, if an answer has begun.
    #[must_use]
    pub(crate) fn source(&self) -> Option<&Source> {
        self.source.as_ref()
    }

    /// How much has come.
    #[must_use]
    pub(crate) fn position(&self) -> Position {
        self.position
    }

    /// The digest of all that has come.
    #[must_use]
    pub(crate) fn digest(&self) -> String {
        self.hasher().finalize().to_hex().to_string()
    }

    fn hasher(&self) -> &blake3::Hasher {
        match &self.verifier {
            Some(verifier) if self.begins_at_first() => verifier.hasher(),
            _ => &self.hasher,
        }
    }

    fn begins_at_first(&self) -> bool {
        self.answer_began.0.bytes == 0
    }

    /// The present answer is over.
    fn end_answer(&mut self) {
        self.hasher = self.hasher().clone();
        self.verifier = None;
    }

    /// The request for all that has not come.
    #[must_use]
    pub(crate) fn request(&self) -> Request {
        let mut request = self.base_request.clone();
        match (&mut request, &self.source) {
            (Request::Archive { resume, .. }, Some(Source::Archive { plan, sketch, .. })) => {
                *resume = Some(Resume {
                    plan: plan.clone(),
                    block: self.position.blocks,
                    sketch: Some(sketch.clone()).filter(|sketch| !sketch.is_empty()),
                });
            }
            (
                Request::Get {
                    offset, identity, ..
                },
                Some(Source::File {
                    identity: known, ..
                }),
            ) => {
                *offset = self.position.bytes;
                *identity = Some(known.clone());
            }
            _ => {}
        }
        request
    }

    /// The first frame of an answer to that request.
    ///
    /// # Errors
    /// [`Error::Protocol`] where it is another type of frame, [`Error::Damaged`] where it begins elsewhere or is about
    /// something else.
    pub(crate) fn begin(&mut self, first: &Frame) -> Result<(), Error> {
        self.end_answer();
        let (source, verifier) = match &self.base_request {
            Request::Get { .. } => self.begin_file(&FileStart::from_frame(first)?)?,
            _ => self.begin_archive(Plan::from_frame(first)?)?,
        };
        match &self.source {
            Some(known) if *known != source => return Err(Damage::Another.into()),
            _ => self.source = Some(source),
        }
        self.answer_began = (self.position, self.hasher.clone());
        self.verifier = Some(verifier);
        Ok(())
    }

    fn begin_archive(&self, plan: Plan) -> Result<(Source, Verifier), Damage> {
        let expected = self.position.blocks;
        if plan.first_block != expected {
            return Err(Damage::Beginning {
                unit: "block",
                expected,
                got: plan.first_block,
            });
        }
        // A plan with fewer blocks than have come is another one, which the comparison finds.
        let due = Announced::Blocks(plan.blocks.saturating_sub(expected));
        let source = Source::Archive {
            plan: plan.plan,
            files: plan.files,
            blocks: plan.blocks,
            block_bytes: plan.block_bytes,
            compression: plan.compression,
            sketch: plan.sketch,
        };
        Ok((source, Verifier::new(expected, due)))
    }

    fn begin_file(&self, start: &FileStart) -> Result<(Source, Verifier), Damage> {
        let expected = self.position.bytes;
        if start.offset != expected {
            return Err(Damage::Beginning {
                unit: "byte",
                expected,
                got: start.offset,
            });
        }
        if start.size.checked_sub(expected) != Some(start.length) {
            return Err(Damage::Length {
                due: start.size.saturating_sub(expected),
                got: start.length,
            });
        }
        let source = Source::File {
            identity: start.identity.clone(),
            size: start.size,
        };
        // Each answer counts its blocks from 0.
        Ok((source, Verifier::new(0, Announced::Bytes(start.length))))
    }

    /// The next frame of the answer that has begun.
    ///
    /// # Errors
    /// [`Error::Protocol`] where no such frame may come, [`Error::Damaged`] where it is not what is due.
    pub(crate) fn frame(&mut self, frame: Frame) -> Result<Step, Error> {
        let Some(verifier) = &mut self.verifier else {
            return Err(Error::Protocol("an answer without a beginning".to_owned()));
        };
        match frame.kind {
            FrameType::Data => {
                let block = verifier.block(frame.payload)?;
                if self.answer_began.0.bytes > 0 {
                    self.hasher.update(&block.bytes);
                }
                self.position.blocks += 1;
                self.position.bytes += block.bytes.len() as u64;
                Ok(Step::Block(block))
            }
            FrameType::Trailer => {
                let trailer = Trailer::from_frame(&frame)?;
                verifier.finish(&trailer)?;
                self.end_answer();
                Ok(Step::Complete(trailer))
            }
            got => {
                let expected = FrameType::Data;
                Err(MessageError::Unexpected { expected, got }.into())
            }
        }
    }

    /// Goes back to where the present answer began.
    pub(crate) fn rewind(&mut self) {
        (self.position, self.hasher) = self.answer_began.clone();
        self.verifier = None;
    }

    /// Goes back to the beginning of something that is not known yet.
    pub(crate) fn restart(&mut self) {
        self.source = None;
        self.position = Position::default();
        self.hasher = blake3::Hasher::new();
        self.verifier = None;
    }
}

/// What a frame was.
#[derive(Debug)]
pub(crate) enum Step {
    /// The next block.
    Block(VerifiedBlock),
    /// The end: all of it has come.
    Complete(Trailer),
}

#[cfg(test)]
mod tests;
