//! Raw bytes of the new wire, for what the real client never sends. Written from `docs/protocol.md`: a magic of eight
//! bytes, then frames of a length (four bytes, big-endian), a type and a payload.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};

use serde_json::{Value, json};

use crate::loopback;

/// What either side sends first.
pub const MAGIC: &[u8; 8] = b"NETSOCK\n";

/// Frame types.
pub mod kind {
    /// Both ways, first.
    pub const HELLO: u8 = 1;
    /// From the client.
    pub const REQUEST: u8 = 2;
    /// A list.
    pub const REPLY: u8 = 3;
    /// What an archive will be.
    pub const PLAN: u8 = 4;
    /// An error in place of an answer.
    pub const ERROR: u8 = 7;
}

/// A frame of any type, right or wrong.
#[must_use]
pub fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a payload of a test is short");
    [&length.to_be_bytes()[..], &[kind], payload].concat()
}

/// A hello of a client of that version.
#[must_use]
pub fn hello(version: u16) -> Vec<u8> {
    let hello = json!({"version": version, "software": "e2e", "name": "", "features": []});
    frame(kind::HELLO, hello.to_string().as_bytes())
}

/// A connection that speaks as it is told.
#[derive(Debug)]
pub struct RawClient(TcpStream);

impl RawClient {
    /// Connects and says nothing.
    ///
    /// # Errors
    /// Where there is no connection.
    pub fn silent(server: SocketAddr) -> io::Result<Self> {
        loopback::connect(server).map(Self)
    }

    /// Connects and exchanges hellos; gives back the server's.
    ///
    /// # Errors
    /// Where the server does not greet.
    pub fn greeted(server: SocketAddr) -> io::Result<(Self, Value)> {
        Self::greeted_on(loopback::connect(server)?)
    }

    /// The same on a connection that is there.
    ///
    /// # Errors
    /// Where the server does not greet.
    pub fn greeted_on(connection: TcpStream) -> io::Result<(Self, Value)> {
        let mut client = Self(loopback::with_patience(connection)?);
        client.write(&[&MAGIC[..], &hello(1)].concat())?;
        let hello = client.greeting()?;
        Ok((client, hello))
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// Where the connection fails.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    /// Says that nothing more comes.
    ///
    /// # Errors
    /// Where the connection fails.
    pub fn finish(&mut self) -> io::Result<()> {
        self.0.shutdown(Shutdown::Write)
    }

    /// Reads the server's magic and hello.
    ///
    /// # Errors
    /// Where it says anything else.
    pub fn greeting(&mut self) -> io::Result<Value> {
        let mut magic = [0; MAGIC.len()];
        self.0.read_exact(&mut magic)?;
        if &magic != MAGIC {
            return Err(io::Error::other(format!("not the magic: {magic:?}")));
        }
        self.message(kind::HELLO)
    }

    /// Reads one frame: its type and its payload.
    ///
    /// # Errors
    /// Where the connection ends.
    pub fn frame(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let mut header = [0; 5];
        self.0.read_exact(&mut header)?;
        let [a, b, c, d, kind] = header;
        let mut payload = vec![0; u32::from_be_bytes([a, b, c, d]) as usize];
        self.0.read_exact(&mut payload)?;
        Ok((kind, payload))
    }

    /// Reads one frame of type `wanted` with a JSON payload.
    ///
    /// # Errors
    /// Where another frame comes.
    pub fn message(&mut self, wanted: u8) -> io::Result<Value> {
        let (kind, payload) = self.frame()?;
        if kind != wanted {
            let shown = String::from_utf8_lossy(&payload[..payload.len().min(200)]).into_owned();
            return Err(io::Error::other(format!(
                "frame {kind}, not {wanted}: {shown}"
            )));
        }
        serde_json::from_slice(&payload).map_err(io::Error::other)
    }

    /// Whether the server closes without another byte (an end or a reset).
    ///
    /// # Errors
    /// Where nothing happens, or a byte comes.
    pub fn closed(&mut self) -> io::Result<()> {
        match self.0.read(&mut [0]) {
            Ok(0) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(()),
            Ok(_) => Err(io::Error::other("another byte instead of the end")),
            Err(error) => Err(error),
        }
    }

    /// The connection itself.
    #[must_use]
    pub fn into_stream(self) -> TcpStream {
        self.0
    }
}
