//! A plain file from the page cache: by the file server, raw and checked, and by nginx with `sendfile`.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use netsocket_protocol::message::{Request, Verify};
use tokio::time::Instant;

use crate::failure::{Explain as _, Failure, Outcome};
use crate::fetch::fetch;
use crate::file_server::{Lap, Server, blocking};
use crate::host::Host;
use crate::peer::{Peer, Traffic};
use crate::sources::{PLAIN, PLAIN_BYTES};

/// How long a server may be silent.
const PATIENCE: Duration = Duration::from_secs(60);

/// Times that the file is asked for in a lap: more than a clock tick of CPU time each.
const TIMES: u32 = 4;

/// Who sends the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The file server.
    Server(Verify),
    /// nginx, `sendfile on`.
    Nginx,
}

/// How it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sender {
    source: Source,
    /// Through the balancer.
    relayed: bool,
}

const fn direct(source: Source) -> Sender {
    Sender {
        source,
        relayed: false,
    }
}

const fn relayed(source: Source) -> Sender {
    Sender {
        source,
        relayed: true,
    }
}

/// Everyone, by name.
pub const SENDERS: [(&str, Sender); 5] = [
    ("netsocket raw", direct(Source::Server(Verify::None))),
    ("netsocket checked", direct(Source::Server(Verify::Blocks))),
    ("nginx sendfile", direct(Source::Nginx)),
    ("netsocket relayed", relayed(Source::Server(Verify::None))),
    ("nginx relayed", relayed(Source::Nginx)),
];

/// Has one of them send the plain file of `root`.
///
/// # Errors
/// Where it fails.
pub async fn run(host: &Host, root: &Path, sender: Sender) -> Outcome<Lap> {
    let listen = host.ports.free()?;
    // The balancer first: it is ready before its backend is there.
    let relay = if sender.relayed {
        Some(Peer::Netsocket.start(host, listen, Traffic::Bulk).await?)
    } else {
        None
    };
    let mut server = match sender.source {
        Source::Server(_) => Server::start_at(host, root, listen).await?,
        Source::Nginx => Server::nginx(host, root, listen).await?,
    };
    let address = relay.as_ref().map_or(listen, |relay| relay.address);
    let ask = move || match sender.source {
        Source::Server(verify) => {
            let request = Request::Get {
                path: PLAIN.into(),
                offset: 0,
                length: None,
                identity: None,
                verify,
            };
            fetch(address, &request).map(|fetched| fetched.bytes)
        }
        Source::Nginx => http(address),
    };
    blocking(ask).await?;
    let (before, began) = (server.cpu()?, Instant::now());
    let mut bytes = 0;
    for _ in 0..TIMES {
        bytes += blocking(ask).await?;
    }
    let seconds = began.elapsed().as_secs_f64();
    if bytes < u64::from(TIMES) * PLAIN_BYTES {
        return Err(Failure::new(format!("only {bytes} bytes came")));
    }
    Ok(Lap {
        seconds,
        cpu: server.cpu()? - before,
        bytes,
        first_byte: None,
        memory: Some(server.peak_above_idle()?),
    })
}

/// Reads the file over HTTP/1.0 to its end. Returns all bytes, headers included. Blocks the thread.
fn http(address: SocketAddr) -> Outcome<u64> {
    let mut stream = TcpStream::connect(address).explain("nginx")?;
    stream
        .set_read_timeout(Some(PATIENCE))
        .explain("a timeout")?;
    write!(stream, "GET /{PLAIN} HTTP/1.0\r\n\r\n").explain("nginx")?;
    let (mut buffer, mut bytes) = (vec![0; 1 << 20], 0);
    loop {
        match stream.read(&mut buffer).explain("nginx")? {
            0 => return Ok(bytes),
            count => bytes += count as u64,
        }
    }
}
