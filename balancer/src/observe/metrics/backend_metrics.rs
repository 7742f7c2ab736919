//! The metrics of each backend, written piece by piece: ten thousand backends have half a million samples.

use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::Ordering::Relaxed;

use super::exposition::{Page, opened};
use super::names::{self, Family};
use crate::core::backend::Backend;
use crate::core::connect_times::BOUNDS_MICROS;
use crate::core::health::State;

/// Writes the samples of one backend.
type Write = fn(&mut Page, &str, &Shown);

/// Every metric that a backend has, in the order of the output.
const FAMILIES: [(Family, Write); 13] = [
    (names::BACKEND_UP, up),
    (names::BACKEND_STATE, state),
    (names::BACKEND_TRANSITIONS, transitions),
    (names::BACKEND_WEIGHT, weight),
    (names::BACKEND_ACTIVE, active),
    (names::BACKEND_SESSIONS, sessions),
    (names::BACKEND_ERRORS, errors),
    (names::BACKEND_BYTES, bytes),
    (names::BACKEND_CONNECT, connect),
    (names::BACKEND_CONNECTS, connects),
    (names::BACKEND_NO_PORTS, no_ports),
    (names::BACKEND_AGENT, agent),
    (names::BACKEND_CHECKS, checks),
];

/// The upper bounds of the buckets of connect times, as they are shown.
static BOUNDS: LazyLock<[String; BOUNDS_MICROS.len()]> =
    LazyLock::new(|| BOUNDS_MICROS.map(|micros| (micros as f64 / 1e6).to_string()));

/// A backend, and its labels as they stand in front of each sample.
struct Shown {
    labels: String,
    backend: Arc<Backend>,
}

/// The metrics of these backends, from the place that was reached.
pub(super) struct BackendMetrics {
    backends: Vec<Shown>,
    /// The next metric, and the backend that is next in it.
    family: usize,
    backend: usize,
}

impl BackendMetrics {
    pub(super) fn of(backends: impl Iterator<Item = Arc<Backend>>) -> Self {
        let shown = backends.map(|backend| {
            let pool = (names::LABEL_POOL, backend.pool());
            let labels = opened(&[pool, (names::LABEL_BACKEND, backend.name())]);
            Shown { labels, backend }
        });
        Self {
            backends: shown.collect(),
            family: 0,
            backend: 0,
        }
    }

    /// How many backends there are.
    pub(super) fn len(&self) -> usize {
        self.backends.len()
    }

    /// Writes on until the page has about `most` bytes; whether anything is left.
    pub(super) fn write(&mut self, page: &mut Page, most: usize) -> bool {
        while let Some((family, write)) = FAMILIES.get(self.family) {
            if self.backend == 0 {
                page.head(*family);
            }
            while let Some(shown) = self.backends.get(self.backend) {
                write(page, family.name, shown);
                self.backend += 1;
                if page.len() >= most {
                    return true;
                }
            }
            (self.family, self.backend) = (self.family + 1, 0);
        }
        false
    }
}

fn up(page: &mut Page, name: &str, shown: &Shown) {
    let up = shown.backend.report().state == State::Up;
    page.count(name, &shown.labels, &[], up.into());
}

fn state(page: &mut Page, name: &str, shown: &Shown) {
    let current = shown.backend.report().state;
    for state in State::ALL {
        let label = (names::LABEL_STATE, state.label());
        page.count(name, &shown.labels, &[label], (state == current).into());
    }
}

fn transitions(page: &mut Page, name: &str, shown: &Shown) {
    shown.backend.each_transition(|state, reason, count| {
        let state = (names::LABEL_STATE, state.label());
        let labels = [state, (names::LABEL_REASON, reason)];
        page.count(name, &shown.labels, &labels, count);
    });
}

fn weight(page: &mut Page, name: &str, shown: &Shown) {
    let tenths = shown.backend.attributes().weight * shown.backend.weight_tenths();
    page.sample(name, &shown.labels, &[], f64::from(tenths) / 10.0);
}

fn active(page: &mut Page, name: &str, shown: &Shown) {
    page.count(name, &shown.labels, &[], shown.backend.figures().active);
}

fn sessions(page: &mut Page, name: &str, shown: &Shown) {
    page.count(name, &shown.labels, &[], shown.backend.figures().finished);
}

fn errors(page: &mut Page, name: &str, shown: &Shown) {
    page.count(name, &shown.labels, &[], shown.backend.figures().errors);
}

fn bytes(page: &mut Page, name: &str, shown: &Shown) {
    let figures = shown.backend.figures();
    for (direction, bytes) in [("up", figures.bytes_up), ("down", figures.bytes_down)] {
        let label = (names::LABEL_DIRECTION, direction);
        page.count(name, &shown.labels, &[label], bytes);
    }
}

fn connect(page: &mut Page, name: &str, shown: &Shown) {
    let latest = shown.backend.figures().connect;
    page.sample(name, &shown.labels, &[], latest.as_secs_f64());
}

fn connects(page: &mut Page, name: &str, Shown { labels, backend }: &Shown) {
    let counts = backend.connect_times().counts();
    let (bucket, total) = (format!("{name}_bucket"), counts.total());
    for (bound, (_, count)) in BOUNDS.iter().zip(counts.cumulative()) {
        page.count(&bucket, labels, &[(names::LABEL_BOUND, bound)], count);
    }
    page.count(&bucket, labels, &[(names::LABEL_BOUND, "+Inf")], total);
    let sum = counts.sum().as_secs_f64();
    page.sample(&format!("{name}_sum"), labels, &[], sum);
    page.count(&format!("{name}_count"), labels, &[], total);
}

fn no_ports(page: &mut Page, name: &str, shown: &Shown) {
    page.count(name, &shown.labels, &[], shown.backend.no_ports());
}

/// Where there is an agent that was asked.
fn agent(page: &mut Page, name: &str, shown: &Shown) {
    let counts = &shown.backend.agent_counts;
    let counts = [
        ("answered", counts.answered.load(Relaxed)),
        ("unknown", counts.unknown.load(Relaxed)),
        ("failed", counts.failed.load(Relaxed)),
    ];
    if counts.iter().all(|(_, count)| *count == 0) {
        return;
    }
    for (result, count) in counts {
        page.count(name, &shown.labels, &[(names::LABEL_RESULT, result)], count);
    }
}

fn checks(page: &mut Page, name: &str, shown: &Shown) {
    let figures = shown.backend.figures();
    let counts = [
        ("passed", figures.checks_passed),
        ("failed", figures.checks_failed),
    ];
    for (result, count) in counts {
        page.count(name, &shown.labels, &[(names::LABEL_RESULT, result)], count);
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Notify;

    use super::*;
    use crate::core::backend::{Attributes, BackendSpec};
    use crate::core::balance::BackendId;

    #[test]
    fn pieces_are_of_whole_lines_and_together_are_the_page() {
        let backend = |number: usize| {
            let spec = BackendSpec {
                name: format!("b{number}"),
                address: ([127, 0, 0, 1], 9).into(),
                attributes: Attributes::default(),
            };
            let id = BackendId(number);
            Arc::new(Backend::new(
                id,
                "files".into(),
                spec,
                Arc::new(Notify::new()),
            ))
        };
        let all = || BackendMetrics::of((0..50).map(backend));
        let mut whole = Page::default();
        assert!(!all().write(&mut whole, usize::MAX));
        let whole = whole.into_text();

        let (mut metrics, mut joined, mut left) = (all(), String::new(), true);
        while left {
            let mut page = Page::default();
            left = metrics.write(&mut page, 2000);
            let piece = page.into_text();
            assert!(piece.ends_with('\n') && piece.len() < 6000, "{piece}");
            joined += &piece;
        }
        assert_eq!(joined, whole);
        let heads = whole.lines().filter(|line| line.starts_with("# TYPE"));
        assert_eq!(heads.count(), FAMILIES.len());
        let sample = "netsocket_backend_connect_duration_seconds_bucket{pool=\"files\",backend=\"b49\",le=\"0.00002\"} 0\n";
        assert!(whole.contains(sample), "{whole}");
        // Nobody has an agent.
        assert!(!whole.contains("agent_checks_total{"));
    }
}
