//! In front of an HTTP server that is well: a proxy that answers in its place, or loses its answers.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::{http, loopback};

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: the server answers it.
    None,
    /// It is answered with this status, and this many seconds to wait if there are any.
    Refuse(u16, Option<u32>),
    /// The server gets it and does it, but the connection closes before the answer is through.
    LoseAnswer,
}

/// A running proxy; it ends with the test run.
#[derive(Debug)]
pub struct FaultProxy {
    /// Where it listens.
    pub address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    server: SocketAddr,
    fault: Mutex<Fault>,
    faults: AtomicUsize,
}

impl FaultProxy {
    /// Starts one before `server`, without faults.
    ///
    /// # Panics
    /// Where there is no port.
    #[must_use]
    pub fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((loopback::own_address(), 0)).expect("a free port");
        let address = listener.local_addr().expect("its address");
        let state = Arc::new(State {
            server,
            fault: Mutex::new(Fault::None),
            faults: AtomicUsize::new(0),
        });
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                // A connection that breaks is what both sides must live with.
                thread::spawn(move || drop(serve(stream, &state)));
            }
        });
        Self { address, state }
    }

    /// From the next request on.
    pub fn set(&self, fault: Fault) {
        *self.state.lock() = fault;
    }

    /// Requests so far that were not answered by the server.
    #[must_use]
    pub fn faults(&self) -> usize {
        self.state.faults.load(Ordering::SeqCst)
    }
}

impl State {
    fn lock(&self) -> std::sync::MutexGuard<'_, Fault> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn serve(stream: TcpStream, state: &State) -> io::Result<()> {
    let mut stream = BufReader::new(loopback::with_patience(stream)?);
    while let Some(request) = Request::read(&mut stream)? {
        let fault = *state.lock();
        if fault != Fault::None {
            state.faults.fetch_add(1, Ordering::SeqCst);
        }
        let (status, more, body) = match fault {
            Fault::None => request.pass(state.server)?,
            Fault::Refuse(status, wait) => {
                let wait = wait.map(|seconds| format!("Retry-After: {seconds}\r\n"));
                (status, wait.unwrap_or_default(), String::new())
            }
            Fault::LoseAnswer => {
                request.pass(state.server)?;
                return Ok(());
            }
        };
        let length = body.len();
        let answer = format!("HTTP/1.1 {status} X\r\n{more}Content-Length: {length}\r\n\r\n{body}");
        stream.get_mut().write_all(answer.as_bytes())?;
    }
    Ok(())
}

struct Request {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    /// None at the end of the connection.
    fn read(stream: &mut BufReader<TcpStream>) -> io::Result<Option<Self>> {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let mut words = line.split(' ').map(str::to_owned);
        let mut word = || words.next().unwrap_or_default();
        let (method, path) = (word(), word());
        let mut headers = Vec::new();
        let mut length = 0;
        loop {
            let mut line = String::new();
            stream.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                break;
            };
            let (name, value) = (name.to_ascii_lowercase(), value.to_owned());
            match name.as_str() {
                "content-length" => length = value.parse().map_err(io::Error::other)?,
                // Those of this connection, not of the request.
                "host" | "connection" | "accept-encoding" => {}
                _ => headers.push((name, value)),
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        Ok(Some(Self {
            method,
            path,
            headers,
            body,
        }))
    }

    fn pass(&self, server: SocketAddr) -> io::Result<(u16, String, String)> {
        let headers = self.headers.iter();
        let headers: Vec<(&str, &str)> = headers.map(|(name, value)| (&**name, &**value)).collect();
        let answer = http::request(server, &self.method, &self.path, &headers, &self.body)?;
        Ok((answer.status, String::new(), answer.body))
    }
}
