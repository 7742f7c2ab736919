//! `ctl top` on a terminal: events, keys and signals come in by one channel, frames go out.

use std::io::{self, Write};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use chrono::Utc;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

use super::super::answer::Status;
use super::super::error::CtlError;
use super::super::http::{Client, encoded, parsed};
use super::keys::keys;
use super::screen::{RETRY, frame};
use super::state::{Change, State, Wish};
use super::terminal::{Keyboard, Screen, size};

/// How often it is looked whether the figures have grown old.
const LOOK: Duration = Duration::from_millis(250);
/// A balancer sends an event a second: without one for so long, it does not answer.
const SILENCE: Duration = Duration::from_millis(2500);

/// What happens.
enum Input {
    /// An event of the balancer.
    Event(String),
    /// There is none any more, for now.
    Lost(CtlError),
    Keys(Vec<u8>),
    /// What became of a change.
    Changed(String),
    Resized,
    Stop,
}

/// Until a key ends it, or so many events were shown: then the last one stays on the terminal.
pub(super) fn live(
    client: &Client,
    out: &mut impl Write,
    count: Option<u64>,
    colours: bool,
) -> Result<(), CtlError> {
    let (sender, inputs) = mpsc::channel();
    follow(client.clone(), sender.clone());
    // What cannot be reached at the start is an error, and no screen.
    let first = match inputs.recv() {
        Ok(Input::Event(event)) => parsed(&event)?,
        Ok(Input::Lost(error)) => return Err(error),
        _ => return Ok(()),
    };
    let keyboard = Keyboard::open();
    if keyboard.is_some() {
        type_in(sender.clone());
    }
    let mut top = Top {
        changes: act(client.clone(), sender.clone()),
        status: first,
        answered: Instant::now(),
        state: State::default(),
        colours,
    };
    heed_signals(sender);
    let mut screen = Screen::open(out)?;
    let ended = top.run(&inputs, count, &mut screen);
    drop(screen);
    drop(keyboard);
    if count.is_some() && ended.is_ok() {
        for line in top.frame() {
            writeln!(out, "{line}")?;
        }
    }
    ended
}

struct Top {
    /// Those that were confirmed, to be made.
    changes: Sender<Change>,
    status: Status,
    /// When the status came.
    answered: Instant,
    state: State,
    colours: bool,
}

/// Whether it goes on.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Show,
    /// The same as before is still right.
    Keep,
    End,
}

impl Top {
    fn run<W: Write>(
        &mut self,
        inputs: &Receiver<Input>,
        count: Option<u64>,
        screen: &mut Screen<'_, W>,
    ) -> Result<(), CtlError> {
        let mut shown = 1;
        screen.show(&self.frame())?;
        while count.is_none_or(|count| shown < count.max(1)) {
            let next = match inputs.recv_timeout(LOOK) {
                Ok(Input::Event(event)) => {
                    self.status = parsed(&event)?;
                    self.answered = Instant::now();
                    self.state.lost = None;
                    shown += 1;
                    Next::Show
                }
                Ok(input) => self.heed(input),
                Err(RecvTimeoutError::Timeout) => Next::Keep,
                Err(RecvTimeoutError::Disconnected) => Next::End,
            };
            let has_aged = self.state.grow_old(self.silence()) | self.state.forget(Instant::now());
            match next {
                Next::End => return Ok(()),
                Next::Keep if !has_aged => {}
                _ => screen.show(&self.frame())?,
            }
        }
        Ok(())
    }

    /// All but an event. Nothing here waits for the balancer, so that keys are heard while it hangs.
    fn heed(&mut self, input: Input) -> Next {
        match input {
            Input::Event(_) | Input::Resized => {}
            Input::Lost(error) => self.state.lost = Some(error.to_string()),
            Input::Changed(news) => self.state.tell(timed(&news)),
            Input::Keys(bytes) => {
                for key in keys(&bytes) {
                    match self.state.press(key, &self.status) {
                        Wish::Show => {}
                        Wish::Quit => return Next::End,
                        Wish::Do(change) => {
                            let asked = format!("asked to {} …", change.said());
                            self.state.tell(timed(&asked));
                            // It ends with the program.
                            let _ = self.changes.send(change);
                        }
                    }
                }
            }
            Input::Stop => return Next::End,
        }
        Next::Show
    }

    /// For how long there has been no answer, where that is longer than it should be.
    fn silence(&self) -> Option<Duration> {
        let silence = self.answered.elapsed();
        (silence >= SILENCE || self.state.lost.is_some()).then_some(silence)
    }

    fn frame(&mut self) -> Vec<String> {
        frame(&self.status, &mut self.state, size(), self.colours)
    }
}

/// With the time, as the page has it.
fn timed(news: &str) -> String {
    format!("{} UTC: {news}", Utc::now().format("%H:%M:%S"))
}

/// Makes changes, one after the other, and tells what became of each.
fn act(client: Client, sender: Sender<Input>) -> Sender<Change> {
    let (changes, wanted) = mpsc::channel::<Change>();
    thread::spawn(move || {
        for change in wanted {
            let name = encoded(&change.backend);
            let path = format!("/api/v1/backends/{name}/{}", change.to);
            let news = match client.ask("POST", &path, "") {
                Ok(_) => format!("done: {}", change.said()),
                Err(CtlError::Unanswered(_)) => {
                    format!("no answer, may still be done: {}", change.said())
                }
                Err(error) => format!("not done: {error}"),
            };
            if sender.send(Input::Changed(news)).is_err() {
                return;
            }
        }
    });
    changes
}

/// Passes on events; where they end, asks again until there is a balancer.
fn follow(client: Client, sender: Sender<Input>) {
    // Nobody sends on it: what it does is to wait.
    let (never, pause) = mpsc::channel::<()>();
    thread::spawn(move || {
        let _open = never;
        loop {
            let end = match client.events() {
                Err(error) => error,
                Ok(events) => {
                    let mut end = CtlError::stopped();
                    for event in events {
                        let sent = match event {
                            Ok(event) => sender.send(Input::Event(event)),
                            Err(error) => {
                                end = error;
                                break;
                            }
                        };
                        if sent.is_err() {
                            return;
                        }
                    }
                    end
                }
            };
            if sender.send(Input::Lost(end)).is_err() {
                return;
            }
            let _ = pause.recv_timeout(RETRY);
        }
    });
}

fn type_in(sender: Sender<Input>) {
    thread::spawn(move || {
        loop {
            let input = match Keyboard::read() {
                // The terminal is gone.
                bytes if bytes.is_empty() => Input::Stop,
                bytes => Input::Keys(bytes),
            };
            let is_end = matches!(input, Input::Stop);
            if sender.send(input).is_err() || is_end {
                return;
            }
        }
    });
}

/// A terminal is put back before the program ends, whoever ends it. Without signals it works as well, so that a failure to get
/// them is none.
fn heed_signals(sender: Sender<Input>) {
    thread::spawn(move || -> io::Result<()> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut resized = signal(SignalKind::window_change())?;
            let mut terminate = signal(SignalKind::terminate())?;
            let mut hangup = signal(SignalKind::hangup())?;
            let mut interrupt = signal(SignalKind::interrupt())?;
            loop {
                let input = tokio::select! {
                    _ = resized.recv() => Input::Resized,
                    _ = terminate.recv() => Input::Stop,
                    _ = hangup.recv() => Input::Stop,
                    _ = interrupt.recv() => Input::Stop,
                };
                if sender.send(input).is_err() {
                    return Ok(());
                }
            }
        })
    });
}
