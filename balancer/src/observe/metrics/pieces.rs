//! All that `/metrics` says, in pieces that are written when they are asked for: a page of many megabytes then takes the
//! memory of one piece, and nothing else waits for it.

use std::collections::BTreeMap;

use netsocket_telemetry::ProducerStats;

use super::backend_metrics::BackendMetrics;
use super::exposition::Page;
use super::process_metrics::{ChangeKey, SettingsState, after_backends, before_backends};
use crate::observe::process_view::ProcessView;

/// About the bytes of a piece.
const PIECE: usize = 64 * 1024;
/// The samples of one backend that may come on top.
const SPARE: usize = 8 * 1024;

/// So many backends, and the page is small enough to be in memory as a whole.
const FEW: usize = 100;

/// The pieces, each of whole lines.
pub(crate) struct Pieces {
    before: Option<String>,
    backends: Option<BackendMetrics>,
    after: Option<String>,
}

impl Pieces {
    /// Of this process. The figures of backends are those of the moment when their piece is asked for.
    pub(crate) fn of(
        process: &ProcessView<'_>,
        settings: SettingsState,
        changes: &BTreeMap<ChangeKey, u64>,
        telemetry: Option<&ProducerStats>,
    ) -> Self {
        let backends = process.pools.iter().flat_map(|pool| pool.shown());
        Self {
            before: Some(before_backends(process, settings)),
            backends: Some(BackendMetrics::of(backends)),
            after: Some(after_backends(process, changes, telemetry)),
        }
    }

    /// Whether all together are a small page.
    pub(crate) fn are_few(&self) -> bool {
        let backends = self.backends.as_ref();
        backends.is_none_or(|backends| backends.len() <= FEW)
    }
}

impl Iterator for Pieces {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        if let Some(text) = self.before.take() {
            return Some(text);
        }
        if let Some(backends) = &mut self.backends {
            let mut page = Page::with_capacity(PIECE + SPARE);
            if !backends.write(&mut page, PIECE) {
                self.backends = None;
            }
            return Some(page.into_text());
        }
        self.after.take()
    }
}
