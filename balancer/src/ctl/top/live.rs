//! `ctl top` on a terminal: events, keys and signals come in by one channel, frames go out.

use std::io::{self, Write};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

use super::super::answer::Status;
use super::super::error::CtlError;
use super::super::http::{Client, encoded, parsed};
use super::keys::keys;
use super::screen::{RETRY, frame};
use super::state::{State, Wish};
use super::terminal::{Keyboard, Screen, size};

/// What happens.
enum Input {
    /// An event of the balancer.
    Event(String),
    /// There is none any more, for now.
    Lost(CtlError),
    Keys(Vec<u8>),
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
    heed_signals(sender);
    let mut top = Top {
        client,
        status: first,
        state: State::default(),
        colours,
    };
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

struct Top<'a> {
    client: &'a Client,
    status: Status,
    state: State,
    colours: bool,
}

impl Top<'_> {
    fn run<W: Write>(
        &mut self,
        inputs: &Receiver<Input>,
        count: Option<u64>,
        screen: &mut Screen<'_, W>,
    ) -> Result<(), CtlError> {
        let mut shown = 1;
        screen.show(&self.frame())?;
        while count.is_none_or(|count| shown < count.max(1)) {
            match inputs.recv() {
                Ok(Input::Event(event)) => {
                    self.status = parsed(&event)?;
                    self.state.lost = None;
                    shown += 1;
                }
                Ok(Input::Lost(error)) => self.state.lost = Some(error.to_string()),
                Ok(Input::Resized) => {}
                Ok(Input::Keys(bytes)) => {
                    for key in keys(&bytes) {
                        match self.state.press(key, &self.status) {
                            Wish::Show => {}
                            Wish::Quit => return Ok(()),
                            Wish::Do(change) => {
                                let path = format!(
                                    "/api/v1/backends/{}/{}",
                                    encoded(&change.backend),
                                    change.to
                                );
                                self.state.news = match self.client.ask("POST", &path, "") {
                                    Ok(_) => format!("done: {}", change.said()),
                                    Err(error) => format!("not done: {error}"),
                                };
                            }
                        }
                    }
                }
                Ok(Input::Stop) | Err(_) => return Ok(()),
            }
            screen.show(&self.frame())?;
        }
        Ok(())
    }

    fn frame(&mut self) -> Vec<String> {
        frame(&self.status, &mut self.state, size(), self.colours)
    }
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
