//! The queue of clients for which every backend is full: first in, first out, each with a deadline.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

/// A waiting session: its worker and its slot there. Unique among those that wait at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket {
    /// The worker's number.
    pub worker: u16,
    /// The worker's identifier of the session.
    pub slot: u64,
}

/// Why a session was not queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EnqueueError {
    /// The queue is at its limit.
    #[error("the queue is full")]
    Full,
    /// The session is queued already. Its position is unchanged.
    #[error("already in the queue")]
    Waiting,
}

/// The queue. Every operation is at most logarithmic in its length.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use netsocket_balancer::admission::{EnqueueError, Ticket, WaitQueue};
///
/// let [first, second, third] = [1, 2, 3].map(|slot| Ticket { worker: 0, slot });
/// let seconds = Duration::from_secs;
/// let mut queue = WaitQueue::new(2);
/// assert_eq!(queue.enqueue(first, seconds(5)), Ok(0));
/// assert_eq!(queue.enqueue(second, seconds(3)), Ok(1));
/// assert_eq!(queue.enqueue(third, seconds(6)), Err(EnqueueError::Full));
///
/// assert_eq!(queue.expire(seconds(4)), Some(second));
/// assert_eq!(queue.serve(), Some(first));
/// assert!(queue.is_empty());
/// ```
#[derive(Debug)]
pub struct WaitQueue {
    most: usize,
    /// The number of the next to come.
    next_number: u64,
    line: BTreeMap<u64, Waiting>,
    numbers: HashMap<Ticket, u64>,
    deadlines: BTreeSet<(Duration, u64)>,
}

#[derive(Debug)]
struct Waiting {
    ticket: Ticket,
    deadline: Duration,
}

impl WaitQueue {
    /// A queue for at most `most` sessions; 0 disables queueing.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            most,
            next_number: 0,
            line: BTreeMap::new(),
            numbers: HashMap::new(),
            deadlines: BTreeSet::new(),
        }
    }

    /// Adds a session at the end, to wait until `deadline` (time since the start). Returns how many are ahead of it.
    ///
    /// # Errors
    /// See [`EnqueueError`].
    pub fn enqueue(&mut self, ticket: Ticket, deadline: Duration) -> Result<usize, EnqueueError> {
        if self.numbers.contains_key(&ticket) {
            return Err(EnqueueError::Waiting);
        }
        let before = self.line.len();
        if before >= self.most {
            return Err(EnqueueError::Full);
        }
        let number = self.next_number;
        self.next_number += 1;
        self.line.insert(number, Waiting { ticket, deadline });
        self.numbers.insert(ticket, number);
        self.deadlines.insert((deadline, number));
        Ok(before)
    }

    /// Removes the session at the head. One whose deadline has just passed but was not reported yet is still served.
    pub fn serve(&mut self) -> Option<Ticket> {
        let (number, waiting) = self.line.pop_first()?;
        self.numbers.remove(&waiting.ticket);
        self.deadlines.remove(&(waiting.deadline, number));
        Some(waiting.ticket)
    }

    /// Removes the session of a client that has disconnected. Returns whether it was queued; otherwise it was served or
    /// had expired.
    pub fn cancel(&mut self, ticket: Ticket) -> bool {
        let Some(number) = self.numbers.remove(&ticket) else {
            return false;
        };
        if let Some(waiting) = self.line.remove(&number) {
            self.deadlines.remove(&(waiting.deadline, number));
        }
        true
    }

    /// Removes a session whose deadline has passed at `now`, the most overdue first. Call until it returns `None`.
    pub fn expire(&mut self, now: Duration) -> Option<Ticket> {
        let &(deadline, number) = self.deadlines.first()?;
        if deadline > now {
            return None;
        }
        self.deadlines.pop_first();
        let waiting = self.line.remove(&number)?;
        self.numbers.remove(&waiting.ticket);
        Some(waiting.ticket)
    }

    /// The earliest deadline.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Duration> {
        self.deadlines.first().map(|&(deadline, _)| deadline)
    }

    /// Changes the limit. Sessions that wait stay queued, even if they exceed it.
    pub fn limit(&mut self, most: usize) {
        self.most = most;
    }

    /// The limit.
    #[must_use]
    pub fn most(&self) -> usize {
        self.most
    }

    /// Number of waiting sessions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.line.len()
    }

    /// Whether no session waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.line.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn ticket(slot: u64) -> Ticket {
        Ticket { worker: 1, slot }
    }

    const fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn first_come_first_served_and_bounded() {
        let mut queue = WaitQueue::new(3);
        assert_eq!(queue.enqueue(ticket(7), at(10)), Ok(0));
        assert_eq!(queue.enqueue(ticket(3), at(10)), Ok(1));
        assert_eq!(queue.enqueue(ticket(7), at(99)), Err(EnqueueError::Waiting));
        assert_eq!(queue.enqueue(ticket(5), at(10)), Ok(2));
        assert_eq!(queue.enqueue(ticket(9), at(10)), Err(EnqueueError::Full));
        assert!(queue.cancel(ticket(3)) && !queue.cancel(ticket(3)));
        assert_eq!(queue.enqueue(ticket(9), at(10)), Ok(2));
        let served: Vec<_> = std::iter::from_fn(|| queue.serve()).collect();
        assert_eq!(served, [ticket(7), ticket(5), ticket(9)]);
        assert_eq!(queue.next_deadline(), None);
        assert_eq!(
            WaitQueue::new(0).enqueue(ticket(1), at(1)),
            Err(EnqueueError::Full)
        );
    }

    #[test]
    fn deadlines_need_not_be_in_the_order_of_the_line() {
        let mut queue = WaitQueue::new(10);
        for (slot, deadline) in [(1, 30), (2, 10), (3, 20)] {
            queue.enqueue(ticket(slot), at(deadline)).unwrap();
        }
        assert_eq!(queue.next_deadline(), Some(at(10)));
        assert_eq!(queue.expire(at(9)), None);
        assert_eq!(queue.expire(at(20)), Some(ticket(2)));
        assert_eq!(queue.expire(at(20)), Some(ticket(3)));
        assert_eq!(queue.expire(at(20)), None);
        assert_eq!((queue.serve(), queue.serve()), (Some(ticket(1)), None));
    }

    #[derive(Debug, Clone)]
    enum Step {
        Enqueue(u64, u64),
        Serve,
        Cancel(u64),
        Wait(u64),
        Limit(usize),
    }

    fn any_step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..12_u64, 0..40_u64).prop_map(|(slot, patience)| Step::Enqueue(slot, patience)),
            2 => Just(Step::Serve),
            2 => (0..12_u64).prop_map(Step::Cancel),
            2 => (0..30_u64).prop_map(Step::Wait),
            1 => (0..10_usize).prop_map(Step::Limit),
        ]
    }

    proptest! {
        #[test]
        fn as_a_plain_list(steps in vec(any_step(), 1..300)) {
            let (mut queue, mut most, mut now) = (WaitQueue::new(6), 6, at(0));
            let mut list: Vec<(Ticket, Duration)> = Vec::new();
            for step in steps {
                match step {
                    Step::Enqueue(slot, patience) => {
                        let deadline = now + at(patience);
                        let expected = if list.iter().any(|(it, _)| *it == ticket(slot)) {
                            Err(EnqueueError::Waiting)
                        } else if list.len() >= most {
                            Err(EnqueueError::Full)
                        } else {
                            list.push((ticket(slot), deadline));
                            Ok(list.len() - 1)
                        };
                        prop_assert_eq!(queue.enqueue(ticket(slot), deadline), expected);
                    }
                    Step::Serve => {
                        let expected = (!list.is_empty()).then(|| list.remove(0).0);
                        prop_assert_eq!(queue.serve(), expected);
                    }
                    Step::Cancel(slot) => {
                        let place = list.iter().position(|(it, _)| *it == ticket(slot));
                        prop_assert_eq!(queue.cancel(ticket(slot)), place.is_some());
                        place.map(|place| list.remove(place));
                    }
                    Step::Wait(ms) => {
                        now += at(ms);
                        let mut due: Vec<_> = list.extract_if(.., |(_, deadline)| *deadline <= now).collect();
                        // The sort keeps those with one deadline in the order of the line.
                        due.sort_by_key(|(_, deadline)| *deadline);
                        let expired: Vec<_> = std::iter::from_fn(|| queue.expire(now)).collect();
                        prop_assert_eq!(expired, due.into_iter().map(|(it, _)| it).collect::<Vec<_>>());
                    }
                    Step::Limit(other) => {
                        most = other;
                        queue.limit(most);
                    }
                }
                prop_assert_eq!(queue.len(), list.len());
                prop_assert_eq!(queue.is_empty(), list.is_empty());
                prop_assert_eq!(queue.next_deadline(), list.iter().map(|(_, deadline)| *deadline).min());
                prop_assert_eq!(queue.numbers.len(), list.len());
                prop_assert_eq!(queue.deadlines.len(), list.len());
            }
        }
    }
}
