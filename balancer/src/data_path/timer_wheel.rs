//! When to look at which session again: a hashed timing wheel. Plain code, `now` is handed in.
//!
//! Deadlines are coarse and lazy. A deadline that moves away is left where it is; the session is looked at once for
//! nothing then, and armed anew. So a session that moves bytes never touches the wheel, and putting one in or taking
//! it out costs the same however many there are.

use std::time::Duration;

use tokio::time::Instant;

use crate::core::session_id::Index;

/// The length of a slot. A deadline is told up to one slot late, never early.
const TICK: Duration = Duration::from_millis(4);
/// Slots of the wheel; what is due later than they reach is looked at once a turn of the wheel.
const SLOTS: usize = 1024;
const WORD: usize = u64::BITS as usize;
/// No entry.
const NONE: u32 = u32::MAX;

#[derive(Debug, Clone, Copy)]
struct Link {
    previous: u32,
    next: u32,
    /// The tick that it is armed for; 0 where it is not.
    tick: u64,
}

const UNARMED: Link = Link {
    previous: NONE,
    next: NONE,
    tick: 0,
};

/// The wheel of one worker.
#[derive(Debug)]
pub(crate) struct TimerWheel {
    start: Instant,
    /// Everything up to this tick has been told.
    told: u64,
    heads: Box<[u32]>,
    occupied: [u64; SLOTS / WORD],
    links: Vec<Link>,
}

impl TimerWheel {
    pub(crate) fn new(start: Instant) -> Self {
        Self {
            start,
            told: 0,
            heads: vec![NONE; SLOTS].into_boxed_slice(),
            occupied: [0; SLOTS / WORD],
            links: Vec::new(),
        }
    }

    /// Has `index` told at `at`, or soon before where it is armed for a time before that already.
    pub(crate) fn arm(&mut self, index: Index, at: Instant) {
        let tick = self.tick_of(at);
        let place = index as usize;
        if place >= self.links.len() {
            self.links.resize(place + 1, UNARMED);
        }
        let armed = self.link(index).tick;
        if armed != 0 {
            if armed <= tick {
                return;
            }
            self.disarm(index);
        }
        let slot = slot_of(tick);
        let head = self.heads.get(slot).copied().unwrap_or(NONE);
        self.set(
            index,
            Link {
                previous: NONE,
                next: head,
                tick,
            },
        );
        if head != NONE {
            let link = self.link(head);
            self.set(
                head,
                Link {
                    previous: index,
                    ..link
                },
            );
        }
        self.set_head(slot, index);
    }

    /// Forgets `index`.
    pub(crate) fn disarm(&mut self, index: Index) {
        let Link {
            previous,
            next,
            tick,
        } = self.link(index);
        if tick == 0 {
            return;
        }
        if next != NONE {
            let link = self.link(next);
            self.set(next, Link { previous, ..link });
        }
        if previous == NONE {
            self.set_head(slot_of(tick), next);
        } else {
            let link = self.link(previous);
            self.set(previous, Link { next, ..link });
        }
        self.set(index, UNARMED);
    }

    /// Takes out all that are due at `now`, and adds them to `due`.
    pub(crate) fn expire(&mut self, now: Instant, due: &mut Vec<Index>) {
        let elapsed = now.saturating_duration_since(self.start);
        let until = u64::try_from(elapsed.as_nanos() / TICK.as_nanos()).unwrap_or(u64::MAX);
        // After more than a turn of the wheel each slot has its turn once.
        let first = (self.told + 1).max(until.saturating_sub(SLOTS as u64 - 1));
        for tick in first..=until {
            let slot = slot_of(tick);
            while let Some(&index) = self.heads.get(slot)
                && index != NONE
            {
                self.disarm(index);
                due.push(index);
            }
        }
        self.told = self.told.max(until);
    }

    /// How long from `now` nothing is due. `None` where nothing is armed.
    pub(crate) fn rest(&self, now: Instant) -> Option<Duration> {
        let tick = self.first_tick()?;
        let at = self.start + TICK.saturating_mul(u32::try_from(tick).unwrap_or(u32::MAX));
        Some(at.saturating_duration_since(now))
    }

    /// The first tick with an entry.
    fn first_tick(&self) -> Option<u64> {
        let from = slot_of(self.told + 1);
        let words = self.occupied.len();
        // The first word is looked at twice: at first from the slot on, in the end up to it.
        for step in 0..=words {
            let index = (from / WORD + step) % words;
            let mut word = *self.occupied.get(index)?;
            if step == 0 {
                word &= u64::MAX << (from % WORD);
            }
            if word != 0 {
                let slot = index * WORD + word.trailing_zeros() as usize;
                let ahead = (slot + SLOTS - from) % SLOTS;
                return Some(self.told + 1 + ahead as u64);
            }
        }
        None
    }

    /// The tick at which `at` has passed, within reach of the wheel.
    fn tick_of(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.start).as_nanos();
        let tick = u64::try_from(since.div_ceil(TICK.as_nanos())).unwrap_or(u64::MAX);
        tick.clamp(self.told + 1, self.told + SLOTS as u64)
    }

    fn link(&self, index: Index) -> Link {
        self.links.get(index as usize).copied().unwrap_or(UNARMED)
    }

    fn set(&mut self, index: Index, link: Link) {
        if let Some(place) = self.links.get_mut(index as usize) {
            *place = link;
        }
    }

    fn set_head(&mut self, slot: usize, head: u32) {
        if let Some(place) = self.heads.get_mut(slot) {
            *place = head;
        }
        if let Some(word) = self.occupied.get_mut(slot / WORD) {
            let bit = 1 << (slot % WORD);
            if head == NONE {
                *word &= !bit;
            } else {
                *word |= bit;
            }
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the remainder is less than the number of slots"
)]
fn slot_of(tick: u64) -> usize {
    (tick % SLOTS as u64) as usize
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn told(wheel: &mut TimerWheel, now: Instant) -> Vec<Index> {
        let mut due = Vec::new();
        wheel.expire(now, &mut due);
        due.sort_unstable();
        due
    }

    #[test]
    fn told_when_due_and_no_earlier() {
        let start = Instant::now();
        let mut wheel = TimerWheel::new(start);
        assert_eq!(wheel.rest(start), None);
        let second = Duration::from_secs(1);
        wheel.arm(7, start + second);
        wheel.arm(2, start + second);
        wheel.arm(3, start + 2 * second);
        wheel.disarm(2);
        assert_eq!(wheel.rest(start), Some(second));
        assert!(told(&mut wheel, start + second - TICK).is_empty());
        assert_eq!(told(&mut wheel, start + second), [7]);
        assert_eq!(told(&mut wheel, start + 60 * second), [3]);
        assert_eq!(wheel.rest(start), None);
    }

    #[test]
    fn an_earlier_deadline_counts_and_a_later_one_is_left() {
        let start = Instant::now();
        let mut wheel = TimerWheel::new(start);
        let second = Duration::from_secs(1);
        wheel.arm(0, start + 2 * second);
        wheel.arm(0, start + second);
        wheel.arm(0, start + 3 * second);
        assert_eq!(told(&mut wheel, start + second), [0]);
        assert!(told(&mut wheel, start + 4 * second).is_empty());
    }

    proptest! {
        /// Against a map of deadlines: nobody early, nobody more than a slot late within the wheel's reach, nobody
        /// twice, nobody lost, and never asleep past a deadline.
        #[test]
        fn agrees_with_a_map(
            steps in prop::collection::vec((0u32..20, 0u64..9000, 0u64..300, any::<bool>()), 1..300),
        ) {
            let start = Instant::now();
            let mut wheel = TimerWheel::new(start);
            let mut model: BTreeMap<Index, Instant> = BTreeMap::new();
            let mut now = start;
            for (index, after, pass, forget) in steps {
                if forget {
                    wheel.disarm(index);
                    model.remove(&index);
                } else {
                    let at = now + Duration::from_millis(after);
                    wheel.arm(index, at);
                    let earliest = model.get(&index).map_or(at, |&before| before.min(at));
                    model.insert(index, earliest);
                }
                match (wheel.rest(now), model.values().min()) {
                    (None, None) => {}
                    (Some(rest), Some(&first)) => prop_assert!(now + rest <= first + TICK),
                    other => prop_assert!(false, "{other:?}"),
                }
                now += Duration::from_millis(pass);
                for index in told(&mut wheel, now) {
                    let at = model.remove(&index);
                    prop_assert!(at.is_some());
                    if let Some(at) = at && at > now {
                        // Only what lies beyond the reach of the wheel may come early, to be armed again.
                        prop_assert!(after_reach(at, now));
                        wheel.arm(index, at);
                        model.insert(index, at);
                    }
                }
                prop_assert!(model.values().all(|&at| at + TICK >= now));
            }
        }
    }

    /// Armed when `now` was at least a turn of the wheel away from it, give or take what passes in one step.
    fn after_reach(at: Instant, now: Instant) -> bool {
        at - now + Duration::from_secs(5) >= TICK * u32::try_from(SLOTS).unwrap_or(0)
    }
}
