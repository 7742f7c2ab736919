//! Round robin: every backend in turn.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::BackendId;

/// One cursor that all workers share, so that the turns are exact over the whole process and not only within a worker.
#[derive(Debug)]
pub struct RoundRobin {
    cursor: AtomicUsize,
}

impl RoundRobin {
    /// Begins at any turn. A random start keeps a fleet of balancers that were started together from sending all
    /// their first sessions to the first backend.
    #[must_use]
    pub fn starting_at(turn: usize) -> Self {
        Self {
            cursor: AtomicUsize::new(turn),
        }
    }

    /// Takes the next turn among `up`; a backend in `tried` passes its turn to the next one that is not.
    ///
    /// `None` when nobody is left; then no turn is used up.
    pub fn pick(&self, up: &[BackendId], tried: &[BackendId]) -> Option<BackendId> {
        if up.iter().all(|id| tried.contains(id)) {
            return None;
        }
        let turn = self.cursor.fetch_add(1, Ordering::Relaxed) % up.len();
        let (before, from_turn) = up.split_at(turn);
        from_turn
            .iter()
            .chain(before)
            .find(|id| !tried.contains(id))
            .copied()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn ids(count: usize) -> Vec<BackendId> {
        (0..count).map(BackendId).collect()
    }

    #[test]
    fn each_backend_in_turn() {
        let order = RoundRobin::starting_at(1);
        let up = ids(3);
        let picked: Vec<_> = (0..6).filter_map(|_| order.pick(&up, &[])).collect();
        assert_eq!(picked, [1, 2, 0, 1, 2, 0].map(BackendId));
    }

    #[test]
    fn nobody_left_uses_no_turn() {
        let order = RoundRobin::starting_at(0);
        assert_eq!(order.pick(&[], &[]), None);
        assert_eq!(order.pick(&ids(2), &ids(2)), None);
        assert_eq!(order.pick(&ids(2), &[]), Some(BackendId(0)));
    }

    #[test]
    fn the_cursor_may_wrap() {
        let order = RoundRobin::starting_at(usize::MAX);
        assert!(order.pick(&ids(3), &[]).is_some());
        assert_eq!(order.pick(&ids(3), &[]), Some(BackendId(0)));
    }

    #[test]
    fn sessions_of_a_dead_backend_are_spread_over_the_others() {
        let order = RoundRobin::starting_at(0);
        let up = ids(3);
        let mut served = BTreeMap::new();
        for _ in 0..300 {
            let mut tried = Vec::new();
            while let Some(id) = order.pick(&up, &tried) {
                if id != BackendId(1) {
                    *served.entry(id).or_insert(0) += 1;
                    break;
                }
                tried.push(id);
            }
        }
        assert_eq!(
            served,
            BTreeMap::from([(BackendId(0), 150), (BackendId(2), 150)])
        );
    }

    proptest! {
        #[test]
        fn turns_are_exact_from_any_start(start: usize, count in 1usize..12, rounds in 1usize..20) {
            let order = RoundRobin::starting_at(start % (usize::MAX / 2));
            let up = ids(count);
            let mut served = vec![0; count];
            for _ in 0..rounds * count {
                served[order.pick(&up, &[]).unwrap().0] += 1;
            }
            prop_assert!(served.iter().all(|&turns| turns == rounds));
        }

        #[test]
        fn never_one_that_was_tried(start: usize, count in 0usize..8, tried in prop::collection::vec(0usize..8, 0..8)) {
            let order = RoundRobin::starting_at(start);
            let up = ids(count);
            let tried: Vec<_> = tried.into_iter().map(BackendId).collect();
            match order.pick(&up, &tried) {
                Some(id) => prop_assert!(up.contains(&id) && !tried.contains(&id)),
                None => prop_assert!(up.iter().all(|id| tried.contains(id))),
            }
        }
    }
}
