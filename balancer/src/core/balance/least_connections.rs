//! Least connections: the backend that would be the least loaded for its weight, this session included. Of many candidates
//! `ranking` knows it without a look at each.

use super::candidates::Candidates;
use super::cursor::Cursor;

/// Looks at every candidate, and again where the best one became full in between. Among equals the turn decides.
pub(super) fn choose<C: Candidates>(candidates: &C, cursor: &Cursor) -> Option<usize> {
    let count = candidates.count();
    let first = if count == 0 { 0 } else { cursor.turn(count) };
    (0..count)
        .map_while(|_| least(candidates, first))
        .find(|&index| candidates.acquire(index))
}

fn least<C: Candidates>(candidates: &C, first: usize) -> Option<usize> {
    let count = candidates.count();
    let mut best: Option<(usize, Burden)> = None;
    for index in (first..count).chain(0..first) {
        if !candidates.is_open(index) {
            continue;
        }
        let load = Burden::of(candidates, index);
        if best.is_none_or(|(_, least)| load.is_less_than(least)) {
            best = Some((index, load));
        }
    }
    best.map(|(index, _)| index)
}

/// How loaded a candidate is with one session more.
#[derive(Debug, Clone, Copy)]
pub(super) struct Burden {
    sessions: u64,
    weight: u32,
}

impl Burden {
    /// Of one that has so many sessions.
    pub(super) fn new(active: u64, weight: u32) -> Self {
        Self {
            sessions: active.saturating_add(1),
            weight,
        }
    }

    pub(super) fn of<C: Candidates>(candidates: &C, index: usize) -> Self {
        Self::new(candidates.active(index), candidates.weight(index))
    }

    /// Compares sessions for the weight, without a division.
    pub(super) fn is_less_than(self, other: Self) -> bool {
        self.sessions.saturating_mul(other.weight.into())
            < other.sessions.saturating_mul(self.weight.into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::test_candidates::Table;
    use super::*;

    #[test]
    fn equals_have_turns() {
        let (table, cursor) = (Table::of(&[1, 1, 1]), Cursor::starting_at(0));
        let mut chosen = Vec::new();
        for _ in 0..6 {
            let index = choose(&table, &cursor).unwrap();
            table.set_active(index, 0);
            chosen.push(index);
        }
        assert_eq!(chosen, [0, 1, 2, 0, 1, 2]);
    }

    proptest! {
        /// Sessions that stay end up as the weights say, within one.
        #[test]
        fn fills_by_weight(weights in prop::collection::vec(1u32..20, 1..9), rounds in 1u64..9, start: u64) {
            let (table, cursor) = (Table::of(&weights), Cursor::starting_at(start));
            let sum: u32 = weights.iter().sum();
            for _ in 0..rounds * u64::from(sum) {
                choose(&table, &cursor).unwrap();
            }
            for (index, &weight) in weights.iter().enumerate() {
                prop_assert_eq!(table.active(index), rounds * u64::from(weight));
            }
        }

        #[test]
        fn never_one_that_is_more_loaded(loads in prop::collection::vec((1u32..9, 0u64..99), 1..9), start: u64) {
            let table = Table::default();
            loads.iter().for_each(|&(weight, active)| table.add(weight, active, false, u64::MAX));
            let chosen = choose(&table, &Cursor::starting_at(start)).unwrap();
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            let after = |&(weight, active): &(u32, u64)| (active + 1) as f64 / f64::from(weight);
            let least = loads.iter().map(after).fold(f64::INFINITY, f64::min);
            prop_assert!(after(&loads[chosen]) <= least + 1e-9);
        }
    }
}
