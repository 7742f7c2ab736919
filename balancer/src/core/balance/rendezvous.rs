//! Rendezvous hashing (Thaler and Ravishankar 1998): every pair of client and backend has a score, and the client goes to
//! the backend with the best one. Removing a backend moves only its own clients; adding one moves only the clients it
//! takes.

use super::candidates::Candidates;
use super::hash::mix;

/// Candidates by key and weight.
#[derive(Debug)]
pub struct Rendezvous {
    keys: Box<[(u64, u32)]>,
}

impl Rendezvous {
    /// For candidates by key and weight, each above zero.
    #[must_use]
    pub fn new(candidates: &[(u64, u32)]) -> Self {
        Self {
            keys: candidates.into(),
        }
    }

    /// The open candidate with the best score for this client; the next one where it became full in between.
    pub(super) fn choose<C: Candidates>(&self, candidates: &C, client: u64) -> Option<usize> {
        let best = || {
            let open = (0..self.keys.len()).filter(|&index| candidates.is_open(index));
            let scores = open.map(|index| (self.score(index, client), index));
            let (_, index) = scores.max_by(|(a, _), (b, _)| a.total_cmp(b))?;
            Some(index)
        };
        (0..self.keys.len())
            .map_while(|_| best())
            .find(|&index| candidates.acquire(index))
    }

    /// The score by which each candidate is the best for a share of clients that is its weight's share of all weights:
    /// the weight over an exponential random number.
    fn score(&self, index: usize, client: u64) -> f64 {
        let (key, weight) = self.keys.get(index).copied().unwrap_or_default();
        let random = mix(key ^ client.rotate_left(32));
        // 53 bits, as many as the fraction holds, between 0 and 1 and never either.
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit exactly")]
        let uniform = ((random >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
        f64::from(weight) / -uniform.ln()
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_candidates::Table;
    use super::super::{client_key, name_key};
    use super::*;

    const CLIENTS: u32 = 20_000;

    fn clients(weights: &[(&str, u32)]) -> Vec<usize> {
        let keys: Vec<_> = weights
            .iter()
            .map(|&(name, weight)| (name_key(name), weight))
            .collect();
        let table = Table::of(&keys.iter().map(|&(_, weight)| weight).collect::<Vec<_>>());
        let rendezvous = Rendezvous::new(&keys);
        let address = |n: u32| std::net::Ipv4Addr::from(0x0A00_0000 + n).into();
        (0..CLIENTS)
            .map(|n| rendezvous.choose(&table, client_key(address(n))).unwrap())
            .collect()
    }

    fn count(clients: &[usize], index: usize) -> u32 {
        clients
            .iter()
            .map(|&client| u32::from(client == index))
            .sum()
    }

    #[test]
    fn shares_are_the_weights() {
        let spread = clients(&[("a", 1), ("b", 1), ("c", 2)]);
        for (index, share) in [(0, 0.25), (1, 0.25), (2, 0.5)] {
            let off = f64::from(count(&spread, index)) / f64::from(CLIENTS) - share;
            assert!(off.abs() < 0.015, "{index}: {off}");
        }
    }

    #[test]
    fn one_that_leaves_moves_nobody_else() {
        let before = clients(&[("a", 1), ("b", 1), ("c", 1), ("d", 1)]);
        let after = clients(&[("a", 1), ("b", 1), ("d", 1)]);
        for (before, after) in before.into_iter().zip(after) {
            match before {
                2 => {}
                3 => assert_eq!(after, 2),
                _ => assert_eq!(after, before),
            }
        }
    }

    #[test]
    fn a_weight_that_grows_only_attracts() {
        let before = clients(&[("a", 1), ("b", 3)]);
        let after = clients(&[("a", 2), ("b", 3)]);
        assert!(
            before
                .into_iter()
                .zip(after)
                .all(|(before, after)| before == after || after == 0)
        );
    }
}
