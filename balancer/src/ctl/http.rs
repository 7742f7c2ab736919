//! A minimal HTTP client for `ctl`: one request per connection, in HTTP/1.0, so that every answer, including the event
//! stream, comes without chunks and ends with its connection.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::time::Duration;

use netsocket_settings::AdminTarget;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;

use super::error::CtlError;
use super::secure::{Connection, Trust, secured};

/// For the connect to each address.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// For the next byte of an answer. Events come once a second.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest answer; a list of 100,000 sessions has some 20 MB.
const MAX_BYTES: u64 = 256 << 20;
/// What every balancer has.
const POOLS: &str = "/api/v1/pools";
const EVENTS: &str = "/api/v1/events";
/// The settings in force, of which nothing is changed although it is asked for with POST.
pub(super) const SETTINGS: &str = "/api/v1/config/file";
/// The first byte of what a server within TLS says to one without.
const TLS_ALERT: u8 = 0x15;
/// What is encoded in a path: all but what RFC 3986 calls unreserved.
const OTHERS: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// The longest line of the stream of events or of a head.
const MAX_LINE: u64 = 16 << 20;

/// A change of the settings, as it is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) body: String,
    /// Only where nothing has the name yet.
    pub(super) only_new: bool,
}

/// A balancer's admin HTTP.
#[derive(Debug, Clone)]
pub(super) struct Client {
    place: AdminTarget,
    token: Option<String>,
    trust: Option<Trust>,
}

impl Client {
    /// Nothing is connected before something is asked.
    pub(super) fn new(place: AdminTarget, token: Option<String>, trust: Option<Trust>) -> Self {
        Self {
            place,
            token,
            trust,
        }
    }

    /// The body of the answer; an error where the status is none of success.
    pub(super) fn ask(&self, method: &str, path: &str, body: &str) -> Result<String, CtlError> {
        self.answer(method, path, "", body)
    }

    /// The same of a change of the settings.
    pub(super) fn change(&self, change: &Change) -> Result<String, CtlError> {
        let condition = match change.only_new {
            true => "If-None-Match: *\r\n",
            false => "",
        };
        self.answer(change.method, &change.path, condition, &change.body)
    }

    fn answer(
        &self,
        method: &str,
        path: &str,
        condition: &str,
        body: &str,
    ) -> Result<String, CtlError> {
        let (status, mut reader) = self.send(method, path, condition, body)?;
        let mut said = String::new();
        let read = reader.by_ref().take(MAX_BYTES).read_to_string(&mut said);
        read.map_err(|error| self.unanswered(method, path, &error))?;
        if (200..300).contains(&status) {
            return Ok(said);
        }
        // A server that is no balancer says it in its own way: that of a balancer is a line of text.
        if status == 400 && said.contains("speaks TLS") && self.trust.is_none() {
            return Err(self.wants_tls());
        }
        let is_strange = match said.trim() {
            "" => status < 500,
            said => said.starts_with(['{', '<']),
        };
        if is_strange && !self.is_balancer(path) {
            return Err(self.stranger());
        }
        let said = match said.trim() {
            "" if status == 404 => format!("this balancer does not support {method} {path}"),
            "" => format!("{method} {path}: status {status}"),
            said => said.to_owned(),
        };
        Err(CtlError::Refused(said))
    }

    /// The events, one a second, as JSON.
    pub(super) fn events(
        &self,
    ) -> Result<impl Iterator<Item = Result<String, CtlError>> + '_, CtlError> {
        let (status, mut reader) = self.send("GET", EVENTS, "", "")?;
        if status != 200 {
            if !self.is_balancer(EVENTS) {
                return Err(self.stranger());
            }
            let mut said = String::new();
            let _ = reader.by_ref().take(MAX_LINE).read_to_string(&mut said);
            if status == 400 && said.contains("speaks TLS") && self.trust.is_none() {
                return Err(self.wants_tls());
            }
            return Err(CtlError::Refused(said.trim().to_owned()));
        }
        Ok(std::iter::from_fn(move || {
            loop {
                match line(&mut reader) {
                    Ok(None) => return None,
                    Ok(Some(line)) => {
                        if let Some(data) = line.strip_prefix("data: ") {
                            return Some(Ok(data.to_owned()));
                        }
                    }
                    Err(error) => return Some(Err(self.lost(&error))),
                }
            }
        }))
    }

    /// Whether it has what every balancer has. `asked`: what was refused.
    fn is_balancer(&self, asked: &str) -> bool {
        let known = |status| [200, 401, 403].contains(&status);
        let answered = || self.send("GET", POOLS, "", "");
        asked != POOLS && answered().is_ok_and(|(status, _)| known(status))
    }

    fn wants_tls(&self) -> CtlError {
        CtlError::Unreachable(format!(
            "{} speaks TLS: give `--ca-file FILE` with its authority, or `--config FILE` with its settings",
            self.place
        ))
    }

    fn stranger(&self) -> CtlError {
        let place = &self.place;
        CtlError::Unreachable(format!("{place}: this is not a balancer's admin address"))
    }

    /// Sends a request and reads the head of the answer. `condition`: a line of the head, with its end.
    fn send(
        &self,
        method: &str,
        path: &str,
        condition: &str,
        body: &str,
    ) -> Result<(u16, BufReader<Connection>), CtlError> {
        let mut stream = self.connect()?;
        let mut head = format!(
            "{method} {path} HTTP/1.0\r\nHost: {}\r\n",
            self.place.host()
        );
        if let Some(token) = &self.token {
            head.push_str(&format!("Authorization: Bearer {token}\r\n"));
        }
        head.push_str(condition);
        if !body.is_empty() {
            head.push_str("Content-Type: application/json\r\n");
        }
        let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
        // What was not sent as a whole is not done.
        let sent = stream.write_all(request.as_bytes());
        sent.map_err(|error| self.lost(&error))?;
        let answered = (|| {
            let mut reader = BufReader::new(stream);
            match reader.fill_buf()?.first() {
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
                Some(&TLS_ALERT) if self.trust.is_none() => return Ok(None),
                Some(_) => {}
            }
            let status = line(&mut reader)?.as_deref().and_then(status_code);
            while line(&mut reader)?.is_some_and(|line| !line.is_empty()) {}
            Ok(Some((status, reader)))
        })();
        match answered {
            Ok(None) => Err(self.wants_tls()),
            Ok(Some((Some(status), reader))) => Ok((status, reader)),
            Ok(Some((None, _))) => {
                let said = format!("{}: not an admin HTTP server", self.place);
                Err(CtlError::Unreachable(said))
            }
            Err(error) => Err(self.unanswered(method, path, &error)),
        }
    }

    fn connect(&self) -> Result<Connection, CtlError> {
        let place = &self.place;
        let addresses = place
            .addresses()
            .map_err(|error| CtlError::Unreachable(format!("--admin {place}: {error}")))?;
        let mut last = None;
        for address in addresses {
            let connected = address.connect(CONNECT_TIMEOUT).and_then(|stream| {
                stream.set_timeouts(ANSWER_TIMEOUT)?;
                secured(stream, place, self.trust.as_ref())
            });
            match connected {
                Ok(stream) => return Ok(stream),
                Err(error) => last = Some(error),
            }
        }
        let why = last.map_or_else(|| "no address".to_owned(), |error| error.to_string());
        let said = format!("cannot connect to {place}: {why}");
        Err(CtlError::Unreachable(said))
    }

    fn lost(&self, error: &io::Error) -> CtlError {
        CtlError::Unreachable(self.loss(error))
    }

    /// A request was sent, and the answer to it is missing.
    fn unanswered(&self, method: &str, path: &str, error: &io::Error) -> CtlError {
        let loss = self.loss(error);
        match changes(method, path) {
            true => CtlError::Unanswered(loss),
            false => CtlError::Unreachable(loss),
        }
    }

    fn loss(&self, error: &io::Error) -> String {
        let why = match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => "no answer in time".to_owned(),
            io::ErrorKind::UnexpectedEof => "closed the connection without an answer".to_owned(),
            _ => error.to_string(),
        };
        format!("{}: {why}", self.place)
    }
}

/// Whether a request is for a change.
fn changes(method: &str, path: &str) -> bool {
    method != "GET" && path != SETTINGS
}

/// A line without its end; `None` where there is no more.
fn line(reader: &mut BufReader<Connection>) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    reader
        .by_ref()
        .take(MAX_LINE)
        .read_until(b'\n', &mut line)?;
    if line.last() != Some(&b'\n') {
        // Cut, or too long.
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&line);
    Ok(Some(text.trim_end_matches(['\n', '\r']).to_owned()))
}

/// Of `HTTP/1.1 200 OK`.
fn status_code(line: &str) -> Option<u16> {
    line.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()
}

/// An answer as it is understood.
pub(super) fn parsed<T: DeserializeOwned>(body: &str) -> Result<T, CtlError> {
    serde_json::from_str(body).map_err(|error| {
        CtlError::Unreachable(format!("this is not the answer of a balancer: {error}"))
    })
}

/// A name as a part of a path.
pub(super) fn encoded(name: &str) -> String {
    utf8_percent_encode(name, OTHERS).to_string()
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, TcpListener};
    use std::thread;

    use socket2::{Domain, Socket, Type};

    use super::*;

    /// What is said where a connection is taken and closed again once something was asked.
    fn closed(ask: impl FnOnce(&Client) -> CtlError + Send) -> CtlError {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let place = listener.local_addr().unwrap().to_string();
        let client = Client::new(place.parse().unwrap(), None, None);
        thread::scope(|scope| {
            scope.spawn(|| listener.accept().unwrap().0.read(&mut [0; 4096]).unwrap());
            ask(&client)
        })
    }

    #[test]
    fn a_change_without_an_answer_may_still_be_done() {
        let loss = "closed the connection without an answer";
        for (method, path, end) in [
            (
                "POST",
                "/api/v1/backends/a/drain",
                ": it may still be done; `ctl status` tells",
            ),
            (
                "DELETE",
                "/api/v1/sessions/1",
                ": it may still be done; `ctl status` tells",
            ),
            ("GET", POOLS, ""),
            ("POST", SETTINGS, ""),
        ] {
            let error = closed(|client| client.ask(method, path, "").unwrap_err());
            assert_eq!(error.exit_code(), 3);
            let said = error.to_string();
            assert!(
                said.ends_with(&format!("{loss}{end}")),
                "{method} {path}: {said}"
            );
        }
        // Nothing listens, or there is no such place: it was not asked.
        let taken = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        taken
            .bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())
            .unwrap();
        let taken_at = taken.local_addr().unwrap().as_socket().unwrap();
        for (place, said) in [
            (taken_at.to_string(), "cannot connect to "),
            (
                "no-such-host.invalid:1".to_owned(),
                "--admin no-such-host.invalid:1: ",
            ),
        ] {
            let client = Client::new(place.parse().unwrap(), None, None);
            let error = client.ask("POST", "/api/v1/reload", "").unwrap_err();
            assert!(matches!(error, CtlError::Unreachable(_)), "{error:?}");
            assert!(error.to_string().starts_with(said), "{error}");
        }
    }

    #[test]
    fn a_silence_is_no_answer_in_time() {
        let client = Client::new("127.0.0.1:1".parse().unwrap(), None, None);
        let late = io::Error::from(io::ErrorKind::WouldBlock);
        let said = |method| {
            client
                .unanswered(method, "/api/v1/reload", &late)
                .to_string()
        };
        let loss = "127.0.0.1:1: no answer in time";
        assert_eq!(said("GET"), loss);
        assert_eq!(
            said("POST"),
            format!("{loss}: it may still be done; `ctl status` tells")
        );
    }

    #[test]
    fn status_lines_and_names() {
        assert_eq!(status_code("HTTP/1.1 200 OK"), Some(200));
        assert_eq!(status_code("HTTP/1.0 503 Service Unavailable"), Some(503));
        for wrong in ["", "SSH-2.0-x", "HTTP/1.1 2", "HTTP/1.1 abc"] {
            assert_eq!(status_code(wrong), None, "{wrong}");
        }
        assert_eq!(encoded("mirror-1.x"), "mirror-1.x");
        assert_eq!(encoded("a/b é"), "a%2Fb%20%C3%A9");
    }
}
