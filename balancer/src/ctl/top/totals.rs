//! The figures of the whole balancer, in one line of `ctl top`.

use super::super::answer::Status;
use super::columns::cut;
use crate::observe::units;

/// As many of the totals as there is room for: limits go first, then the figures of the machine.
pub(super) fn totals(status: &Status, width: usize) -> String {
    let fits = |parts: &[String]| parts.join("  ").chars().count() <= width;
    let mut parts = figures(status, true);
    if !fits(&parts) {
        parts = figures(status, false);
    }
    while parts.len() > 1 && !fits(&parts) {
        parts.pop();
    }
    cut(&parts.join("  "), width)
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
