//! The small lines of the first view, so that they are there without the script as well: from the records of the last
//! minutes.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use netsocket_telemetry::Record;

use crate::observe::units;

/// Seconds that a line shows at most, and at least.
const SPAN: (f64, f64) = (600.0, 10.0);

/// Seconds that a rate is the mean of, at least: five samples, whose times are not exact.
const MEAN: f64 = 4.5;

/// Points in time: seconds, value.
type Points = Vec<(f64, f64)>;

/// What the tiles show.
pub(super) struct Lines<'a> {
    records: &'a [Arc<Record>],
}

/// A tile.
pub(super) struct Tile {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    points: Points,
    /// What is at least the height of the plot.
    top: f64,
    unit: fn(f64) -> String,
}

impl<'a> Lines<'a> {
    pub(super) fn new(records: &'a [Arc<Record>]) -> Self {
        Self { records }
    }

    /// The tiles, in their order.
    pub(super) fn tiles(&self) -> [Tile; 6] {
        let total = |record: &Record| record.client_count as f64;
        let bytes = |record: &Record| record.balancer.unwrap_or_default();
        let down = move |record: &Record| bytes(record).bytes_down as f64;
        let up = move |record: &Record| bytes(record).bytes_up as f64;
        let tile = |name, label, points, top, unit| Tile {
            name,
            label,
            points,
            top,
            unit,
        };
        let count: fn(f64) -> String = |value| format!("{value:.0}");
        let percent: fn(f64) -> String = |value| format!("{value:.0} %");
        let active = self.level(|record| record.active_clients as f64);
        let cpu = self.level(|record| record.sample.cpu_percent);
        let memory = self.level(|record| record.sample.memory_percent);
        [
            tile("active", "Open sessions", active, 1.0, count),
            tile("fresh", "New sessions", self.grown(total), 1.0, units::rate),
            tile(
                "down",
                "To clients",
                self.grown(down),
                1.0,
                units::byte_rate,
            ),
            tile("up", "From clients", self.grown(up), 1.0, units::byte_rate),
            tile("cpu", "Host CPU", cpu, 100.0, percent),
            tile("memory", "Host memory", memory, 100.0, percent),
        ]
    }

    /// The open sessions of each backend.
    pub(super) fn of_backends(&self) -> BackendLines<'a> {
        let mut lines: HashMap<&str, Points> = HashMap::new();
        for record in self.records {
            for backend in &record.backends {
                let points = lines.entry(&backend.name).or_default();
                points.push((seconds(record), backend.active as f64));
            }
        }
        BackendLines { lines }
    }

    fn level(&self, value: impl Fn(&Record) -> f64) -> Points {
        let points = self.records.iter();
        points
            .map(|record| (seconds(record), value(record)))
            .collect()
    }

    /// How fast it has grown.
    fn grown(&self, value: impl Fn(&Record) -> f64) -> Points {
        growth(&self.level(value))
    }
}

/// On the average of the seconds before, as every rate of the page is.
fn growth(level: &[(f64, f64)]) -> Points {
    let later = level.iter().enumerate().skip(1);
    later
        .filter_map(|(index, &(now, after))| {
            let mut earlier = level.iter().take(index).rev();
            let old = earlier.find(|(then, _)| now - then >= MEAN);
            let &(then, before) = old.or(level.first())?;
            (now > then).then(|| (now, (after - before).max(0.0) / (now - then)))
        })
        .collect()
}

fn seconds(record: &Record) -> f64 {
    record.ts.timestamp_millis() as f64 / 1000.0
}

/// What is known of the past of backends; records have those of the busiest.
pub(super) struct BackendLines<'a> {
    lines: HashMap<&'a str, Points>,
}

impl BackendLines<'_> {
    pub(super) fn of(&self, name: &str) -> String {
        svg(self.lines.get(name).map_or(&[], Vec::as_slice), 1.0)
    }
}

impl Tile {
    pub(super) fn html(&self, now: &str) -> String {
        let peak = self.points.iter().map(|point| point.1).fold(0.0, f64::max);
        let Self { name, label, .. } = self;
        format!(
            "<figure data-plot=\"{name}\"><figcaption><span>{label}</span> <b id=\"now-{name}\">{now}</b></figcaption>{}\
             <small id=\"peak-{name}\">peak {}</small></figure>\n",
            svg(&self.points, self.top),
            (self.unit)(peak)
        )
    }
}

/// A line over the whole width, however short the time is.
fn svg(points: &[(f64, f64)], top: f64) -> String {
    let end = points.last().map_or(0.0, |point| point.0);
    let first = points.first().map_or(0.0, |point| point.0);
    let span = (end - first).clamp(SPAN.1, SPAN.0);
    let high = points.iter().map(|point| point.1).fold(top, f64::max);
    let mut line = String::new();
    for (time, value) in points.iter().filter(|point| end - point.0 <= SPAN.0) {
        // Writing to a string cannot fail.
        let _ = write!(
            line,
            "{:.1},{:.1} ",
            600.0 * (1.0 - (end - time) / span),
            98.0 - 94.0 * value / high
        );
    }
    let line = line.trim_end();
    let start = line.split(',').next().unwrap_or_default();
    let area = match line.is_empty() {
        true => String::new(),
        false => format!("{start},100 {line} 600,100"),
    };
    format!(
        "<svg viewBox=\"0 0 600 100\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><polygon points=\"{area}\"/>\
         <polyline points=\"{line}\"/></svg>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_the_mean_of_five_seconds() {
        // Ten at once, after the third second.
        let level: Points = (0..10)
            .map(|second| (f64::from(second), if second < 3 { 0.0 } else { 10.0 }))
            .collect();
        let rates: Vec<f64> = growth(&level).iter().map(|point| point.1).collect();
        assert_eq!(rates[..2], [0.0, 0.0]);
        assert!((rates[2] - 10.0 / 3.0).abs() < 1e-9, "since the first");
        assert_eq!(rates[4..], [2.0, 2.0, 2.0, 0.0, 0.0]);
        assert!(growth(&level[..1]).is_empty());
    }

    #[test]
    fn a_line_fills_its_width_from_the_first_seconds() {
        let line = svg(&[(100.0, 0.0), (110.0, 5.0), (120.0, 10.0)], 1.0);
        assert!(line.contains("<polyline points=\"0.0,98.0 300.0,51.0 600.0,4.0\"/>"));
        assert!(line.contains("<polygon points=\"0.0,100 0.0,98.0"));
        // What is older than ten minutes is left out.
        let line = svg(&[(0.0, 1.0), (400.0, 1.0), (1000.0, 1.0)], 1.0);
        assert!(
            line.contains("<polyline points=\"0.0,4.0 600.0,4.0\"/>"),
            "{line}"
        );
        assert!(svg(&[], 1.0).contains("<polyline points=\"\"/>"));
    }
}
