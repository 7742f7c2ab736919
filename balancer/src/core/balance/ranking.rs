//! The least loaded of many backends without looking at all of them: a tournament that all threads play on.
//!
//! Each node of a binary tree holds the less loaded of its two halves, so the root holds the least loaded of all. When the load
//! of a backend changes, the nodes above it are decided again, from the bottom up. Takes no lock: two attempts of
//! compare-and-swap a node are enough, as whoever made both fail has read the halves later than this thread changed them
//! (Jayanti, "f-arrays: implementation and applications", PODC 2002).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use super::least_connections::Burden;
use super::load::Load;

/// No candidate.
const NOBODY: u32 = u32::MAX;
/// The lower half of a node is its winner, the upper half counts its decisions: none is taken for another.
const DECISION: u64 = 1 << 32;
/// Attempts to decide a node.
const ATTEMPTS: usize = 2;

/// Candidates, ranked by their load for their weight; among equals, whose turn was longest ago.
#[derive(Debug)]
pub(crate) struct Ranking {
    seats: Box<[Seat]>,
    /// The root is the second; the halves of a node are at twice its place. Behind them come the seats.
    nodes: Box<[AtomicU64]>,
    turns: AtomicU64,
}

#[derive(Debug)]
struct Seat {
    load: Arc<Load>,
    weight: u32,
    /// The latest turn.
    turn: AtomicU64,
}

impl Ranking {
    /// Of candidates by load and weight, each above zero. Among equals the one at `first` is the first.
    pub(crate) fn new(candidates: Vec<(Arc<Load>, u32)>, first: usize) -> Self {
        let count = candidates.len();
        let seat = |(place, (load, weight)): (usize, (Arc<Load>, u32))| Seat {
            load,
            weight,
            turn: AtomicU64::new(((place + count - first % count.max(1)) % count.max(1)) as u64),
        };
        let seats: Box<[Seat]> = candidates.into_iter().enumerate().map(seat).collect();
        let nodes = (0..count.next_power_of_two())
            .map(|_| AtomicU64::new(NOBODY.into()))
            .collect();
        let ranking = Self {
            seats,
            nodes,
            turns: AtomicU64::new(count as u64),
        };
        ranking.settle();
        ranking
    }

    /// The least loaded one, whose turn this is now; `None` if all are full.
    pub(crate) fn next(&self) -> Option<usize> {
        let winner = self.winner(1);
        let seat = self.seat(winner).filter(|seat| !seat.load.is_full())?;
        seat.turn.store(self.turns.fetch_add(1, SeqCst), SeqCst);
        Some(winner as usize)
    }

    /// To be called after the load of a candidate has changed.
    pub(crate) fn refresh(&self, candidate: usize) {
        let mut node = (self.nodes.len() + candidate) / 2;
        while node > 0 {
            let mut unaffected = false;
            for _ in 0..ATTEMPTS {
                if let Some((before, after)) = self.decide(node) {
                    unaffected = before == after && after as usize != candidate;
                    break;
                }
            }
            // Whoever is above has not played against this one.
            if unaffected {
                return;
            }
            node /= 2;
        }
    }

    /// Decides all nodes.
    pub(crate) fn settle(&self) {
        // The halves of a node come behind it.
        for node in (1..self.nodes.len()).rev() {
            for _ in 0..ATTEMPTS {
                if self.decide(node).is_some() {
                    break;
                }
            }
        }
    }

    /// Decides a node, unless another thread does so in between. The winners before and after.
    fn decide(&self, node: usize) -> Option<(u32, u32)> {
        let slot = self.nodes.get(node)?;
        let before = slot.load(SeqCst);
        let (a, b) = (self.winner(2 * node), self.winner(2 * node + 1));
        let winner = if self.comes_before(b, a) { b } else { a };
        let after = ((before & !u64::from(u32::MAX)).wrapping_add(DECISION)) | u64::from(winner);
        let swapped = slot.compare_exchange(before, after, SeqCst, SeqCst);
        swapped.ok().map(|_| (lower(before), winner))
    }

    /// Who holds a node, or sits there.
    fn winner(&self, node: usize) -> u32 {
        match self.nodes.get(node) {
            Some(slot) => lower(slot.load(SeqCst)),
            None => {
                let place = node.checked_sub(self.nodes.len());
                let seat = place.filter(|&place| place < self.seats.len());
                seat.map_or(NOBODY, |place| u32::try_from(place).unwrap_or(NOBODY))
            }
        }
    }

    fn seat(&self, candidate: u32) -> Option<&Seat> {
        self.seats.get(candidate as usize)
    }

    fn comes_before(&self, a: u32, b: u32) -> bool {
        let (Some(a), Some(b)) = (self.seat(a), self.seat(b)) else {
            return self.seat(a).is_some();
        };
        let (full_a, full_b) = (a.load.is_full(), b.load.is_full());
        if full_a != full_b {
            return full_b;
        }
        let (of_a, of_b) = (a.burden(), b.burden());
        if of_a.is_less_than(of_b) || of_b.is_less_than(of_a) {
            return of_a.is_less_than(of_b);
        }
        a.turn.load(SeqCst) < b.turn.load(SeqCst)
    }
}

impl Seat {
    fn burden(&self) -> Burden {
        Burden::new(self.load.active(), self.weight)
    }
}

fn lower(word: u64) -> u32 {
    u32::try_from(word & u64::from(u32::MAX)).unwrap_or(NOBODY)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use proptest::prelude::*;

    use super::*;

    fn ranking(weights: &[u32], first: usize) -> (Vec<Arc<Load>>, Ranking) {
        let loads: Vec<Arc<Load>> = weights.iter().map(|_| Arc::default()).collect();
        let candidates = loads.iter().cloned().zip(weights.iter().copied());
        let ranking = Ranking::new(candidates.collect(), first);
        (loads, ranking)
    }

    /// Picks as a session does.
    fn take(loads: &[Arc<Load>], ranking: &Ranking) -> Option<usize> {
        let index = ranking.next()?;
        let taken = loads[index].acquire();
        ranking.refresh(index);
        taken.then_some(index)
    }

    /// None is less loaded than the next one.
    fn is_least(loads: &[Arc<Load>], weights: &[u32], index: usize) -> bool {
        let burden = |index: usize| Burden::new(loads[index].active(), weights[index]);
        let mut open = (0..loads.len()).filter(|&other| !loads[other].is_full());
        open.all(|other| !burden(other).is_less_than(burden(index)))
    }

    #[test]
    fn equals_have_turns_whatever_their_number() {
        for count in [1, 2, 3, 5, 8, 33] {
            let (loads, ranking) = ranking(&vec![1; count], 1);
            let mut chosen = Vec::new();
            for _ in 0..2 * count {
                let index = take(&loads, &ranking).unwrap();
                loads[index].release();
                ranking.refresh(index);
                chosen.push(index);
            }
            let expected: Vec<usize> = (0..2 * count).map(|turn| (turn + 1) % count).collect();
            assert_eq!(chosen, expected);
        }
    }

    #[test]
    fn nobody_where_all_are_full() {
        let (loads, ranking) = ranking(&[1, 1, 1], 0);
        for (index, load) in loads.iter().enumerate() {
            load.set_most(Some(1));
            ranking.refresh(index);
        }
        let mut taken: Vec<_> = (0..3).filter_map(|_| take(&loads, &ranking)).collect();
        taken.sort_unstable();
        assert_eq!((taken, ranking.next()), (vec![0, 1, 2], None));
        loads[1].release();
        ranking.refresh(1);
        assert_eq!(ranking.next(), Some(1));
    }

    /// Whatever the threads do at once: when they rest, the root is right.
    #[test]
    fn many_threads_leave_the_least_loaded_at_the_top() {
        let weights: Vec<u32> = (0..67).map(|place| 1 + place % 5).collect();
        for round in 0..20 {
            let (loads, ranking) = ranking(&weights, round);
            thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        let mut held = Vec::new();
                        for step in 0..2000 {
                            if step % 3 == 2 {
                                let index: usize = held.swap_remove(step % held.len());
                                loads[index].release();
                                ranking.refresh(index);
                            } else {
                                held.extend(take(&loads, &ranking));
                            }
                        }
                    });
                }
            });
            let next = ranking.next().unwrap();
            assert!(is_least(&loads, &weights, next), "round {round}");
        }
    }

    proptest! {
        /// One at a time it is exact after every change.
        #[test]
        fn always_the_least_loaded(
            rows in prop::collection::vec((1u32..9, prop::option::of(1u64..9)), 1..70),
            steps in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>()), 1..200),
        ) {
            let weights: Vec<u32> = rows.iter().map(|&(weight, _)| weight).collect();
            let (loads, ranking) = ranking(&weights, 0);
            for (index, &(_, most)) in rows.iter().enumerate() {
                loads[index].set_most(most);
                ranking.refresh(index);
            }
            let mut held: Vec<usize> = Vec::new();
            for (releases, at) in steps {
                if releases && !held.is_empty() {
                    let index = held.swap_remove(at.index(held.len()));
                    loads[index].release();
                    ranking.refresh(index);
                    continue;
                }
                let before: Vec<bool> = loads.iter().map(|load| load.is_full()).collect();
                match ranking.next() {
                    Some(index) => {
                        prop_assert!(is_least(&loads, &weights, index));
                        prop_assert!(loads[index].acquire());
                        ranking.refresh(index);
                        held.push(index);
                    }
                    None => prop_assert!(before.into_iter().all(|full| full)),
                }
            }
        }
    }
}
