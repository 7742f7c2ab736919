//! What a piece of work costs as something grows: the values of all rounds, and their table.

use std::collections::BTreeMap;

use crate::stats::Summary;
use crate::table::{cell, grid};

/// Of one contestant: the values of each place on the x axis.
pub(super) type Points = BTreeMap<usize, Vec<f64>>;

/// The costs of every contestant.
#[derive(Debug)]
pub(super) struct Curve {
    /// The name of its picture, without the ending.
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    /// What grows.
    pub(super) x: &'static str,
    /// What it costs.
    pub(super) y: &'static str,
    /// By the name of the contestant.
    pub(super) lines: Vec<(&'static str, Points)>,
}

impl Curve {
    /// Adds what a contestant did in a round.
    pub(super) fn add(&mut self, contestant: &'static str, round: &[(usize, f64)]) {
        let known = self.lines.iter().position(|(name, _)| *name == contestant);
        let at = known.unwrap_or_else(|| {
            self.lines.push((contestant, Points::new()));
            self.lines.len() - 1
        });
        let Some((_, points)) = self.lines.get_mut(at) else {
            return;
        };
        for (x, value) in round {
            points.entry(*x).or_default().push(*value);
        }
    }

    /// Every place at which somebody has a value.
    pub(super) fn places(&self) -> Vec<usize> {
        let all = self.lines.iter().flat_map(|(_, points)| points.keys());
        let mut all: Vec<usize> = all.copied().collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Medians, and least and most.
    pub(super) fn table(&self) -> String {
        let names = self.lines.iter().map(|(name, _)| (*name).to_owned());
        let head = std::iter::once(self.x.to_owned()).chain(names).collect();
        let rows = self.places().into_iter().map(|x| {
            let cells = self.lines.iter().map(|(_, points)| {
                let values = points.get(&x).cloned().unwrap_or_default();
                Summary::of(values).map_or_else(|| "–".to_owned(), |summary| cell(&summary))
            });
            std::iter::once(thousands(x)).chain(cells).collect()
        });
        format!(
            "\n{}: {}\n\n{}",
            self.title,
            self.y,
            grid(head, rows.collect())
        )
    }
}

/// As people write it.
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::curves) fn curve() -> Curve {
        let mut curve = Curve {
            name: "idle",
            title: "A <new> connection",
            x: "idle sessions",
            y: "CPU µs",
            lines: Vec::new(),
        };
        for round in 0..3_u32 {
            let round = f64::from(round);
            curve.add("netsocket", &[(0, 50.0 + round), (1_000, 52.0 + round)]);
            curve.add("netsocket", &[(100_000, 60.0 + round)]);
        }
        curve.add("haproxy", &[(0, 70.0)]);
        curve
    }

    #[test]
    fn a_table_has_medians_of_rounds_and_gaps() {
        let expected = "
A <new> connection: CPU µs

| idle sessions |        netsocket | haproxy |
|---------------|-----------------:|--------:|
| 0             | 51.0 (50.0–52.0) |    70.0 |
| 1,000         | 53.0 (52.0–54.0) |       – |
| 100,000       | 61.0 (60.0–62.0) |       – |
";
        assert_eq!(curve().table(), expected);
    }
}
