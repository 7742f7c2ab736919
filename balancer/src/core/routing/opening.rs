//! The first bytes of a client, as far as they have arrived.

use super::hello::{Hello, Reader};
use super::protocol::Protocol;

/// The most bytes that are looked at. A hello with the key shares of today takes two thousand, cut into many small records
/// three times as much.
const MAX_BYTES: usize = 32 << 10;
/// The most bytes that [`Protocol`] is told by.
const LONGEST_MARK: usize = 24;

/// Beginnings that tell a protocol.
const MARKS: [(Protocol, &[u8]); 14] = [
    (Protocol::Tls, b"\x16\x03"),
    (Protocol::Ssh, b"SSH-"),
    (Protocol::Proxy, b"PROXY "),
    (Protocol::Proxy, b"\r\n\r\n\0\r\nQUIT\n"),
    (Protocol::Http, b"GET "),
    (Protocol::Http, b"HEAD "),
    (Protocol::Http, b"POST "),
    (Protocol::Http, b"PUT "),
    (Protocol::Http, b"DELETE "),
    (Protocol::Http, b"OPTIONS "),
    (Protocol::Http, b"PATCH "),
    (Protocol::Http, b"CONNECT "),
    (Protocol::Http, b"TRACE "),
    (Protocol::Http, b"PRI * HTTP/2.0\r\n"),
];

/// What is known of a protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// More bytes are needed.
    NotYet,
    /// None of the protocols that we know.
    Other,
    This(Protocol),
}

/// First bytes.
pub(crate) struct Opening {
    /// The beginning, enough to tell the protocol.
    mark: Vec<u8>,
    received: usize,
    /// Where somebody wants to know what a hello says.
    hello: Option<Reader>,
    /// Nothing more will come, or be waited for.
    is_over: bool,
}

impl Opening {
    /// Nothing so far. `hello`: whether a TLS hello is to be read.
    pub(crate) fn new(hello: bool) -> Self {
        Self {
            mark: Vec::new(),
            received: 0,
            hello: hello.then(Reader::new),
            is_over: false,
        }
    }

    /// Takes in the next bytes.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        let room = LONGEST_MARK.saturating_sub(self.mark.len());
        self.mark.extend(bytes.iter().take(room));
        self.received += bytes.len();
        if self.protocol() != Known::This(Protocol::Tls) {
            return;
        }
        if let Some(reader) = &mut self.hello {
            // A single byte does not tell the protocol, so that it has not been read yet.
            if self.received - bytes.len() == 1 {
                reader.feed(self.mark.get(..1).unwrap_or_default());
            }
            reader.feed(bytes);
            if matches!(reader, Reader::Incomplete(_)) && self.received >= MAX_BYTES {
                *reader = Reader::Invalid;
            }
        }
    }

    /// No more bytes will come, or be waited for.
    pub(crate) fn end(&mut self) {
        self.is_over = true;
    }

    /// Whether anything has come.
    pub(crate) fn is_empty(&self) -> bool {
        self.received == 0
    }

    /// Whether a TLS hello has begun and not come to its end.
    pub(crate) fn is_cut(&self) -> bool {
        self.protocol() == Known::This(Protocol::Tls)
            && matches!(self.hello, Some(Reader::Incomplete(_)))
    }

    /// Whether what began as a TLS hello will never be one.
    pub(super) fn is_invalid(&self) -> bool {
        matches!(self.hello, Some(Reader::Invalid))
    }

    /// The hello, once it is complete.
    pub(crate) fn hello(&self) -> Option<&Hello> {
        match &self.hello {
            Some(Reader::Complete(hello)) => Some(hello),
            _ => None,
        }
    }

    pub(super) fn protocol(&self) -> Known {
        let mut maybe = false;
        for (protocol, mark) in MARKS {
            if self.mark.starts_with(mark) {
                return Known::This(protocol);
            }
            maybe |= mark.starts_with(&self.mark);
        }
        if maybe && !self.is_over {
            Known::NotYet
        } else {
            Known::Other
        }
    }

    /// Whether more bytes may say more of a hello.
    pub(super) fn expects_hello(&self) -> bool {
        match self.protocol() {
            Known::NotYet => true,
            Known::Other => false,
            Known::This(protocol) => {
                protocol == Protocol::Tls && self.hello().is_none() && !self.is_over
            }
        }
    }

    /// Whether anything may still come.
    pub(super) fn expects_anything(&self) -> bool {
        self.is_empty() && !self.is_over
    }
}
