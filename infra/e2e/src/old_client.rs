//! A client of the old wire, written from the description of the old system and nothing else, so that it can bear
//! witness. It does what the C client does, plus what only a test wants: bytes one by one.
//!
//! A frame is 32 decimal digits and that many bytes. A session on the public port begins with the byte `1`; elsewhere
//! it begins with a frame. A single `0` asks for the port.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};

use crate::loopback;

/// A frame around `payload`.
#[must_use]
pub fn frame(payload: &[u8]) -> Vec<u8> {
    [format!("{:032}", payload.len()).as_bytes(), payload].concat()
}

/// A command as the C client sends it: a frame that ends in a newline.
#[must_use]
pub fn command(line: impl AsRef<[u8]>) -> Vec<u8> {
    frame(&[line.as_ref(), b"\n"].concat())
}

/// How the bytes of a session are handed to the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As much as there is.
    Whole,
    /// One byte in each write.
    ByteByByte,
}

/// An open session.
#[derive(Debug)]
pub struct OldClient {
    stream: TcpStream,
    pace: Pace,
}

impl OldClient {
    /// Asks for the port to use: sends `0` and waits. The answer is the frame's payload; the server then closes.
    ///
    /// # Errors
    /// Where the connection fails or the server says more than one frame.
    pub fn ask_port(server: SocketAddr) -> io::Result<Vec<u8>> {
        let mut question = Self::silent(server, Pace::Whole)?;
        question.write(b"0")?;
        let answer = question.frame()?;
        match question.rest()?.len() {
            0 => Ok(answer),
            more => Err(io::Error::other(format!("{more} bytes behind the port"))),
        }
    }

    /// A session on the public port: the byte `1` comes first.
    ///
    /// # Errors
    /// Where there is no connection.
    pub fn open(server: SocketAddr) -> io::Result<Self> {
        let mut client = Self::silent(server, Pace::Whole)?;
        client.write(b"1")?;
        Ok(client)
    }

    /// A connection on which nothing has been said.
    ///
    /// # Errors
    /// Where there is no connection.
    pub fn silent(server: SocketAddr, pace: Pace) -> io::Result<Self> {
        let stream = loopback::connect(server)?;
        Ok(Self { stream, pace })
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// Where the connection fails.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.pace {
            Pace::Whole => self.stream.write_all(bytes),
            Pace::ByteByByte => bytes
                .iter()
                .try_for_each(|byte| self.stream.write_all(&[*byte])),
        }
    }

    /// Says that nothing more comes, and still listens.
    ///
    /// # Errors
    /// Where the connection fails.
    pub fn finish(&mut self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)
    }

    /// Reads one frame.
    ///
    /// # Errors
    /// Where the connection ends or the length is no number.
    pub fn frame(&mut self) -> io::Result<Vec<u8>> {
        let mut payload = vec![0; self.length()?];
        self.stream.read_exact(&mut payload)?;
        Ok(payload)
    }

    /// Reads the length of a frame, exactly 32 digits.
    ///
    /// # Errors
    /// As [`OldClient::frame`].
    pub fn length(&mut self) -> io::Result<usize> {
        let mut digits = [0; 32];
        self.stream.read_exact(&mut digits)?;
        let text = std::str::from_utf8(&digits).map_err(io::Error::other)?;
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(io::Error::other(format!("no length: {text:?}")));
        }
        // The C client parses an `int`.
        let length: i32 = text.parse().map_err(io::Error::other)?;
        usize::try_from(length).map_err(io::Error::other)
    }

    /// Sends a command and reads its text.
    ///
    /// # Errors
    /// Where the connection fails.
    pub fn text(&mut self, line: impl AsRef<[u8]>) -> io::Result<Vec<u8>> {
        self.write(&command(line))?;
        self.frame()
    }

    /// Sends an archive command; `None` is the answer `no`.
    ///
    /// # Errors
    /// Where the connection fails or the answer is neither `yes` nor `no`.
    pub fn archive(&mut self, line: impl AsRef<[u8]>) -> io::Result<Option<Vec<u8>>> {
        self.write(&command(line))?;
        match self.frame()?.as_slice() {
            b"yes" => self.frame().map(Some),
            b"no" => Ok(None),
            other => Err(io::Error::other(format!(
                "neither yes nor no: {:?}",
                String::from_utf8_lossy(other)
            ))),
        }
    }

    /// Everything until the server closes.
    ///
    /// # Errors
    /// Where it resets the connection or does not close.
    pub fn rest(&mut self) -> io::Result<Vec<u8>> {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).map(|_| rest)
    }

    /// Ends the session with `quitc`, and sees that the server closes without another byte.
    ///
    /// # Errors
    /// Where the server does anything else.
    pub fn quit(mut self) -> io::Result<()> {
        self.write(&command("quitc"))?;
        match self.rest()?.len() {
            0 => Ok(()),
            more => Err(io::Error::other(format!("{more} bytes behind quitc"))),
        }
    }

    /// The connection itself.
    #[must_use]
    pub fn into_stream(self) -> TcpStream {
        self.stream
    }
}
