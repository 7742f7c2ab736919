//! Which archive gets the next block, and how many blocks each may hold: plain code without threads.
//!
//! Round robin: archives get one block each in turn, so a small one finishes quickly however large the others are. An
//! archive holds a block from the start of its compression until it has been sent. [`OWN_BLOCKS`] of them are its own,
//! further ones come from a shared budget, within a window that adapts: it grows by one whenever the client had to wait
//! for a block, and shrinks by one whenever blocks had to wait for the client. So a fast client has enough blocks in
//! progress to keep all threads busy, and a slow one does not hold blocks that another could use.

use std::collections::{BTreeMap, VecDeque};

use super::block::OWN_BLOCKS;

/// The id of an archive within a pool.
pub(super) type Id = u64;

/// A block to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Job {
    pub(super) archive: Id,
    pub(super) block: u64,
}

#[derive(Debug)]
struct ScheduledArchive {
    next: u64,
    end: u64,
    held: usize,
    window: usize,
}

#[derive(Debug)]
pub(super) struct FairSchedule {
    archives: BTreeMap<Id, ScheduledArchive>,
    /// The archives in round-robin order.
    order: VecDeque<Id>,
    last_id: Id,
    /// Shared blocks that nobody holds.
    shared: usize,
    /// The largest window.
    widest: usize,
}

impl FairSchedule {
    /// A schedule for this many threads and shared blocks.
    pub(super) fn new(threads: usize, shared: usize) -> Self {
        Self {
            archives: BTreeMap::new(),
            order: VecDeque::new(),
            last_id: 0,
            shared,
            widest: threads + OWN_BLOCKS,
        }
    }

    /// Adds an archive, to make its blocks from `first` up to, but excluding, `end`.
    pub(super) fn join(&mut self, first: u64, end: u64) -> Id {
        self.last_id += 1;
        let scheduled = ScheduledArchive {
            next: first,
            end,
            held: 0,
            window: OWN_BLOCKS,
        };
        self.archives.insert(self.last_id, scheduled);
        self.order.push_back(self.last_id);
        self.last_id
    }

    /// Removes an archive. The blocks it holds count until they are released.
    pub(super) fn leave(&mut self, archive: Id) {
        self.order.retain(|id| *id != archive);
        if let Some(scheduled) = self.archives.get_mut(&archive) {
            scheduled.end = scheduled.next;
            if scheduled.held == 0 {
                self.archives.remove(&archive);
            }
        }
    }

    /// The next block to make, if any is within the limits.
    pub(super) fn next(&mut self) -> Option<Job> {
        for _ in 0..self.order.len() {
            let archive = self.order.pop_front()?;
            self.order.push_back(archive);
            let Some(scheduled) = self.archives.get_mut(&archive) else {
                continue;
            };
            let of_its_own = scheduled.held < OWN_BLOCKS;
            if scheduled.next < scheduled.end
                && scheduled.held < scheduled.window
                && (of_its_own || self.shared > 0)
            {
                let block = scheduled.next;
                scheduled.next += 1;
                scheduled.held += 1;
                if !of_its_own {
                    self.shared -= 1;
                }
                return Some(Job { archive, block });
            }
        }
        None
    }

    /// The client waits for a block that is not finished yet.
    pub(super) fn client_waits(&mut self, archive: Id) {
        let widest = self.widest;
        if let Some(scheduled) = self.archives.get_mut(&archive) {
            scheduled.window = (scheduled.window + 1).min(widest);
        }
    }

    /// The client took a finished block, and the next one is finished, too.
    pub(super) fn blocks_wait(&mut self, archive: Id) {
        if let Some(scheduled) = self.archives.get_mut(&archive) {
            scheduled.window = scheduled.window.saturating_sub(1).max(OWN_BLOCKS);
        }
    }

    /// A block was freed.
    pub(super) fn release(&mut self, archive: Id) {
        let Some(scheduled) = self.archives.get_mut(&archive) else {
            return;
        };
        scheduled.held = scheduled.held.saturating_sub(1);
        if scheduled.held >= OWN_BLOCKS {
            self.shared += 1;
        }
        if scheduled.held == 0 && !self.order.contains(&archive) {
            self.archives.remove(&archive);
        }
    }

    /// Blocks held by all archives.
    pub(super) fn held(&self) -> usize {
        self.archives.values().map(|scheduled| scheduled.held).sum()
    }

    /// Archives in progress.
    pub(super) fn archives(&self) -> usize {
        self.order.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn jobs(schedule: &mut FairSchedule) -> Vec<(Id, u64)> {
        std::iter::from_fn(|| schedule.next().map(|job| (job.archive, job.block))).collect()
    }

    #[test]
    fn archives_take_turns_whatever_their_length() {
        let mut schedule = FairSchedule::new(4, 100);
        let (long, short) = (schedule.join(0, 1_000_000), schedule.join(7, 9));
        assert_eq!(
            jobs(&mut schedule),
            [(long, 0), (short, 7), (long, 1), (short, 8)]
        );
        for _ in 0..3 {
            schedule.client_waits(long);
        }
        // The short one has nothing left, so the long one has all the turns.
        assert_eq!(jobs(&mut schedule), [(long, 2), (long, 3), (long, 4)]);
    }

    #[test]
    fn a_fast_client_keeps_every_thread_busy_and_a_slow_one_keeps_two_blocks() {
        let mut schedule = FairSchedule::new(4, 100);
        let archive = schedule.join(0, 1_000);
        for _ in 0..10 {
            schedule.client_waits(archive);
        }
        assert_eq!(jobs(&mut schedule).len(), 4 + OWN_BLOCKS);
        for _ in 0..10 {
            schedule.blocks_wait(archive);
            schedule.release(archive);
            schedule.next();
        }
        assert_eq!(schedule.held(), OWN_BLOCKS);
    }

    #[test]
    fn what_is_shared_runs_out_and_every_archive_goes_on() {
        let mut schedule = FairSchedule::new(8, 3);
        let first = schedule.join(0, 100);
        for _ in 0..20 {
            schedule.client_waits(first);
        }
        assert_eq!(jobs(&mut schedule).len(), OWN_BLOCKS + 3);
        let second = schedule.join(0, 100);
        schedule.client_waits(second);
        assert_eq!(jobs(&mut schedule), [(second, 0), (second, 1)]);
        schedule.release(first);
        // The next archive in turn gets the released block.
        assert_eq!(jobs(&mut schedule).len(), 1);
    }

    #[test]
    fn who_leaves_gives_back_everything_when_its_blocks_are_gone() {
        let mut schedule = FairSchedule::new(2, 5);
        let archive = schedule.join(0, 100);
        schedule.client_waits(archive);
        schedule.client_waits(archive);
        assert_eq!(jobs(&mut schedule).len(), 4);
        schedule.leave(archive);
        assert_eq!((schedule.archives(), schedule.held()), (0, 4));
        assert_eq!(schedule.next(), None);
        for _ in 0..4 {
            schedule.release(archive);
        }
        assert_eq!((schedule.held(), schedule.shared), (0, 5));
        assert!(schedule.archives.is_empty());
    }

    proptest! {
        /// Against a count of our own: blocks in memory never exceed the bound, and no archive starves.
        #[test]
        fn the_bound_holds(threads in 1_usize..6, shared in 0_usize..6, steps in proptest::collection::vec((0_u8..6, any::<prop::sample::Index>()), 0..400)) {
            let mut schedule = FairSchedule::new(threads, shared);
            let mut open: Vec<Id> = Vec::new();
            let mut held: Vec<Id> = Vec::new();
            for (step, pick) in steps {
                match step {
                    0 if open.len() < 5 => open.push(schedule.join(0, 1 << 40)),
                    1 if !open.is_empty() => schedule.leave(open.swap_remove(pick.index(open.len()))),
                    2 if !open.is_empty() => schedule.client_waits(open[pick.index(open.len())]),
                    3 if !open.is_empty() => schedule.blocks_wait(open[pick.index(open.len())]),
                    4 if !held.is_empty() => schedule.release(held.swap_remove(pick.index(held.len()))),
                    _ => held.extend(schedule.next().map(|job| job.archive)),
                }
                prop_assert_eq!(schedule.held(), held.len());
                let of = |id: &Id| held.iter().filter(|other| *other == id).count();
                let mut all: Vec<Id> = held.clone();
                all.sort_unstable();
                all.dedup();
                let over: usize = all.iter().map(|id| of(id).saturating_sub(OWN_BLOCKS)).sum();
                prop_assert_eq!(over + schedule.shared, shared);
            }
            while let Some(job) = schedule.next() {
                held.push(job.archive);
            }
            for id in &open {
                prop_assert!(held.iter().filter(|other| *other == id).count() >= OWN_BLOCKS);
            }
        }
    }
}
