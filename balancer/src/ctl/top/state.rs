//! What keys have changed about the view: order, filter, the chosen backend, an open question. Decides without I/O.

use std::time::Duration;

use tokio::time::Instant;

use super::super::answer::{Backend, Session, Status};
use super::super::view;
use super::keys::Key;
use super::sort::{Sort, arrow};
use super::totals::LeftOut;

/// Rows that a page of keys moves by.
const PAGE: isize = 10;
/// What was told is soon old news, as on the page.
const NEWS: Duration = Duration::from_secs(15);

/// What is shown below the totals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Panel {
    /// Backends, then the sessions that there is room for.
    #[default]
    Backends,
    Sessions,
    Services,
}

impl Panel {
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Backends => "backends",
            Self::Sessions => "sessions",
            Self::Services => "services",
        }
    }
}

/// A change of a backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) backend: String,
    /// As the path of the API has it: `drain`, `ready` or `maintenance`.
    pub(super) to: &'static str,
    /// Whether no other healthy backend of its pool takes sessions.
    pub(super) is_last: bool,
}

impl Change {
    pub(super) fn said(&self) -> String {
        let Self { backend, to, .. } = self;
        match *to {
            "ready" => format!("put {backend} back into service"),
            "drain" => format!("drain {backend}"),
            _ => format!("take {backend} out of service"),
        }
    }
}

fn is_last(name: &str, status: &Status) -> bool {
    let mut pools = status.pools.iter().map(|pool| &pool.backends);
    let own = pools.find(|backends| backends.iter().any(|it| it.full_name() == name));
    let mut others = own
        .into_iter()
        .flatten()
        .filter(|it| it.full_name() != name);
    !others.any(|it| it.state == "up" && it.weight > 0)
}

/// What keys are about just now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Prompt {
    #[default]
    None,
    Filter,
    Confirm(Change),
    /// What each key does is shown, until one is pressed.
    Keys,
}

/// What a key asks of the program.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// To be shown again.
    Show,
    Quit,
    Do(Change),
}

/// The view.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) panel: Panel,
    pub(super) sort: Sort,
    reversed: bool,
    pub(super) filter: String,
    pub(super) prompt: Prompt,
    /// The backend that keys act on, by its full name.
    chosen: Option<String>,
    /// What became of the last change.
    pub(super) news: String,
    /// Since when that is there.
    told: Option<Instant>,
    /// Of the totals.
    pub(super) left_out: LeftOut,
    /// Why there is no answer.
    pub(super) lost: Option<String>,
    /// How many seconds ago the last answer came, where the next is overdue.
    pub(super) silent: Option<u64>,
}

impl State {
    /// Notes for how long there has been no answer; returns whether that is to be shown.
    pub(super) fn grow_old(&mut self, silence: Option<Duration>) -> bool {
        let seconds = silence.map(|silence| silence.as_secs());
        let before = std::mem::replace(&mut self.silent, seconds);
        before != seconds
    }

    /// Takes away news that are old; returns whether there were such.
    pub(super) fn forget(&mut self, now: Instant) -> bool {
        if self.news.is_empty() {
            self.told = None;
            return false;
        }
        let told = *self.told.get_or_insert(now);
        let is_old = now.saturating_duration_since(told) >= NEWS;
        if is_old {
            self.news.clear();
        }
        is_old
    }

    /// Tells something in the last line, in place of what was there.
    pub(super) fn tell(&mut self, news: String) {
        self.news = news;
        self.told = None;
    }

    /// How backends are sorted; nothing where they stand as in the settings.
    pub(super) fn arrow(&self) -> &'static str {
        match (self.sort, self.reversed) {
            (Sort::Configured, false) => "",
            (sort, reversed) => arrow(sort.descends() != reversed),
        }
    }

    /// The same of sessions, of which the busiest come first.
    pub(super) fn arrow_of_sessions(&self) -> &'static str {
        arrow(!self.reversed)
    }

    /// The backends that are shown, in their order.
    pub(super) fn backends<'a>(&self, status: &'a Status) -> Vec<&'a Backend> {
        let wanted = self.filter.to_lowercase();
        let matches = |backend: &&Backend| {
            if wanted.is_empty() {
                return true;
            }
            let texts = [
                backend.full_name(),
                backend.address.clone(),
                status.services_of(backend),
                backend.state.clone(),
            ];
            texts.iter().any(|it| it.to_lowercase().contains(&wanted))
        };
        let mut all: Vec<_> = status.backends().filter(matches).collect();
        all.sort_by(|a, b| self.sort.compare(a, b));
        if self.reversed {
            all.reverse();
        }
        all
    }

    /// The sessions that are shown, the busiest first.
    pub(super) fn sessions<'a>(&self, status: &'a Status) -> Vec<&'a Session> {
        let wanted = self.filter.to_lowercase();
        let matches = |session: &&Session| {
            let backend = session.backend.clone().unwrap_or_default();
            let texts = [view::service_of(session), backend, session.client.clone()];
            wanted.is_empty() || texts.iter().any(|it| it.to_lowercase().contains(&wanted))
        };
        let all = status.top_sessions.iter().flatten();
        let mut all: Vec<_> = all.filter(matches).collect();
        let key = |session: &Session| match self.sort {
            Sort::Rx => session.bytes_up as f64,
            Sort::Tx => session.bytes_down as f64,
            _ => session.rate.unwrap_or_default(),
        };
        all.sort_by(|a, b| key(b).total_cmp(&key(a)));
        if self.reversed {
            all.reverse();
        }
        all
    }

    /// Where the chosen backend is; nothing is chosen before a key has been used for that.
    pub(super) fn chosen_place(&mut self, all: &[&Backend]) -> Option<usize> {
        let chosen = self.chosen.as_ref()?;
        let place = all.iter().position(|it| it.full_name() == *chosen);
        // One that is gone or filtered out is no longer acted on.
        if place.is_none() {
            self.chosen = None;
        }
        place
    }

    fn step(&mut self, status: &Status, by: isize) {
        let all = self.backends(status);
        let Some(last) = all.len().checked_sub(1) else {
            return;
        };
        let place = match self.chosen_place(&all) {
            None if by == isize::MIN => 0,
            None if by == isize::MAX || by < 0 => last,
            None => 0,
            Some(place) => place.saturating_add_signed(by).min(last),
        };
        self.chosen = all.get(place).map(|backend| backend.full_name());
    }

    pub(super) fn press(&mut self, key: Key, status: &Status) -> Wish {
        match std::mem::take(&mut self.prompt) {
            Prompt::Filter => self.press_in_filter(key),
            Prompt::Confirm(change) if key == Key::Char('y') => return Wish::Do(change),
            // Anything else is a no.
            Prompt::Confirm(_) => self.tell("nothing was changed".to_owned()),
            Prompt::Keys if key != Key::Interrupt => {}
            Prompt::None | Prompt::Keys => return self.press_anywhere(key, status),
        }
        Wish::Show
    }

    fn press_in_filter(&mut self, key: Key) {
        match key {
            Key::Enter => return,
            Key::Escape | Key::Interrupt => {
                self.filter.clear();
                return;
            }
            Key::Backspace => drop(self.filter.pop()),
            Key::Char(c) => self.filter.push(c),
            _ => {}
        }
        self.prompt = Prompt::Filter;
    }

    fn press_anywhere(&mut self, key: Key, status: &Status) -> Wish {
        self.news.clear();
        match key {
            Key::Char('q') | Key::Interrupt => return Wish::Quit,
            Key::Char('s') => self.sort = self.sort.next(),
            Key::Char('S') => self.reversed = !self.reversed,
            Key::Char('/') => self.prompt = Prompt::Filter,
            Key::Escape => self.filter.clear(),
            Key::Tab => {
                self.panel = match self.panel {
                    Panel::Backends => Panel::Sessions,
                    Panel::Sessions if !status.services.is_empty() => Panel::Services,
                    _ => Panel::Backends,
                };
            }
            Key::Up | Key::Char('k') => self.step(status, -1),
            Key::Down | Key::Char('j') => self.step(status, 1),
            Key::PageUp => self.step(status, -PAGE),
            Key::PageDown => self.step(status, PAGE),
            Key::Home => self.step(status, isize::MIN),
            Key::End => self.step(status, isize::MAX),
            Key::Char('d') => self.confirm("drain", status),
            Key::Char('r') => self.confirm("ready", status),
            Key::Char('m') => self.confirm("maintenance", status),
            Key::Char('?') => self.prompt = Prompt::Keys,
            _ => {}
        }
        Wish::Show
    }

    fn confirm(&mut self, to: &'static str, status: &Status) {
        if !matches!(self.panel, Panel::Backends) {
            self.tell("choose a backend in the view of backends: tab".to_owned());
            return;
        }
        // Only what is on the screen is acted on.
        let all = self.backends(status);
        let place = self.chosen_place(&all);
        match place.and_then(|place| all.get(place)) {
            Some(backend) => {
                let backend = backend.full_name();
                let is_last = to != "ready" && is_last(&backend, status);
                self.prompt = Prompt::Confirm(Change {
                    backend,
                    to,
                    is_last,
                });
            }
            None => self.tell("choose a backend first: up, down".to_owned()),
        }
    }
}
