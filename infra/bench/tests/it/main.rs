//! The bench with real processes and sockets, on small work.

#![expect(
    clippy::unwrap_used,
    reason = "clippy knows tests by their attribute, and not what helps them"
)]

mod http;
mod integrity;
mod peers;
mod tethered;

use std::path::PathBuf;
use std::time::Duration;

use bench::host::Host;
use tokio::time::{Instant, sleep};

/// A limit that only a fault reaches, also on a machine with other work to do.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(5);

fn host() -> Host {
    Host::new(PathBuf::from(env!("CARGO_BIN_EXE_bench"))).unwrap()
}

/// Looks until `look` finds something.
async fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "waited in vain for {what}");
        sleep(POLL).await;
    }
}

/// Whether a process runs: one that has ended and was not waited for does not.
fn runs(id: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(')').map(|(_, rest)| rest.trim_start());
    state.is_some_and(|state| !state.starts_with('Z'))
}
