//! The little of HTTP/1.1 that a check needs: one request, and the status line of its answer (RFC 9112, section 4).

use super::answer::Verdict;
use super::status::Statuses;

/// Longer than any status line; where none has ended by then, it is something else.
const MAX_STATUS_LINE: usize = 1024;

/// The bytes of the request.
/// `address` stands for a host that is not set.
pub(crate) fn request(path: &str, host: Option<&str>, address: &str) -> Vec<u8> {
    let host = host.unwrap_or(address);
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: netsocket-balancer\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    )
    .into_bytes()
}

/// Evaluates an answer so far; `ended`: no more will come. Interim responses are skipped: the final one counts (RFC 9110,
/// section 15.2). 101 is final, as nothing of HTTP follows it.
pub(crate) fn evaluate(answer: &[u8], ended: bool, statuses: &Statuses) -> Verdict {
    let incomplete = |line: &[u8]| match ended || line.len() > MAX_STATUS_LINE {
        true => Verdict::Wrong,
        false => Verdict::Pending,
    };
    let mut rest = answer;
    loop {
        let Some(end) = rest.iter().position(|&byte| byte == b'\n') else {
            return incomplete(rest);
        };
        match status(rest.get(..end).unwrap_or_default()) {
            None => return Verdict::Wrong,
            Some(100 | 102..=199) => match behind_head(rest) {
                Some(next) => rest = next,
                None => return incomplete(&[]),
            },
            Some(status) if statuses.contains(status) => return Verdict::Passed,
            Some(status) => return Verdict::WrongStatus(status),
        }
    }
}

/// What follows the first empty line.
fn behind_head(response: &[u8]) -> Option<&[u8]> {
    let mut rest = response;
    loop {
        let end = rest.iter().position(|&byte| byte == b'\n')?;
        let (line, next) = rest.split_at_checked(end + 1)?;
        if matches!(line, b"\n" | b"\r\n") {
            return Some(next);
        }
        rest = next;
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
    fn interim_responses_are_skipped() {
        let interim = [
            "HTTP/1.1 100 Continue\r\n\r\n",
            "HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n",
            "HTTP/1.1 102\n\n",
        ];
        let before = interim.concat();
        assert_eq!(
            said(&format!("{before}HTTP/1.1 200 OK\r\n"), false),
            Verdict::Passed
        );
        let failed = format!("{before}HTTP/1.1 503 Busy\r\n");
        assert_eq!(said(&failed, false), Verdict::WrongStatus(503));
        // Every part of what comes before the final status line leaves it open, until nothing more comes.
        for cut in 1..=before.len() {
            let part = &before[..cut];
            assert_eq!(said(part, false), Verdict::Pending, "{part}");
            assert_eq!(said(part, true), Verdict::Wrong, "{part}");
        }
        assert_eq!(
            said("HTTP/1.1 101 Switching Protocols\r\n", false),
            Verdict::WrongStatus(101)
        );
    }

    #[test]
    fn the_host_is_the_address_unless_it_is_given() {
        let address = "[::1]:80";
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
