//! The course of one transfer over however many answers: what is asked for next, and what has come, without any I/O.
//!
//! An archive goes on by its plan and the number of a block, a plain file by its identity and an offset; here both are a
//! [`Whole`] and a [`Place`] in it.

use netsocket_protocol::frame::{Frame, FrameType};
use netsocket_protocol::message::{
    Compression, FileStart, Message as _, MessageError, Plan, Request, Resume, Trailer, Verify,
};
use serde::{Deserialize, Serialize};

use crate::outcome::damage::Damage;
use crate::outcome::error::Error;
use crate::transfer::verify::{Due, Verified, Verifier};

/// What the server says of the whole before its first byte; the same in every answer that goes on with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Whole {
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

impl Whole {
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
pub struct Place {
    /// Blocks.
    pub blocks: u64,
    /// Bytes of these.
    pub bytes: u64,
}

/// A transfer's course.
#[derive(Debug)]
pub(crate) struct Course {
    question: Request,
    whole: Option<Whole>,
    place: Place,
    /// Over all bytes up to the place, or, during an answer that began at the first of them, none: then it is the
    /// verifier's, as one hash over many gigabytes costs enough.
    hasher: blake3::Hasher,
    /// Where the present answer began.
    answer_began: (Place, blake3::Hasher),
    verifier: Option<Verifier>,
}

impl Course {
    /// The course of what `request` asks for, from its beginning. A plain file is asked for in blocks with checksums.
    ///
    /// # Errors
    /// [`Error::Usage`] for a request whose answer is a list.
    pub(crate) fn new(request: &Request) -> Result<Self, Error> {
        let mut question = request.clone();
        match &mut question {
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
            question,
            whole: None,
            place: Place::default(),
            hasher: blake3::Hasher::new(),
            answer_began: (Place::default(), blake3::Hasher::new()),
            verifier: None,
        })
    }

    /// Goes on from what an earlier run has verified and kept; `hasher` has taken all of it.
    pub(crate) fn go_on(&mut self, whole: Whole, place: Place, hasher: blake3::Hasher) {
        self.whole = Some(whole);
        self.place = place;
        self.hasher = hasher;
    }

    /// What is asked for, whatever has come of it.
    #[must_use]
    pub(crate) fn question(&self) -> &Request {
        &self.question
    }

    /// What the server has said of the whole, if an answer has begun.
    #[must_use]
    pub(crate) fn whole(&self) -> Option<&Whole> {
        self.whole.as_ref()
    }

    /// How much has come.
    #[must_use]
    pub(crate) fn place(&self) -> Place {
        self.place
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
        let mut request = self.question.clone();
        match (&mut request, &self.whole) {
            (Request::Archive { resume, .. }, Some(Whole::Archive { plan, sketch, .. })) => {
                *resume = Some(Resume {
                    plan: plan.clone(),
                    block: self.place.blocks,
                    sketch: Some(sketch.clone()).filter(|sketch| !sketch.is_empty()),
                });
            }
            (
                Request::Get {
                    offset, identity, ..
                },
                Some(Whole::File {
                    identity: known, ..
                }),
            ) => {
                *offset = self.place.bytes;
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
        let (whole, verifier) = match &self.question {
            Request::Get { .. } => self.begin_file(&FileStart::from_frame(first)?)?,
            _ => self.begin_archive(Plan::from_frame(first)?)?,
        };
        match &self.whole {
            Some(known) if *known != whole => return Err(Damage::Another.into()),
            _ => self.whole = Some(whole),
        }
        self.answer_began = (self.place, self.hasher.clone());
        self.verifier = Some(verifier);
        Ok(())
    }

    fn begin_archive(&self, plan: Plan) -> Result<(Whole, Verifier), Damage> {
        let expected = self.place.blocks;
        if plan.first_block != expected {
            return Err(Damage::Beginning {
                unit: "block",
                expected,
                got: plan.first_block,
            });
        }
        // A plan with fewer blocks than have come is another one, which the comparison finds.
        let due = Due::Blocks(plan.blocks.saturating_sub(expected));
        let whole = Whole::Archive {
            plan: plan.plan,
            files: plan.files,
            blocks: plan.blocks,
            block_bytes: plan.block_bytes,
            compression: plan.compression,
            sketch: plan.sketch,
        };
        Ok((whole, Verifier::new(expected, due)))
    }

    fn begin_file(&self, start: &FileStart) -> Result<(Whole, Verifier), Damage> {
        let expected = self.place.bytes;
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
        let whole = Whole::File {
            identity: start.identity.clone(),
            size: start.size,
        };
        // Each answer counts its blocks from 0.
        Ok((whole, Verifier::new(0, Due::Bytes(start.length))))
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
                self.place.blocks += 1;
                self.place.bytes += block.bytes.len() as u64;
                Ok(Step::Block(block))
            }
            FrameType::Trailer => {
                let trailer = Trailer::from_frame(&frame)?;
                verifier.finish(&trailer)?;
                self.end_answer();
                Ok(Step::Whole(trailer))
            }
            got => {
                let expected = FrameType::Data;
                Err(MessageError::Unexpected { expected, got }.into())
            }
        }
    }

    /// Goes back to where the present answer began.
    pub(crate) fn step_back(&mut self) {
        (self.place, self.hasher) = self.answer_began.clone();
        self.verifier = None;
    }

    /// Goes back to the beginning of something that is not known yet.
    pub(crate) fn begin_anew(&mut self) {
        self.whole = None;
        self.place = Place::default();
        self.hasher = blake3::Hasher::new();
        self.verifier = None;
    }
}

/// What a frame was.
#[derive(Debug)]
pub(crate) enum Step {
    /// The next block.
    Block(Verified),
    /// The end: all of it has come.
    Whole(Trailer),
}

#[cfg(test)]
mod tests;
