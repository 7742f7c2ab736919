//! What follows the events of a balancer: `ctl top`, and the wait for the end of a drain.

mod columns;
mod key_help;
mod keys;
mod live;
mod rows;
mod screen;
mod sort;
mod state;
mod terminal;
mod totals;

use std::io::Write;

use serde_json::json;

use super::answer::Status;
use super::error::CtlError;
use super::http::{Client, parsed};
use super::view;

/// Sessions in a frame: the busiest.
const BUSIEST: usize = 10;

/// How frames are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Display {
    /// On a terminal, where they fit and keys are heard; with colours or without.
    Live {
        colours: bool,
    },
    /// One below the other.
    Text,
    Json,
}

/// A frame for each event.
pub(super) fn top(
    client: &Client,
    out: &mut impl Write,
    display: Display,
    count: Option<u64>,
) -> Result<(), CtlError> {
    if let Display::Live { colours } = display {
        return live::live(client, out, count, colours);
    }
    for (shown, event) in (1..).zip(client.events()?) {
        let event = event?;
        match display {
            Display::Json => writeln!(out, "{event}")?,
            _ => writeln!(out, "{}", frame(&parsed(&event)?))?,
        }
        out.flush()?;
        if count.is_some_and(|count| shown >= count.max(1)) {
            return Ok(());
        }
    }
    Err(CtlError::stopped())
}

fn frame(status: &Status) -> String {
    let mut frame = format!("{}\n{}", view::status(status), view::backends(status));
    if let Some(sessions) = &status.top_sessions {
        let mut busiest: Vec<_> = sessions.iter().collect();
        let rate = |rate: Option<f64>| rate.unwrap_or_default();
        busiest.sort_by(|a, b| rate(b.rate).total_cmp(&rate(a.rate)));
        busiest.truncate(BUSIEST);
        frame.push('\n');
        frame.push_str(&view::sessions(busiest));
    }
    frame
}

/// Comes back when none of the backends has a session left; tells how many there are whenever that has changed.
pub(super) fn wait(
    client: &Client,
    out: &mut impl Write,
    json: bool,
    names: Vec<String>,
) -> Result<(), CtlError> {
    let mut waiting: Vec<Waiting> = names.into_iter().map(Waiting::new).collect();
    let mut wrong = Vec::new();
    for event in client.events()? {
        let status: Status = parsed(&event?)?;
        let mut lines = String::new();
        waiting.retain_mut(|it| match it.look(&status, json) {
            Ok((line, done)) => {
                lines.extend(line);
                !done
            }
            Err(why) => {
                wrong.push(why);
                false
            }
        });
        out.write_all(lines.as_bytes())?;
        out.flush()?;
        match (waiting.is_empty(), wrong.is_empty()) {
            (false, _) => {}
            (true, true) => return Ok(()),
            (true, false) => return Err(CtlError::Refused(wrong.join("\n"))),
        }
    }
    Err(CtlError::stopped())
}

/// A backend that has sessions to end.
struct Waiting {
    name: String,
    /// How many were told last.
    told: Option<u64>,
}

impl Waiting {
    fn new(name: String) -> Self {
        Self { name, told: None }
    }

    /// What is to be told, and whether it is done; an error where that will never be.
    fn look(&mut self, status: &Status, json: bool) -> Result<(Option<String>, bool), String> {
        let name = &self.name;
        let mut backends = status.backends();
        let Some(backend) = backends.find(|it| it.full_name() == *name) else {
            return Err(format!("{name} is gone"));
        };
        let Some(drain) = &backend.drain else {
            return Err(format!("{name} is no longer draining: {}", backend.reason));
        };
        let left = drain.sessions_left;
        if self.told.replace(left) == Some(left) {
            return Ok((None, drain.done));
        }
        let closed = drain.closed;
        let line = match json {
            true => {
                let line = json!({ "name": name, "sessions_left": left, "closed": closed });
                format!("{line}\n")
            }
            false => format!("{name}: {}, {closed} closed\n", view::left(left)),
        };
        Ok((Some(line), drain.done))
    }
}
