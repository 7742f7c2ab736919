//! Whose block is made next, and how many blocks each archive may hold: plain code without threads.
//!
//! Archives take turns, a block each, so that a small one is done in the time of its own blocks however large the others
//! are. An archive holds a block from the moment it is begun until it was sent. [`OWN_BLOCKS`] of these are its own, more
//! are taken from what all share, and how many more is learned: the window grows by one whenever the client had to wait
//! for a block and shrinks by one whenever blocks had to wait for the client. So a fast client has enough blocks under
//! way to keep all threads busy, and a slow one does not keep blocks that another could use.

use std::collections::{BTreeMap, VecDeque};

use super::block::OWN_BLOCKS;

/// The number of an archive among those of a pool.
pub(super) type Id = u64;

/// A block to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Job {
    pub(super) archive: Id,
    pub(super) block: u64,
}

#[derive(Debug)]
struct Turn {
    next: u64,
    end: u64,
    held: usize,
    window: usize,
}

#[derive(Debug)]
pub(super) struct Turns {
    archives: BTreeMap<Id, Turn>,
    /// The archives in the order of their turns.
    order: VecDeque<Id>,
    last_id: Id,
    /// Shared blocks that nobody holds.
    shared: usize,
    /// No window is larger.
    widest: usize,
}

impl Turns {
    /// For so many threads and shared blocks.
    pub(super) fn new(threads: usize, shared: usize) -> Self {
        Self {
            archives: BTreeMap::new(),
            order: VecDeque::new(),
            last_id: 0,
            shared,
            widest: threads + OWN_BLOCKS,
        }
    }

    /// An archive begins; its blocks from `first` to before `end` are to be made.
    pub(super) fn join(&mut self, first: u64, end: u64) -> Id {
        self.last_id += 1;
        let turn = Turn {
            next: first,
            end,
            held: 0,
            window: OWN_BLOCKS,
        };
        self.archives.insert(self.last_id, turn);
        self.order.push_back(self.last_id);
        self.last_id
    }

    /// An archive has no further blocks to make. Those that it holds are its until they are released.
    pub(super) fn leave(&mut self, archive: Id) {
        self.order.retain(|id| *id != archive);
        if let Some(turn) = self.archives.get_mut(&archive) {
            turn.end = turn.next;
            if turn.held == 0 {
                self.archives.remove(&archive);
            }
        }
    }

    /// The next block to make, if there is one that may be held.
    pub(super) fn next(&mut self) -> Option<Job> {
        for _ in 0..self.order.len() {
            let archive = self.order.pop_front()?;
            self.order.push_back(archive);
            let Some(turn) = self.archives.get_mut(&archive) else {
                continue;
            };
            let of_its_own = turn.held < OWN_BLOCKS;
            if turn.next < turn.end && turn.held < turn.window && (of_its_own || self.shared > 0) {
                let block = turn.next;
                turn.next += 1;
                turn.held += 1;
                if !of_its_own {
                    self.shared -= 1;
                }
                return Some(Job { archive, block });
            }
        }
        None
    }

    /// A client waits for a block that is not made yet.
    pub(super) fn client_waits(&mut self, archive: Id) {
        let widest = self.widest;
        if let Some(turn) = self.archives.get_mut(&archive) {
            turn.window = (turn.window + 1).min(widest);
        }
    }

    /// A client has taken a block that was there, and the one behind it is there too.
    pub(super) fn blocks_wait(&mut self, archive: Id) {
        if let Some(turn) = self.archives.get_mut(&archive) {
            turn.window = turn.window.saturating_sub(1).max(OWN_BLOCKS);
        }
    }

    /// A block is no longer in memory.
    pub(super) fn release(&mut self, archive: Id) {
        let Some(turn) = self.archives.get_mut(&archive) else {
            return;
        };
        turn.held = turn.held.saturating_sub(1);
        if turn.held >= OWN_BLOCKS {
            self.shared += 1;
        }
        if turn.held == 0 && !self.order.contains(&archive) {
            self.archives.remove(&archive);
        }
    }

    /// Blocks that are held by all archives.
    pub(super) fn held(&self) -> usize {
        self.archives.values().map(|turn| turn.held).sum()
    }

    /// Archives that are under way.
    pub(super) fn archives(&self) -> usize {
        self.order.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn jobs(turns: &mut Turns) -> Vec<(Id, u64)> {
        std::iter::from_fn(|| turns.next().map(|job| (job.archive, job.block))).collect()
    }

    #[test]
    fn archives_take_turns_whatever_their_length() {
        let mut turns = Turns::new(4, 100);
        let (long, short) = (turns.join(0, 1_000_000), turns.join(7, 9));
        assert_eq!(
            jobs(&mut turns),
            [(long, 0), (short, 7), (long, 1), (short, 8)]
        );
        for _ in 0..3 {
            turns.client_waits(long);
        }
        // The short one has nothing left, so the long one has all the turns.
        assert_eq!(jobs(&mut turns), [(long, 2), (long, 3), (long, 4)]);
    }

    #[test]
    fn a_fast_client_keeps_every_thread_busy_and_a_slow_one_keeps_two_blocks() {
        let mut turns = Turns::new(4, 100);
        let archive = turns.join(0, 1_000);
        for _ in 0..10 {
            turns.client_waits(archive);
        }
        assert_eq!(jobs(&mut turns).len(), 4 + OWN_BLOCKS);
        for _ in 0..10 {
            turns.blocks_wait(archive);
            turns.release(archive);
            turns.next();
        }
        assert_eq!(turns.held(), OWN_BLOCKS);
    }

    #[test]
    fn what_is_shared_runs_out_and_every_archive_goes_on() {
        let mut turns = Turns::new(8, 3);
        let first = turns.join(0, 100);
        for _ in 0..20 {
            turns.client_waits(first);
        }
        assert_eq!(jobs(&mut turns).len(), OWN_BLOCKS + 3);
        let second = turns.join(0, 100);
        turns.client_waits(second);
        assert_eq!(jobs(&mut turns), [(second, 0), (second, 1)]);
        turns.release(first);
        // Whoever's turn it is gets what was given back.
        assert_eq!(jobs(&mut turns).len(), 1);
    }

    #[test]
    fn who_leaves_gives_back_everything_when_its_blocks_are_gone() {
        let mut turns = Turns::new(2, 5);
        let archive = turns.join(0, 100);
        turns.client_waits(archive);
        turns.client_waits(archive);
        assert_eq!(jobs(&mut turns).len(), 4);
        turns.leave(archive);
        assert_eq!((turns.archives(), turns.held()), (0, 4));
        assert_eq!(turns.next(), None);
        for _ in 0..4 {
            turns.release(archive);
        }
        assert_eq!((turns.held(), turns.shared), (0, 5));
        assert!(turns.archives.is_empty());
    }

    proptest! {
        /// Against a count of our own: blocks in memory never exceed the bound, and no archive starves.
        #[test]
        fn the_bound_holds(threads in 1_usize..6, shared in 0_usize..6, steps in proptest::collection::vec((0_u8..6, any::<prop::sample::Index>()), 0..400)) {
            let mut turns = Turns::new(threads, shared);
            let mut open: Vec<Id> = Vec::new();
            let mut held: Vec<Id> = Vec::new();
            for (step, pick) in steps {
                match step {
                    0 if open.len() < 5 => open.push(turns.join(0, 1 << 40)),
                    1 if !open.is_empty() => turns.leave(open.swap_remove(pick.index(open.len()))),
                    2 if !open.is_empty() => turns.client_waits(open[pick.index(open.len())]),
                    3 if !open.is_empty() => turns.blocks_wait(open[pick.index(open.len())]),
                    4 if !held.is_empty() => turns.release(held.swap_remove(pick.index(held.len()))),
                    _ => held.extend(turns.next().map(|job| job.archive)),
                }
                prop_assert_eq!(turns.held(), held.len());
                let of = |id: &Id| held.iter().filter(|other| *other == id).count();
                let mut all: Vec<Id> = held.clone();
                all.sort_unstable();
                all.dedup();
                let over: usize = all.iter().map(|id| of(id).saturating_sub(OWN_BLOCKS)).sum();
                prop_assert_eq!(over + turns.shared, shared);
            }
            while let Some(job) = turns.next() {
                held.push(job.archive);
            }
            for id in &open {
                prop_assert!(held.iter().filter(|other| *other == id).count() >= OWN_BLOCKS);
            }
        }
    }
}
