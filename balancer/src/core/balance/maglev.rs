//! Maglev hashing (Eisenbud and others, "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016,
//! section 3.4): a table of prime length that the backends fill in turn, each by its own permutation.

use super::candidates::Candidates;
use super::hash::{lookups, mix};
use super::rendezvous::Rendezvous;
use super::weighted_schedule::WeightedSchedule;

/// The length of the table, a prime; the paper's choice for up to some hundred backends.
const TABLE_LENGTH: usize = 65_537;

const FREE: u32 = u32::MAX;

/// A lookup table from the client's key to the candidate.
#[derive(Debug)]
pub struct Maglev {
    table: Box<[u32]>,
}

impl Maglev {
    /// Fills the table for candidates by key and weight, each above zero. The result does not depend on their order.
    #[must_use]
    pub fn new(candidates: &[(u64, u32)]) -> Self {
        let mut order: Vec<usize> = (0..candidates.len()).collect();
        order.sort_by_key(|&index| candidates.get(index));
        let sorted: Vec<(u64, u32)> = order
            .iter()
            .filter_map(|&index| candidates.get(index).copied())
            .collect();
        let weights: Vec<u32> = sorted.iter().map(|&(_, weight)| weight).collect();
        let schedule = WeightedSchedule::new(&weights);
        if schedule.is_empty() {
            return Self {
                table: Box::default(),
            };
        }
        let mut walks: Vec<Walk> = sorted.iter().map(|&(key, _)| Walk::new(key)).collect();
        let mut table = vec![FREE; TABLE_LENGTH].into_boxed_slice();
        for turn in 0..TABLE_LENGTH {
            let place = schedule.at(turn);
            let (Some(walk), Some(&index)) = (walks.get_mut(place), order.get(place)) else {
                continue;
            };
            // There is a free slot for each turn, and a walk meets every slot.
            while table.get(walk.next).is_some_and(|&slot| slot != FREE) {
                walk.step();
            }
            if let Some(slot) = table.get_mut(walk.next) {
                *slot = u32::try_from(index).unwrap_or(FREE);
            }
        }
        Self { table }
    }

    /// The candidate for this client, or that of other slots if it is not open; `others` decides where hardly any is.
    pub(super) fn choose<C: Candidates>(
        &self,
        others: &Rendezvous,
        candidates: &C,
        client: u64,
    ) -> Option<usize> {
        lookups(client)
            .map_while(|key| self.choice(key))
            .find(|&index| candidates.is_open(index) && candidates.acquire(index))
            .or_else(|| others.choose(candidates, client))
    }

    /// The candidate for this client; `None` without candidates.
    #[must_use]
    pub fn choice(&self, client: u64) -> Option<usize> {
        let slot = usize::try_from(client % TABLE_LENGTH as u64).ok()?;
        self.table.get(slot).map(|&index| index as usize)
    }
}

/// The permutation of one candidate: all slots, beginning at one and always so many further.
#[derive(Debug)]
struct Walk {
    next: usize,
    skip: usize,
}

impl Walk {
    fn new(key: u64) -> Self {
        let below = |hash: u64, limit: usize| usize::try_from(hash % limit as u64).unwrap_or(0);
        Self {
            next: below(key, TABLE_LENGTH),
            skip: below(mix(key.rotate_left(17)), TABLE_LENGTH - 1) + 1,
        }
    }

    fn step(&mut self) {
        self.next = (self.next + self.skip) % TABLE_LENGTH;
    }
}

#[cfg(test)]
mod tests {
    use super::super::name_key;
    use super::*;

    fn candidates(names: impl IntoIterator<Item = u32>) -> Vec<(u64, u32)> {
        names
            .into_iter()
            .map(|n| (name_key(&format!("backend-{n}")), 1))
            .collect()
    }

    /// The names' numbers in the slots.
    fn slots(numbers: &[u32]) -> Vec<u32> {
        let maglev = Maglev::new(&candidates(numbers.iter().copied()));
        maglev
            .table
            .iter()
            .map(|&index| numbers[index as usize])
            .collect()
    }

    #[test]
    fn two_balancers_choose_alike_whatever_the_order() {
        assert_eq!(slots(&[1, 2, 3, 4, 5]), slots(&[4, 1, 5, 3, 2]));
        assert_eq!(Maglev::new(&[]).choice(3), None);
    }

    #[test]
    fn every_slot_is_taken_and_shares_are_exact() {
        let weights = [1_u32, 2, 3];
        let keys = candidates(0..3);
        let weighted: Vec<_> = keys
            .iter()
            .zip(weights)
            .map(|(&(key, _), weight)| (key, weight))
            .collect();
        let maglev = Maglev::new(&weighted);
        let mut shares = [0_usize; 3];
        for &index in &maglev.table {
            shares[index as usize] += 1;
        }
        for (share, weight) in shares.into_iter().zip(weights) {
            assert!(
                share.abs_diff(TABLE_LENGTH * weight as usize / 6) <= 2,
                "{shares:?}"
            );
        }
    }

    #[test]
    fn one_that_leaves_moves_few_others() {
        let all: Vec<u32> = (0..20).collect();
        let before = slots(&all);
        for gone in [0, 7, 19] {
            let rest: Vec<u32> = all.iter().copied().filter(|&n| n != gone).collect();
            let after = slots(&rest);
            let stayed = before
                .iter()
                .zip(&after)
                .filter(|&(&before, _)| before != gone);
            let moved = stayed
                .clone()
                .filter(|(before, after)| before != after)
                .count();
            let share = moved * 1000 / stayed.count();
            assert!(
                share < 30,
                "{share} of 1000 clients of others moved without {gone}"
            );
        }
    }
}
