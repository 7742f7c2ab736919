//! The little of HTTP/1.1 that a check needs: one request, and the status line of its answer (RFC 9112, section 4).

use std::net::SocketAddr;

use super::answer::Verdict;
use super::status::Statuses;

/// Longer than any status line; where none has ended by then, it is something else.
const MAX_STATUS_LINE: usize = 1024;

/// The bytes of the request.
pub(crate) fn request(path: &str, host: Option<&str>, address: SocketAddr) -> Vec<u8> {
    let host = host.map_or_else(|| address.to_string(), str::to_owned);
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: netsocket-balancer\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    )
    .into_bytes()
}

/// What is thought of an answer so far; `ended`: no more will come.
pub(crate) fn evaluate(answer: &[u8], ended: bool, statuses: &Statuses) -> Verdict {
    let line = answer
        .split(|&byte| byte == b'\n')
        .next()
        .unwrap_or_default();
    match (line.len() < answer.len(), status(line)) {
        (true, Some(status)) if statuses.contains(status) => Verdict::Passed,
        (true, Some(status)) => Verdict::WrongStatus(status),
        (true, None) => Verdict::Wrong,
        (false, _) if ended || line.len() > MAX_STATUS_LINE => Verdict::Wrong,
        (false, _) => Verdict::Pending,
    }
}

/// The status of a line such as `HTTP/1.1 200 OK`.
fn status(line: &[u8]) -> Option<u16> {
    let rest = line.strip_prefix(b"HTTP/1.")?;
    let [minor, b' ', status @ ..] = rest else {
        return None;
    };
    let (digits, behind) = status.split_at_checked(3)?;
    let ends = matches!(behind, [] | [b' ' | b'\r', ..]);
    let number: u16 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    (minor.is_ascii_digit() && ends && digits.iter().all(u8::is_ascii_digit)).then_some(number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(answer: &str, ended: bool) -> Verdict {
        evaluate(answer.as_bytes(), ended, &Statuses::default())
    }

    #[test]
    fn status_lines() {
        assert_eq!(said("HTTP/1.1 200 OK\r\n", false), Verdict::Passed);
        assert_eq!(said("HTTP/1.0 302\n", false), Verdict::Passed);
        assert_eq!(
            said("HTTP/1.1 503 Busy\r\nX: y", true),
            Verdict::WrongStatus(503)
        );
        assert_eq!(said("HTTP/1.1 200 O", false), Verdict::Pending);
        for wrong in [
            "SSH-2.0-x\r\n",
            "HTTP/1.1 2000 OK\n",
            "HTTP/1.1 +20 OK\n",
            "HTTP/2 200\n",
            "\n",
        ] {
            assert_eq!(said(wrong, false), Verdict::Wrong, "{wrong}");
        }
        assert_eq!(said("HTTP/1.1 200 O", true), Verdict::Wrong);
    }

    #[test]
    fn the_host_is_the_address_unless_it_is_given() {
        let address = "[::1]:80".parse().unwrap();
        let text = |host| String::from_utf8(request("/health", host, address)).unwrap();
        assert!(text(None).starts_with("GET /health HTTP/1.1\r\nHost: [::1]:80\r\n"));
        assert!(text(Some("example")).contains("\r\nHost: example\r\n"));
        assert!(text(None).ends_with("\r\n\r\n"));
    }

    proptest! {
        #[test]
        fn any_answer_is_judged(answer in prop::collection::vec(any::<u8>(), 0..2000), ended: bool) {
            let verdict = evaluate(&answer, ended, &Statuses::default());
            prop_assert!(verdict != Verdict::Pending || !ended);
        }
    }
}
