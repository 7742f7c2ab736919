//! Recent activity: rates and connect times, from samples of the counters over the last minute.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use crate::core::balance::BackendId;
use crate::core::connect_times::ConnectCounts;
use crate::data_path::shared::Shared;

/// Rates are those of so long.
const RATE_SPAN: Duration = Duration::from_secs(5);
/// Quantiles are those of so long.
const QUANTILE_SPAN: Duration = Duration::from_secs(60);

/// The counters of one backend, or of all, at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) sessions: u64,
    pub(super) errors: u64,
    pub(super) bytes_up: u64,
    pub(super) bytes_down: u64,
    pub(super) connects: ConnectCounts,
}

/// Everything that is counted, at one moment.
#[derive(Debug, Clone, Default)]
pub(super) struct CounterSample {
    pub(super) all: Counts,
    pub(super) backends: HashMap<BackendId, Counts>,
    /// Where there is anything but the default one.
    pub(super) services: HashMap<Arc<str>, Counts>,
}

impl CounterSample {
    /// Reads the counters.
    pub(super) fn of(shared: &Shared) -> Self {
        let mut all = Counts {
            sessions: shared.counters.total(),
            bytes_up: shared.counters.bytes_up(),
            bytes_down: shared.counters.bytes_down(),
            ..Counts::default()
        };
        let mut backends = HashMap::new();
        for backend in shared.backends() {
            let figures = backend.figures();
            all.errors += figures.errors;
            let counts = Counts {
                sessions: figures.total,
                errors: figures.errors,
                bytes_up: figures.bytes_up,
                bytes_down: figures.bytes_down,
                connects: backend.connect_times().counts(),
            };
            // One that is not in here has counted nothing: of thousands, few are worth the room of a minute.
            if counts != Counts::default() {
                backends.insert(backend.id(), counts);
            }
        }
        Self {
            all,
            backends,
            services: services(shared),
        }
    }
}

fn services(shared: &Shared) -> HashMap<Arc<str>, Counts> {
    let process = shared.view();
    if !process.has_services() {
        return HashMap::new();
    }
    let services = process.services.into_iter();
    let counts = services.map(|service| {
        let counts = Counts {
            sessions: service.total(),
            bytes_up: service.bytes_up,
            bytes_down: service.bytes_down,
            ..Counts::default()
        };
        (service.name, counts)
    });
    counts.collect()
}

/// Per second, and times of connects.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Activity {
    pub(super) sessions: f64,
    pub(super) errors: f64,
    pub(super) bytes_up: f64,
    pub(super) bytes_down: f64,
    /// Half of the connects took no longer; `None` where there was none.
    pub(super) connect_p50: Option<Duration>,
    /// 99 of a hundred took no longer.
    pub(super) connect_p99: Option<Duration>,
}

/// What happens in a second, on the average of the last few.
#[derive(Debug, Default, Clone, Copy, Serialize)]
pub(super) struct Rates {
    pub(super) sessions: f64,
    pub(super) errors: f64,
    pub(super) bytes_up: f64,
    pub(super) bytes_down: f64,
}

impl From<Activity> for Rates {
    fn from(activity: Activity) -> Self {
        Self {
            sessions: activity.sessions,
            errors: activity.errors,
            bytes_up: activity.bytes_up,
            bytes_down: activity.bytes_down,
        }
    }
}

/// The samples of the last minute, oldest first.
#[derive(Debug, Default)]
pub(super) struct RecentCounters(VecDeque<(Instant, CounterSample)>);

impl RecentCounters {
    /// Remembers the counters of `now`; to be called about once a second.
    pub(super) fn push(&mut self, now: Instant, sample: CounterSample) {
        // One that is old enough for the longest span stays.
        let old = |at: Instant| now.saturating_duration_since(at) >= QUANTILE_SPAN;
        while self.0.get(1).is_some_and(|&(at, _)| old(at)) {
            self.0.pop_front();
        }
        self.0.push_back((now, sample));
    }

    /// What all do, `counts` being the counters of `now`.
    pub(super) fn all(&self, now: Instant, counts: &Counts) -> Activity {
        self.activity(now, counts, |sample| sample.all)
    }

    /// What one backend does. One that is new has counted from zero.
    pub(super) fn backend(&self, now: Instant, id: BackendId, counts: &Counts) -> Activity {
        self.activity(now, counts, |sample| {
            sample.backends.get(&id).copied().unwrap_or_default()
        })
    }

    /// What one service does.
    pub(super) fn service(&self, now: Instant, name: &str, counts: &Counts) -> Activity {
        self.activity(now, counts, |sample| {
            sample.services.get(name).copied().unwrap_or_default()
        })
    }

    fn activity(
        &self,
        now: Instant,
        counts: &Counts,
        then: impl Fn(&CounterSample) -> Counts,
    ) -> Activity {
        let Some((at, sample)) = self.before(now, RATE_SPAN) else {
            return Activity::default();
        };
        let before = then(sample);
        let seconds = now.saturating_duration_since(*at).as_secs_f64();
        let rate = |now: u64, before: u64| match now.saturating_sub(before) {
            0 => 0.0,
            more if seconds > 0.0 => more as f64 / seconds,
            _ => 0.0,
        };
        let minute = self
            .before(now, QUANTILE_SPAN)
            .map(|(_, sample)| then(sample));
        let connects = counts
            .connects
            .since(&minute.map(|sample| sample.connects).unwrap_or_default());
        Activity {
            sessions: rate(counts.sessions, before.sessions),
            errors: rate(counts.errors, before.errors),
            bytes_up: rate(counts.bytes_up, before.bytes_up),
            bytes_down: rate(counts.bytes_down, before.bytes_down),
            connect_p50: connects.quantile(0.5),
            connect_p99: connects.quantile(0.99),
        }
    }

    /// The latest sample that is this old, or else the oldest.
    fn before(&self, now: Instant, span: Duration) -> Option<&(Instant, CounterSample)> {
        let old = |&&(at, _): &&(Instant, CounterSample)| now.saturating_duration_since(at) >= span;
        self.0.iter().rev().find(old).or(self.0.front())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::connect_times::ConnectTimes;

    const A: BackendId = BackendId(0);

    fn sample(sessions: u64, connects: ConnectCounts) -> CounterSample {
        let counts = Counts {
            sessions,
            connects,
            ..Counts::default()
        };
        CounterSample {
            all: counts,
            backends: [(A, counts)].into(),
            services: [("s".into(), counts)].into(),
        }
    }

    #[test]
    fn rates_are_those_of_the_last_seconds_and_quantiles_those_of_the_last_minute() {
        let start = Instant::now();
        let at = |second: u64| start + Duration::from_secs(second);
        let times = ConnectTimes::default();
        let mut recent = RecentCounters::default();
        assert_eq!(recent.all(start, &Counts::default()), Activity::default());
        times.count(Duration::from_secs(1));
        // Ten a second for 70 seconds, and one slow connect in the beginning.
        for second in 0..70 {
            recent.push(at(second), sample(second * 10, times.counts()));
            times.count(Duration::from_micros(70));
        }
        let now = sample(700, times.counts());
        let all = recent.all(at(70), &now.all);
        assert!((all.sessions - 10.0).abs() < 1e-9, "{all:?}");
        let service = recent.service(at(70), "s", &now.services["s"]);
        assert!((service.sessions - 10.0).abs() < 1e-9, "{service:?}");
        assert!(all.connect_p99 < Some(Duration::from_micros(101)));
        // Within the first minute it counts.
        let early = recent.backend(at(59), A, &now.backends[&A]);
        assert!(early.connect_p99.is_some());
        // Then all is quiet.
        for second in 70..80 {
            recent.push(at(second), now.clone());
        }
        assert_eq!(recent.all(at(80), &now.all).sessions, 0.0);
        assert!(recent.0.len() <= 62, "{}", recent.0.len());
    }

    #[test]
    fn a_backend_that_is_new_has_counted_from_zero() {
        let start = Instant::now();
        let mut recent = RecentCounters::default();
        recent.push(start, CounterSample::default());
        let counts = Counts {
            bytes_down: 3_000,
            ..Counts::default()
        };
        let second = start + Duration::from_secs(1);
        let activity = recent.backend(second, A, &counts);
        assert_eq!((activity.bytes_down, activity.connect_p50), (3_000.0, None));
    }
}
