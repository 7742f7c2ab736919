//! Text, in the order of the fields of HAProxy's `option tcplog` (configuration manual, section "TCP log format"), so
//! that what reads its logs reads ours:
//!
//! ```text
//! client_ip:client_port [accept_date] frontend pool/backend Tw/Tc/Tt bytes_down termination
//!     process/frontend/pool/backend/retries backend_queue/pool_queue
//! ```

use std::net::IpAddr;
use std::time::Duration;

use itoa::Integer;

use super::date::{Dates, TEXT_DATE, Zone};
use super::line::Line;

/// Where no backend was tried, as HAProxy writes it.
const NO_BACKEND: &str = "<NOSRV>";

#[derive(Debug)]
pub(super) struct TextForm {
    dates: Dates,
}

impl TextForm {
    pub(super) fn new(zone: Zone) -> Self {
        Self {
            dates: Dates::new(TEXT_DATE, zone),
        }
    }

    /// Appends the line and its end.
    pub(super) fn write(&mut self, out: &mut Vec<u8>, line: &Line<'_>) {
        address(out, line.client.ip());
        out.push(b':');
        number(out, line.client.port());
        let (date, millis) = self.dates.of(line.accepted);
        out.extend_from_slice(b" [");
        out.extend_from_slice(date.as_bytes());
        out.push(b'.');
        out.extend([100, 10, 1].map(|place| digit(millis / place % 10)));
        out.extend_from_slice(b"] ");
        name(out, line.frontend);
        out.push(b' ');
        name(out, line.pool);
        out.push(b'/');
        match line.backend {
            Some((backend, _)) => name(out, backend),
            None => out.extend_from_slice(NO_BACKEND.as_bytes()),
        }
        out.push(b' ');
        timer(out, line.queue);
        out.push(b'/');
        timer(out, line.connect);
        out.push(b'/');
        timer(out, Some(line.total));
        out.push(b' ');
        number(out, line.bytes_down);
        out.push(b' ');
        out.extend_from_slice(line.termination.code().as_bytes());
        let open = &line.open;
        for (before, count) in [
            (b' ', open.process),
            (b'/', open.frontend),
            (b'/', open.pool),
            (b'/', open.backend),
        ] {
            out.push(before);
            number(out, count);
        }
        // A plus where the retry went to another backend, which ours always do.
        out.extend_from_slice(if line.retries > 0 { b"/+" } else { b"/" });
        number(out, line.retries);
        // Clients wait for the pool, not for one backend of it. The next to be served is the first.
        out.extend_from_slice(b" 0/");
        let position = line.queued_behind.saturating_add(1);
        number(out, if line.waited { position } else { 0 });
        out.push(b'\n');
    }
}

fn digit(number: u32) -> u8 {
    u8::try_from(number).map_or(b'?', |digit| b'0' + digit)
}

fn number(out: &mut Vec<u8>, number: impl Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Whole milliseconds; -1 for what was not reached.
fn timer(out: &mut Vec<u8>, timer: Option<Duration>) {
    match timer {
        Some(timer) => number(out, timer.as_millis()),
        None => out.extend_from_slice(b"-1"),
    }
}

fn address(out: &mut Vec<u8>, ip: IpAddr) {
    use std::io::Write as _;

    match ip {
        IpAddr::V4(ip) => {
            let [first, rest @ ..] = ip.octets();
            number(out, first);
            for octet in rest {
                out.push(b'.');
                number(out, octet);
            }
        }
        IpAddr::V6(ip) => {
            // Writing to memory cannot fail.
            let _ = write!(out, "{ip}");
        }
    }
}

/// A name, with spaces and what does not print as `#` and two hexadecimal digits, as HAProxy does: a field stays one.
fn name(out: &mut Vec<u8>, name: &str) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in name.bytes() {
        if byte.is_ascii_graphic() && byte != b'#' {
            out.push(byte);
        } else {
            let hex = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'?');
            out.extend([b'#', hex(byte >> 4), hex(byte & 0x0f)]);
        }
    }
}
