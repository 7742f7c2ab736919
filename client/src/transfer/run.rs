//! Runs one transfer to its end, over as many connections as necessary.
//!
//! Owns: requesting, receiving, writing, retrying, and the notices about it. Does not own: what is valid
//! ([`crate::transfer::state`]), whether to retry ([`crate::transfer::retry`]), where data is written ([`crate::transfer::writer`]).

use std::cell::RefCell;
use std::time::Duration;

use netsocket_protocol::frame::{Frame, FrameType};
use netsocket_protocol::message::{Compression, Layout, Problem, Request, Trailer};
use tokio::time::{Instant, sleep};

use crate::connection::dial::{Dialer, Stream};
use crate::connection::framed::{Connection, Timeouts};
use crate::outcome::answer::{Saved, TransferStats};
use crate::outcome::damage::Damage;
use crate::outcome::error::Error;
use crate::output::listener::Listener;
use crate::output::progress::{Progress, Total, Verified};
use crate::text::{shown, size};
use crate::transfer::blocking::blocking;
use crate::transfer::destination::Attributes;
use crate::transfer::extract::directory::ExtractOptions;
use crate::transfer::last_block::LastBlock;
use crate::transfer::partial_file::{Existing, PartialFile};
use crate::transfer::retry::{Decision, Retry};
use crate::transfer::state::{Position, Source, Step, TransferState};
use crate::transfer::target::Target;
use crate::transfer::writer::Writer;

/// A listener shared by several transfers in one task.
pub(crate) struct SharedListener<'a, L>(RefCell<&'a mut L>);

impl<'a, L: Listener> SharedListener<'a, L> {
    pub(crate) fn new(listener: &'a mut L) -> Self {
        Self(RefCell::new(listener))
    }

    pub(crate) fn notice(&self, text: &str) {
        self.0.borrow_mut().notice(text);
    }

    fn transfer(&self, name: &str) -> Progress {
        self.0.borrow_mut().transfer(name)
    }
}

/// The parameters of a transfer.
pub(crate) struct Job<'a> {
    pub(crate) request: &'a Request,
    pub(crate) target: &'a Target,
    /// Whether to resume a partial file.
    pub(crate) resume: bool,
    /// How an archive is unpacked.
    pub(crate) extract: ExtractOptions,
    /// What a file keeps of the one on the server.
    pub(crate) attributes: Option<Attributes>,
    /// Distinguishes parallel transfers; otherwise empty.
    pub(crate) name: &'a str,
}

/// Transfers a file or an archive.
///
/// # Errors
/// Any [`Error`] except those of text output. Verified data of a file is kept.
pub(crate) async fn transfer<L: Listener>(
    dialer: &mut Dialer,
    job: &Job<'_>,
    listener: &SharedListener<'_, L>,
) -> Result<Saved, Error> {
    let mut running = Transfer {
        job,
        listener,
        state: TransferState::new(&as_needed(job))?,
        writer: None,
        retry: Retry::new(Instant::now(), dialer.service().retry_deadline),
        deadline: dialer.service().retry_deadline,
        stats: TransferStats::default(),
        progress: listener.transfer(job.name),
        heard: Instant::now(),
        lost: None,
        has_asked_again: false,
        last_block: None,
        discarded: None,
    };
    running.find_existing().await?;
    loop {
        match running.attempt(dialer).await {
            Ok(saved) => return Ok(saved),
            Err(error) => running.after(error, dialer).await?,
        }
    }
}

/// The level of zstd for an archive to be unpacked: half of what the default costs, for a tenth more bytes.
const CHEAPEST_LEVEL: u8 = 1;

/// The request to send. An archive to be unpacked uses the cheapest compression, and blocks that each have a checksum;
/// one that stays a file is one stream, as that is what every program reads.
fn as_needed(job: &Job<'_>) -> Request {
    let mut request = job.request.clone();
    if let Request::Archive {
        compression,
        level,
        layout,
        ..
    } = &mut request
    {
        match (job.target, *compression, *level) {
            (Target::Directory(_), Compression::Gzip, _)
            | (Target::Directory(_), Compression::Zstd, None) => {
                (*compression, *level) = (Compression::Zstd, Some(CHEAPEST_LEVEL));
            }
            (Target::Directory(_), ..) | (_, Compression::None, _) => {}
            _ => *layout = Layout::Stream,
        }
    }
    request
}

/// A lost connection, until the first block on the next one.
struct Lost {
    reason: String,
    /// When the last byte was received.
    since: Instant,
    /// Whether the user was told; short outages are not reported separately.
    is_told: bool,
}

/// How long an outage lasts before it is reported; a shorter one is reported when the transfer has resumed.
const WORTH_TELLING: Duration = Duration::from_secs(1);

struct Transfer<'a, 'l, L> {
    job: &'a Job<'a>,
    listener: &'a SharedListener<'l, L>,
    state: TransferState,
    writer: Option<Writer>,
    retry: Retry,
    deadline: Duration,
    stats: TransferStats,
    progress: Progress,
    /// When a byte was last received.
    heard: Instant,
    lost: Option<Lost>,
    /// Whether the retry of an unanswered request was reported; once is enough.
    has_asked_again: bool,
    /// The last block of a partial file, until the server has sent it again.
    last_block: Option<LastBlock>,
    /// The notice about a discarded partial file.
    discarded: Option<String>,
}

impl<L: Listener> Transfer<'_, '_, L> {
    /// Looks for a partial file from an earlier run.
    async fn find_existing(&mut self) -> Result<(), Error> {
        let Target::File { path, given, .. } = self.job.target else {
            return Ok(());
        };
        if !self.job.resume {
            return Ok(());
        }
        let (target, request) = (path.clone(), self.state.base_request().clone());
        let find = move || {
            let mut existing = PartialFile::find(&target, &request)?;
            let last_block = match &mut existing {
                Existing::Resumable(resume_point) => LastBlock::withdraw(resume_point)?,
                _ => None,
            };
            Ok((existing, last_block))
        };
        let found = blocking(find).await;
        let (existing, last_block) = found.map_err(|error| Error::target(given, &error))?;
        let name = shown(given);
        match existing {
            Existing::Nothing => {}
            Existing::Other(bytes) => {
                self.discarded = Some(format!(
                    "discarding {} of a different download to {name}",
                    size(bytes)
                ));
            }
            Existing::Damaged(bytes) => {
                self.discarded = Some(format!(
                    "discarding {} kept of {name}: they fail verification",
                    size(bytes)
                ));
            }
            Existing::Resumable(resume_point) => {
                let again = last_block.as_ref().map_or(0, LastBlock::length);
                let kept = resume_point.position.bytes + again;
                self.stats.kept = kept;
                self.stats.bytes_twice += again;
                self.last_block = last_block;
                self.state.go_on(
                    resume_point.source,
                    resume_point.position,
                    resume_point.hasher,
                );
                self.retry.goes_on();
                self.writer = Some(Writer::PartialFile {
                    part: Box::new(resume_point.part),
                    given: given.clone(),
                });
                self.listener.notice(&format!(
                    "resuming {name}: {} already downloaded",
                    size(kept)
                ));
            }
        }
        Ok(())
    }

    async fn attempt(&mut self, dialer: &mut Dialer) -> Result<Saved, Error> {
        let request = self.state.request();
        let counter = self.progress.counter();
        let on_bytes = |count| counter.bytes(count);
        let listener = self.listener;
        let notice = |text: &str| listener.notice(text);
        let rounds = self.retry.rounds();
        let (mut connection, first) = dialer.ask(&request, &on_bytes, rounds, notice).await?;
        let timeouts = dialer.service().timeouts;
        match self.receive(&mut connection, &first, timeouts).await {
            Ok(saved) => {
                dialer.keep(connection);
                Ok(saved)
            }
            Err(error) => {
                self.heard = connection.last_read();
                self.stats.bytes_twice += connection.partial_frame_bytes();
                // After anything but an error message, data may still be in flight.
                if matches!(error, Error::Server(_)) {
                    dialer.keep(connection);
                }
                Err(error)
            }
        }
    }

    async fn receive(
        &mut self,
        connection: &mut Connection<Stream>,
        first: &Frame,
        timeouts: Timeouts,
    ) -> Result<Saved, Error> {
        self.state.begin(first)?;
        self.answer_begins().await?;
        connection.set_read_timeout(self.retry.patience(timeouts.stall, timeouts.answer));
        let counter = self.progress.counter();
        let on_bytes = |count| counter.bytes(count);
        loop {
            let frame = connection.frame(&on_bytes).await?;
            let length = match frame.kind {
                FrameType::Data => frame.payload.len() as u64,
                _ => 0,
            };
            match self.state.frame(frame) {
                Err(error) => {
                    self.stats.bytes_twice += length;
                    return Err(error);
                }
                Ok(Step::Block(block)) => {
                    if let Some(writer) = &mut self.writer {
                        if let Some(last) = &self.last_block {
                            let end = self.state.position().bytes;
                            last.compare(end - block.bytes.len() as u64, &block.bytes)?;
                        }
                        writer.write(block).await?;
                    }
                    self.goes_on();
                    self.progress.block(verified(self.state.position()));
                }
                Ok(Step::Complete(trailer)) => {
                    self.goes_on();
                    return self.finish(trailer).await;
                }
            }
        }
    }

    /// The first frame was valid; data follows.
    async fn answer_begins(&mut self) -> Result<(), Error> {
        let Some(source) = self.state.source() else {
            return Ok(());
        };
        if let Some(said) = self.discarded.take() {
            self.listener.notice(&said);
        }
        match &mut self.writer {
            Some(writer) => writer.answer_begins(),
            None => {
                let (target, request) = (self.job.target, self.state.base_request());
                self.writer =
                    Some(Writer::open(target, request, source, self.job.extract.clone()).await?);
            }
        }
        let position = self.state.position();
        self.progress.planned(total(source), verified(position));
        tracing::debug!(
            ?source,
            blocks = position.blocks,
            bytes = position.bytes,
            "transfer goes on"
        );
        self.retry.begun();
        if let Some(lost) = &mut self.lost {
            self.stats.resumed += 1;
            let goes_on = goes_on_at(source, position);
            self.listener.notice(&if lost.is_told {
                format!("resumed at {goes_on}")
            } else {
                format!("{}; resumed at {goes_on}", lost.reason)
            });
            lost.is_told = true;
        }
        Ok(())
    }

    /// Data was received.
    fn goes_on(&mut self) {
        let now = Instant::now();
        if let Some(lost) = self.lost.take() {
            self.stats.stalled += now.saturating_duration_since(lost.since);
        }
        self.retry.progressed();
    }

    async fn finish(&mut self, trailer: Trailer) -> Result<Saved, Error> {
        if let Some(Source::File { .. }) = self.state.source() {
            check_complete(&trailer)?;
        }
        let unpacked = match self.writer.take() {
            Some(writer) => {
                if let Some(attributes) = self.job.attributes {
                    writer.apply(attributes).await?;
                }
                writer.commit().await?
            }
            None => None,
        };
        Ok(Saved {
            path: self.job.target.name().to_owned(),
            files: self.state.source().map_or(0, Source::files),
            bytes: self.state.position().bytes,
            unpacked,
            was_there: matches!(self.job.target, Target::Existing(_)),
            digest: self.state.digest(),
            warnings: trailer.warnings,
            unlisted: trailer.unlisted,
            stats: self.stats,
        })
    }

    /// Handles a failed attempt; returns `Ok` if another one should be made.
    async fn after(&mut self, error: Error, dialer: &mut Dialer) -> Result<(), Error> {
        let verdict = self.retry.failed(&error, Instant::now(), fastrand::f64());
        tracing::debug!(%error, ?verdict, "attempt failed");
        match verdict {
            Decision::Fail => {
                // Wrong data must not be resumed later.
                if let (
                    Error::Damaged(Damage::Digest | Damage::Bytes { .. })
                    | Error::Incomplete { .. },
                    Some(writer),
                ) = (&error, &mut self.writer)
                {
                    writer.rewind()?;
                }
                return Err(error);
            }
            Decision::GiveUp { waited } => {
                let last = Box::new(error);
                return Err(Error::GaveUp { waited, last });
            }
            Decision::Restart => return self.restart(error),
            Decision::Rewind => {
                let before = self.state.position();
                if !self.writer.as_mut().map_or(Ok(true), Writer::rewind)? {
                    return Err(error);
                }
                self.state.rewind();
                self.stats.bytes_twice += before.bytes - self.state.position().bytes;
                self.was_lost(&error, Duration::ZERO);
                dialer.try_next_server();
            }
            Decision::Retry(pause) => {
                self.was_lost(&error, pause);
                dialer.try_next_server();
                sleep(pause).await;
            }
        }
        Ok(())
    }

    fn restart(&mut self, error: Error) -> Result<(), Error> {
        match self.writer.take().map_or(Ok(None), Writer::restart) {
            Ok(writer) => self.writer = writer,
            Err(writer) => {
                self.writer = Some(writer);
                return Err(error);
            }
        }
        self.listener.notice(&format!("{error}; starting over"));
        self.stats.restarted += 1;
        self.last_block = None;
        self.stats.bytes_twice += self.state.position().bytes;
        self.stats.kept = 0;
        self.state.restart();
        Ok(())
    }

    /// Reports a failed attempt; the next one follows after `pause`.
    fn was_lost(&mut self, error: &Error, pause: Duration) {
        if self.state.source().is_none() {
            if !self.has_asked_again {
                self.has_asked_again = true;
                self.listener.notice(&format!("{error}; retrying"));
            }
            return;
        }
        let (heard, limit) = (self.heard, self.deadline);
        let lost = self.lost.get_or_insert_with(|| Lost {
            reason: error.to_string(),
            since: heard,
            is_told: false,
        });
        if !lost.is_told && lost.since.elapsed() + pause >= WORTH_TELLING {
            lost.is_told = true;
            let reason = &lost.reason;
            self.listener
                .notice(&format!("{reason}; retrying for up to {limit:?}"));
        }
    }
}

/// Fails if the server reports that it sent zeros in place of a part of the file. In an archive that is only a warning,
/// as it concerns one file of many.
fn check_complete(trailer: &Trailer) -> Result<(), Error> {
    let is_zeros = |problem| {
        matches!(
            problem,
            Problem::Shrank | Problem::Vanished | Problem::Unreadable
        )
    };
    match trailer.warnings.iter().find(|of| is_zeros(of.problem)) {
        Some(warning) => Err(Error::Incomplete {
            path: warning.path.clone(),
            problem: warning.problem,
        }),
        None => Ok(()),
    }
}

fn total(source: &Source) -> Total {
    match source {
        Source::Archive { files, blocks, .. } => Total::Blocks {
            blocks: *blocks,
            files: *files,
        },
        Source::File { size, .. } => Total::Bytes(*size),
    }
}

fn verified(position: Position) -> Verified {
    let Position { blocks, bytes, .. } = position;
    Verified { blocks, bytes }
}

/// The position at which a transfer resumes, for notices.
fn goes_on_at(source: &Source, position: Position) -> String {
    match source {
        // People count from 1.
        Source::Archive { blocks, .. } if position.blocks < *blocks => {
            format!("block {} of {blocks}", position.blocks + 1)
        }
        Source::Archive { .. } => "the end".to_owned(),
        Source::File { size: all, .. } => {
            format!("{} of {}", size(position.bytes), size(*all))
        }
    }
}
