//! Tables of an answer as the series that Grafana makes of them (`builder.go`): a table with `_value` and a time is one
//! series, whose labels are its other columns without an underscore; any other is shown as it is.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::influx::Row;

/// The labels of a series.
pub type Labels = BTreeMap<String, String>;

/// One line of a graph, one number of a stat.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// What tells it from the others.
    pub labels: Labels,
    /// The field, where the query has kept it.
    pub field: String,
    /// In the order of time.
    pub points: Vec<(DateTime<Utc>, f64)>,
}

impl Series {
    /// The latest value.
    #[must_use]
    pub fn last(&self) -> f64 {
        self.points.last().map_or(f64::NAN, |(_, value)| *value)
    }

    /// The largest value.
    #[must_use]
    pub fn max(&self) -> f64 {
        let values = self.points.iter().map(|(_, value)| *value);
        values.fold(f64::NAN, f64::max)
    }

    /// The name on the screen that a panel gives it by its `displayName`.
    #[must_use]
    pub fn name(&self, display_name: &str) -> String {
        let mut name = display_name.replace("${__field.name}", &self.field);
        for (label, value) in &self.labels {
            name = name.replace(&format!("${{__field.labels.{label}}}"), value);
        }
        name
    }
}

/// The series of an answer.
///
/// # Errors
/// What Grafana would stumble over: no time, a value that is no number, times out of order, two series that cannot be
/// told apart.
pub fn series(rows: &[Row]) -> Result<Vec<Series>, String> {
    let mut tables: Vec<(String, Series)> = Vec::new();
    for row in rows {
        let of = |column: &str| row.get(column).map(String::as_str);
        let table = of("table").unwrap_or_default();
        let time = of("_time").ok_or("a table without a time")?;
        let time = DateTime::parse_from_rfc3339(time).map_err(|_| format!("no time: {time}"))?;
        let value = of("_value").ok_or("a table without a value")?;
        let labels: Labels = row
            .iter()
            .filter(|(name, _)| is_label(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let is_new = tables.last().is_none_or(|(last, of)| {
            // A table's number says nothing beyond the tables of the same columns.
            last != table || of.labels.keys().ne(labels.keys())
        });
        if is_new {
            let field = of("_field").unwrap_or("_value").to_owned();
            let points = Vec::new();
            let labels = labels.clone();
            let series = Series {
                labels,
                field,
                points,
            };
            tables.push((table.to_owned(), series));
        }
        let Some((_, series)) = tables.last_mut() else {
            continue;
        };
        if series.labels != labels {
            return Err(format!(
                "one table holds {:?} and {labels:?}",
                series.labels
            ));
        }
        if value.is_empty() {
            continue;
        }
        let value = value.parse().map_err(|_| format!("no number: {value}"))?;
        series.points.push((time.to_utc(), value));
    }
    let series: Vec<Series> = tables.into_iter().map(|(_, series)| series).collect();
    checked(series)
}

fn checked(series: Vec<Series>) -> Result<Vec<Series>, String> {
    for (index, one) in series.iter().enumerate() {
        if !one.points.is_sorted_by(|(a, _), (b, _)| a < b) {
            return Err(format!("times out of order: {one:?}"));
        }
        let same = |other: &Series| (&other.labels, &other.field) == (&one.labels, &one.field);
        if series[..index].iter().any(same) {
            return Err(format!("twice: {:?} {}", one.labels, one.field));
        }
    }
    Ok(series)
}

fn is_label(column: &str) -> bool {
    !column.is_empty() && !column.starts_with('_') && column != "result" && column != "table"
}
