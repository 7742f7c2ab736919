//! Load-balancing policies: which backend takes the next session.
//!
//! Owns the policies, as plain code without I/O or clock. Does not own which backends are eligible: the caller passes the
//! candidates, each with a weight above zero, and says which of them are open to this session.
//!
//! A policy is prepared once for a set of candidates ([`Policy::prepare`]). Choosing then takes no lock and changes only
//! the [`Cursor`] that all threads share.
//!
//! # Examples
//!
//! ```
//! use std::net::Ipv4Addr;
//!
//! use netsocket_balancer::balance::{Maglev, Policy, client_key, name_key};
//!
//! assert_eq!("two-choices".parse(), Ok(Policy::TwoChoices));
//!
//! // One of three backends is removed: nearly all clients of the others stay where they are.
//! let backends = ["server", "mirror1", "mirror2"].map(|name| (name_key(name), 1));
//! let (three, two) = (Maglev::new(&backends), Maglev::new(&backends[..2]));
//! let clients = (0..1000).map(|number| client_key(Ipv4Addr::from_bits(number).into()));
//! let staying: Vec<u64> = clients.filter(|&client| three.choice(client) != Some(2)).collect();
//! let moved = staying.iter().filter(|&&client| three.choice(client) != two.choice(client));
//! assert!(staying.len() > 600 && moved.count() < 60);
//! ```

mod candidates;
mod cursor;
mod hash;
mod least_connections;
mod load;
mod maglev;
mod ranking;
mod rendezvous;
mod round_robin;
#[cfg(test)]
mod test_candidates;
mod two_choices;
mod weighted_schedule;

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

pub use candidates::Candidates;
pub use cursor::Cursor;
pub(crate) use hash::mix;
pub use hash::{client_key, name_key};
pub(crate) use load::Load;
pub use maglev::Maglev;
pub(crate) use ranking::Ranking;
pub(crate) use rendezvous::FEW;
pub use rendezvous::Rendezvous;
pub use weighted_schedule::WeightedSchedule;

/// Identifies a backend among those of all pools of a balancer. Never reused, even after the backend is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BackendId(pub usize);

/// The load-balancing policy of a pool (key `balance`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Policy {
    /// Weighted round robin.
    #[default]
    RoundRobin,
    /// The backend with the fewest open sessions relative to its weight.
    LeastConnections,
    /// Two random backends, and of these the one with fewer open sessions relative to its weight.
    TwoChoices,
    /// By the client's address, with rendezvous hashing: adding or removing a backend moves only the clients it gains or
    /// loses.
    Source,
    /// By the client's address, through a Maglev table that is the same in every balancer with the same backends.
    Maglev,
}

impl Policy {
    /// Every policy.
    pub const ALL: [Self; 5] = [
        Self::RoundRobin,
        Self::LeastConnections,
        Self::TwoChoices,
        Self::Source,
        Self::Maglev,
    ];

    /// Its name in the settings and the API.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::RoundRobin => "round-robin",
            Self::LeastConnections => "least-connections",
            Self::TwoChoices => "two-choices",
            Self::Source => "source",
            Self::Maglev => "maglev",
        }
    }

    /// Prepares the policy for candidates, each given by its key (see [`name_key`]) and its weight, above zero.
    #[must_use]
    pub fn prepare(self, candidates: &[(u64, u32)]) -> Chooser {
        self.prepare_after(candidates, None)
    }

    /// The same in less time, if few of the candidates are others than those of `before`.
    pub(crate) fn prepare_after(
        self,
        candidates: &[(u64, u32)],
        before: Option<&Chooser>,
    ) -> Chooser {
        let weights: Vec<u32> = candidates.iter().map(|&(_, weight)| weight).collect();
        match self {
            Self::RoundRobin => Chooser::RoundRobin(WeightedSchedule::new(&weights)),
            Self::LeastConnections => Chooser::LeastConnections,
            Self::TwoChoices => Chooser::TwoChoices(WeightedSchedule::new(&weights)),
            Self::Source => {
                let before = match before {
                    Some(Chooser::Source(before)) => Some(before),
                    _ => None,
                };
                Chooser::Source(Rendezvous::following(candidates, before))
            }
            Self::Maglev => {
                Chooser::Maglev(Maglev::new(candidates), Rendezvous::scored(candidates))
            }
        }
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// A text that is not the name of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such policy")]
pub struct UnknownPolicy;

impl FromStr for Policy {
    type Err = UnknownPolicy;

    fn from_str(text: &str) -> Result<Self, UnknownPolicy> {
        let named = |policy: &Self| policy.label() == text;
        Self::ALL.into_iter().find(named).ok_or(UnknownPolicy)
    }
}

/// A policy prepared for a set of candidates.
#[derive(Debug)]
pub enum Chooser {
    /// See [`Policy::RoundRobin`].
    RoundRobin(WeightedSchedule),
    /// See [`Policy::LeastConnections`].
    LeastConnections,
    /// See [`Policy::TwoChoices`].
    TwoChoices(WeightedSchedule),
    /// See [`Policy::Source`].
    Source(Rendezvous),
    /// See [`Policy::Maglev`]; if hardly any candidate is open, rendezvous hashing decides.
    Maglev(Maglev, Rendezvous),
}

impl Chooser {
    /// Chooses a backend for a session and takes a slot there; `None` if no candidate is open.
    pub fn choose<C: Candidates>(
        &self,
        candidates: &C,
        cursor: &Cursor,
        client: IpAddr,
    ) -> Option<usize> {
        match self {
            Self::RoundRobin(schedule) => round_robin::choose(schedule, candidates, cursor),
            Self::LeastConnections => least_connections::choose(candidates, cursor),
            Self::TwoChoices(schedule) => two_choices::choose(schedule, candidates, cursor),
            Self::Source(rendezvous) => rendezvous.choose(candidates, client_key(client)),
            Self::Maglev(table, others) => table.choose(others, candidates, client_key(client)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::test_candidates::Table;
    use super::*;

    #[test]
    fn labels_read_themselves() {
        for policy in Policy::ALL {
            assert_eq!(policy.to_string().parse(), Ok(policy));
        }
        assert_eq!("roundrobin".parse::<Policy>(), Err(UnknownPolicy));
    }

    fn policies() -> impl Strategy<Value = Policy> {
        prop::sample::select(Policy::ALL.to_vec())
    }

    proptest! {
        /// Whatever the policy: somebody open is chosen as long as there is one, and nobody else ever.
        #[test]
        fn one_that_is_open_while_there_is_one(
            policy in policies(), start: u64, client: u32,
            rows in prop::collection::vec((1u32..300, 0u64..9, any::<bool>(), 0u64..10), 0..9),
        ) {
            let table = Table::default();
            for &(weight, active, tried, max) in &rows {
                table.add(weight, active, tried, max);
            }
            let keys: Vec<_> = (0..rows.len()).map(|i| (name_key(&format!("b{i}")), rows[i].0)).collect();
            let chooser = policy.prepare(&keys);
            let cursor = Cursor::starting_at(start);
            let client = Ipv4Addr::from(client).into();
            for _ in 0..100 {
                let open = (0..rows.len()).any(|i| table.is_open(i));
                let before: Vec<u64> = (0..rows.len()).map(|i| table.active(i)).collect();
                match chooser.choose(&table, &cursor, client) {
                    Some(index) => {
                        prop_assert!(!rows[index].2 && before[index] < rows[index].3);
                        prop_assert_eq!(table.active(index), before[index] + 1);
                    }
                    None => prop_assert!(!open, "{:?} found nobody", policy),
                }
            }
        }
    }
}
