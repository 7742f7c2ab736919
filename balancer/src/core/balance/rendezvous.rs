//! Rendezvous hashing (Thaler and Ravishankar 1998): every pair of client and backend has a score, and the client goes to
//! the backend with the best one. Removing a backend moves only its own clients; adding one moves only the clients it
//! takes.
//!
//! Clients are spread over a fixed number of slots first, and all clients of a slot have the same scores. So the best backend
//! of every slot can be kept in a table, and choosing does not become slower with their number. Few backends need no table.

use std::collections::HashMap;

use super::candidates::Candidates;
use super::hash::{lookups, mix};

/// The number of slots is the same for any number of backends: another one would move clients.
const SLOT_BITS: u32 = 16;
const SLOTS: usize = 1 << SLOT_BITS;
/// So many candidates are scored as quickly as a table is read.
pub(crate) const FEW: usize = 32;
const FREE: u32 = u32::MAX;

/// Candidates by key and weight.
#[derive(Debug)]
pub struct Rendezvous {
    keys: Box<[(u64, u32)]>,
    /// The best candidate for each slot; empty for few candidates.
    table: Box<[u32]>,
}

impl Rendezvous {
    /// For candidates by key and weight, each above zero.
    #[must_use]
    pub fn new(candidates: &[(u64, u32)]) -> Self {
        Self::following(candidates, None)
    }

    /// Without a table, for the rare case that something quicker finds nobody.
    pub(super) fn scored(candidates: &[(u64, u32)]) -> Self {
        Self {
            keys: candidates.into(),
            table: Box::default(),
        }
    }

    /// The same in less time, if few of the candidates are others than `before`.
    #[must_use]
    pub(super) fn following(candidates: &[(u64, u32)], before: Option<&Self>) -> Self {
        let mut new = Self {
            keys: candidates.into(),
            table: Box::default(),
        };
        if candidates.len() > FEW {
            new.table = match before.filter(|before| !before.table.is_empty()) {
                Some(before) => new.table_after(before),
                None => (0..SLOTS).map(|slot| new.best(slot, 0..)).collect(),
            };
        }
        new
    }

    /// Whoever was the best for a slot and has lost nothing is compared with those only that have come or gained.
    fn table_after(&self, before: &Self) -> Box<[u32]> {
        let places: HashMap<u64, usize> = before
            .keys
            .iter()
            .enumerate()
            .map(|(place, &(key, _))| (key, place))
            .collect();
        let mut stays = vec![FREE; before.keys.len()];
        let mut challengers = Vec::new();
        for (place, &(key, weight)) in self.keys.iter().enumerate() {
            let old = places
                .get(&key)
                .and_then(|&old| Some((old, before.keys.get(old)?.1)));
            if let Some((old, least)) = old
                && weight >= least
                && let Some(stays) = stays.get_mut(old)
            {
                *stays = u32::try_from(place).unwrap_or(FREE);
            }
            if old.is_none_or(|(_, least)| weight > least) {
                challengers.push(place);
            }
        }
        let slots = before.table.iter().enumerate();
        let best = |(slot, &old): (usize, &u32)| match stays.get(old as usize) {
            Some(&holder) if holder != FREE => {
                let holder = holder as usize;
                self.best(
                    slot,
                    std::iter::once(holder).chain(challengers.iter().copied()),
                )
            }
            _ => self.best(slot, 0..),
        };
        slots.map(best).collect()
    }

    /// The best for a slot among candidates by their places.
    fn best(&self, slot: usize, places: impl IntoIterator<Item = usize>) -> u32 {
        let slot = slot_key(slot);
        let mut best = (f64::INFINITY, FREE);
        for place in places {
            let Some(&(key, weight)) = self.keys.get(place) else {
                break;
            };
            let time = time(slot, key, weight, best.0);
            if time < best.0 {
                best = (time, u32::try_from(place).unwrap_or(FREE));
            }
        }
        best.1
    }

    /// The open candidate with the best score for this client; the next one where it became full in between.
    pub(super) fn choose<C: Candidates>(&self, candidates: &C, client: u64) -> Option<usize> {
        let take = |&place: &usize| candidates.is_open(place) && candidates.acquire(place);
        let in_table = |slot: usize| self.table.get(slot).map(|&place| place as usize);
        let slots = lookups(client).map(slot_of);
        let quickly = slots.map_while(in_table).find(take);
        quickly.or_else(|| {
            // Few candidates, or hardly any that is open.
            (0..self.keys.len())
                .map_while(|_| self.best_open(candidates, client))
                .find(|&place| candidates.acquire(place))
        })
    }

    fn best_open<C: Candidates>(&self, candidates: &C, client: u64) -> Option<usize> {
        let open = (0..self.keys.len()).filter(|&place| candidates.is_open(place));
        let best = self.best(slot_of(client), open);
        (best != FREE).then_some(best as usize)
    }
}

fn slot_of(client: u64) -> usize {
    usize::try_from(client >> (u64::BITS - SLOT_BITS)).unwrap_or(0)
}

fn slot_key(slot: usize) -> u64 {
    mix(slot as u64 + 1)
}

/// An exponential random number over the weight. The candidate whose is the least is the best one, for a share of slots that
/// is its weight's share of all weights. What is no less than `limit` may be any number that is not.
fn time(slot: u64, key: u64, weight: u32, limit: f64) -> f64 {
    let random = mix(key ^ slot);
    // 53 bits, as many as the fraction holds, between 0 and 1 and never either.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit exactly")]
    let uniform = ((random >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    // The logarithm is no nearer to zero than this, and seldom needed.
    let least = 1.0 - uniform;
    if least >= limit * f64::from(weight) {
        return f64::INFINITY;
    }
    -uniform.ln() / f64::from(weight)
}

#[cfg(test)]
mod tests {
    use super::super::test_candidates::Table;
    use super::super::{client_key, name_key};
    use super::*;

    const CLIENTS: u32 = 20_000;

    fn keys(weights: &[(&str, u32)]) -> Vec<(u64, u32)> {
        weights
            .iter()
            .map(|&(name, weight)| (name_key(name), weight))
            .collect()
    }

    fn open(keys: &[(u64, u32)]) -> Table {
        Table::of(&keys.iter().map(|&(_, weight)| weight).collect::<Vec<_>>())
    }

    fn client(n: u32) -> u64 {
        client_key(std::net::Ipv4Addr::from(0x0A00_0000 + n).into())
    }

    fn clients(weights: &[(&str, u32)]) -> Vec<usize> {
        let keys = keys(weights);
        let (table, rendezvous) = (open(&keys), Rendezvous::new(&keys));
        (0..CLIENTS)
            .map(|n| rendezvous.choose(&table, client(n)).unwrap())
            .collect()
    }

    fn count(clients: &[usize], index: usize) -> u32 {
        clients
            .iter()
            .map(|&client| u32::from(client == index))
            .sum()
    }

    fn many(names: impl IntoIterator<Item = usize>) -> Vec<(u64, u32)> {
        names
            .into_iter()
            .map(|n| (name_key(&format!("backend-{n}")), 10))
            .collect()
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

    /// With a table and without, and when a pool grows from the one to the other.
    #[test]
    fn a_table_chooses_as_scores_do() {
        let of = |count: usize| many(0..count);
        let (with, without) = (Rendezvous::new(&of(FEW + 1)), Rendezvous::new(&of(FEW)));
        assert!(without.table.is_empty() && with.table.len() == SLOTS);
        let open = open(&of(FEW + 1));
        for n in 0..2000 {
            let best = with.choose(&open, client(n)).unwrap();
            assert_eq!(with.best_open(&open, client(n)), Some(best));
            if best < FEW {
                assert_eq!(without.choose(&open, client(n)), Some(best));
            }
        }
    }

    #[test]
    fn whatever_comes_goes_or_changes_the_table_is_as_if_made_anew() {
        let start = many(0..50);
        let mut steps = vec![many(1..50), many((0..50).rev()), many(0..53), many(40..90)];
        let mut weights = start.clone();
        weights[3].1 = 1;
        weights[4].1 = 99;
        steps.push(weights);
        steps.push(many(0..FEW));
        steps.push(start.clone());
        let mut last = Rendezvous::new(&start);
        for keys in steps {
            let next = Rendezvous::following(&keys, Some(&last));
            assert!(next.table == Rendezvous::new(&keys).table);
            last = next;
        }
    }

    /// One that leaves moves its own clients and no other.
    #[test]
    fn the_least_disruption_with_many() {
        let all = many(0..200);
        let rest: Vec<_> = all.iter().copied().filter(|key| *key != all[77]).collect();
        let (before, after) = (Rendezvous::new(&all), Rendezvous::new(&rest));
        let key = |keys: &[(u64, u32)], place: u32| keys[place as usize].0;
        let mut moved = 0;
        for (&old, &new) in before.table.iter().zip(&after.table) {
            if old == 77 {
                moved += 1;
            } else {
                assert_eq!(key(&all, old), key(&rest, new));
            }
        }
        let due = SLOTS / 200;
        assert!((due / 2..due * 2).contains(&moved), "{moved} of {due}");
    }

    #[test]
    fn full_backends_are_passed_over_until_none_is_left() {
        let keys = many(0..100);
        let (table, rendezvous) = (open(&keys), Rendezvous::new(&keys));
        for _ in 0..100 {
            // One that is closed is not open, as the table of the tests sees to.
            let best = rendezvous.choose(&table, client(1)).unwrap();
            assert!(table.is_open(best));
            table.close(best);
        }
        assert_eq!(rendezvous.choose(&table, client(1)), None);
    }
}
