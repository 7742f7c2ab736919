//! One request from its head to the beginning of its answer.

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use http::header::{
    ALLOW, CONNECTION, CONTENT_DISPOSITION, HOST, LOCATION, RANGE, TRANSFER_ENCODING,
};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use hyper::body::Incoming;
use tokio_util::either::Either;

use super::body::{Body, Content};
use super::download::{decide, text};
use super::file::{Found, Opened, kept, open};
use super::file_body::FileBody;
use super::link::Link;
use super::parameters::Asked;
use super::problem::{Answer, Problem};
use super::record::Record;
use super::reply::Reply;
use super::repr_digest::{self, REPR_DIGEST};
use super::target::{MAX_URL, Target, url};
use super::{accept, archive, authentication, cors, directory, media, search, webdav};
use crate::query::directory::check_path;
use crate::service::access_log::{RequestLog, Told, Wire, describe_line};
use crate::service::counters::OTHER;
use crate::tree::path_order;

/// Answers that a server is alive, to whom it may concern: hidden names are never served, so this is nobody's file.
const HEALTH: &str = "/.netsocket/healthz";

/// The most requests on a connection, after which a client opens another.
pub(super) const MAX_REQUESTS: u64 = 10_000;

/// The method of WebDAV that lists.
const PROPFIND: &str = "PROPFIND";

/// The beginning of an answer, which needs a future of its own only where something has to be waited for.
type Answering = Either<Ready<Begun>, Pin<Box<dyn Future<Output = Begun> + Send>>>;

type Begun = Result<Response<Body>, Infallible>;

/// Answers a request.
pub(super) fn answer(link: &Arc<Link>, request: Request<Incoming>) -> Answering {
    let count = link.begin();
    let (head, body) = request.into_parts();
    // A balancer asks all the time.
    let log = (!is_health(&head)).then(|| RequestLog::begin(link.peer, Wire::Http, told(&head)));
    let record = Record::begin(link, log);
    if let Some(answer) = at_once(link, &head) {
        return Either::Left(ready(Ok(respond(&head, count, record, answer))));
    }
    let link = Arc::clone(link);
    Either::Right(Box::pin(async move {
        let answer = route(&link, &head, body).await;
        Ok(respond(&head, count, record, answer))
    }))
}

fn respond(head: &Parts, count: u64, mut record: Record, answer: Answer) -> Response<Body> {
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
        &record.link().service.cors_origins,
        &head.headers,
        &head.method,
        &mut reply.headers,
    );
    record.begin_sending(result, reply.status.as_u16());
    let (content, length) = match head.method == Method::HEAD {
        true => {
            reply.announce_length();
            (Content::empty(), Some(0))
        }
        // hyper announces the length of a body.
        false => (reply.content, reply.length),
    };
    let mut response = Response::new(Body::new(content, length, record));
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    response
}

fn is_health(head: &Parts) -> bool {
    head.uri.path() == HEALTH
}

/// An answer that takes no waiting: a refusal, or a file that is kept.
fn at_once(link: &Arc<Link>, head: &Parts) -> Option<Answer> {
    if let Err(problem) = check(link, head) {
        return Some(Err(problem));
    }
    if is_health(head) {
        let media = "text/plain; charset=utf-8";
        return Some(Ok(Reply::text(StatusCode::OK, media, "ok\n")));
    }
    match head.method {
        Method::GET | Method::HEAD => {}
        Method::OPTIONS => return Some(Ok(webdav::options())),
        _ if head.method == PROPFIND => {}
        _ => {
            let sentence = "this server is read-only";
            let problem = Problem::bad(StatusCode::METHOD_NOT_ALLOWED, sentence);
            // Whatever body comes with it is not read.
            return Some(Err(problem
                .with(ALLOW, HeaderValue::from_static(webdav::METHODS))
                .closing()));
        }
    }
    if let Err(problem) = authentication::check(&link.service, &head.headers) {
        return Some(Err(problem));
    }
    // A path without escapes is the one that a file is kept under.
    let path = head.uri.path();
    let is_plain = head.uri.query().is_none() && !path.contains('%');
    if !is_plain || head.method == PROPFIND || repr_digest::is_wanted(&head.headers) {
        return None;
    }
    let kept = kept(link, path.as_bytes())?;
    Some(send_file(link, head, kept))
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
    let target = Target::parse(&head.uri)?;
    check_path(&target.path)?;
    if head.method == PROPFIND {
        return webdav::propfind(link, head, body, &target).await;
    }
    if !target.is_directory {
        return match open(link, &target).await? {
            Found::File(opened) => {
                let mut reply = send_file(link, head, Arc::clone(&opened))?;
                // Who has the file gets no head of it, so nothing is read for one.
                if reply.status != StatusCode::NOT_MODIFIED
                    && repr_digest::is_wanted(&head.headers)
                    && let Some(digest) = repr_digest::of(link, &target.path, &opened).await
                {
                    reply.set(REPR_DIGEST, digest);
                }
                if target.has("download") {
                    let (_, name) = path_order::split(&target.path);
                    reply.set(CONTENT_DISPOSITION, media::attachment(name));
                }
                Ok(reply)
            }
            Found::Directory => Ok(redirect(head, &target)),
        };
    }
    let asked = Asked::of(&target);
    match asked {
        Asked::Archive => {
            asked.check(&target)?;
            return archive::answer(link, head, &target).await;
        }
        Asked::Search => {
            asked.check(&target)?;
            return search::answer(link, head, &target).await;
        }
        Asked::Listing => {}
    }
    if link.service.index_html
        && target.option("format").is_none()
        && !accept::prefers_json(&head.headers)
        && let Some(opened) = index_html(link, &target).await
    {
        return send_file(link, head, opened);
    }
    // Not before: what a page of a site takes is its own business.
    asked.check(&target)?;
    directory::answer(link, head, &target).await
}

/// The file `index.html` of a directory.
async fn index_html(link: &Link, target: &Target) -> Option<Arc<Opened>> {
    match open(link, &target.child(b"index.html")).await {
        Ok(Found::File(opened)) => Some(opened),
        _ => None,
    }
}

fn send_file(link: &Arc<Link>, head: &Parts, opened: Arc<Opened>) -> Answer {
    let mut download = decide(head, &opened.representation, SystemTime::now)?;
    download.reply.served.files = 1;
    if !download.parts.is_empty() {
        download.reply.content = match opened.piece(&download.parts) {
            Some(bytes) => Content::Bytes(bytes),
            None => Content::File(Box::new(FileBody::new(opened, download.parts, link))),
        };
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

/// A request as the log tells it.
fn told(head: &Parts) -> Told {
    let range = head.headers.get(RANGE).cloned();
    let (method, uri) = (head.method.clone(), head.uri.clone());
    Told::later(command(&head.method, &head.uri), move || {
        describe(&method, &uri, range.as_ref())
    })
}

/// The first word of a request in the log, the command as on the other wires.
fn command(method: &Method, uri: &Uri) -> &'static str {
    let path = uri.path();
    match method.as_str() {
        // An escape may stand for a slash, or for what no path has.
        "GET" if path.starts_with('/') && !path.ends_with('/') && !path.contains('%') => "get",
        "GET" => match Target::parse(uri) {
            // It is refused, whatever it asks for.
            Err(_) => OTHER,
            Ok(target) if !target.is_directory => "get",
            Ok(target) => match Asked::of(&target) {
                Asked::Archive => "archive",
                Asked::Search => "find",
                Asked::Listing => "list",
            },
        },
        "HEAD" => "head",
        "OPTIONS" => "options",
        PROPFIND => "propfind",
        _ => OTHER,
    }
}

fn describe(method: &Method, uri: &Uri, range: Option<&HeaderValue>) -> String {
    let words = match (Target::parse(uri), uri.query()) {
        (Ok(target), Some(query)) => format!(
            "path={} {}",
            target.shown(),
            describe_line(query.as_bytes())
        ),
        (Ok(target), None) => format!("path={}", target.shown()),
        (Err(_), _) => describe_line(uri.to_string().as_bytes()),
    };
    let command = match command(method, uri) {
        OTHER => method.as_str(),
        command => command,
    };
    let range = range.map_or_else(String::new, |range| {
        format!(" range={}", describe_line(range.as_bytes()))
    });
    format!("{command} {words}{range}")
}
