//! Compares output with what a page shows, without what differs from run to run.

use std::sync::LazyLock;

use e2e::console::Example;
use regex::Regex;

/// What may differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ignore {
    /// Times, rates, sizes of archives, and the name of the server.
    Times,
    /// Also every other figure, and how often a line comes.
    Figures,
}

impl Ignore {
    /// The balancer's own output is full of figures that change.
    pub(super) fn of(example: &Example) -> Self {
        let mut calls = example.statement.calls.iter();
        match calls.any(|call| call.program() == "netsocket-balancer") {
            true => Self::Figures,
            false => Self::Times,
        }
    }
}

/// What differs, and what replaces it.
static DIFFERENT: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let rules = [
        (
            r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9.]+)?( ?[+-][0-9:]+)?",
            "TIME",
        ),
        (r"127\.0\.0\.1:[0-9]{5}", "ADDRESS"),
        (
            r"([0-9]+[dhm] [0-9]+[hms]|[0-9.]+ (ms|s))(?-u:\b)",
            "DURATION",
        ),
        (r"^(saved .*files?, )[0-9.]+ [KM]?i?B", "${1}SIZE"),
        (r"netsocket-demo-[0-9]+", "netsocket-demo-N"),
        (r"PID [0-9]+", "PID N"),
        (r"^( +Name: ).*", "${1}NAME"),
        (r" +", " "),
    ];
    rules
        .map(|(pattern, name)| (Regex::new(pattern).unwrap(), name))
        .into()
});

static FIGURES: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let rules = [
        (r"[0-9.]+ [kMG]?B/s", "RATE"),
        (r"(?-u:\b)[0-9.]+", "N"),
        (r"session ", "sessions "),
        (r" +", " "),
    ];
    rules
        .map(|(pattern, name)| (Regex::new(pattern).unwrap(), name))
        .into()
});

/// The lines in a form that can be compared. They are sorted: standard error may come before or after standard output.
pub(super) fn alike<'a>(lines: impl Iterator<Item = &'a str>, ignore: Ignore) -> Vec<String> {
    let mut said: Vec<String> = lines
        .flat_map(columns)
        .map(|line| masked(&line, &DIFFERENT))
        .collect();
    // The prompt greets only on a terminal.
    said.retain(|line| !line.starts_with("NetSocket at "));
    if ignore == Ignore::Figures {
        said = said.iter().map(|line| masked(line, &FIGURES)).collect();
    }
    said.sort();
    if ignore == Ignore::Figures {
        said.dedup();
    }
    said
}

fn masked(line: &str, rules: &[(Regex, &str)]) -> String {
    rules
        .iter()
        .fold(line.trim_end().to_owned(), |line, (pattern, name)| {
            pattern.replace_all(&line, *name).into_owned()
        })
}

/// Names are in columns only on a terminal.
fn columns(line: &str) -> Vec<String> {
    match line.contains("/  ") && !line.starts_with("drwx") {
        true => line.split_whitespace().map(str::to_owned).collect(),
        false => vec![line.to_owned()],
    }
}
