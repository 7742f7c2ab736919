//! The schedule of weighted round robin: an order in which every backend appears as often as its weight says, spread as
//! evenly as possible.

/// The maximum length of a round. Beyond it weights are scaled down, so that many backends with odd weights cannot make
/// the table grow without bound.
const MAX_LENGTH: u64 = 1 << 16;

/// One round of the schedule. With equal weights it is the candidates in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeightedSchedule(Box<[u32]>);

impl WeightedSchedule {
    /// The round for candidates with these weights, each above zero.
    ///
    /// Appearance `k` of a candidate of weight `w` is at `(k + 1/2) / w` of the round, so its appearances are evenly spaced
    /// with those of the others in between.
    #[must_use]
    pub fn new(weights: &[u32]) -> Self {
        let weights = reduced(weights);
        let mut places: Vec<(u64, u32)> = Vec::new();
        for (index, &weight) in (0_u32..).zip(&weights) {
            places.extend((0..weight).map(|k| (((2 * k + 1) << 32) / (2 * weight), index)));
        }
        places.sort_unstable();
        Self(places.into_iter().map(|(_, index)| index).collect())
    }

    /// The length of a round; 0 without candidates.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no candidates.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The candidate at this position, counted from 0; the schedule repeats.
    #[must_use]
    pub fn at(&self, turn: usize) -> usize {
        let turn = if turn < self.0.len() {
            turn
        } else {
            turn % self.0.len().max(1)
        };
        self.0.get(turn).map_or(0, |&index| index as usize)
    }
}

/// The weights in their smallest form, and within [`MAX_LENGTH`] for all.
fn reduced(weights: &[u32]) -> Vec<u64> {
    let common = weights
        .iter()
        .fold(0, |common, &weight| gcd(common, weight))
        .max(1);
    let sum: u64 = weights
        .iter()
        .map(|&weight| u64::from(weight / common))
        .sum();
    let scaled = |weight: u64| match sum {
        ..=MAX_LENGTH => weight,
        _ => (weight * MAX_LENGTH / sum).max(1),
    };
    weights
        .iter()
        .map(|&weight| scaled(u64::from(weight / common)))
        .collect()
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn order(weights: &[u32]) -> Vec<u32> {
        WeightedSchedule::new(weights).0.into_vec()
    }

    #[test]
    fn rounds() {
        assert_eq!(order(&[]), [0; 0]);
        assert_eq!(order(&[7, 7, 7]), [0, 1, 2]);
        assert_eq!(order(&[10, 20]), [1, 0, 1]);
        assert_eq!(order(&[5, 1, 1]), [0, 0, 0, 1, 2, 0, 0]);
    }

    #[test]
    fn a_round_is_bounded() {
        let weights: Vec<u32> = (0..500).map(|n| 2560 - n).collect();
        let schedule = WeightedSchedule::new(&weights);
        assert!(
            schedule.len() as u64 <= MAX_LENGTH && schedule.len() > 60_000,
            "{}",
            schedule.len()
        );
    }

    proptest! {
        #[test]
        fn exact_and_evenly_apart(weights in prop::collection::vec(1u32..50, 1..9)) {
            let schedule = WeightedSchedule::new(&weights);
            let common = weights.iter().fold(0, |a, &b| gcd(a, b));
            let round: usize = weights.iter().map(|&w| (w / common) as usize).sum();
            prop_assert_eq!(schedule.len(), round);
            for (index, &weight) in weights.iter().enumerate() {
                let mine: Vec<usize> = (0..2 * round).filter(|&turn| schedule.at(turn) == index).collect();
                prop_assert_eq!(mine.len(), 2 * (weight / common) as usize);
                // Within the time between two turns nobody else has more than one above his share.
                let most = round / (weight / common) as usize + weights.len();
                prop_assert!(mine.windows(2).all(|pair| pair[1] - pair[0] <= most));
            }
        }
    }
}
