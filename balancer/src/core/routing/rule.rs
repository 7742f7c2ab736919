//! The rules of a service, and the decision among them.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::opening::{Known, Opening};
use super::protocol::Protocol;
use crate::core::admission::Networks;

/// A server name, or all names below one: `*.example.com` is `a.example.com` and `a.b.example.com`, not `example.com`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePattern {
    /// In lower case, without the star and its dot.
    name: String,
    below: bool,
}

/// A text that is no such pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a host name such as www.example.com, or *.example.com for all below it")]
pub struct NamePatternError;

impl FromStr for NamePattern {
    type Err = NamePatternError;

    fn from_str(text: &str) -> Result<Self, NamePatternError> {
        let (name, below) = match text.strip_prefix("*.") {
            Some(name) => (name, true),
            None => (text, false),
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let label = |label: &str| !label.is_empty() && label.bytes().all(plain);
        if name.len() > 253 || !name.split('.').all(label) || name.parse::<IpAddr>().is_ok() {
            return Err(NamePatternError);
        }
        Ok(Self {
            name: name.to_ascii_lowercase(),
            below,
        })
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let star = if self.below { "*." } else { "" };
        write!(f, "{star}{}", self.name)
    }
}

impl NamePattern {
    /// How closely it describes a name that it matches: the greater, the closer.
    pub(crate) fn closeness(&self) -> (bool, usize) {
        (!self.below, self.name.len())
    }

    pub(crate) fn matches(&self, name: &str) -> bool {
        let name = name.trim_end_matches('.');
        if !self.below {
            return name.eq_ignore_ascii_case(&self.name);
        }
        let split = name.len().checked_sub(self.name.len());
        let parts = split.and_then(|at| name.split_at_checked(at));
        parts.is_some_and(|(front, end)| {
            front.len() > 1 && front.ends_with('.') && end.eq_ignore_ascii_case(&self.name)
        })
    }
}

/// What becomes of a client that a rule is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouteAction {
    /// The pool of this name serves it.
    Pool(String),
    /// It is refused.
    Refuse,
}

/// A rule: all its conditions must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteRule {
    /// Its name in metrics.
    pub name: String,
    /// Names that a TLS client asks for, one of which must match; empty: any client.
    pub server_names: Vec<NamePattern>,
    /// Protocols that a TLS client offers, one of which must be among them; empty: any client.
    pub alpn: Vec<String>,
    /// Networks that the client must be in; empty: any.
    pub from: Networks,
    /// What its first bytes must be.
    pub first_bytes: Option<Protocol>,
    /// What becomes of it.
    pub action: RouteAction,
}

impl RouteRule {
    /// Whether it depends on what a TLS hello says.
    #[must_use]
    pub fn needs_hello(&self) -> bool {
        !(self.server_names.is_empty() && self.alpn.is_empty())
    }

    fn verdict(&self, client: IpAddr, opening: &Opening) -> Verdict {
        let conditions = [
            self.network_verdict(client),
            self.protocol_verdict(opening),
            self.hello_verdict(opening),
        ];
        if conditions.contains(&Verdict::No) {
            return Verdict::No;
        }
        conditions
            .into_iter()
            .find(|verdict| *verdict != Verdict::Yes)
            .unwrap_or(Verdict::Yes)
    }

    fn network_verdict(&self, client: IpAddr) -> Verdict {
        Verdict::of(self.from.is_empty() || self.from.contains(client))
    }

    fn protocol_verdict(&self, opening: &Opening) -> Verdict {
        let Some(wanted) = self.first_bytes else {
            return Verdict::Yes;
        };
        if wanted == Protocol::Any {
            return if opening.expects_anything() {
                Verdict::More
            } else {
                Verdict::of(!opening.is_empty())
            };
        }
        match opening.protocol() {
            Known::NotYet => Verdict::More,
            Known::Other => Verdict::No,
            Known::This(protocol) => Verdict::of(protocol == wanted),
        }
    }

    fn hello_verdict(&self, opening: &Opening) -> Verdict {
        if !self.needs_hello() {
            return Verdict::Yes;
        }
        let Some(hello) = opening.hello() else {
            return if opening.is_invalid() {
                Verdict::Bad
            } else if opening.expects_hello() {
                Verdict::More
            } else {
                Verdict::No
            };
        };
        let name = hello.server_name.as_deref();
        let named = |pattern: &NamePattern| name.is_some_and(|name| pattern.matches(name));
        let names = self.server_names.is_empty() || self.server_names.iter().any(named);
        let offered = |wanted: &String| hello.alpn.iter().any(|it| it == wanted.as_bytes());
        Verdict::of(names && (self.alpn.is_empty() || self.alpn.iter().any(offered)))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Yes,
    No,
    /// More bytes are needed.
    More,
    /// The bytes will never say it.
    Bad,
}

impl Verdict {
    fn of(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

/// What to do with a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// The rule at this place is about it.
    Rule(usize),
    /// No rule is.
    NoRule,
    /// More bytes are needed to know.
    More,
    /// What began as a TLS hello is none, or is too long.
    Bad,
}

/// The first of the rules whose conditions hold.
pub(crate) fn decide<'a>(
    rules: impl IntoIterator<Item = &'a RouteRule>,
    client: IpAddr,
    opening: &Opening,
) -> Decision {
    for (place, rule) in rules.into_iter().enumerate() {
        match rule.verdict(client, opening) {
            Verdict::Yes => return Decision::Rule(place),
            Verdict::No => {}
            Verdict::More => return Decision::More,
            Verdict::Bad => return Decision::Bad,
        }
    }
    Decision::NoRule
}

#[cfg(test)]
mod tests;
