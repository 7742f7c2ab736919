//! Power of two choices: two at random by weight, and of these the less loaded one (Mitzenmacher 2001). Nearly as even
//! as least connections at the cost of two lookups, and without all balancers sending to the same backend at once.

use super::candidates::Candidates;
use super::cursor::Cursor;
use super::least_connections::{self, Burden};
use super::weighted_schedule::WeightedSchedule;

/// Draws before all candidates are looked at.
const DRAWS: usize = 4;

/// Draws two from the round, where everybody stands by weight, and again where neither is open. After some draws all are
/// looked at.
pub(super) fn choose<C: Candidates>(
    schedule: &WeightedSchedule,
    candidates: &C,
    cursor: &Cursor,
) -> Option<usize> {
    if schedule.is_empty() {
        return None;
    }
    (0..DRAWS)
        .filter_map(|_| draw(schedule, candidates, cursor))
        .find(|&index| candidates.acquire(index))
        .or_else(|| least_connections::choose(candidates, cursor))
}

fn draw<C: Candidates>(
    schedule: &WeightedSchedule,
    candidates: &C,
    cursor: &Cursor,
) -> Option<usize> {
    let (first, second) = cursor.random_pair(schedule.len());
    let a = schedule.at(first);
    let mut b = schedule.at(second);
    if a == b && candidates.count() > 1 {
        // Somebody else; for the weights it does not matter who, as the less loaded one is taken.
        b = (a + 1 + second % (candidates.count() - 1)) % candidates.count();
    }
    let burden = |index| Burden::of(candidates, index);
    match (candidates.is_open(a), candidates.is_open(b)) {
        (true, true) if burden(b).is_less_than(burden(a)) => Some(b),
        (true, _) => Some(a),
        (false, true) => Some(b),
        (false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_candidates::Table;
    use super::*;

    #[test]
    fn sessions_that_stay_are_spread_by_weight() {
        let weights = [1, 2, 3, 4];
        let (table, schedule) = (Table::of(&weights), WeightedSchedule::new(&weights));
        let cursor = Cursor::starting_at(11);
        for _ in 0..10_000 {
            choose(&schedule, &table, &cursor).unwrap();
        }
        for (index, weight) in weights.into_iter().enumerate() {
            let due = 1000 * u64::from(weight);
            assert!(
                table.active(index).abs_diff(due) < 20,
                "{} of {due}",
                table.active(index)
            );
        }
    }

    #[test]
    fn of_two_always_the_less_loaded() {
        let (table, schedule) = (Table::of(&[1, 1]), WeightedSchedule::new(&[1, 1]));
        table.set_active(0, 5);
        let cursor = Cursor::starting_at(3);
        let chosen: Vec<_> = (0..4)
            .filter_map(|_| choose(&schedule, &table, &cursor))
            .collect();
        assert_eq!(chosen, [1, 1, 1, 1]);
    }
}
