//! What follows the events of a balancer: `ctl top`, and the wait for the end of a drain.

mod columns;
mod key_help;
mod keys;
mod live;
mod screen;
mod state;
mod terminal;
mod totals;

use std::io::Write;

use super::answer::{Drain, Status};
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

/// Comes back when the backend has no session left; tells how many there are whenever that has changed.
pub(super) fn wait(
    client: &Client,
    out: &mut impl Write,
    json: bool,
    name: &str,
) -> Result<(), CtlError> {
    let mut before = None;
    for event in client.events()? {
        let status: Status = parsed(&event?)?;
        let mut backends = status.pools.iter().flat_map(|pool| &pool.backends);
        let Some(backend) = backends.find(|it| it.full_name() == name || it.name == name) else {
            return Err(CtlError::Refused(format!("{name} is gone")));
        };
        let Some(drain) = &backend.drain else {
            let said = format!("{name} is no longer draining: {}", backend.reason);
            return Err(CtlError::Refused(said));
        };
        let Drain {
            sessions_left,
            closed,
            done,
            ..
        } = *drain;
        if before.replace(sessions_left) != Some(sessions_left) {
            if json {
                writeln!(
                    out,
                    "{{\"sessions_left\":{sessions_left},\"closed\":{closed}}}"
                )?;
            } else {
                writeln!(
                    out,
                    "{name}: {}, {closed} closed",
                    view::left(sessions_left)
                )?;
            }
            out.flush()?;
        }
        if done {
            return Ok(());
        }
    }
    Err(CtlError::stopped())
}
