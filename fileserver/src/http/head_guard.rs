//! Finds heads of requests that two parsers may read differently, before hyper reads them.
//!
//! A server behind a proxy must see the same requests as the proxy. hyper refuses most of what is ambiguous, but takes a
//! line that ends with a bare LF, as old servers did. This guard watches the bytes on their way to hyper; it changes
//! nothing, and the handler refuses the request.

use memchr::memchr;

/// Longer names of headers are none of those that matter here.
const LINE_KEPT: usize = 64;

/// Where in a request the next byte is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Head,
    /// So many bytes of a body are left.
    Body(u64),
}

/// Watches the requests of one HTTP/1.1 connection.
#[derive(Debug)]
pub(super) struct HeadGuard {
    place: Place,
    /// The beginning of the current line, as far as it came before.
    line: Vec<u8>,
    /// Bytes of it that came before, and the last of them.
    length: usize,
    previous: u8,
    /// Whether the head has a line yet.
    begun: bool,
    body: u64,
}

impl HeadGuard {
    pub(super) fn new() -> Self {
        Self {
            place: Place::Head,
            line: Vec::new(),
            length: 0,
            previous: 0,
            begun: false,
            body: 0,
        }
    }

    /// Takes the next bytes; whether they are fine.
    pub(super) fn take(&mut self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            if let Place::Body(left) = self.place {
                let count = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
                bytes = &bytes[count..];
                self.place = match left - count as u64 {
                    0 => Place::Head,
                    left => Place::Body(left),
                };
                continue;
            }
            let Some(end) = memchr(b'\n', bytes) else {
                self.keep(bytes);
                return true;
            };
            let text = &bytes[..end];
            bytes = &bytes[end + 1..];
            let is_fine = match self.length {
                // Most heads come in one piece.
                0 => {
                    let last = text.last().copied().unwrap_or_default();
                    self.line_end(&text[..end.min(LINE_KEPT)], end, last)
                }
                _ => {
                    self.keep(text);
                    let line = std::mem::take(&mut self.line);
                    let length = std::mem::take(&mut self.length);
                    self.line_end(&line, length, self.previous)
                }
            };
            if !is_fine {
                return false;
            }
        }
        true
    }

    /// Keeps a part of a line until its end comes.
    fn keep(&mut self, part: &[u8]) {
        let room = LINE_KEPT.saturating_sub(self.line.len());
        self.line.extend_from_slice(&part[..part.len().min(room)]);
        self.length += part.len();
        self.previous = part.last().copied().unwrap_or(self.previous);
    }

    /// A line has ended, of which this is the beginning; whether with CR LF, and with a length that is clear.
    fn line_end(&mut self, begin: &[u8], length: usize, last: u8) -> bool {
        if last != b'\r' {
            return false;
        }
        if length == 1 {
            // Empty lines before a request are no head.
            if self.begun {
                self.begun = false;
                self.place = match std::mem::take(&mut self.body) {
                    0 => Place::Head,
                    left => Place::Body(left),
                };
            }
            return true;
        }
        self.begun = true;
        self.length_of_body(begin)
    }

    fn length_of_body(&mut self, line: &[u8]) -> bool {
        if !matches!(line.first(), Some(b'c' | b'C' | b't' | b'T')) {
            return true;
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            return true;
        };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            return false;
        }
        if !name.eq_ignore_ascii_case(b"content-length") {
            return true;
        }
        let digits = std::str::from_utf8(value).ok();
        let digits = digits.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        match digits.and_then(|text| text.parse().ok()) {
            // A second one is refused, even if it says the same.
            Some(length) if self.body == 0 => {
                self.body = length;
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_fine(bytes: &[u8]) -> bool {
        HeadGuard::new().take(bytes)
    }

    #[test]
    fn heads_with_one_meaning_pass() {
        for fine in [
            &b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..],
            b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n",
            b"PROPFIND / HTTP/1.1\r\nContent-Length: 5\r\n\r\n<\n\n>\nGET / HTTP/1.1\r\n\r\n",
            b"GET / HTTP/1.1\r\ncontent-length: 0\r\n\r\n",
            b"GET /no-end",
        ] {
            assert!(is_fine(fine), "{}", fine.escape_ascii());
        }
    }

    #[test]
    fn heads_with_two_meanings_do_not() {
        for bad in [
            &b"GET / HTTP/1.1\nHost: a\n\n"[..],
            b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\n\n",
            b"\nGET / HTTP/1.1\r\n\r\n",
            b"GET / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
            b"GET / HTTP/1.1\r\nContent-Length: +5\r\n\r\n",
            b"GET / HTTP/1.1\r\nContent-Length: 5, 5\r\n\r\n",
            b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"GET / HTTP/1.1\r\nContent-Length: 2\r\n\r\nabGET / HTTP/1.1\nHost: b\r\n\r\n",
        ] {
            assert!(!is_fine(bad), "{}", bad.escape_ascii());
        }
    }

    proptest! {
        /// Neither panics, nor hangs on how the bytes are cut.
        #[test]
        fn pieces_mean_what_the_whole_means(
            bytes in "(GET /|\r\n|\n|Content-Length: [0-9]{1,2}|x: y|\r|.){0,20}", cut in 0_usize..80
        ) {
            let bytes = bytes.as_bytes();
            let cut = cut.min(bytes.len());
            let mut guard = HeadGuard::new();
            let in_pieces = guard.take(&bytes[..cut]) && guard.take(&bytes[cut..]);
            prop_assert_eq!(in_pieces, is_fine(bytes));
        }
    }
}
