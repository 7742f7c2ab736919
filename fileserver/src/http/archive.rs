//! Archives of a directory or of what a search finds.
//!
//! A tar has a length and the id of its plan as its tag, so it is downloaded in ranges like a file, and goes on at any
//! replica that makes the same plan. A zip has a length, but no ranges: its end contains the checksums of all files. What
//! is compressed has neither length nor ranges before it is made.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use headers::ETag;
use http::header::CONTENT_DISPOSITION;
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode};
use netsocket_protocol::message::{Compression, EntryNames, Layout};
use netsocket_protocol::name::Name;
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
use crate::archive::{
    ArchiveBlock, ArchiveOptions, BLOCK_BYTES, Blocks, Codec, Plan, Start, ZipStream,
};
use crate::service::access_log::{Served, log_faults};
use crate::service::file_service::{Planned, Service};
use crate::service::request_error::RequestError;
use crate::tree::path_order;

/// A format of archives.
struct Format {
    /// As the option `archive` and the extension name it.
    name: &'static str,
    media: &'static str,
    /// Of the blocks; those of a zip are made from the ones of a tar.
    compression: Compression,
    is_zip: bool,
}

/// The names of the formats.
pub(super) const FORMATS: [&str; 4] = ["tar.gz", "tar.zst", "tar", "zip"];

/// The name of an archive of the whole tree.
const WHOLE: &str = "files";

/// How many files an archive lacks because the server may not read them.
const LEFT_OUT: HeaderName = HeaderName::from_static("netsocket-left-out");

/// Answers a request for an archive.
pub(super) async fn answer(link: &Arc<Link>, head: &Parts, target: &Target) -> Answer {
    let format = format(target)?;
    let search = target.search()?;
    let codec = Codec::new(format.compression, None, Layout::Stream);
    let codec =
        codec.ok_or_else(|| RequestError::BadRequest("there is no such format".to_owned()))?;
    let options = ArchiveOptions {
        codec,
        names: EntryNames::Path,
    };
    let service = &link.service;
    let permit = service.archive_permit()?;
    let planned = service.plan(search.query, options).await?;
    let tag = tag(&format, &planned.plan);
    if let Some(wanted) = target.option("plan")
        && wanted != tag.as_bytes()
    {
        let sentence = "the files have changed since: start over with a new archive";
        return Err(Problem::bad(StatusCode::PRECONDITION_FAILED, sentence));
    }
    let zip = match format.is_zip {
        true => Some(ZipStream::new(Arc::clone(&planned.plan)).map_err(RequestError::from)?),
        false => None,
    };
    let representation = representation(&format, &planned.plan, zip.as_ref(), &tag)?;
    let download = decide(head, &representation, SystemTime::now)?;
    let mut reply = download.reply;
    let name = [file_name(target).as_slice(), b".", format.name.as_bytes()].concat();
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
        reply.content = match zip {
            Some(zip) => made(|pieces| making.send_zip(zip, pieces)),
            None => made(|pieces| making.send(download.parts, pieces)),
        };
    }
    Ok(reply)
}

fn format(target: &Target) -> Result<Format, RequestError> {
    let format = |name, compression, media| {
        Ok(Format {
            name,
            media,
            compression,
            is_zip: false,
        })
    };
    match target.option("archive") {
        Some(b"tar") => format("tar", Compression::None, "application/x-tar"),
        Some(b"tar.gz" | b"tgz") => format("tar.gz", Compression::Gzip, "application/gzip"),
        Some(b"tar.zst") => format("tar.zst", Compression::Zstd, "application/zstd"),
        Some(b"zip") => Ok(Format {
            name: "zip",
            media: "application/zip",
            compression: Compression::None,
            is_zip: true,
        }),
        given => Err(RequestError::BadRequest(format!(
            "archive: must be {}, got {}",
            allowed(),
            Name::from(given.unwrap_or_default())
        ))),
    }
}

/// The formats, in words.
pub(super) fn allowed() -> String {
    let [others @ .., last] = FORMATS;
    format!("{} or {last}", others.join(", "))
}

/// The tag of an archive: its bytes are a function of its plan, and a zip has the plan of a tar.
fn tag(format: &Format, plan: &Plan) -> String {
    match format.is_zip {
        true => format!("{}-zip{}", plan.id(), ZipStream::FORMAT),
        false => plan.id().to_owned(),
    }
}

fn representation(
    format: &Format,
    plan: &Plan,
    zip: Option<&ZipStream>,
    tag: &str,
) -> Result<Representation, RequestError> {
    let quoted = format!("\"{tag}\"");
    let etag: ETag = quoted
        .parse()
        .map_err(|_| RequestError::internal("naming an archive", quoted))?;
    let validators = Validators {
        etag,
        modified: None,
    };
    let length = match zip {
        Some(zip) => Some(zip.length()),
        None => (format.compression == Compression::None).then(|| plan.tar_bytes()),
    };
    let media = HeaderValue::from_static(format.media);
    let representation = Representation::new(length, validators, media);
    Ok(match zip {
        Some(_) => representation.without_ranges(),
        None => representation,
    })
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

    /// Sends a whole zip.
    async fn send_zip(self, mut zip: ZipStream, pieces: Pieces) -> Result<Served, RequestError> {
        let mut blocks = self
            .link
            .service
            .blocks(&self.planned.plan, Start::default());
        while let Some(block) = self.next(&mut blocks).await? {
            let block = zip.put(block);
            if !block.bytes.is_empty() {
                pieces.put(Bytes::from_owner(Held(block))).await?;
            }
        }
        for piece in zip.finish() {
            pieces.put(piece).await?;
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
            let Some(block) = self.next(&mut blocks).await? else {
                break;
            };
            let length = block.bytes.len() as u64;
            let bytes = cut(Bytes::from_owner(Held(block)), at, &range);
            at += length;
            pieces.put(bytes).await?;
        }
        Ok(())
    }

    /// The next block, if no file differs from the plan so far.
    async fn next(&self, blocks: &mut Blocks) -> Result<Option<ArchiveBlock>, RequestError> {
        let block = blocks.next().await?;
        let faults = blocks.faults();
        if faults.is_empty() {
            return Ok(block);
        }
        // The plan promised other bytes, and nothing behind them could say so.
        log_faults(self.link.peer, &faults);
        let sentence = "a file changed while it was archived";
        Err(RequestError::FileChanged(sentence.to_owned()))
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
