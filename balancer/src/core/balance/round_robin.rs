//! Round robin: every backend in turn, as often as its weight says.

use super::{Candidates, Cursor, WeightedSchedule};

/// How many turns may pass to somebody else, for each candidate, before the rest is asked in order. Only a round with
/// very uneven weights is longer.
const TURNS_EACH: usize = 4;

/// Takes the next turn; a candidate that is not open passes its turn to the next one that is.
pub(super) fn choose<C: Candidates>(
    turns: &WeightedSchedule,
    candidates: &C,
    cursor: &Cursor,
) -> Option<usize> {
    if turns.is_empty() {
        return None;
    }
    let take = |&index: &usize| candidates.is_open(index) && candidates.acquire(index);
    let turn = cursor.turn(turns.len());
    let first = turns.at(turn);
    if take(&first) {
        return Some(first);
    }
    let count = candidates.count();
    let passes = turns.len().min(TURNS_EACH * count);
    let in_turn = (1..passes).map(|step| turns.at(turn + step));
    let in_order = (1..=count).map(|step| (first + step) % count);
    in_turn.chain(in_order).find(take)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::table::Table;
    use super::*;

    fn served(weights: &[u32], closed: &[usize], sessions: usize, start: u64) -> Vec<u64> {
        let (table, turns) = (Table::of(weights), WeightedSchedule::new(weights));
        closed.iter().for_each(|&index| table.close(index));
        let cursor = Cursor::starting_at(start);
        for _ in 0..sessions {
            choose(&turns, &table, &cursor);
        }
        (0..weights.len())
            .map(|index| table.active(index))
            .collect()
    }

    #[test]
    fn nobody_open() {
        assert_eq!(served(&[], &[], 3, 0), [0; 0]);
        assert_eq!(served(&[1, 2], &[0, 1], 3, 0), [0, 0]);
    }

    #[test]
    fn one_that_is_always_open_is_found_behind_any_weights() {
        assert_eq!(served(&[1, 2560, 1], &[1], 4000, 0)[1], 0);
        assert_eq!(served(&[2560, 1], &[0], 10, 0), [0, 10]);
    }

    proptest! {
        #[test]
        fn exact_from_any_start(start: u64, weights in prop::collection::vec(1u32..9, 1..9), rounds in 1usize..9) {
            let start = start / 2;
            let turns = WeightedSchedule::new(&weights);
            let served = served(&weights, &[], rounds * turns.len(), start);
            let unit = turns.len() as u64;
            let sum: u32 = weights.iter().sum();
            for (count, weight) in served.into_iter().zip(weights) {
                prop_assert_eq!(count * u64::from(sum), u64::from(weight) * unit * rounds as u64);
            }
        }
    }
}
