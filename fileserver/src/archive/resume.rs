//! Whether an archive that another server started can be resumed here, and the explanation if not.

use netsocket_protocol::message::{Change, ChangeKind, Layout, Resume};
use netsocket_protocol::name::Name;

use super::assembly::Start;
use super::entry::Entry;
use super::invertible_bloom_table::{InvertibleBloomTable, path_hash};
use super::plan::Plan;

/// The most files named in the explanation.
const CHANGES: usize = 10;

impl Plan {
    /// Where to start. If the plans differ, it compares all files, which takes some CPU time.
    ///
    /// # Errors
    /// [`PlanChanged`] if the other server's plan differs from this one, the block does not exist, or the state is not the
    /// one before this block.
    pub fn begin(&self, resume: &Resume) -> Result<Start, PlanChanged> {
        let Resume {
            plan,
            block,
            sketch,
            state,
        } = resume;
        if *plan == self.id() && *block <= self.blocks() {
            if *block == 0 || self.options().codec.layout() == Layout::Blocks {
                return Ok(Start::at(*block, 0));
            }
            let crc = state.and_then(|state| state.crc(plan, *block));
            return match crc {
                Some(crc) => Ok(Start::at(*block, crc)),
                None => Err(PlanChanged {
                    foreign_state: Some(*block),
                    ..PlanChanged::default()
                }),
            };
        }
        let there = sketch.as_deref().and_then(InvertibleBloomTable::read);
        let found = there.and_then(|there| self.table().differences(&there));
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
            foreign_state: None,
        })
    }
}

/// Why an archive cannot be resumed here: the files differ, or the options do, or the client mixed up two archives.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PlanChanged {
    /// Some of the files that are new or changed.
    pub changes: Vec<Change>,
    /// How many files are new or changed, if known.
    pub differ: Option<usize>,
    /// How many planned files are missing.
    pub vanished: usize,
    /// The block that the client wanted, if the state that it sent is not the one before that block.
    pub foreign_state: Option<u64>,
}

impl std::fmt::Display for PlanChanged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the archive cannot be resumed here, start over: ")?;
        if let Some(block) = self.foreign_state {
            return write!(
                f,
                "the state is not that of this archive before block {block}"
            );
        }
        let Some(differ) = self.differ else {
            return f.write_str("the files have changed since it was started");
        };
        if (differ, self.vanished) == (0, 0) {
            return f.write_str("it was started with other options or by another release");
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
