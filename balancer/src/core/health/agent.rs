//! What an agent beside a backend says of it, in the words of HAProxy's agent checks: one line such as
//! `75% drain maxconn:30 #why`.
//!
//! Does not own the connection to the agent (`control/checks`) nor what becomes of the backend ([`super::Health`]).

use std::net::IpAddr;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

/// The longest part of a line that is looked at.
pub(crate) const MAX_LINE: usize = 1024;
/// The longest description that is shown.
const MAX_DESCRIPTION: usize = 128;
/// The most connections that an agent may allow.
const MAX_CONNECTIONS: u32 = 1_000_000;

/// How an agent is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentCheck {
    /// Its port.
    pub port: NonZeroU16,
    /// Where it is, if not at the address of the backend.
    pub address: Option<IpAddr>,
    /// Between two questions.
    pub interval: Duration,
    /// For the whole answer.
    pub timeout: Duration,
    /// What is sent before the answer is read.
    pub send: Vec<u8>,
}

/// What an agent wants of a backend. What it has not said stays as it was.
///
/// # Examples
///
/// ```
/// use netsocket_balancer::health::{AgentState, AgentWish};
///
/// let answer = AgentWish::default().after(b"50% drain maxconn:30 #backup runs\n");
/// let wish = answer.wish;
/// assert_eq!((wish.percent, wish.most, wish.state), (50, Some(30), AgentState::Drain));
/// assert_eq!(wish.to_string(), "drain 50% maxconn:30 (backup runs)");
/// assert!(!wish.down);
/// assert!(answer.unknown.is_none());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentWish {
    /// Its share of the configured weight, in percent.
    pub percent: u32,
    /// The most sessions at once, instead of what is configured.
    pub most: Option<u32>,
    /// Whether it is to serve.
    pub state: AgentState,
    /// Whether it is down, whatever its checks say.
    pub down: bool,
    /// Why, in its words.
    pub description: Arc<str>,
}

/// Whether a backend is to serve.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum AgentState {
    /// As its checks say.
    #[default]
    Ready,
    /// No new sessions.
    Drain,
    /// Out of service.
    Maintenance,
}

/// An answer, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentAnswer {
    /// What the agent wants from now on.
    pub wish: AgentWish,
    /// The first word that means nothing, if there is one. It changes nothing.
    pub unknown: Option<String>,
}

impl AgentState {
    /// Its word.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Drain => "drain",
            Self::Maintenance => "maint",
        }
    }
}

impl Default for AgentWish {
    /// Nothing: the settings hold.
    fn default() -> Self {
        Self {
            percent: 100,
            most: None,
            state: AgentState::Ready,
            down: false,
            description: Arc::from(""),
        }
    }
}

impl std::fmt::Display for AgentWish {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let down = if self.down { " down" } else { "" };
        write!(f, "{}{down} {}%", self.state.label(), self.percent)?;
        if let Some(most) = self.most {
            write!(f, " maxconn:{most}")?;
        }
        if !self.description.is_empty() {
            write!(f, " ({})", self.description)?;
        }
        Ok(())
    }
}

impl AgentWish {
    /// What an agent wants after it has sent these bytes, of which the first line counts.
    #[must_use]
    pub fn after(&self, bytes: &[u8]) -> AgentAnswer {
        let bytes = bytes.get(..MAX_LINE).unwrap_or(bytes);
        let end = bytes.iter().position(|byte| b"\r\n".contains(byte));
        let line =
            String::from_utf8_lossy(bytes.get(..end.unwrap_or(bytes.len())).unwrap_or(bytes));
        let (words, description) = match line.split_once('#') {
            Some((words, description)) => (words, Some(description)),
            None => (&*line, None),
        };
        let mut answer = AgentAnswer {
            wish: self.clone(),
            unknown: None,
        };
        let words = words.split([' ', '\t', ',']);
        for word in words.filter(|word| !word.is_empty()) {
            if answer.wish.hear(word).is_none() && answer.unknown.is_none() {
                answer.unknown = Some(plain(word));
            }
        }
        if let Some(description) = description {
            answer.wish.description = plain(description).into();
        } else if answer.wish != *self {
            answer.wish.description = Arc::from("");
        }
        answer
    }

    fn hear(&mut self, word: &str) -> Option<()> {
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if let Some(percent) = word.strip_suffix('%') {
            // More than all is allowed: HAProxy's limit is that of a weight.
            self.percent = percent.parse().ok().filter(|_| digits(percent))?;
            return Some(());
        }
        if let Some(most) = word.strip_prefix("maxconn:") {
            let most: u32 = most.parse().ok().filter(|_| digits(most))?;
            self.most = Some(most.min(MAX_CONNECTIONS));
            return Some(());
        }
        match word {
            "up" => self.down = false,
            "down" | "stopped" | "fail" | "failed" => self.down = true,
            "ready" => self.state = AgentState::Ready,
            "drain" => self.state = AgentState::Drain,
            "maint" => self.state = AgentState::Maintenance,
            _ => return None,
        }
        Some(())
    }
}

/// A text from the network, for a log line.
fn plain(text: &str) -> String {
    let shown = text.trim().chars().filter(|shown| !shown.is_control());
    shown.take(MAX_DESCRIPTION).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn after(lines: &[&str]) -> AgentWish {
        lines.iter().fold(AgentWish::default(), |wish, line| {
            wish.after(line.as_bytes()).wish
        })
    }

    #[test]
    fn words_of_haproxy() {
        for (said, shown) in [
            ("75%", "ready 75%"),
            ("up 100%\n", "ready 100%"),
            ("drain", "drain 100%"),
            ("maint,50%\tmaxconn:7\r\nrest", "maint 50% maxconn:7"),
            ("down #disk full", "ready down 100% (disk full)"),
            ("fail", "ready down 100%"),
            ("failed", "ready down 100%"),
            ("stopped # by hand ", "ready down 100% (by hand)"),
            (
                "75% drain maxconn:30 down #why",
                "drain down 75% maxconn:30 (why)",
            ),
            ("0%", "ready 0%"),
            ("", "ready 100%"),
            ("\n50%", "ready 100%"),
        ] {
            let answer = AgentWish::default().after(said.as_bytes());
            assert_eq!(
                (answer.wish.to_string().as_str(), answer.unknown),
                (shown, None),
                "{said:?}"
            );
        }
    }

    #[test]
    fn an_agent_gives_back_only_what_it_took_and_what_is_not_said_stays() {
        assert_eq!(
            after(&["50% maxconn:3", "drain"]).to_string(),
            "drain 50% maxconn:3"
        );
        assert_eq!(after(&["drain", "up"]).state, AgentState::Drain);
        assert_eq!(after(&["drain", "ready"]).state, AgentState::Ready);
        assert!(after(&["down", "ready"]).down);
        assert!(!after(&["down", "ready up"]).down);
        assert_eq!(after(&["down drain", "up"]).to_string(), "drain 100%");
        assert_eq!(after(&["down #why", "up"]).to_string(), "ready 100%");
        assert_eq!(
            after(&["down #why", "down"]).to_string(),
            "ready down 100% (why)"
        );
    }

    #[test]
    fn what_is_no_word_changes_nothing_and_is_told() {
        for (said, word) in [
            ("dawn", "dawn"),
            ("-5%", "-5%"),
            ("+5%", "+5%"),
            ("maxconn:", "maxconn:"),
            ("maxconn:-1", "maxconn:-1"),
            ("99999999999%", "99999999999%"),
            ("DOWN", "DOWN"),
        ] {
            let answer = AgentWish::default().after(said.as_bytes());
            assert_eq!(answer.wish, AgentWish::default(), "{said}");
            assert_eq!(answer.unknown.as_deref(), Some(word));
        }
        let answer = AgentWish::default().after(b"what 20% \x1b[31m");
        assert_eq!(
            (answer.wish.percent, answer.unknown),
            (20, Some("what".into()))
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_fall(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
            let answer = AgentWish::default().after(&bytes);
            prop_assert!(!answer.wish.to_string().chars().any(char::is_control));
        }
    }
}
