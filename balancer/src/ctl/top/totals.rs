//! The figures of the whole balancer, in one line of `ctl top`.

use super::super::answer::Status;
use super::columns::cut;
use crate::observe::units;

/// What there was no room for so far. It stays away until the width is another one, so that nothing comes and goes with the
/// figures.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LeftOut {
    width: usize,
    /// The limits first, then figures from the last to the second.
    steps: usize,
}

/// As many of the totals as there is room for: limits go first, then the figures of the machine.
pub(super) fn totals(status: &Status, width: usize, left_out: &mut LeftOut) -> String {
    if left_out.width != width {
        *left_out = LeftOut { width, steps: 0 };
    }
    loop {
        let mut parts = figures(status, left_out.steps == 0);
        let shown = parts.len().saturating_sub(left_out.steps.saturating_sub(1));
        parts.truncate(shown.max(1));
        let line = parts.join("  ");
        if line.chars().count() <= width || shown <= 1 {
            return cut(&line, width);
        }
        left_out.steps += 1;
    }
}

fn figures(status: &Status, with_limits: bool) -> Vec<String> {
    let (up, all) = status.up();
    let (sessions, rates) = (&status.sessions, &status.rates);
    let queued: u64 = status.pools.iter().map(|pool| pool.queued).sum();
    let places: u64 = status.pools.iter().map(|pool| pool.queue_limit).sum();
    let of = |value: u64, limit: u64| match (with_limits, limit) {
        (false, _) | (_, 0) => value.to_string(),
        (true, limit) => format!("{value}/{limit}"),
    };
    let mut parts = vec![
        format!("up {up}/{all}"),
        format!("open {}", of(sessions.active, sessions.limit)),
        format!("new {}", units::rate(rates.sessions)),
        format!("RX {}/s", units::bytes(rates.bytes_up)),
        format!("TX {}/s", units::bytes(rates.bytes_down)),
        format!("queue {}", of(queued, places)),
    ];
    if let Some(host) = &status.host {
        parts.push(format!("cpu {:.0} %", host.cpu_percent));
        parts.push(format!("mem {:.0} %", host.memory_percent));
    }
    parts
}
