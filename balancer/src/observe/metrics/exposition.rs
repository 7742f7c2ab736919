//! The text form that Prometheus reads: exposition format 0.0.4, as
//! <https://prometheus.io/docs/instrumenting/exposition_formats/> describes it.
//!
//! Does not own which metrics there are.

use std::fmt::{Display, Write as _};

use super::names::{Family, Kind};

/// A label and its value.
pub(super) type Label<'a> = (&'static str, &'a str);

/// Lines in that form.
#[derive(Debug, Default)]
pub(super) struct Page {
    text: String,
}

impl Page {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self {
            text: String::with_capacity(bytes),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    /// Writes a metric with all its samples.
    pub(super) fn family<'a, L: AsRef<[Label<'a>]>, V: Display>(
        &mut self,
        family: Family,
        samples: impl IntoIterator<Item = (L, V)>,
    ) {
        self.head(family);
        for (labels, value) in samples {
            let labels = labels.as_ref();
            self.text.push_str(family.name);
            if !labels.is_empty() {
                self.text.push_str(&opened(labels));
                self.text.push('}');
            }
            self.end(value);
        }
    }

    /// Writes the lines before the samples of a metric.
    pub(super) fn head(&mut self, Family { name, kind, help }: Family) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// Writes a sample. `labels` are those of [`opened`]; `more` follow them.
    pub(super) fn sample(
        &mut self,
        name: &str,
        labels: &str,
        more: &[Label<'_>],
        value: impl Display,
    ) {
        self.begin(name, labels, more);
        self.end(value);
    }

    /// The same, of a count: there are many of them.
    pub(super) fn count(&mut self, name: &str, labels: &str, more: &[Label<'_>], count: u64) {
        self.begin(name, labels, more);
        self.text.push(' ');
        self.text.push_str(itoa::Buffer::new().format(count));
        self.text.push('\n');
    }

    fn begin(&mut self, name: &str, labels: &str, more: &[Label<'_>]) {
        self.text.push_str(name);
        self.text.push_str(labels);
        for label in more {
            self.text.push(',');
            write_label(&mut self.text, label);
        }
        self.text.push('}');
    }

    fn end(&mut self, value: impl Display) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, " {value}");
    }
}

/// Labels in braces, of which the last is missing: more may follow.
pub(super) fn opened(labels: &[Label<'_>]) -> String {
    let mut text = String::new();
    for (index, label) in labels.iter().enumerate() {
        text.push(if index == 0 { '{' } else { ',' });
        write_label(&mut text, label);
    }
    text
}

fn write_label(text: &mut String, &(label, value): &Label<'_>) {
    text.push_str(label);
    text.push_str("=\"");
    if value.contains(['\\', '"', '\n']) {
        for letter in value.chars() {
            match letter {
                '\\' => text.push_str("\\\\"),
                '"' => text.push_str("\\\""),
                '\n' => text.push_str("\\n"),
                other => text.push(other),
            }
        }
    } else {
        text.push_str(value);
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    const X: Family = Family {
        name: "netsocket_x_total",
        kind: Kind::Counter,
        help: "X.",
    };

    #[test]
    fn samples_with_and_without_labels() {
        let mut page = Page::default();
        let wild = ("a", "q\"\\\n");
        page.family(X, [(vec![], 1), (vec![wild, ("b", "c")], 2)]);
        page.count(X.name, &opened(&[wild]), &[("b", "c")], 3);
        page.sample(X.name, &opened(&[("a", "")]), &[], 0.5);
        let expected = "# HELP netsocket_x_total X.\n# TYPE netsocket_x_total counter\n\
            netsocket_x_total 1\n\
            netsocket_x_total{a=\"q\\\"\\\\\\n\",b=\"c\"} 2\n\
            netsocket_x_total{a=\"q\\\"\\\\\\n\",b=\"c\"} 3\n\
            netsocket_x_total{a=\"\"} 0.5\n";
        assert_eq!(page.into_text(), expected);
    }
}
