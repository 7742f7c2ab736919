//! The progress line of a transfer, on standard error: bytes, rate and the share of blocks that have come.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use netsocket_protocol::message::Plan;

use crate::wording::size;

/// How often the line is redrawn.
const TICK: Duration = Duration::from_millis(120);

const WAITING: &str = "{spinner} waiting for the server";
const RECEIVING: &str = "{received} at {rate}/s, {percent}% of {files}";

/// A line that is redrawn while an archive comes, and gone when this is dropped.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    received: Arc<AtomicU64>,
}

impl Progress {
    /// A line that is never drawn.
    #[must_use]
    pub fn hidden() -> Self {
        Self {
            bar: ProgressBar::hidden(),
            received: Arc::default(),
        }
    }

    /// A line on standard error, which must be a terminal.
    #[must_use]
    pub fn on_terminal() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template(WAITING) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(TICK);
        Self {
            bar,
            received: Arc::default(),
        }
    }

    /// The server has said what will come.
    pub fn planned(&self, plan: &Plan) {
        let files = match plan.files {
            1 => "1 file".to_owned(),
            files => format!("{files} files"),
        };
        let received = Arc::clone(&self.received);
        let total = Arc::clone(&self.received);
        let style = ProgressStyle::with_template(RECEIVING).map(|style| {
            style
                .with_key("files", move |_: &ProgressState, out: &mut dyn Write| {
                    let _ = out.write_str(&files);
                })
                .with_key("received", move |_: &ProgressState, out: &mut dyn Write| {
                    let _ = out.write_str(&size(received.load(Ordering::Relaxed)));
                })
                .with_key("rate", move |state: &ProgressState, out: &mut dyn Write| {
                    let rate = rate(total.load(Ordering::Relaxed), state.elapsed());
                    let _ = out.write_str(&size(rate));
                })
        });
        self.bar.set_length(plan.blocks);
        if let Ok(style) = style {
            self.bar.set_style(style);
        }
        self.bar.reset_elapsed();
    }

    /// So many bytes have come.
    pub fn bytes(&self, count: u64) {
        // The steady tick redraws.
        self.received.fetch_add(count, Ordering::Relaxed);
    }

    /// A whole block has come.
    pub fn block(&self) {
        self.bar.inc(1);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Bytes a second; a time too short to divide by counts as a millisecond.
fn rate(bytes: u64, elapsed: Duration) -> u64 {
    let milliseconds = elapsed.as_millis().max(1);
    u64::try_from(u128::from(bytes) * 1000 / milliseconds).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_never_divides_by_nothing() {
        assert_eq!(rate(1000, Duration::from_millis(500)), 2000);
        assert_eq!(rate(5, Duration::ZERO), 5000);
        assert_eq!(rate(u64::MAX, Duration::ZERO), u64::MAX);
    }

    #[test]
    fn the_templates_are_right() {
        for template in [WAITING, RECEIVING] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
