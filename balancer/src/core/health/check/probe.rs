//! What a check sends and expects.

use super::answer::Expect;
use super::status::Statuses;

/// What a check sends to a backend and expects from it.
#[derive(Debug, Clone)]
pub enum Probe {
    /// The backend must accept a connection.
    Connect,
    /// The backend must answer some bytes with others.
    Exchange {
        /// The bytes to send; may be empty.
        send: Vec<u8>,
        /// The expected answer.
        expect: Expect,
    },
    /// The backend must answer a GET with one of these statuses.
    Http {
        /// The request's target, beginning with `/`.
        path: String,
        /// The request's host; `None`: the checked address.
        host: Option<String>,
        /// The statuses that pass.
        statuses: Statuses,
    },
}

/// The opening of our file server's new wire: magic, then the client's hello as a frame (see `docs/protocol.md`).
const NETSOCKET_MAGIC: &[u8] = b"NETSOCK\n";
const NETSOCKET_HELLO_TYPE: u8 = 1;
const NETSOCKET_HELLO: &str = concat!(
    r#"{"version":1,"software":"netsocket-balancer/"#,
    env!("CARGO_PKG_VERSION"),
    r#"","name":"","features":[]}"#
);

impl Probe {
    /// The preset for the NetSocket file server: it must answer the opening of a session with its own. The balancer knows
    /// nothing else about that protocol, so this is an exchange like any other.
    #[must_use]
    pub fn netsocket() -> Self {
        let mut send = NETSOCKET_MAGIC.to_vec();
        let length = u32::try_from(NETSOCKET_HELLO.len()).unwrap_or_default();
        send.extend(length.to_be_bytes());
        send.push(NETSOCKET_HELLO_TYPE);
        send.extend(NETSOCKET_HELLO.as_bytes());
        // Length and type of the frame are the 5 bytes behind the magic.
        let hello = |answer: &[u8]| match answer.strip_prefix(NETSOCKET_MAGIC) {
            Some([_, _, _, _, NETSOCKET_HELLO_TYPE, rest @ ..]) => {
                rest.first().map(|&byte| byte == b'{')
            }
            Some([_, _, _, _, _, ..]) => Some(false),
            Some(_) => None,
            None if NETSOCKET_MAGIC.starts_with(answer) => None,
            None => Some(false),
        };
        Self::Exchange {
            send,
            expect: Expect::Opening(hello),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::answer::Verdict;
    use super::*;

    /// The bytes of an example in the protocol's page.
    fn example(name: &str) -> String {
        let page = include_str!("../../../../../docs/protocol.md");
        let start = page
            .split(&format!("<!-- example: {name} -->\n```"))
            .nth(1)
            .unwrap();
        let (_, body) = start.split_once('\n').unwrap();
        body.split("\n```").next().unwrap().to_owned()
    }

    fn frame(kind: u8, payload: &str) -> Vec<u8> {
        let mut bytes = u32::try_from(payload.len()).unwrap().to_be_bytes().to_vec();
        bytes.push(kind);
        bytes.extend(payload.as_bytes());
        bytes
    }

    #[test]
    fn the_preset_speaks_as_the_protocols_page_says() {
        let magic: Vec<u8> = example("magic")
            .split(' ')
            .map(|hex| u8::from_str_radix(hex, 16).unwrap())
            .collect();
        let Probe::Exchange { send, expect } = Probe::netsocket() else {
            panic!()
        };
        let hello = example("hello-client");
        let mine = format!("netsocket-balancer/{}", env!("CARGO_PKG_VERSION"));
        let hello = hello.replacen("netsocket/0.1.0", &mine, 1);
        assert_eq!(send, [magic.clone(), frame(1, &hello)].concat());

        let good = [magic.clone(), frame(1, &example("hello-server"))].concat();
        assert_eq!(expect.evaluate(&good, false), Verdict::Passed);
        assert!((0..14).all(|cut| expect.evaluate(&good[..cut], false) == Verdict::Pending));
        assert_eq!(expect.evaluate(&good[..13], true), Verdict::Wrong);
        let error = [magic, frame(7, &example("error"))].concat();
        assert_eq!(expect.evaluate(&error, false), Verdict::Wrong);
        assert_eq!(expect.evaluate(b"HTTP", false), Verdict::Wrong);
    }
}
