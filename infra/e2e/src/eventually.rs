//! The one place that waits.

use std::time::Duration;
#[expect(
    clippy::disallowed_types,
    reason = "real processes run on real time; there is no clock to pause"
)]
use std::time::Instant;

/// A limit that only a fault reaches, also on a machine with other work to do.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks.
const POLL: Duration = Duration::from_millis(4);

/// Looks until `look` finds something, for at most `limit`.
///
/// # Panics
/// When the limit is over: `what` says what was waited for.
pub fn eventually<T>(limit: Duration, what: &str, look: impl FnMut() -> Option<T>) -> T {
    within(limit, look).unwrap_or_else(|| panic!("waited {limit:?} in vain for {what}"))
}

/// The same for who has more to say when the limit is over.
#[expect(clippy::disallowed_types, reason = "see the import")]
pub fn within<T>(limit: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if Instant::now() >= end {
            return None;
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "a bounded wait for a condition: this is the place for it"
        )]
        std::thread::sleep(POLL);
    }
}
