//! One transfer to its end, over as many connections as that takes.
//!
//! Owns: asking, receiving, writing and trying again, and what is said meanwhile. Does not own: what is right
//! ([`crate::transfer::state`]), whether trying again makes sense ([`crate::transfer::retry`]), where bytes go ([`crate::transfer::writer`]).

use std::cell::RefCell;
use std::time::Duration;

use netsocket_protocol::frame::{Frame, FrameType};
use netsocket_protocol::message::{Compression, Request, Trailer};
use tokio::time::{Instant, sleep};

use crate::connection::dial::{Line, Stream};
use crate::connection::framed::{Connection, Timeouts};
use crate::outcome::answer::{Journey, Saved};
use crate::outcome::damage::Damage;
use crate::outcome::error::Error;
use crate::output::listener::Listener;
use crate::output::progress::{Progress, Total, Verified};
use crate::text::{shown, size};
use crate::transfer::partial_file::{Left, Part};
use crate::transfer::retry::{Retry, Verdict};
use crate::transfer::state::{Course, Place, Step, Whole};
use crate::transfer::target::Target;
use crate::transfer::writer::{Sink, blocking};

/// A listener that several transfers in one task share.
pub(crate) struct Ears<'a, L>(RefCell<&'a mut L>);

impl<'a, L: Listener> Ears<'a, L> {
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

/// What is to be transferred.
pub(crate) struct Job<'a> {
    pub(crate) request: &'a Request,
    pub(crate) target: &'a Target,
    /// Whether what an earlier run has left is gone on with.
    pub(crate) resume: bool,
    /// Whether files are overwritten where an archive is unpacked.
    pub(crate) force: bool,
    /// Tells it from others beside it; else empty.
    pub(crate) name: &'a str,
}

/// Transfers a file or an archive.
///
/// # Errors
/// Any [`Error`] but those of the text output. What has come of a file is kept where that is worth something.
pub(crate) async fn transfer<L: Listener>(
    line: &mut Line,
    job: &Job<'_>,
    ears: &Ears<'_, L>,
) -> Result<Saved, Error> {
    let mut running = Running {
        job,
        ears,
        course: Course::new(&cheapest(job))?,
        sink: None,
        retry: Retry::new(Instant::now(), line.service().retry_deadline),
        deadline: line.service().retry_deadline,
        journey: Journey::default(),
        progress: ears.transfer(job.name),
        heard: Instant::now(),
        lost: None,
        has_asked_again: false,
        thrown_away: None,
    };
    running.look().await?;
    loop {
        match running.attempt(line).await {
            Ok(saved) => return Ok(saved),
            Err(error) => running.after(error, line).await?,
        }
    }
}

/// The request as it is sent: what is unpacked here is compressed in the way that costs both sides least.
fn cheapest(job: &Job<'_>) -> Request {
    let mut request = job.request.clone();
    if let (
        Target::Directory(_),
        Request::Archive {
            compression, level, ..
        },
    ) = (job.target, &mut request)
        && *compression == Compression::Gzip
    {
        (*compression, *level) = (Compression::Zstd, None);
    }
    request
}

/// A connection that was lost, until the first block over the next.
struct Lost {
    reason: String,
    /// When the last byte came.
    since: Instant,
    /// Whether a person has been told, which is only worth it where it takes long.
    is_told: bool,
}

/// How long a transfer may be lost before that is said; else one line says that it went on.
const WORTH_TELLING: Duration = Duration::from_secs(1);

struct Running<'a, 'l, L> {
    job: &'a Job<'a>,
    ears: &'a Ears<'l, L>,
    course: Course,
    sink: Option<Sink>,
    retry: Retry,
    deadline: Duration,
    journey: Journey,
    progress: Progress,
    /// When a byte came last.
    heard: Instant,
    lost: Option<Lost>,
    /// Whether it was said that an answer did not even begin; once is enough.
    has_asked_again: bool,
    /// What is said when something that was kept is thrown away.
    thrown_away: Option<String>,
}

impl<L: Listener> Running<'_, '_, L> {
    /// Looks for what an earlier run has left.
    async fn look(&mut self) -> Result<(), Error> {
        let Target::File { path, given, .. } = self.job.target else {
            return Ok(());
        };
        if !self.job.resume {
            return Ok(());
        }
        let (target, question) = (path.clone(), self.course.question().clone());
        let left = blocking(move || Part::look(&target, &question)).await;
        let name = shown(given);
        match left.map_err(|error| Error::target(given, &error))? {
            Left::Nothing => {}
            Left::Other(bytes) => {
                self.thrown_away = Some(format!(
                    "{} of another download to {name} are thrown away",
                    size(bytes)
                ));
            }
            Left::Damaged(bytes) => {
                self.thrown_away = Some(format!(
                    "{} that were kept of {name} are thrown away: they are not what came",
                    size(bytes)
                ));
            }
            Left::Here(found) => {
                self.journey.kept = found.place.bytes;
                self.course.go_on(found.whole, found.place, found.hasher);
                self.retry.goes_on();
                self.sink = Some(Sink::Part {
                    part: Box::new(found.part),
                    given: given.clone(),
                });
                self.ears.notice(&format!(
                    "going on with {name}: {} are here already",
                    size(found.place.bytes)
                ));
            }
        }
        Ok(())
    }

    async fn attempt(&mut self, line: &mut Line) -> Result<Saved, Error> {
        let request = self.course.request();
        let counter = self.progress.counter();
        let on_bytes = |count| counter.bytes(count);
        let ears = self.ears;
        let closed = |servers: &_| {
            ears.notice(&format!(
                "the connection was closed meanwhile, connecting to {servers} again"
            ));
        };
        let (mut connection, first) = line.ask(&request, &on_bytes, closed).await?;
        let timeouts = line.service().timeouts;
        match self.receive(&mut connection, &first, timeouts).await {
            Ok(saved) => {
                line.keep(connection);
                Ok(saved)
            }
            Err(error) => {
                self.heard = connection.heard();
                self.journey.bytes_twice += connection.unfinished();
                // After anything but an error of the server's nobody knows what is still on its way.
                if matches!(error, Error::Server(_)) {
                    line.keep(connection);
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
        self.course.begin(first)?;
        self.answer_begins().await?;
        connection.expect_within(self.retry.patience(timeouts.stall, timeouts.answer));
        let counter = self.progress.counter();
        let on_bytes = |count| counter.bytes(count);
        loop {
            let frame = connection.frame(&on_bytes).await?;
            let length = match frame.kind {
                FrameType::Data => frame.payload.len() as u64,
                _ => 0,
            };
            match self.course.frame(frame) {
                Err(error) => {
                    self.journey.bytes_twice += length;
                    return Err(error);
                }
                Ok(Step::Block(block)) => {
                    if let Some(sink) = &mut self.sink {
                        sink.write(block).await?;
                    }
                    self.goes_on();
                    self.progress.block(verified(self.course.place()));
                }
                Ok(Step::Whole(trailer)) => {
                    self.goes_on();
                    return self.finish(trailer).await;
                }
            }
        }
    }

    /// The first frame was right: from now on bytes come.
    async fn answer_begins(&mut self) -> Result<(), Error> {
        let Some(whole) = self.course.whole() else {
            return Ok(());
        };
        if let Some(said) = self.thrown_away.take() {
            self.ears.notice(&said);
        }
        match &mut self.sink {
            Some(sink) => sink.answer_begins(),
            None => {
                let (target, question) = (self.job.target, self.course.question());
                self.sink = Some(Sink::open(target, question, whole, self.job.force).await?);
            }
        }
        let place = self.course.place();
        self.progress.planned(total(whole), verified(place));
        tracing::debug!(
            ?whole,
            blocks = place.blocks,
            bytes = place.bytes,
            "transfer goes on"
        );
        self.retry.begun();
        if let Some(lost) = &mut self.lost {
            self.journey.resumed += 1;
            let goes_on = goes_on_at(whole, place);
            self.ears.notice(&if lost.is_told {
                format!("went on with {goes_on}")
            } else {
                format!("{}; went on with {goes_on}", lost.reason)
            });
            lost.is_told = true;
        }
        Ok(())
    }

    /// Something of it has come.
    fn goes_on(&mut self) {
        let now = Instant::now();
        if let Some(lost) = self.lost.take() {
            self.journey.stalled += now.saturating_duration_since(lost.since);
        }
        self.retry.progressed();
    }

    async fn finish(&mut self, trailer: Trailer) -> Result<Saved, Error> {
        if let Some(sink) = self.sink.take() {
            sink.commit().await?;
        }
        Ok(Saved {
            path: self.job.target.name().to_owned(),
            files: self.course.whole().map_or(0, Whole::files),
            bytes: self.course.place().bytes,
            digest: self.course.digest(),
            warnings: trailer.warnings,
            unlisted: trailer.unlisted,
            journey: self.journey,
        })
    }

    /// An attempt has failed: returns where the next one is to be made.
    async fn after(&mut self, error: Error, line: &mut Line) -> Result<(), Error> {
        let verdict = self.retry.failed(&error, Instant::now(), fastrand::f64());
        tracing::debug!(%error, ?verdict, "attempt failed");
        match verdict {
            Verdict::Fail => {
                // What is known to be wrong somewhere must not be gone on with next time.
                if let (Error::Damaged(Damage::Digest | Damage::Bytes { .. }), Some(sink)) =
                    (&error, &mut self.sink)
                {
                    sink.step_back()?;
                }
                return Err(error);
            }
            Verdict::GiveUp { waited } => {
                let last = Box::new(error);
                return Err(Error::GaveUp { waited, last });
            }
            Verdict::BeginAnew => return self.begin_anew(error),
            Verdict::StepBack => {
                let before = self.course.place();
                if !self.sink.as_mut().map_or(Ok(true), Sink::step_back)? {
                    return Err(error);
                }
                self.course.step_back();
                self.journey.bytes_twice += before.bytes - self.course.place().bytes;
                self.was_lost(&error, Duration::ZERO);
                line.hang_up();
            }
            Verdict::GoOn(pause) => {
                self.was_lost(&error, pause);
                line.hang_up();
                sleep(pause).await;
            }
        }
        Ok(())
    }

    fn begin_anew(&mut self, error: Error) -> Result<(), Error> {
        match self.sink.take().map_or(Ok(None), Sink::begin_anew) {
            Ok(sink) => self.sink = sink,
            Err(sink) => {
                self.sink = Some(sink);
                return Err(error);
            }
        }
        self.ears.notice(&format!("{error}; starting over"));
        self.journey.restarted += 1;
        self.journey.bytes_twice += self.course.place().bytes;
        self.journey.kept = 0;
        self.course.begin_anew();
        Ok(())
    }

    /// An attempt has failed, and the next one comes after `pause`.
    fn was_lost(&mut self, error: &Error, pause: Duration) {
        if self.course.whole().is_none() {
            if !self.has_asked_again {
                self.has_asked_again = true;
                self.ears.notice(&format!("{error}; asking again"));
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
            self.ears
                .notice(&format!("{reason}; trying again for up to {limit:?}"));
        }
    }
}

fn total(whole: &Whole) -> Total {
    match whole {
        Whole::Archive { files, blocks, .. } => Total::Blocks {
            blocks: *blocks,
            files: *files,
        },
        Whole::File { size, .. } => Total::Bytes(*size),
    }
}

fn verified(place: Place) -> Verified {
    let Place { blocks, bytes } = place;
    Verified { blocks, bytes }
}

/// Where a transfer goes on, for people.
fn goes_on_at(whole: &Whole, place: Place) -> String {
    match whole {
        // People count from 1.
        Whole::Archive { blocks, .. } if place.blocks < *blocks => {
            format!("block {} of {blocks}", place.blocks + 1)
        }
        Whole::Archive { .. } => "the end".to_owned(),
        Whole::File { size: all, .. } => {
            format!("the rest behind {} of {}", size(place.bytes), size(*all))
        }
    }
}
