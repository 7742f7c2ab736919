//! WebDAV for reading (RFC 4918, class 1 without writes): what a file manager or `mount.davfs` asks for.
//!
//! Owns: OPTIONS, and PROPFIND for a file or directory and what is directly in it. Locks and writes are refused like any
//! other method.

use std::fmt::Write as _;

use http::header::{ALLOW, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;

use super::dav_request::{Name, Wanted, read};
use super::file::missing;
use super::link::Link;
use super::media;
use super::page::put_text;
use super::pieces;
use super::problem::{Answer, Problem};
use super::reply::Reply;
use super::rows::{http_date, is_directory};
use super::target::{Target, url};
use super::version;
use crate::query::directory::ListRequest;
use crate::query::search::FoundFile;
use crate::service::access_log::Served;
use crate::service::request_error::RequestError;
use crate::tree::path_order;
use crate::tree::root::Root;

/// The methods that are answered.
pub(super) const METHODS: &str = "GET, HEAD, OPTIONS, PROPFIND";

const DAV: HeaderName = HeaderName::from_static("dav");
const DEPTH: HeaderName = HeaderName::from_static("depth");
/// Without it, Windows takes the server for one of its own kind first.
const AUTHOR_VIA: HeaderName = HeaderName::from_static("ms-author-via");

/// The most bytes of a PROPFIND.
const MAX_BODY: usize = 64 * 1024;

const MEDIA: &str = "application/xml; charset=utf-8";

/// The properties that files and directories have, in the namespace `DAV:`.
const KNOWN: [&str; 7] = [
    "resourcetype",
    "getcontentlength",
    "getlastmodified",
    "getetag",
    "getcontenttype",
    "displayname",
    "creationdate",
];

/// Answers OPTIONS.
pub(super) fn options() -> Reply {
    let mut reply = Reply::empty(StatusCode::NO_CONTENT);
    reply.set(ALLOW, HeaderValue::from_static(METHODS));
    reply.set(DAV, HeaderValue::from_static("1"));
    reply.set(AUTHOR_VIA, HeaderValue::from_static("DAV"));
    reply
}

/// Answers PROPFIND.
pub(super) async fn propfind(link: &Link, head: &Parts, body: Incoming, target: &Target) -> Answer {
    let depth = head.headers.get(DEPTH).map(HeaderValue::as_bytes);
    let is_deep = match depth {
        Some(b"0") => false,
        Some(b"1") => true,
        // Without it, everything below is asked for.
        _ => return Ok(refused()),
    };
    let body = Limited::new(body, MAX_BODY).collect().await;
    let body = body.map_err(|_| {
        let sentence = format!("the body is cut short, or has more than {MAX_BODY} bytes");
        Problem::bad(StatusCode::BAD_REQUEST, &sentence).closing()
    })?;
    let wanted = read(&body.to_bytes()).map_err(RequestError::BadRequest)?;
    let files = entries(link, target, is_deep).await?;
    let served = Served {
        files: files.len() as u64,
        ..Served::default()
    };
    let begin =
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<D:multistatus xmlns:D=\"DAV:\">\n".to_owned();
    let put = move |text: &mut String, file: FoundFile| put_response(text, &file, &wanted);
    let (content, length) = pieces::text(begin, files, put, "</D:multistatus>\n".to_owned());
    let mut reply = Reply::empty(StatusCode::MULTI_STATUS);
    (reply.content, reply.length, reply.served) = (content, length, served);
    reply.set(CONTENT_TYPE, HeaderValue::from_static(MEDIA));
    Ok(reply)
}

/// The answer to a client that asks for the whole tree at once.
fn refused() -> Reply {
    let text = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
         <D:error xmlns:D=\"DAV:\"><D:propfind-finite-depth/></D:error>\n";
    Reply::text(StatusCode::FORBIDDEN, MEDIA, text)
}

/// What is named, and what is in it.
async fn entries(
    link: &Link,
    target: &Target,
    is_deep: bool,
) -> Result<Vec<FoundFile>, RequestError> {
    if !target.path.is_empty() && !Root::is_shared(&target.path) {
        return Err(missing(target));
    }
    let wanted = |itself| ListRequest {
        path: target.path.clone(),
        glob: None,
        itself,
        hidden: false,
        limit: None,
    };
    let mut files = link.service.list(wanted(true)).await?.files;
    if is_deep && files.first().is_some_and(is_directory) {
        files.extend(link.service.list(wanted(false)).await?.files);
    }
    Ok(files)
}

/// Appends what is known of an entry, and of what is asked for besides, that it is not.
fn put_response(text: &mut String, file: &FoundFile, wanted: &Wanted) {
    text.push_str("<D:response><D:href>");
    text.push_str(&url(&file.path, is_directory(file)));
    text.push_str("</D:href>");
    let mut found = String::new();
    let mut unknown = String::new();
    match wanted {
        Wanted::All => KNOWN.iter().for_each(|name| {
            put_property(&mut found, file, name);
        }),
        Wanted::Names => KNOWN.iter().for_each(|name| {
            // Writing to a string cannot fail, here and below.
            let _ = write!(found, "<D:{name}/>");
        }),
        Wanted::Some(names) => {
            for name in names {
                let is_found =
                    name.namespace == "DAV:" && put_property(&mut found, file, &name.local);
                if !is_found {
                    put_name(&mut unknown, name);
                }
            }
        }
    }
    for (properties, status) in [(found, "200 OK"), (unknown, "404 Not Found")] {
        if !properties.is_empty() {
            let _ = write!(
                text,
                "<D:propstat><D:prop>{properties}</D:prop><D:status>HTTP/1.1 {status}</D:status></D:propstat>"
            );
        }
    }
    text.push_str("</D:response>\n");
}

/// A name in a namespace of its own.
fn put_name(text: &mut String, name: &Name) {
    // The parser has checked that it is the name of an element.
    let _ = match name.namespace.as_str() {
        "DAV:" => write!(text, "<D:{}/>", name.local),
        "" => write!(text, "<{} xmlns=\"\"/>", name.local),
        namespace => {
            let mut escaped = String::new();
            put_text(&mut escaped, namespace);
            write!(text, "<X:{} xmlns:X=\"{escaped}\"/>", name.local)
        }
    };
}

/// Appends a property; whether the entry has it.
fn put_property(text: &mut String, file: &FoundFile, name: &str) -> bool {
    let is_directory = is_directory(file);
    let (_, base) = path_order::split(&file.path);
    let version = version::found(file);
    let value = match name {
        "resourcetype" if is_directory => Some("<D:collection/>".to_owned()),
        "resourcetype" => Some(String::new()),
        "getcontentlength" if !is_directory => Some(file.size.to_string()),
        "getlastmodified" => http_date(file.modified),
        "getetag" if !is_directory => Some(version::tag(version).replace('"', "&quot;")),
        "getcontenttype" if !is_directory => media::of(base).to_str().ok().map(str::to_owned),
        "displayname" => {
            let mut escaped = String::new();
            let shown: String = String::from_utf8_lossy(base)
                .chars()
                .map(|c| {
                    if c.is_control() {
                        char::REPLACEMENT_CHARACTER
                    } else {
                        c
                    }
                })
                .collect();
            put_text(&mut escaped, &shown);
            Some(escaped)
        }
        "creationdate" if file.birth_known => Some(file.born.rfc3339()),
        _ => None,
    };
    let Some(value) = value else {
        return false;
    };
    let _ = write!(text, "<D:{name}>{value}</D:{name}>");
    true
}
