//! One look at the balancer.

use std::fs;
use std::time::Duration;

use crate::failure::{Explain as _, Failure, Outcome};
use crate::stage::balancer::Balancer;

/// The balancer at one moment, and what had been done by then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Sample {
    /// Since the load began.
    pub(super) at: Duration,
    /// Bytes.
    pub(super) memory: u64,
    pub(super) open: Descriptors,
    pub(super) threads: u64,
    /// Open at that moment.
    pub(super) sessions: u64,
    pub(super) downloads: u64,
    pub(super) wrong: usize,
    pub(super) kills: usize,
    pub(super) bytes: u64,
}

/// Open descriptors. The balancer keeps some pipes for flows to come, so they are counted by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Descriptors {
    pub(super) pipes: usize,
    pub(super) others: usize,
}

impl Sample {
    /// Looks now.
    pub(super) async fn take(balancer: &mut Balancer, at: Duration) -> Outcome<Self> {
        balancer.check_alive()?;
        // Before it is asked: the question is a connection.
        let open = Descriptors::of(balancer.id())?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count of sessions"
        )]
        let sessions = balancer.sum("netsocket_sessions_active").await? as u64;
        Ok(Self {
            at,
            memory: balancer.memory()?,
            open,
            threads: threads(balancer.id())?,
            sessions,
            ..Self::default()
        })
    }
}

impl Descriptors {
    pub(super) fn of(id: u32) -> Outcome<Self> {
        let path = format!("/proc/{id}/fd");
        let mut open = Self::default();
        for entry in fs::read_dir(&path).explain(&path)? {
            // One may be closed between the listing and this.
            let Ok(target) = fs::read_link(entry.explain(&path)?.path()) else {
                continue;
            };
            if target.as_os_str().as_encoded_bytes().starts_with(b"pipe:") {
                open.pipes += 1;
            } else {
                open.others += 1;
            }
        }
        Ok(open)
    }

    pub(super) fn all(self) -> usize {
        self.pipes + self.others
    }
}

fn threads(id: u32) -> Outcome<u64> {
    let path = format!("/proc/{id}/status");
    let text = fs::read_to_string(&path).explain(&path)?;
    let line = text.lines().find_map(|line| line.strip_prefix("Threads:"));
    line.and_then(|line| line.trim().parse().ok())
        .ok_or_else(|| Failure::new(format!("{path} has no Threads")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_descriptors_and_threads_are_counted() {
        let own = std::process::id();
        let before = Descriptors::of(own).unwrap();
        let held: Vec<_> = (0..50).map(|_| std::io::pipe().unwrap()).collect();
        let after = Descriptors::of(own).unwrap();
        // Other tests run beside this one, but do not close so many.
        assert!(after.pipes >= before.pipes + 50, "{before:?}, {after:?}");
        drop(held);
        assert!(threads(own).unwrap() >= 1);
        assert!(Descriptors::of(u32::MAX).is_err());
    }
}
