//! A directory as a page, or as JSON in the shape of nginx's listings.

use std::cmp::Ordering;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, VARY};
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use netsocket_protocol::name::Name;

use super::accept;
use super::body::Content;
use super::file::missing;
use super::forms;
use super::link::Link;
use super::page;
use super::pieces;
use super::problem::{Answer, Problem};
use super::reply::Reply;
use super::rows;
use super::target::Target;
use crate::query::directory::{ListRequest, Listed};
use crate::query::search::FoundFile;
use crate::service::access_log::Served;
use crate::service::request_error::RequestError;
use crate::tree::path_order;
use crate::tree::root::Root;

/// Listings of more entries are made anew each time, piece by piece.
const KEPT_ENTRIES: usize = 20_000;

/// The form of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Page,
    Json,
}

/// The form that the option `format` or the header `Accept` asks for.
pub(super) fn format(head: &Parts, target: &Target) -> Result<Format, RequestError> {
    match target.option("format") {
        Some(b"html") => Ok(Format::Page),
        Some(b"json" | b"jsonl") => Ok(Format::Json),
        Some(given) => Err(RequestError::BadRequest(format!(
            "format: must be html, json or jsonl, got {}",
            Name::from(given)
        ))),
        None if accept::prefers_json(&head.headers) => Ok(Format::Json),
        None => Ok(Format::Page),
    }
}

/// The key and direction of the option `sort`; by name without it.
pub(super) fn order(target: &Target) -> Result<(&'static str, bool), RequestError> {
    let text = target.option("sort").unwrap_or(b"name");
    let (key, falls) = match text.strip_prefix(b"-") {
        Some(key) => (key, true),
        None => (text, target.has("reverse")),
    };
    let known = ["name", "modified", "size", "born", "path"];
    let found = known.into_iter().find(|known| known.as_bytes() == key);
    let key = found.ok_or_else(|| {
        RequestError::BadRequest(format!(
            "sort: must be {}, with - before it for the reverse, got {}",
            known.join(", "),
            Name::from(text)
        ))
    })?;
    Ok((key, falls))
}

/// Lists a directory.
pub(super) async fn answer(link: &Link, head: &Parts, target: &Target) -> Answer {
    let (format, sort) = (format(head, target)?, order(target)?);
    if !target.path.is_empty() && !Root::is_shared(&target.path) {
        return Err(missing(target).into());
    }
    let service = &link.service;
    let revision = service.index.revision();
    let key = format!("{format:?} {sort:?} ").into_bytes();
    let key = [&key, target.path.as_slice()].concat();
    let kept = revision.and_then(|revision| service.answer_cache.get::<Kept>(&key, revision));
    let mut reply = Reply::empty(StatusCode::OK);
    describe(&mut reply, format, "application/json");
    if let Some(kept) = kept {
        reply.content = Content::Bytes(kept.text.clone());
        (reply.length, reply.served) = (Some(kept.text.len() as u64), kept.served);
        return Ok(reply);
    }
    let listed = list(link, target, sort).await?;
    reply.served = Served {
        files: listed.files.len() as u64,
        unreadable: listed.unreadable.len() as u64,
        ..Served::default()
    };
    // What can change unseen is read each time.
    let revision = revision.filter(|_| !listed.has_linked && listed.files.len() <= KEPT_ENTRIES);
    let (content, length) = match format {
        Format::Json => json(listed.files),
        Format::Page => listing(target, listed.files, sort, listed.unreadable.len()),
    };
    (reply.content, reply.length) = (content, length);
    if let Some(revision) = revision {
        let text = reply.content.whole();
        reply.length = Some(text.len() as u64);
        reply.content = Content::Bytes(text.clone());
        let (bytes, served) = (text.len(), reply.served);
        service
            .answer_cache
            .put(key, revision, bytes, Arc::new(Kept { text, served }));
    }
    Ok(reply)
}

/// A listing that is given again while nothing has changed.
#[derive(Debug)]
struct Kept {
    text: Bytes,
    served: Served,
}

/// The entries in their order.
async fn list(link: &Link, target: &Target, sort: (&str, bool)) -> Result<Listed, RequestError> {
    let wanted = ListRequest {
        path: target.path.clone(),
        glob: None,
        itself: false,
        hidden: false,
        limit: None,
    };
    let mut listed = link.service.list(wanted).await?;
    // A file is listed as itself, and has no slash at its end.
    if let [file] = &listed.files[..]
        && file.path == target.path
        && !rows::is_directory(file)
    {
        return Err(missing(target));
    }
    listed.files.sort_by(|a, b| compare(a, b, sort));
    Ok(listed)
}

/// The headers of a listing.
pub(super) fn describe(reply: &mut Reply, format: Format, json: &'static str) {
    let media = match format {
        Format::Page => page::MEDIA,
        Format::Json => json,
    };
    reply.set(CONTENT_TYPE, HeaderValue::from_static(media));
    reply.set(VARY, HeaderValue::from_static("Accept"));
    reply.set(
        http::header::CACHE_CONTROL,
        HeaderValue::from_static("no-cache"),
    );
    page::protect(&mut reply.headers);
}

/// Directories first; by name where two are equal.
fn compare(a: &FoundFile, b: &FoundFile, (key, falls): (&str, bool)) -> Ordering {
    let kind = rows::is_directory(b).cmp(&rows::is_directory(a));
    let names = || {
        path_order::split(&a.path)
            .1
            .cmp(path_order::split(&b.path).1)
    };
    let by_key = match key {
        "modified" => a.modified.cmp(&b.modified),
        "born" => a.born.cmp(&b.born),
        "size" if !rows::is_directory(a) => a.size.cmp(&b.size),
        "size" => Ordering::Equal,
        _ => names(),
    };
    let by_key = if falls { by_key.reverse() } else { by_key };
    kind.then(by_key).then_with(names)
}

fn json(files: Vec<FoundFile>) -> (Content, Option<u64>) {
    let mut is_first = true;
    let put = move |text: &mut String, file: FoundFile| {
        text.push_str(if std::mem::take(&mut is_first) {
            ""
        } else {
            ",\n"
        });
        rows::put_json_entry(text, &file);
    };
    pieces::text("[\n".to_owned(), files, put, "\n]\n".to_owned())
}

fn listing(
    target: &Target,
    files: Vec<FoundFile>,
    sort: (&str, bool),
    unreadable: usize,
) -> (Content, Option<u64>) {
    let title = match target.path.is_empty() {
        true => page::ROOT.to_owned(),
        false => format!("{}/ – {}", target.shown(), page::ROOT),
    };
    let mut text = page::begin(&title);
    text.push_str("<a class=\"skip\" href=\"#files\">Skip to the files</a>\n");
    page::breadcrumbs(&mut text, &target.path);
    text.push_str("<main>\n");
    forms::put_search(&mut text, target);
    forms::put_archives(&mut text, target, &summary(&files));
    forms::put_table(&mut text, target, sort);
    let is_empty = files.is_empty();
    let mut end = "</tbody>\n</table>\n".to_owned();
    if is_empty {
        end.push_str("<p class=\"none\">This directory is empty.</p>\n");
    }
    if unreadable > 0 {
        end.push_str("<p class=\"none\">The server may not read all of it.</p>\n");
    }
    end.push_str("</main>\n");
    end.push_str(page::END);
    pieces::text(text, files, |text, file| rows::put_entry(text, &file), end)
}

/// What a directory contains, in a few words.
fn summary(files: &[FoundFile]) -> String {
    let directories = files.iter().filter(|file| rows::is_directory(file)).count();
    let regular = files.iter().filter(|file| !rows::is_directory(file));
    let bytes: u64 = regular.map(|file| file.size).fold(0, u64::saturating_add);
    let count = |count: usize, one: &str, many: &str| match count {
        1 => format!("1 {one}"),
        count => format!("{count} {many}"),
    };
    let files = files.len() - directories;
    let mut parts = Vec::new();
    if directories > 0 {
        parts.push(count(directories, "directory", "directories"));
    }
    if files > 0 || directories == 0 {
        parts.push(format!(
            "{}, {}",
            count(files, "file", "files"),
            rows::size(bytes)
        ));
    }
    parts.join(", ")
}

impl From<crate::query::error::QueryError> for Problem {
    fn from(error: crate::query::error::QueryError) -> Self {
        RequestError::from(error).into()
    }
}
