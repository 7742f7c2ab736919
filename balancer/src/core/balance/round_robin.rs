//! Weighted round robin: every backend in turn, as often as its weight says.

use super::candidates::Candidates;
use super::cursor::Cursor;
use super::weighted_schedule::WeightedSchedule;

/// How many positions of the schedule are tried, for each candidate, before the candidates are tried in order. Only a round
/// with very uneven weights is longer.
const TURNS_EACH: usize = 4;

/// Takes the next position of the schedule; if its candidate is not open, the next open one is used.
pub(super) fn choose<C: Candidates>(
    schedule: &WeightedSchedule,
    candidates: &C,
    cursor: &Cursor,
) -> Option<usize> {
    if schedule.is_empty() {
        return None;
    }
    let take = |&index: &usize| candidates.is_open(index) && candidates.acquire(index);
    let turn = cursor.turn(schedule.len());
    let first = schedule.at(turn);
    if take(&first) {
        return Some(first);
    }
    let count = candidates.count();
    let passes = schedule.len().min(TURNS_EACH * count);
    let in_turn = (1..passes).map(|step| schedule.at(turn + step));
    let in_order = (1..=count).map(|step| (first + step) % count);
    in_turn.chain(in_order).find(take)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::test_candidates::Table;
    use super::*;

    fn served(weights: &[u32], closed: &[usize], sessions: usize, start: u64) -> Vec<u64> {
        let (table, schedule) = (Table::of(weights), WeightedSchedule::new(weights));
        closed.iter().for_each(|&index| table.close(index));
        let cursor = Cursor::starting_at(start);
        for _ in 0..sessions {
            choose(&schedule, &table, &cursor);
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
            let schedule = WeightedSchedule::new(&weights);
            let served = served(&weights, &[], rounds * schedule.len(), start);
            let unit = schedule.len() as u64;
            let sum: u32 = weights.iter().sum();
            for (count, weight) in served.into_iter().zip(weights) {
                prop_assert_eq!(count * u64::from(sum), u64::from(weight) * unit * rounds as u64);
            }
        }
    }
}
