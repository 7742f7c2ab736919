//! A client of the new wire that reads what it asked for, and counts.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use netsocket_protocol::block::{BLOCK_HEADER, STREAM_BLOCK_HEADER};
use netsocket_protocol::frame::{Frame, FrameType, HEADER, header};
use netsocket_protocol::message::{Hello, Layout, Message as _, Request};
use netsocket_protocol::{MAGIC, MAX_FRAME, VERSION};
use tokio::time::Instant;

use crate::failure::{Explain as _, Failure, Outcome};

/// How long the server may be silent.
const PATIENCE: Duration = Duration::from_secs(60);

/// What came.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fetched {
    /// Payload, without any header.
    pub bytes: u64,
    /// Seconds from the request to the first of it.
    pub first_byte: f64,
}

/// Asks for an archive or a file and reads it to its trailer. Blocks the thread.
///
/// # Errors
/// Where the server has something else to say.
pub fn fetch(address: SocketAddr, request: &Request) -> Outcome<Fetched> {
    let mut stream = TcpStream::connect(address).explain("the file server")?;
    stream
        .set_read_timeout(Some(PATIENCE))
        .explain("a timeout")?;
    let hello = Hello {
        version: VERSION,
        software: "bench".to_owned(),
        name: String::new(),
        features: Vec::new(),
        token: None,
    };
    let hello = hello.to_frame().explain("a hello")?;
    stream
        .write_all(&[&MAGIC[..], &encoded(&hello)?].concat())
        .explain("the file server")?;
    let mut magic = [0; MAGIC.len()];
    stream.read_exact(&mut magic).explain("the magic")?;
    let mut buffer = vec![0; MAX_FRAME];
    next(&mut stream, &mut buffer)?;

    let block_header = match request {
        Request::Archive {
            layout: Layout::Stream,
            ..
        } => STREAM_BLOCK_HEADER,
        _ => BLOCK_HEADER,
    };
    let request = request.to_frame().explain("a request")?;
    let began = Instant::now();
    stream.write_all(&encoded(&request)?).explain("a request")?;
    let (mut bytes, mut first_byte) = (0, None);
    loop {
        let (kind, length) = next(&mut stream, &mut buffer)?;
        let payload = match kind {
            FrameType::Data => length.saturating_sub(block_header),
            FrameType::Raw => length,
            FrameType::Plan | FrameType::File => continue,
            FrameType::Trailer => break,
            _ => {
                let said = String::from_utf8_lossy(&buffer[..length]).into_owned();
                return Err(Failure::new(format!("the file server: {said}")));
            }
        };
        bytes += payload as u64;
        first_byte.get_or_insert_with(|| began.elapsed().as_secs_f64());
    }
    Ok(Fetched {
        bytes,
        first_byte: first_byte.unwrap_or_default(),
    })
}

fn encoded(frame: &Frame) -> Outcome<Vec<u8>> {
    let before = header(frame.kind, frame.payload.len()).explain("a frame")?;
    Ok([&before[..], &frame.payload].concat())
}

/// Reads a frame, its payload into the buffer.
fn next(stream: &mut TcpStream, buffer: &mut [u8]) -> Outcome<(FrameType, usize)> {
    let mut before = [0; HEADER];
    stream.read_exact(&mut before).explain("a frame")?;
    let [a, b, c, d, kind] = before;
    let length = u32::from_be_bytes([a, b, c, d]) as usize;
    let kind = FrameType::from_byte(kind).ok_or_else(|| Failure::new("no frame"))?;
    let payload = buffer
        .get_mut(..length)
        .ok_or_else(|| Failure::new("a frame is too long"))?;
    stream.read_exact(payload).explain("a frame")?;
    Ok((kind, length))
}
