//! Whether an archive that has begun elsewhere can go on here, and what to say if not.

use netsocket_protocol::message::{Change, ChangeKind, Resume};
use netsocket_protocol::name::Name;

use super::entry::Entry;
use super::invertible_bloom_table::{Sketch, path_hash};
use super::plan::Plan;

/// Files that are named at most where a plan cannot go on.
const CHANGES: usize = 10;

impl Plan {
    /// The block to begin with. Where files differ, it looks at all of them, which takes a moment of a thread.
    ///
    /// # Errors
    /// [`PlanChanged`] where this is not the plan that was begun elsewhere, or has no such block.
    pub fn begin(&self, resume: &Resume) -> Result<u64, PlanChanged> {
        let Resume {
            plan,
            block,
            sketch,
        } = resume;
        if *plan == self.id() && *block <= self.blocks() {
            return Ok(*block);
        }
        let there = sketch.as_deref().and_then(Sketch::read);
        let found = there.and_then(|there| self.sketch().differences(&there));
        let Some(found) = found else {
            return Err(PlanChanged::default());
        };
        let kind = |path: u64| {
            let appeared = || {
                found
                    .appeared
                    .contains(&path)
                    .then_some(ChangeKind::Appeared)
            };
            let altered = found.altered.contains(&path).then_some(ChangeKind::Altered);
            altered.or_else(appeared)
        };
        let change = |entry: &Entry| {
            Some(Change {
                change: kind(path_hash(&entry.path))?,
                path: Name::from(entry.path.as_slice()),
            })
        };
        Err(PlanChanged {
            changes: self
                .entries()
                .iter()
                .filter_map(change)
                .take(CHANGES)
                .collect(),
            differ: Some(found.appeared.len() + found.altered.len()),
            vanished: found.vanished,
        })
    }
}

/// Why an archive that has begun elsewhere cannot go on here: the files are others, or the form is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PlanChanged {
    /// Some of the files that are here and were not planned so.
    pub changes: Vec<Change>,
    /// How many there are of these, where that is known.
    pub differ: Option<usize>,
    /// How many planned files are not here.
    pub vanished: usize,
}

impl std::fmt::Display for PlanChanged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the archive cannot go on here, begin anew: ")?;
        let Some(differ) = self.differ else {
            return f.write_str("the tree is not the one that it was begun with");
        };
        if (differ, self.vanished) == (0, 0) {
            return f.write_str("it was begun in another form or by another release");
        }
        let mut said = false;
        for Change { path, change } in &self.changes {
            let change = match change {
                ChangeKind::Appeared => "appeared",
                ChangeKind::Altered => "has another size, time or mode",
            };
            write!(f, "{}{path} {change}", if said { ", " } else { "" })?;
            said = true;
        }
        let more = differ.saturating_sub(self.changes.len());
        for (count, what) in [(more, "more differ"), (self.vanished, "vanished")] {
            if count > 0 {
                let files = if count == 1 { "file" } else { "files" };
                write!(f, "{}{count} {files} {what}", if said { ", " } else { "" })?;
                said = true;
            }
        }
        Ok(())
    }
}

impl std::error::Error for PlanChanged {}
