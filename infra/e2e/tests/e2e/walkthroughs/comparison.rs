//! Lines that say the same: what differs from run to run is left out.

use std::sync::LazyLock;

use e2e::console::Example;
use regex::Regex;

/// How much may differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Likeness {
    /// Times, rates, sizes of archives, and who answers.
    Words,
    /// Every figure, and how often a line comes.
    Figures,
}

impl Likeness {
    /// What a balancer says of itself has nothing but such figures.
    pub(super) fn of(example: &Example) -> Self {
        let mut calls = example.statement.calls.iter();
        match calls.any(|call| call.program() == "netsocket-balancer") {
            true => Self::Figures,
            false => Self::Words,
        }
    }
}

/// What differs, and what stands for it.
static DIFFERENT: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let rules = [
        (
            r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9.]+)?( ?[+-][0-9:]+)?",
            "TIME",
        ),
        (r"127\.0\.0\.1:[0-9]{5}", "ADDRESS"),
        (r"[0-9.]+ (ms|s)(?-u:\b)", "DURATION"),
        (
            r"^((saved|unpacked into) .*files?, )[0-9.]+ [KM]?i?B",
            "${1}SIZE",
        ),
        (r"netsocket-demo-[0-9]+", "netsocket-demo-N"),
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

/// What the lines say, in an order of their own: standard error may come before or behind.
pub(super) fn alike<'a>(lines: impl Iterator<Item = &'a str>, likeness: Likeness) -> Vec<String> {
    let mut said: Vec<String> = lines
        .flat_map(columns)
        .map(|line| masked(&line, &DIFFERENT))
        .collect();
    // Whom the prompt greets is a terminal.
    said.retain(|line| !line.starts_with("NetSocket at "));
    if likeness == Likeness::Figures {
        said = said.iter().map(|line| masked(line, &FIGURES)).collect();
    }
    said.sort();
    if likeness == Likeness::Figures {
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

/// Names stand beside each other on a terminal only.
fn columns(line: &str) -> Vec<String> {
    match line.contains("/  ") && !line.starts_with("drwx") {
        true => line.split_whitespace().map(str::to_owned).collect(),
        false => vec![line.to_owned()],
    }
}
