//! One request from its head to the beginning of its answer.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::SystemTime;

use http::header::{ALLOW, CONNECTION, CONTENT_DISPOSITION, HOST, LOCATION, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;

use super::body::{Body, Content};
use super::download::{Representation, decide, text};
use super::file::{Found, Opened, missing, open};
use super::file_body::FileBody;
use super::link::Link;
use super::problem::{Answer, Problem};
use super::record::Record;
use super::reply::Reply;
use super::target::{MAX_URL, Target, url};
use super::{accept, archive, authentication, cors, directory, media, search, webdav};
use crate::query::directory::check_path;
use crate::service::access_log::{RequestLog, Wire, describe_line};
use crate::tree::path_order;

/// Answers that a server is alive, to whom it may concern: hidden names are never served, so this is nobody's file.
const HEALTH: &str = "/.netsocket/healthz";

/// The most requests on a connection, after which a client opens another.
pub(super) const MAX_REQUESTS: u64 = 10_000;

/// The method of WebDAV that lists.
const PROPFIND: &str = "PROPFIND";

/// Answers a request.
pub(super) async fn answer(
    link: Arc<Link>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let count = link.begin();
    let (head, body) = request.into_parts();
    let is_health = head.uri.path() == HEALTH;
    // A balancer asks all the time.
    let log = (!is_health).then(|| RequestLog::begin(link.peer, Wire::Http, describe(&head)));
    let mut record = Record::begin(&link, log);
    let answer = match check(&link, &head) {
        Ok(()) if is_health => Ok(Reply::text(
            StatusCode::OK,
            "text/plain; charset=utf-8",
            "ok\n",
        )),
        Ok(()) => route(&link, &head, body).await,
        Err(problem) => Err(problem),
    };
    let (mut reply, result) = match answer {
        Ok(reply) => {
            let served = reply.served;
            (reply, Ok(served))
        }
        Err(problem) => {
            let (reply, error) = problem.reply(accept::names_pages(&head.headers));
            (reply, Err(error))
        }
    };
    if count >= MAX_REQUESTS && head.version < Version::HTTP_2 {
        reply.set(CONNECTION, HeaderValue::from_static("close"));
    }
    cors::allow(
        &link.service.cors_origins,
        &head.headers,
        &head.method,
        &mut reply.headers,
    );
    record.begin_sending(result, reply.status.as_u16());
    reply.announce_length();
    let (content, length) = match head.method == Method::HEAD {
        true => (Content::empty(), Some(0)),
        false => (reply.content, reply.length),
    };
    let mut response = Response::new(Body::new(content, length, record));
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    Ok(response)
}

/// Refuses what two servers could read in two ways, and what is too long.
fn check(link: &Link, head: &Parts) -> Result<(), Problem> {
    let bad = |sentence: &str| Err(Problem::bad(StatusCode::BAD_REQUEST, sentence).closing());
    if head.headers.contains_key(TRANSFER_ENCODING) {
        let sentence = "a request has no body, or one whose length is known";
        return Err(Problem::bad(StatusCode::LENGTH_REQUIRED, sentence).closing());
    }
    if link.is_malformed() {
        return bad("each line of a head ends with CR LF, and there is at most one length");
    }
    if head.version < Version::HTTP_2 {
        let hosts = head.headers.get_all(HOST).iter().count();
        if hosts > 1 || (hosts == 0 && head.version == Version::HTTP_11) {
            return bad("a request names one host");
        }
    }
    if !head.uri.path().starts_with('/') && head.method != Method::OPTIONS {
        return bad("a path begins with a slash");
    }
    let length = head
        .uri
        .path_and_query()
        .map_or(0, |path| path.as_str().len());
    if length > MAX_URL {
        let sentence = format!("a path with its options is limited to {MAX_URL} bytes");
        return Err(Problem::bad(StatusCode::URI_TOO_LONG, &sentence));
    }
    Ok(())
}

async fn route(link: &Arc<Link>, head: &Parts, body: Incoming) -> Answer {
    match head.method {
        Method::GET | Method::HEAD => {}
        Method::OPTIONS => return Ok(webdav::options()),
        _ if head.method == PROPFIND => {}
        _ => {
            let sentence = "this server only lets read";
            let problem = Problem::bad(StatusCode::METHOD_NOT_ALLOWED, sentence);
            // Whatever body comes with it is not read.
            return Err(problem
                .with(ALLOW, HeaderValue::from_static(webdav::METHODS))
                .closing());
        }
    }
    authentication::check(&link.service, &head.headers)?;
    let target = Target::parse(&head.uri)?;
    check_path(&target.path)?;
    if head.method == PROPFIND {
        return webdav::propfind(link, head, body, &target).await;
    }
    if !target.is_directory {
        return match open(link, &target).await? {
            Found::File(opened) => send_file(link, head, &target, opened),
            Found::Directory => Ok(redirect(head, &target)),
        };
    }
    if target.option("archive").is_some() {
        return archive::answer(link, head, &target).await;
    }
    if target.is_search() {
        return search::answer(link, head, &target).await;
    }
    if link.service.index_html
        && target.option("format").is_none()
        && !accept::prefers_json(&head.headers)
        && let Some((index, opened)) = index_html(link, &target).await
    {
        return send_file(link, head, &index, opened);
    }
    directory::answer(link, head, &target).await
}

/// The file `index.html` of a directory.
async fn index_html(link: &Link, target: &Target) -> Option<(Target, Arc<Opened>)> {
    let index = target.child(b"index.html");
    match open(link, &index).await {
        Ok(Found::File(opened)) => Some((index, opened)),
        _ => None,
    }
}

fn send_file(link: &Arc<Link>, head: &Parts, target: &Target, opened: Arc<Opened>) -> Answer {
    let (_, name) = path_order::split(&target.path);
    if name.is_empty() {
        return Err(missing(target).into());
    }
    let representation = Representation {
        length: Some(opened.version.size),
        validators: opened.version.validators()?,
        media: media::of(name),
    };
    let mut download = decide(head, &representation, SystemTime::now())?;
    if target.has("download") {
        download
            .reply
            .set(CONTENT_DISPOSITION, media::attachment(name));
    }
    download.reply.served.files = 1;
    if !download.parts.is_empty() {
        let body = FileBody::new(opened, download.parts, link);
        download.reply.content = Content::File(Box::new(body));
    }
    Ok(download.reply)
}

/// Links of a listing are relative to a URL that ends with a slash.
fn redirect(head: &Parts, target: &Target) -> Reply {
    let mut location = url(&target.path, true);
    if let Some(query) = head.uri.query() {
        location.push('?');
        location.push_str(query);
    }
    let mut reply = Reply::empty(StatusCode::MOVED_PERMANENTLY);
    reply.set(LOCATION, text(&location));
    reply
}

/// A request in one line of the log, its first word the command as on the other wires.
fn describe(head: &Parts) -> String {
    let target = Target::parse(&head.uri).ok();
    let words = match (&target, head.uri.query()) {
        (Some(target), Some(query)) => format!(
            "path={} {}",
            target.shown(),
            describe_line(query.as_bytes())
        ),
        (Some(target), None) => format!("path={}", target.shown()),
        (None, _) => describe_line(head.uri.to_string().as_bytes()),
    };
    let command = match (&target, head.method.as_str()) {
        (_, "HEAD") => "head",
        (_, "OPTIONS") => "options",
        (_, PROPFIND) => "propfind",
        (Some(target), "GET") if target.is_directory => match target {
            target if target.option("archive").is_some() => "archive",
            target if target.is_search() => "find",
            _ => "list",
        },
        (_, "GET") => "get",
        (_, other) => other,
    };
    let range = head
        .headers
        .get(http::header::RANGE)
        .map_or_else(String::new, |range| {
            format!(" range={}", describe_line(range.as_bytes()))
        });
    format!("{command} {words}{range}")
}
