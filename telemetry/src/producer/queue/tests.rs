use proptest::prelude::*;

use super::*;

const LIMITS: QueueLimits = QueueLimits {
    records: 5,
    bytes: 60,
    batch_records: 3,
    batch_bytes: 30,
};

/// A record is its number, again and again, so that order and weight can be checked.
impl Weighed for Vec<u8> {
    fn weight(&self) -> usize {
        self.len()
    }
}

fn record(number: u8, len: usize) -> Vec<u8> {
    vec![number; len.max(1)]
}

fn numbers(records: &[Queued<Vec<u8>>]) -> Vec<u8> {
    records.iter().map(|queued| queued.record[0]).collect()
}

fn overflow(overflow: u64) -> Drops {
    Drops {
        overflow,
        ..Drops::default()
    }
}

fn state(queue: &Queue<Vec<u8>>) -> (u64, Drops) {
    (queue.counts().queued, queue.counts().drops)
}

#[test]
fn the_oldest_is_dropped_first() {
    let mut queue = Queue::new(LIMITS);
    (1..=7).for_each(|number| queue.push(record(number, 1)));
    assert_eq!(state(&queue), (5, overflow(2)));
    assert!(queue.fills_a_batch());
    assert_eq!(numbers(&queue.take(9)), [3, 4, 5]);
    assert!(!queue.fills_a_batch());
}

#[test]
fn bytes_are_bounded_as_well() {
    let mut queue = Queue::new(LIMITS);
    queue.push(record(1, 40));
    queue.push(record(2, 40));
    assert_eq!(state(&queue), (1, overflow(1)));
    queue.push(record(3, 61));
    let drops = Drops {
        too_large: 1,
        ..overflow(1)
    };
    assert_eq!(state(&queue), (1, drops), "it displaces nothing");
    assert!(queue.fills_a_batch());
    assert_eq!(
        numbers(&queue.take(9)),
        [2],
        "a record above the batch's bytes goes alone"
    );
}

#[test]
fn a_batch_that_comes_back_gives_way_to_newer_records() {
    for (outcome, drops) in [
        (Outcome::NotStored, overflow(2)),
        (
            Outcome::Unknown,
            Drops {
                unconfirmed: 2,
                ..Drops::default()
            },
        ),
    ] {
        let mut queue = Queue::new(LIMITS);
        (1..=3).for_each(|number| queue.push(record(number, 1)));
        let batch = queue.take(9);
        (4..=7).for_each(|number| queue.push(record(number, 1)));
        queue.put_back(batch, outcome);
        assert_eq!(state(&queue), (5, drops));
        assert_eq!(numbers(&queue.take(9)), [3, 4, 5]);
    }
}

#[test]
fn what_is_left_at_the_end_is_told_apart_from_what_may_have_arrived() {
    let mut queue = Queue::new(LIMITS);
    (1..=5).for_each(|number| queue.push(record(number, 1)));
    let batch = queue.take(2);
    queue.put_back(batch, Outcome::Unknown);
    queue.take(1);
    queue.abandon();
    queue.push(record(8, 1));
    let drops = Drops {
        unconfirmed: 2,
        shutdown: 4,
        ..Drops::default()
    };
    assert_eq!(state(&queue), (0, drops));
    assert_eq!(drops.total(), 6);
}

#[derive(Debug, Clone)]
enum Step {
    Push(usize),
    Take(usize),
    Sent,
    Refused,
    PutBack,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1_usize..70).prop_map(Step::Push),
        2 => (0_usize..5).prop_map(Step::Take),
        1 => Just(Step::Sent),
        1 => Just(Step::Refused),
        1 => Just(Step::PutBack),
    ];
    prop::collection::vec(step, 0..120)
}

proptest! {
    /// Against a model that keeps every record's fate in a list: nothing is lost, doubled or reordered, the bounds
    /// hold after each step, and a record is only dropped where a bound demands it.
    #[test]
    fn every_record_ends_once(steps in steps()) {
        let mut queue = Queue::new(LIMITS);
        let mut model: Vec<(u8, usize)> = Vec::new();
        let mut flight: Vec<Queued<Vec<u8>>> = Vec::new();
        let (mut pushed, mut sent, mut dropped) = (0_u8, 0_u64, 0_u64);
        for step in steps {
            match step {
                Step::Push(len) => {
                    pushed += 1;
                    queue.push(record(pushed, len));
                    if len > LIMITS.bytes { dropped += 1 } else { model.push((pushed, len)) }
                }
                Step::Take(most) if flight.is_empty() => {
                    flight = queue.take(most);
                    let taken: Vec<_> = model.drain(..flight.len()).collect();
                    prop_assert_eq!(numbers(&flight), taken.iter().map(|&(number, _)| number).collect::<Vec<_>>());
                    let bytes: usize = taken.iter().map(|&(_, len)| len).sum();
                    prop_assert!(flight.len() <= most.min(LIMITS.batch_records));
                    prop_assert!(flight.len() <= 1 || bytes <= LIMITS.batch_bytes);
                    prop_assert!(most == 0 || model.is_empty() || !flight.is_empty());
                }
                Step::Take(_) => {}
                Step::Sent => { queue.sent(); sent += flight.drain(..).count() as u64; }
                Step::Refused => { queue.refused(); dropped += flight.drain(..).count() as u64; }
                Step::PutBack => {
                    model.splice(0..0, flight.iter().map(|queued| (queued.record[0], queued.record.len())));
                    queue.put_back(std::mem::take(&mut flight), Outcome::Unknown);
                }
            }
            while model.len() > LIMITS.records || model.iter().map(|&(_, len)| len).sum::<usize>() > LIMITS.bytes {
                model.remove(0);
                dropped += 1;
            }
            let counts = queue.counts();
            prop_assert_eq!(counts.queued, (model.len() + flight.len()) as u64);
            prop_assert_eq!(counts.bytes, model.iter().map(|&(_, len)| len as u64).sum::<u64>());
            prop_assert_eq!((counts.sent, counts.drops.total()), (sent, dropped));
            prop_assert_eq!(queue.is_empty(), model.is_empty());
        }
    }
}
