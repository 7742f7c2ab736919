//! Finds heads of requests that two parsers may read differently, before hyper reads them.
//!
//! A server behind a proxy must see the same requests as the proxy. hyper refuses most of what is ambiguous, but takes a
//! line that ends with a bare LF, as old servers did. This guard watches the bytes on their way to hyper; it changes
//! nothing, and the handler refuses the request.

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
    /// The beginning of the current line.
    line: Vec<u8>,
    /// Bytes of the current line.
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
            line: Vec::with_capacity(LINE_KEPT),
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
            // A head is mostly text without line ends.
            let text = bytes.iter().position(|byte| *byte == b'\n');
            let (line, ended) = match text {
                Some(at) => (&bytes[..at], true),
                None => (bytes, false),
            };
            self.text(line);
            bytes = &bytes[line.len() + usize::from(ended)..];
            if ended && !self.line_end() {
                return false;
            }
        }
        true
    }

    fn text(&mut self, text: &[u8]) {
        let room = LINE_KEPT.saturating_sub(self.line.len());
        self.line.extend_from_slice(&text[..text.len().min(room)]);
        self.length += text.len();
        self.previous = text.last().copied().unwrap_or(self.previous);
    }

    /// A line has ended; whether with CR LF, and with a length that is clear.
    fn line_end(&mut self) -> bool {
        if self.previous != b'\r' || self.length == 0 {
            return false;
        }
        let is_empty = self.length == 1;
        let line = std::mem::take(&mut self.line);
        (self.length, self.previous) = (0, 0);
        if is_empty {
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
        self.length_of_body(&line)
    }

    fn length_of_body(&mut self, line: &[u8]) -> bool {
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
