//! The state of one transfer across its answers: what to request next, and what was received. No I/O.
//!
//! An archive resumes by plan id and block number, a plain file by identity and offset; here both are a
//! [`Source`] and a [`Position`] in it.

use netsocket_protocol::frame::{Frame, FrameType};
use netsocket_protocol::message::{
    Compression, FileStart, Layout, Message as _, MessageError, Plan, Request, Resume, StreamState,
    Trailer, Verify,
};
use serde::{Deserialize, Serialize};

use crate::outcome::damage::Damage;
use crate::outcome::error::Error;
use crate::transfer::stream_check::StreamCheck;
use crate::transfer::verify::{Announced, VerifiedBlock, Verifier};

/// What the server announces about a source; identical in every answer that continues it.
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
        /// Whether each block is a member or frame, or all of them are one.
        #[serde(default, skip_serializing_if = "is_default")]
        layout: Layout,
        /// Lets another server name the files that differ.
        sketch: String,
    },
    /// A plain file.
    File {
        /// Its size and modification time.
        identity: String,
        /// Its size in bytes.
        size: u64,
    },
}

fn is_default(layout: &Layout) -> bool {
    *layout == Layout::default()
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

/// How much of a source was received and verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    /// Blocks.
    pub blocks: u64,
    /// Bytes of these.
    pub bytes: u64,
    /// What another server needs to go on behind the last of them, in an archive of one stream.
    pub state: Option<StreamState>,
}

/// The state of a transfer.
#[derive(Debug)]
pub(crate) struct TransferState {
    /// In the default layout: which one is asked for is not what makes two downloads different.
    base_request: Request,
    /// The layout to ask for as long as no archive has begun.
    layout: Layout,
    source: Option<Source>,
    position: Position,
    /// The digest state over all bytes up to `position`. During an answer that began at the first byte, the verifier has
    /// it instead, to hash the data only once.
    hasher: blake3::Hasher,
    /// Where the current answer began.
    answer_began: (Position, blake3::Hasher),
    verifier: Option<Verifier>,
}

impl TransferState {
    /// Starts a transfer of what `request` asks for. A plain file is requested in blocks with checksums.
    ///
    /// # Errors
    /// [`Error::Usage`] for a request whose answer is a list.
    pub(crate) fn new(request: &Request) -> Result<Self, Error> {
        let mut base_request = request.clone();
        let mut wanted = Layout::default();
        match &mut base_request {
            Request::Archive { resume, layout, .. } => {
                *resume = None;
                wanted = std::mem::take(layout);
            }
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
            layout: wanted,
            source: None,
            position: Position::default(),
            hasher: blake3::Hasher::new(),
            answer_began: (Position::default(), blake3::Hasher::new()),
            verifier: None,
        })
    }

    /// Continues from what an earlier run kept and this one has verified; `hasher` includes all of it.
    pub(crate) fn go_on(&mut self, source: Source, position: Position, hasher: blake3::Hasher) {
        self.source = Some(source);
        self.position = position;
        self.hasher = hasher;
    }

    /// The request without a resume position.
    #[must_use]
    pub(crate) fn base_request(&self) -> &Request {
        &self.base_request
    }

    /// What the server announced, once an answer has begun.
    #[must_use]
    pub(crate) fn source(&self) -> Option<&Source> {
        self.source.as_ref()
    }

    /// How much was received and verified.
    #[must_use]
    pub(crate) fn position(&self) -> Position {
        self.position
    }

    /// The digest of everything received.
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

    /// Ends the current answer.
    fn end_answer(&mut self) {
        self.hasher = self.hasher().clone();
        self.verifier = None;
    }

    /// The request for everything not received yet.
    #[must_use]
    pub(crate) fn request(&self) -> Request {
        let mut request = self.base_request.clone();
        match (&mut request, &self.source) {
            (
                Request::Archive { resume, layout, .. },
                Some(Source::Archive {
                    plan,
                    sketch,
                    layout: begun,
                    ..
                }),
            ) => {
                *layout = *begun;
                *resume = Some(Resume {
                    plan: plan.clone(),
                    block: self.position.blocks,
                    sketch: Some(sketch.clone()).filter(|sketch| !sketch.is_empty()),
                    state: self.position.state,
                });
            }
            (Request::Archive { layout, .. }, None) => *layout = self.layout,
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

    /// Processes the first frame of an answer.
    ///
    /// # Errors
    /// [`Error::Protocol`] if it has another type, [`Error::Damaged`] if it starts elsewhere or announces
    /// attack.
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
        // A plan with fewer blocks than were received is a different one, which the comparison detects.
        let due = Announced::Blocks(plan.blocks.saturating_sub(expected));
        let mut verifier = Verifier::new(expected, due);
        if plan.layout == Layout::Stream {
            verifier = verifier.with_stream(StreamCheck::new(&plan)?);
        }
        let source = Source::Archive {
            plan: plan.plan,
            files: plan.files,
            blocks: plan.blocks,
            block_bytes: plan.block_bytes,
            compression: plan.compression,
            layout: plan.layout,
            sketch: plan.sketch,
        };
        Ok((source, verifier))
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

    /// Processes the next frame of the answer.
    ///
    /// # Errors
    /// [`Error::Protocol`] if the frame type is not allowed here, [`Error::Damaged`] if it is not the expected block.
    pub(crate) fn frame(&mut self, frame: Frame) -> Result<Step, Error> {
        let Some(verifier) = &mut self.verifier else {
            return Err(Error::Protocol(
                "data before the start of an answer".to_owned(),
            ));
        };
        match frame.kind {
            FrameType::Data => {
                let block = verifier.block(frame.payload)?;
                if self.answer_began.0.bytes > 0 {
                    self.hasher.update(&block.bytes);
                }
                self.position.blocks += 1;
                self.position.bytes += block.bytes.len() as u64;
                self.position.state = block.state;
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

    /// Rewinds to where the current answer began.
    pub(crate) fn rewind(&mut self) {
        (self.position, self.hasher) = self.answer_began.clone();
        self.verifier = None;
    }

    /// Goes back to the beginning, for a source that is not known yet.
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
    /// The end: everything was received.
    Complete(Trailer),
}

#[cfg(test)]
mod tests;
