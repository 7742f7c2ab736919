//! The access log: one line per request, with a description of the request.

use std::fmt::{self, Write as _};
use std::net::SocketAddr;

use netsocket_protocol::message::{Compression, Order, Request, Warning};
use netsocket_protocol::name::Name;
use netsocket_protocol::query::Query;
use tokio::time::Instant;

use crate::service::counters::{OK, Requests, command};
use crate::service::request_error::{RequestError, Side};

/// The most characters of a command in a log line.
const COMMAND_MAX: usize = 300;

/// The most faults of one archive that get a log line each; the line of the request counts all of them.
const FAULTS_LOGGED: usize = 20;

/// Which wire a session speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    Old,
    New,
    Http,
}

impl Wire {
    /// Its name in the log and in metrics.
    fn word(self) -> &'static str {
        match self {
            Self::Old => "old",
            Self::New => "new",
            Self::Http => "http",
        }
    }
}

impl fmt::Display for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What an answer contained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Served {
    /// Files or directories listed or archived.
    pub(crate) files: u64,
    /// Directories that could not be read.
    pub(crate) unreadable: u64,
    /// Files with a warning.
    pub(crate) warnings: u64,
}

/// What a request asks for: its command, and the words of its log line, which are made only where the line is.
pub(crate) struct Told {
    command: &'static str,
    words: Box<dyn Fn() -> String + Send>,
}

impl Told {
    /// Names in the words must be escaped.
    pub(crate) fn later(
        command: &'static str,
        words: impl Fn() -> String + Send + 'static,
    ) -> Self {
        let words = Box::new(words);
        Self { command, words }
    }

    /// The words, cut where they are too many.
    fn line(&self) -> String {
        let mut line = (self.words)();
        if let Some((at, _)) = line.char_indices().nth(COMMAND_MAX) {
            line.truncate(at);
            line.push('…');
        }
        line
    }
}

impl From<String> for Told {
    fn from(words: String) -> Self {
        let command = command(&words);
        Self::later(command, move || words.clone())
    }
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.command)
    }
}

/// A request from its arrival to its log line.
#[derive(Debug)]
pub(crate) struct RequestLog {
    peer: SocketAddr,
    wire: Wire,
    told: Told,
    began: Instant,
    /// The status of an answer over HTTP.
    status: Option<u16>,
}

impl RequestLog {
    /// Starts the record of a request. Names in what is told must be escaped.
    pub(crate) fn begin(peer: SocketAddr, wire: Wire, told: impl Into<Told>) -> Self {
        Self {
            peer,
            wire,
            told: told.into(),
            began: Instant::now(),
            status: None,
        }
    }

    /// Notes the status of an answer over HTTP.
    pub(crate) fn set_status(&mut self, status: u16) {
        self.status = Some(status);
    }

    /// Counts and logs a finished request, for which `bytes` were sent. The command is quoted, so that a name cannot
    /// imitate other fields.
    pub(crate) fn end(
        self,
        requests: &Requests,
        result: &Result<Served, RequestError>,
        bytes: u64,
    ) {
        let Self {
            peer,
            wire,
            told,
            began,
            status,
        } = self;
        let seconds = began.elapsed().as_secs_f64();
        let label = match result {
            Ok(_) => OK,
            Err(error) => error.label(),
        };
        let files = result.as_ref().map_or(0, |served| served.files);
        requests.count(told.command, label, files, bytes, seconds);
        requests.count_wire(wire.word(), status);
        let ms = seconds * 1e3;
        let ms = (ms * 1e3).round() / 1e3;
        match result {
            Ok(Served {
                files,
                unreadable,
                warnings,
            }) => {
                tracing::info!(
                    target: TARGET, %peer, %wire, status, command = told.line(), result = OK,
                    files, bytes, ms, unreadable, warnings
                );
            }
            Err(error) if error.side() == Side::Server => {
                tracing::warn!(
                    target: TARGET, %peer, %wire, status, command = told.line(), result = error.label(),
                    files = 0, bytes, ms, %error
                );
            }
            Err(error) => {
                tracing::info!(
                    target: TARGET, %peer, %wire, status, command = told.line(), result = error.label(),
                    files = 0, bytes, ms, %error
                );
            }
        }
    }
}

/// The log target of the access log.
const TARGET: &str = "netsocket_fileserver::access";

/// The description of a request of the new wire.
pub(crate) fn describe_request(request: &Request) -> String {
    let mut words = String::new();
    // Writing to a string cannot fail.
    let _ = match request {
        Request::Directories { order } => write!(
            words,
            "directories order={}",
            match order {
                Order::Name => "name",
                Order::Born => "born",
            }
        ),
        Request::Find {
            query,
            limit,
            sort,
            reverse,
        } => {
            let reverse = if *reverse { " reverse" } else { "" };
            let sort = sort.word();
            write!(
                words,
                "find{} sort={sort}{reverse} limit={limit}",
                QueryText(query)
            )
        }
        Request::Archive {
            query,
            compression,
            resume,
            ..
        } => {
            let from = resume.as_ref().map(|resume| resume.block);
            let from = from.map_or_else(String::new, |block| format!(" from_block={block}"));
            let packed = match compression {
                Compression::Gzip => "",
                Compression::Zstd => " compression=zstd",
                Compression::None => " compression=none",
            };
            write!(words, "archive{}{packed}{from}", QueryText(query))
        }
        Request::List {
            path,
            glob,
            itself,
            hidden,
            limit,
        } => {
            let glob = glob.as_deref().map(Name::from);
            let glob = glob.map_or_else(String::new, |glob| format!(" glob={glob}"));
            let limit = limit.map_or_else(String::new, |limit| format!(" limit={limit}"));
            let itself = if *itself { " itself" } else { "" };
            let hidden = if *hidden { " hidden" } else { "" };
            write!(words, "list path={path}{glob}{itself}{hidden}{limit}")
        }
        Request::Get {
            path,
            offset,
            length,
            ..
        } => {
            let length = length.map_or_else(String::new, |length| format!(" length={length}"));
            write!(words, "get path={path} offset={offset}{length}")
        }
    };
    words
}

struct QueryText<'a>(&'a Query);

impl fmt::Display for QueryText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Query {
            name,
            glob,
            size_min,
            size_max,
            extensions,
            born_from,
            born_before,
            modified_from,
            modified_before,
            below,
            hidden,
        } = self.0;
        let mut condition = |key: &str, value: Option<&dyn fmt::Display>| match value {
            Some(value) => write!(f, " {key}={value}"),
            None => Ok(()),
        };
        fn shown<T: fmt::Display>(value: &Option<T>) -> Option<&dyn fmt::Display> {
            value.as_ref().map(|value| value as &dyn fmt::Display)
        }
        condition("name", shown(name))?;
        condition("glob", shown(&glob.as_deref().map(Name::from)))?;
        condition("size_min", shown(size_min))?;
        condition("size_max", shown(size_max))?;
        for extension in extensions {
            condition("extension", Some(extension))?;
        }
        condition("born_from", shown(born_from))?;
        condition("born_before", shown(born_before))?;
        condition("modified_from", shown(modified_from))?;
        condition("modified_before", shown(modified_before))?;
        condition("below", shown(below))?;
        if *hidden {
            f.write_str(" hidden")
        } else {
            Ok(())
        }
    }
}

/// A line of the old wire, escaped.
pub(crate) fn describe_line(line: &[u8]) -> String {
    Name::from(line.strip_suffix(b"\n").unwrap_or(line)).to_string()
}

/// Logs the faults of an archive's files.
pub(crate) fn log_faults(peer: SocketAddr, faults: &[Warning]) {
    for Warning { path, problem } in faults.iter().take(FAULTS_LOGGED) {
        tracing::warn!(%peer, %path, ?problem, "file changed while it was archived");
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use netsocket_protocol::query::Sort;

    use super::*;

    #[test]
    fn a_request_is_told_in_one_line() {
        let query = Query {
            name: Some(Name(b"a\nb\xff".to_vec())),
            size_min: Some(3),
            extensions: vec!["c".into(), "d".into()],
            ..Query::default()
        };
        assert_eq!(
            describe_request(&Request::Find {
                query,
                limit: 7,
                sort: Sort::Size,
                reverse: true
            }),
            "find name=a\\nb\\xff size_min=3 extension=c extension=d sort=size reverse limit=7"
        );
        assert_eq!(
            describe_request(&Request::List {
                path: "a b".into(),
                glob: Some("x\n*".to_owned()),
                itself: true,
                hidden: true,
                limit: Some(5),
            }),
            "list path=a b glob=x\\n* itself hidden limit=5"
        );
        assert_eq!(describe_line(b"w24fn \x1b[2J\n"), "w24fn \\u{1b}[2J");
    }

    #[test]
    fn a_long_command_is_cut() {
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        let access = RequestLog::begin(peer, Wire::Old, "ä".repeat(1_000));
        assert_eq!(access.told.line().chars().count(), COMMAND_MAX + 1);
    }
}
