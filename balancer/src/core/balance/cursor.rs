//! The only state that choosing changes: a counter shared by all threads.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::hash::mix;

/// The odd number next to 2^64 divided by the golden ratio; its multiples fill 64 bits evenly (SplitMix64, Steele,
/// Lea and Flood 2014).
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// Positions in the schedule and random numbers, from one atomic, so that round robin is exact over all threads of the
/// process.
#[derive(Debug)]
pub struct Cursor(AtomicU64);

impl Cursor {
    /// Starts at a given position. A random one keeps a fleet of balancers that start together from sending all their first
    /// sessions to the first backend.
    #[must_use]
    pub fn starting_at(turn: u64) -> Self {
        Self(AtomicU64::new(turn))
    }

    /// Takes the next turn out of `count`, which is above zero.
    pub(crate) fn turn(&self, count: usize) -> usize {
        let turn = self.0.fetch_add(1, Relaxed) % count.max(1) as u64;
        usize::try_from(turn).unwrap_or(0)
    }

    /// Two random numbers below `count`, which is above zero and fits into 32 bits.
    pub(super) fn random_pair(&self, count: usize) -> (usize, usize) {
        let random = mix(self.0.fetch_add(1, Relaxed).wrapping_mul(GOLDEN));
        // The upper half of 32 by 32 bits: without a division, and even enough.
        let below = |half: u64| usize::try_from((half * count as u64) >> 32).unwrap_or(0);
        (below(random >> 32), below(random & 0xFFFF_FFFF))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_may_wrap() {
        let cursor = Cursor::starting_at(u64::MAX);
        cursor.turn(3);
        assert_eq!([cursor.turn(3), cursor.turn(3)], [0, 1]);
    }

    #[test]
    fn random_numbers_are_below_and_even() {
        let cursor = Cursor::starting_at(7);
        let mut seen = [[0_u32; 3]; 3];
        for _ in 0..9000 {
            let (a, b) = cursor.random_pair(3);
            seen[a][b] += 1;
        }
        assert!(
            seen.as_flattened()
                .iter()
                .all(|count| (850..1150).contains(count)),
            "{seen:?}"
        );
    }
}
