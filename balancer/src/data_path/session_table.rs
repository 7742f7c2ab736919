//! The open sessions of one worker, each in a slot that its events and deadlines refer to.

use crate::core::session_id::Index;
use crate::data_path::session::Session;

/// One slot.
#[derive(Default)]
struct Slot {
    session: Option<Box<Session>>,
    /// It is queued for another step already.
    queued: bool,
}

/// The table.
#[derive(Default)]
pub(crate) struct SessionTable {
    slots: Vec<Slot>,
    free: Vec<Index>,
    /// Slots freed in this round: events fetched together with the session's last one may still refer to them, so they can
    /// be reused only after the round.
    left: Vec<Index>,
    count: usize,
}

impl SessionTable {
    /// Allocates a slot for one more session.
    pub(crate) fn allocate(&mut self) -> Index {
        self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            Index::try_from(self.slots.len() - 1).unwrap_or(Index::MAX)
        })
    }

    /// Fills a slot of [`Self::allocate`].
    pub(crate) fn insert(&mut self, index: Index, session: Box<Session>) {
        if let Some(slot) = self.slots.get_mut(index as usize) {
            slot.session = Some(session);
            self.count += 1;
        }
    }

    pub(crate) fn get(&mut self, index: Index) -> Option<&mut Session> {
        self.slots.get_mut(index as usize)?.session.as_deref_mut()
    }

    /// Takes a session out.
    pub(crate) fn remove(&mut self, index: Index) -> Option<Box<Session>> {
        let session = self.slots.get_mut(index as usize)?.session.take()?;
        self.count -= 1;
        self.left.push(index);
        Some(session)
    }

    /// The slots that have a session.
    pub(crate) fn indices(&self) -> Vec<Index> {
        let all = self.slots.iter().zip(0..);
        all.filter(|(slot, _)| slot.session.is_some())
            .map(|(_, index)| index)
            .collect()
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Session> {
        self.slots.iter().filter_map(|slot| slot.session.as_deref())
    }

    /// Queues a session for another step. Returns whether it was not queued before.
    pub(crate) fn queue(&mut self, index: Index) -> bool {
        match self.slots.get_mut(index as usize) {
            Some(slot) => !std::mem::replace(&mut slot.queued, true),
            None => false,
        }
    }

    /// Whether it is queued for another step.
    pub(crate) fn is_queued(&self, index: Index) -> bool {
        self.slots
            .get(index as usize)
            .is_some_and(|slot| slot.queued)
    }

    /// Takes it off the queue.
    pub(crate) fn unqueue(&mut self, index: Index) {
        if let Some(slot) = self.slots.get_mut(index as usize) {
            slot.queued = false;
        }
    }

    /// Ends the round.
    pub(crate) fn end_round(&mut self) {
        self.free.append(&mut self.left);
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }
}
