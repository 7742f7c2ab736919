//! A query as Grafana sends it: variables by the page (`templateSrv.replace`), macros by the server (`macros.go`).

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

/// The stretch of time that is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Its beginning.
    pub from: DateTime<Utc>,
    /// Its end.
    pub to: DateTime<Utc>,
}

impl Span {
    /// The time before `to`.
    #[must_use]
    pub fn before(to: DateTime<Utc>, length: Duration) -> Self {
        let length = TimeDelta::from_std(length).expect("a length of some minutes");
        Self {
            from: to - length,
            to,
        }
    }
}

/// What is chosen of a variable of the board.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// Everything, where the variable says itself what that is.
    All(String),
    /// These, which the query or the page named.
    Values(Vec<String>),
}

/// Choices by variable.
pub type Choices = BTreeMap<String, Choice>;

/// Fills in a query of the board.
///
/// # Errors
/// The name or format of a variable that there is not.
pub fn with_choices(query: &str, choices: &Choices) -> Result<String, String> {
    let mut text = String::with_capacity(query.len());
    let mut rest = query;
    while let Some((before, after)) = rest.split_once("${") {
        let (inner, behind) = after
            .split_once('}')
            .ok_or("`${` without an end".to_owned())?;
        let (name, format) = inner.split_once(':').unwrap_or((inner, ""));
        let choice = choices
            .get(name)
            .ok_or(format!("no variable `{name}` on the board"))?;
        text.push_str(before);
        text.push_str(&formatted(choice, format)?);
        rest = behind;
    }
    text.push_str(rest);
    Ok(text)
}

fn formatted(choice: &Choice, format: &str) -> Result<String, String> {
    Ok(match (choice, format) {
        // What a variable says of "all" is put in as it is.
        (Choice::All(all), _) => all.clone(),
        (Choice::Values(values), "regex") => match values.as_slice() {
            [one] => escaped(one),
            several => {
                let several: Vec<String> = several.iter().map(|value| escaped(value)).collect();
                format!("({})", several.join("|"))
            }
        },
        (Choice::Values(values), "raw") => values.join(","),
        (_, format) => return Err(format!("the format `{format}` of a variable")),
    })
}

/// As `escapeRegex` of Grafana has it.
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for c in value.chars() {
        if r"\^$*+?.()|[]{}/".contains(c) {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

/// Fills in the macros of the server.
#[must_use]
pub fn with_macros(query: &str, span: Span, window: Duration, bucket: &str) -> String {
    let time = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    query
        .replace("v.timeRangeStart", &time(span.from))
        .replace("v.timeRangeStop", &time(span.to))
        .replace("v.windowPeriod", &duration(window))
        .replace("v.defaultBucket", &format!("\"{bucket}\""))
}

/// As Go writes durations of whole milliseconds.
fn duration(length: Duration) -> String {
    let (seconds, millis) = (length.as_secs(), length.subsec_millis());
    match (seconds / 60, seconds % 60, millis) {
        (0, 0, millis) => format!("{millis}ms"),
        (0, seconds, 0) => format!("{seconds}s"),
        (minutes, seconds, 0) => format!("{minutes}m{seconds}s"),
        _ => panic!("a window of {length:?}"),
    }
}

/// The length in `5s`, `10s`, `1m`.
///
/// # Panics
/// Where it is none of that form.
#[must_use]
pub fn parse_duration(text: &str) -> Duration {
    let (number, seconds) = match text.strip_suffix('m') {
        Some(number) => (number, 60),
        None => (text.strip_suffix('s').unwrap_or_default(), 1),
    };
    let number: u64 = number.parse().unwrap_or_else(|_| panic!("a time: {text}"));
    Duration::from_secs(number * seconds)
}
