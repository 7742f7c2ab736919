//! The text format of Prometheus, as far as our programs write it.

use std::collections::BTreeMap;

/// The samples of one scrape: `name{labels}` as written, and the value.
#[derive(Debug, Clone, Default)]
pub struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    /// Reads a scrape.
    ///
    /// # Panics
    /// Where a line is neither a comment nor `name value` or `name{labels} value`, or stands there twice.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut samples = BTreeMap::new();
        for line in text.lines() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (series, value) = line.rsplit_once(' ').expect("a name and a value");
            let value = value
                .parse()
                .unwrap_or_else(|_| panic!("no number: {line}"));
            let before = samples.insert(series.to_owned(), value);
            assert!(before.is_none(), "twice: {series}");
        }
        Self(samples)
    }

    /// The sum over all series of `name` whose labels hold each of `labels`, written `key="value"`.
    ///
    /// # Panics
    /// Where there is no such series: a test that asks for a wrong name must not see zero.
    #[must_use]
    pub fn sum(&self, name: &str, labels: &[&str]) -> f64 {
        let values: Vec<f64> = self
            .0
            .iter()
            .filter(|(series, _)| {
                let (found, rest) = series.split_once('{').unwrap_or((series, ""));
                found == name && labels.iter().all(|label| rest.contains(label))
            })
            .map(|(_, value)| *value)
            .collect();
        assert!(
            !values.is_empty(),
            "no series {name} with {labels:?} in {:#?}",
            self.0
        );
        values.iter().sum()
    }
}
