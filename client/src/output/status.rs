//! Who answers, and how fast.

use std::time::Duration;

use netsocket_protocol::message::Hello;
use netsocket_protocol::name::Name;

/// What is known of the way to the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Status {
    /// The address that was asked: that of a balancer, mostly.
    pub(crate) server: String,
    /// The greeting of the server that answers behind it.
    pub(crate) peer: Hello,
    /// From a small request to the end of its answer, the shortest of some.
    pub(crate) round_trip: Duration,
}

impl Status {
    /// For people, a line each.
    #[must_use]
    pub(crate) fn lines(&self) -> String {
        let Hello {
            version,
            software,
            name,
            ..
        } = &self.peer;
        // The server says these, and may say anything.
        let [name, software] = [name, software].map(|text| Name::from(text.as_str()));
        let milliseconds = self.round_trip.as_secs_f64() * 1e3;
        format!(
            "    Server: {}\nAnswers as: {name}\n  Software: {software}, version {version} of the protocol\nRound trip: {milliseconds:.3} ms\n",
            self.server
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_cannot_drive_the_terminal_by_its_name() {
        let status = Status {
            server: "a:1".to_owned(),
            peer: Hello {
                version: 1,
                software: "x/1".to_owned(),
                name: "mirror\x1b[2J".to_owned(),
                features: vec![],
                token: None,
            },
            round_trip: Duration::from_micros(312),
        };
        assert_eq!(
            status.lines(),
            "    Server: a:1\nAnswers as: mirror\\u{1b}[2J\n  Software: x/1, version 1 of the protocol\nRound trip: 0.312 ms\n"
        );
    }
}
