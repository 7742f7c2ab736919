//! Candidates as a table, for the tests of the policies.

use std::cell::RefCell;

use super::candidates::Candidates;

#[derive(Debug, Clone, Copy)]
struct Row {
    weight: u32,
    active: u64,
    tried: bool,
    max: u64,
}

#[derive(Debug, Default)]
pub(super) struct Table(RefCell<Vec<Row>>);

impl Table {
    /// Without sessions or limits.
    pub(super) fn of(weights: &[u32]) -> Self {
        let table = Self::default();
        for &weight in weights {
            table.add(weight, 0, false, u64::MAX);
        }
        table
    }

    pub(super) fn add(&self, weight: u32, active: u64, tried: bool, max: u64) {
        self.0.borrow_mut().push(Row {
            weight,
            active,
            tried,
            max,
        });
    }

    pub(super) fn close(&self, index: usize) {
        self.0.borrow_mut()[index].tried = true;
    }

    pub(super) fn set_active(&self, index: usize, active: u64) {
        self.0.borrow_mut()[index].active = active;
    }
}

impl Candidates for Table {
    fn count(&self) -> usize {
        self.0.borrow().len()
    }

    fn weight(&self, index: usize) -> u32 {
        self.0.borrow()[index].weight
    }

    fn active(&self, index: usize) -> u64 {
        self.0.borrow()[index].active
    }

    fn is_open(&self, index: usize) -> bool {
        let row = self.0.borrow()[index];
        !row.tried && row.active < row.max
    }

    fn acquire(&self, index: usize) -> bool {
        let row = &mut self.0.borrow_mut()[index];
        let free = row.active < row.max;
        row.active += u64::from(free);
        free
    }
}
