//! The state of an alert: a query's series, each reduced to one number, judged by a threshold, and held for a time.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::alerts::{Reduce, Rule, Threshold};
use super::flux::{Span, parse_duration, with_macros};
use super::series::{Labels, Series, series};
use crate::influx::{Influx, ROOT};

/// What one evaluation says.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// There is no series.
    NoData,
    /// The number of each series, and whether it is beyond the threshold.
    Series(BTreeMap<Labels, (f64, bool)>),
}

impl Verdict {
    /// Whether any series is beyond the threshold.
    #[must_use]
    pub fn is_true(&self) -> bool {
        matches!(self, Self::Series(series) if series.values().any(|(_, beyond)| *beyond))
    }

    /// The values of a label of the series that are beyond the threshold.
    #[must_use]
    pub fn beyond(&self, label: &str) -> Vec<String> {
        self.labels(label, |beyond| beyond)
    }

    /// The values of a label of the series that are not.
    #[must_use]
    pub fn within(&self, label: &str) -> Vec<String> {
        self.labels(label, |beyond| !beyond)
    }

    fn labels(&self, label: &str, wanted: impl Fn(bool) -> bool) -> Vec<String> {
        let Self::Series(series) = self else {
            return Vec::new();
        };
        let series = series.iter().filter(|(_, (_, beyond))| wanted(*beyond));
        series
            .map(|(labels, _)| labels.get(label).cloned().unwrap_or_default())
            .collect()
    }
}

/// What an alert of one series is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing is wrong.
    Normal,
    /// The condition is true, not yet for long enough.
    Pending,
    /// Somebody is told.
    Firing,
}

impl Rule {
    /// Evaluates the condition at `now`.
    ///
    /// # Panics
    /// Where the query is refused, or its answer is nothing that Grafana can judge.
    #[must_use]
    pub fn evaluate(&self, influx: &Influx, now: DateTime<Utc>) -> Verdict {
        let chain = self
            .chain()
            .unwrap_or_else(|fault| panic!("{}: {fault}", self.uid));
        let span = Span::before(now, Duration::from_secs(chain.range.into()));
        let window = Duration::from_millis(chain.query.interval_ms.into());
        let flux = with_macros(&chain.query.query, span, window, ROOT);
        let found = series(&influx.query(&flux));
        let found = found.unwrap_or_else(|fault| panic!("{}: {fault}\n{flux}", self.uid));
        let judged: BTreeMap<_, _> = found
            .iter()
            .filter_map(|series| {
                let number = reduced(&chain.reduce, series)?;
                let beyond = is_beyond(&chain.threshold, number);
                Some((series.labels.clone(), (number, beyond)))
            })
            .collect();
        if judged.is_empty() {
            return Verdict::NoData;
        }
        Verdict::Series(judged)
    }

    /// How long the condition must be true.
    #[must_use]
    pub fn hold(&self) -> Duration {
        parse_duration(&self.hold)
    }

    /// Evaluates the rule again and again from `from` to `to`, as its group does, and tells each change of state of any of
    /// its series. A series that is missing is normal again, as it is in Grafana after two evaluations.
    #[must_use]
    pub fn follow(
        &self,
        influx: &Influx,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        interval: Duration,
    ) -> Vec<(DateTime<Utc>, Labels, State)> {
        let step = TimeDelta::from_std(interval).expect("an interval of seconds");
        let hold = TimeDelta::from_std(self.hold()).expect("minutes at the most");
        let mut since: BTreeMap<Labels, (DateTime<Utc>, State)> = BTreeMap::new();
        let mut changes = Vec::new();
        let mut now = from;
        while now <= to {
            let beyond = self.beyond_at(influx, now);
            for labels in since.keys().cloned().collect::<Vec<_>>() {
                if !beyond.contains(&labels) {
                    since.remove(&labels);
                    changes.push((now, labels, State::Normal));
                }
            }
            for labels in beyond {
                let before = since.get(&labels).copied();
                let begin = before.map_or(now, |(begin, _)| begin);
                let state = match now - begin >= hold {
                    true => State::Firing,
                    false => State::Pending,
                };
                if before.is_none_or(|(_, before)| before != state) {
                    changes.push((now, labels.clone(), state));
                }
                since.insert(labels, (begin, state));
            }
            now += step;
        }
        changes
    }

    /// The series beyond the threshold; one without labels where there is no data and that is an alert.
    fn beyond_at(&self, influx: &Influx, now: DateTime<Utc>) -> Vec<Labels> {
        match self.evaluate(influx, now) {
            Verdict::NoData if self.no_data_state == "Alerting" => vec![Labels::new()],
            Verdict::NoData => Vec::new(),
            Verdict::Series(series) => {
                let beyond = series.into_iter().filter(|(_, (_, beyond))| *beyond);
                beyond.map(|(labels, _)| labels).collect()
            }
        }
    }
}

fn reduced(reduce: &Reduce, series: &Series) -> Option<f64> {
    assert_eq!(reduce.settings.mode, "dropNN", "the only mode in use");
    let values = || {
        series
            .points
            .iter()
            .map(|(_, value)| *value)
            .filter(|v| v.is_finite())
    };
    let count = values().count();
    if count == 0 {
        return None;
    }
    Some(match reduce.reducer.as_str() {
        "last" => values().next_back()?,
        "mean" => values().sum::<f64>() / count as f64,
        "max" => values().fold(f64::MIN, f64::max),
        other => panic!("the reducer {other}"),
    })
}

fn is_beyond(threshold: &Threshold, number: f64) -> bool {
    let [condition] = &threshold.conditions;
    let [limit] = condition.evaluator.params;
    match condition.evaluator.kind.as_str() {
        "gt" => number > limit,
        "lt" => number < limit,
        other => panic!("the threshold {other}"),
    }
}
