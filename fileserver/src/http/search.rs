//! Files found by a query, as a page or as lines of JSON, sent while they are looked up.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use netsocket_protocol::query::Sort;
use tokio::sync::oneshot;

use super::body::{Pieces, made};
use super::directory::{Format, describe, format};
use super::forms;
use super::link::Link;
use super::page;
use super::problem::Answer;
use super::reply::Reply;
use super::rows;
use super::target::{Search, Target};
use crate::query::search::FoundFile;
use crate::service::access_log::Served;
use crate::service::file_service::Service;
use crate::service::listing::{FileOrder, Listing, Page};
use crate::service::request_error::RequestError;

/// Answers a search.
pub(super) async fn answer(link: &Arc<Link>, head: &Parts, target: &Target) -> Answer {
    let (format, search) = (format(head, target)?, target.search()?);
    let service = Arc::clone(&link.service);
    let mut reply = Reply::empty(StatusCode::OK);
    reply.length = None;
    describe(&mut reply, format, "application/jsonl");
    let below = search.query.below.clone().unwrap_or_default();
    let text = Text {
        format,
        begin: match format {
            Format::Page => begin(target, &search),
            Format::Json => String::new(),
        },
        below: below.0,
    };
    let (started, begun) = oneshot::channel();
    let content =
        made(|pieces| async move { send(&service, &search, text, &pieces, started).await });
    // What is wrong with a search is known before its first file.
    begun
        .await
        .map_err(|error| RequestError::internal("looking for files", error))??;
    reply.content = content;
    Ok(reply)
}

fn order(search: &Search) -> FileOrder {
    FileOrder {
        sort: search.sort,
        reverse: search.reverse,
    }
}

/// How files are told.
struct Text {
    format: Format,
    begin: String,
    below: Vec<u8>,
}

impl Text {
    fn put(&self, text: &mut String, file: &FoundFile) {
        match self.format {
            Format::Page => rows::put_found(text, file, &self.below),
            Format::Json => rows::put_json_found(text, file),
        }
    }
}

async fn send(
    service: &Service,
    search: &Search,
    mut text: Text,
    pieces: &Pieces,
    started: oneshot::Sender<Result<(), RequestError>>,
) -> Result<Served, RequestError> {
    let (mut listing, mut page) = match start(service, search).await {
        Ok(first) => first,
        Err(error) => {
            // The client may be gone.
            let _ = started.send(Err(error));
            return Ok(Served::default());
        }
    };
    let _ = started.send(Ok(()));
    let mut files = 0;
    let mut piece = std::mem::take(&mut text.begin);
    loop {
        files += page.files.len() as u64;
        for file in &page.files {
            text.put(&mut piece, file);
        }
        if !page.more {
            break;
        }
        let bytes = Bytes::from(std::mem::take(&mut piece));
        pieces.put(bytes).await?;
        page = listing.next().await?;
    }
    let unreadable = listing.unreadable().count();
    if text.format == Format::Page {
        piece.push_str(&end(files, search.limit, unreadable));
    }
    if !piece.is_empty() {
        pieces.put(Bytes::from(piece)).await?;
    }
    Ok(Served {
        files,
        unreadable,
        ..Served::default()
    })
}

/// A list and its first page.
async fn start<'a>(
    service: &'a Service,
    search: &Search,
) -> Result<(Listing<'a>, Page), RequestError> {
    let mut listing = Listing::begin(service, &search.query, order(search), search.limit).await?;
    let first = listing.next().await?;
    Ok((listing, first))
}

/// The page up to the first file.
fn begin(target: &Target, search: &Search) -> String {
    let words = match target.option("q") {
        Some(_) => target.text("q"),
        None => target.text("find"),
    };
    let mut text = page::begin(&format!("{words} – {}", page::ROOT));
    text.push_str("<a class=\"skip\" href=\"#files\">Skip to the files</a>\n");
    page::breadcrumbs(&mut text, &target.path);
    text.push_str("<main>\n");
    forms::put_search(&mut text, target);
    forms::put_archives(&mut text, target, "Files found below this directory");
    let key = match search.sort {
        Sort::Path => "path",
        Sort::Name => "name",
        Sort::Size => "size",
        Sort::Born => "born",
        Sort::Modified => "modified",
    };
    forms::put_table(&mut text, target, (key, search.reverse));
    text
}

/// The page after the last file.
fn end(files: u64, limit: u64, unreadable: u64) -> String {
    let mut text = "</tbody>\n</table>\n".to_owned();
    let told = match files {
        0 => "No file found.".to_owned(),
        1 if limit == 1 => "The first file; there may be more.".to_owned(),
        files if files == limit => format!("The first {files} files; there may be more."),
        1 => "1 file.".to_owned(),
        files => format!("{files} files."),
    };
    text.push_str(&format!("<p class=\"none\" role=\"status\">{told}</p>\n"));
    if unreadable > 0 {
        let directories = if unreadable == 1 {
            "directory"
        } else {
            "directories"
        };
        text.push_str(&format!(
            "<p class=\"none\">The server may not read {unreadable} {directories}.</p>\n"
        ));
    }
    text.push_str("</main>\n");
    text.push_str(page::END);
    text
}
