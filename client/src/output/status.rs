//! The result of `status`.

use std::time::Duration;

use netsocket_protocol::message::Hello;
use netsocket_protocol::name::Name;

/// What `status` reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Status {
    /// The address connected to, usually a balancer's.
    pub(crate) server: String,
    /// The greeting of the file server behind it.
    pub(crate) peer: Hello,
    /// The shortest of several round trips.
    pub(crate) round_trip: Duration,
}

impl Status {
    /// The text for users.
    #[must_use]
    pub(crate) fn lines(&self) -> String {
        let Hello {
            version,
            software,
            name,
            ..
        } = &self.peer;
        // Escaped, as they come from the server.
        let [name, software] = [name, software].map(|text| Name::from(text.as_str()));
        let milliseconds = self.round_trip.as_secs_f64() * 1e3;
        format!(
            "   Address: {}\n      Name: {name}\n  Software: {software}, protocol version {version}\nRound trip: {milliseconds:.3} ms\n",
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
            "   Address: a:1\n      Name: mirror\\u{1b}[2J\n  Software: x/1, protocol version 1\nRound trip: 0.312 ms\n"
        );
    }
}
