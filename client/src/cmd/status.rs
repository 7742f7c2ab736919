//! `status`: which server answers, and how fast.

use std::time::Duration;

use netsocket_protocol::message::Request;
use netsocket_protocol::name::Name;
use tokio::time::Instant;

use super::context::{Context, Done};
use crate::outcome::error::Error;
use crate::outcome::exit::Exit;
use crate::output::console::Message;
use crate::output::json;
use crate::output::status::Status;

/// Number of round trips; the shortest is reported, as the first may include connecting.
const ROUNDS: usize = 4;

impl Context {
    pub(crate) async fn status(&mut self, word: &str) -> Done {
        let request = Request::List {
            path: Name::default(),
            glob: None,
            itself: true,
            hidden: false,
            limit: None,
        };
        let mut round_trip = Duration::MAX;
        for _ in 0..ROUNDS {
            let begun = Instant::now();
            self.entries(&request).await?;
            round_trip = round_trip.min(begun.elapsed());
        }
        let peer = self.session.peer().cloned().ok_or_else(|| {
            Error::Lost("the connection closed before the server was identified".to_owned())
        })?;
        let status = Status {
            server: self
                .session
                .server()
                .map_or_else(String::new, ToString::to_string),
            peer,
            round_trip,
        };
        self.console.print_message(&Message {
            text: status.lines().into_bytes(),
            json: json::status_line(word, &status),
        })?;
        Ok(Exit::Done)
    }
}
