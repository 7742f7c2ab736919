//! Archives of a directory or of what a search finds.
//!
//! A tar has a length and the id of its plan as its tag, so it is downloaded in ranges like a file, and goes on at any
//! replica that makes the same plan. What is compressed has neither length nor ranges before it is made.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use headers::ETag;
use http::header::CONTENT_DISPOSITION;
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode};
use netsocket_protocol::message::{Compression, EntryNames, Layout};
use tokio::sync::OwnedSemaphorePermit;

use super::body::{Pieces, made};
use super::conditions::Validators;
use super::download::decide;
use super::link::Link;
use super::media;
use super::part::Part;
use super::problem::{Answer, Problem};
use super::representation::Representation;
use super::target::Target;
use crate::archive::{ArchiveBlock, ArchiveOptions, BLOCK_BYTES, Codec, Plan, Start};
use crate::service::access_log::{Served, log_faults};
use crate::service::file_service::{Planned, Service};
use crate::service::request_error::RequestError;
use crate::tree::path_order;

/// The formats, as the option `archive` and the extension name them.
pub(super) const FORMATS: [&str; 3] = ["tar.gz", "tar.zst", "tar"];

/// The name of an archive of the whole tree.
const WHOLE: &str = "files";

/// How many files an archive lacks because the server may not read them.
const LEFT_OUT: HeaderName = HeaderName::from_static("netsocket-left-out");

/// Answers a request for an archive.
pub(super) async fn answer(link: &Arc<Link>, head: &Parts, target: &Target) -> Answer {
    let (format, compression, media) = format(target)?;
    let search = target.search()?;
    if target.option("limit").is_some() {
        let sentence = "an archive has no limit: it is all of the files that match";
        return Err(RequestError::BadRequest(sentence.to_owned()).into());
    }
    let codec = Codec::new(compression, None, Layout::Stream);
    let codec =
        codec.ok_or_else(|| RequestError::BadRequest("there is no such format".to_owned()))?;
    let options = ArchiveOptions {
        codec,
        names: EntryNames::Path,
    };
    let service = &link.service;
    let permit = service.archive_permit()?;
    let planned = service.plan(search.query, options).await?;
    let validators = Validators {
        etag: tag(&planned.plan)?,
        modified: None,
    };
    if let Some(wanted) = target.option("plan")
        && wanted != planned.plan.id().as_bytes()
    {
        let sentence = "the files have changed since: start over with a new archive";
        return Err(Problem::bad(StatusCode::PRECONDITION_FAILED, sentence));
    }
    let length = (compression == Compression::None).then(|| planned.plan.tar_bytes());
    let representation = Representation::new(length, validators, HeaderValue::from_static(media));
    let download = decide(head, &representation, SystemTime::now)?;
    let mut reply = download.reply;
    let name = [file_name(target).as_slice(), b".", format.as_bytes()].concat();
    reply.set(CONTENT_DISPOSITION, media::attachment(&name));
    reply.served = served(&planned);
    if reply.served.warnings + reply.served.unreadable > 0 {
        reply.set(
            LEFT_OUT,
            (reply.served.warnings + reply.served.unreadable).into(),
        );
    }
    if !download.parts.is_empty() {
        let making = Making {
            link: Arc::clone(link),
            planned,
            _permit: permit,
        };
        reply.content = made(|pieces| making.send(download.parts, pieces));
    }
    Ok(reply)
}

fn format(target: &Target) -> Result<(&'static str, Compression, &'static str), RequestError> {
    match target.option("archive") {
        Some(b"tar") => Ok(("tar", Compression::None, "application/x-tar")),
        Some(b"tar.gz" | b"tgz") => Ok(("tar.gz", Compression::Gzip, "application/gzip")),
        Some(b"tar.zst") => Ok(("tar.zst", Compression::Zstd, "application/zstd")),
        _ => Err(RequestError::BadRequest(format!(
            "the archives are {}",
            FORMATS.join(", ")
        ))),
    }
}

/// The tag of an archive: its bytes are a function of its plan.
fn tag(plan: &Plan) -> Result<ETag, RequestError> {
    let tag = format!("\"{}\"", plan.id());
    tag.parse()
        .map_err(|_| RequestError::internal("naming an archive", tag))
}

/// The name without its extension: that of the directory.
fn file_name(target: &Target) -> Vec<u8> {
    match target.path.is_empty() {
        true => WHOLE.as_bytes().to_vec(),
        false => path_order::split(&target.path).1.to_vec(),
    }
}

fn served(planned: &Planned) -> Served {
    Served {
        files: planned.plan.entries().len() as u64,
        unreadable: planned.unreadable.count(),
        warnings: planned.plan.warnings().len() as u64,
    }
}

/// A block, which counts as held until its bytes are sent.
struct Held(ArchiveBlock);

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.0.bytes
    }
}

/// An archive that is being made.
struct Making {
    link: Arc<Link>,
    planned: Planned,
    _permit: OwnedSemaphorePermit,
}

impl Making {
    async fn send(self, parts: VecDeque<Part>, pieces: Pieces) -> Result<Served, RequestError> {
        for part in parts {
            match part {
                Part::Text(text) => pieces.put(text).await?,
                Part::File(range) => self.blocks(range, &pieces).await?,
            }
        }
        Ok(served(&self.planned))
    }

    /// Sends bytes of the archive.
    async fn blocks(
        &self,
        range: std::ops::Range<u64>,
        pieces: &Pieces,
    ) -> Result<(), RequestError> {
        let service: &Service = &self.link.service;
        let size = BLOCK_BYTES as u64;
        let first = range.start / size;
        let mut blocks = service.blocks(&self.planned.plan, Start::at(first, 0));
        let mut at = first * size;
        while at < range.end {
            let Some(block) = blocks.next().await? else {
                break;
            };
            let faults = blocks.faults();
            if !faults.is_empty() {
                // The plan promised other bytes, and nothing behind them could say so.
                log_faults(self.link.peer, &faults);
                let sentence = "a file changed while it was archived";
                return Err(RequestError::FileChanged(sentence.to_owned()));
            }
            let length = block.bytes.len() as u64;
            let bytes = cut(Bytes::from_owner(Held(block)), at, &range);
            at += length;
            pieces.put(bytes).await?;
        }
        Ok(())
    }
}

/// What of a block that begins at `at` lies within a range.
fn cut(block: Bytes, at: u64, range: &std::ops::Range<u64>) -> Bytes {
    let within = |place: u64| {
        let place = usize::try_from(place.saturating_sub(at)).unwrap_or(usize::MAX);
        place.min(block.len())
    };
    block.slice(within(range.start)..within(range.end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_cut_to_the_range() {
        let block = Bytes::from_static(b"0123456789");
        for (at, range, expected) in [
            (0, 0..10, "0123456789"),
            (0, 3..5, "34"),
            (10, 3..12, "01"),
            (10, 15..100, "56789"),
            (10, 25..30, ""),
        ] {
            assert_eq!(cut(block.clone(), at, &range), expected, "{at} {range:?}");
        }
    }
}
