//! The report as text: Markdown tables that are also readable as they are.

use crate::figure::{Figure, number};
use crate::report::{Absent, Report, Row, Section};
use crate::stats::Summary;
use crate::target;

/// The whole report.
#[must_use]
pub fn render(report: &Report) -> String {
    let mut text = String::from("# Benchmark\n\n");
    for line in report.machine.lines() {
        text += &format!("- {line}\n");
    }
    text += &format!(
        "- kept back by a hypervisor during the run: {:.1} %\n",
        report.stolen_percent
    );
    for section in &report.sections {
        text += &render_section(section);
    }
    let targets = target::judge(&report.sections);
    if !targets.is_empty() {
        text += "\n## Targets\n\n";
        let head = ["target", "limit", "measured", "verdict"].map(str::to_owned);
        let rows = targets.iter().map(|verdict| {
            vec![
                verdict.what.clone(),
                verdict.limit.clone(),
                cell(&verdict.measured),
                if verdict.holds { "holds" } else { "MISSED" }.to_owned(),
            ]
        });
        text += &grid(head.to_vec(), rows.collect());
    }
    text
}

fn render_section(section: &Section) -> String {
    let rounds = match section.rounds {
        1 => "1 round".to_owned(),
        rounds => format!("{rounds} rounds"),
    };
    let mut text = format!(
        "\n## {}: {}\n\n{rounds} of {} s; median (min–max)\n\n",
        section.name(),
        section.case.summary(),
        section.seconds,
    );
    if let Some(why) = &section.missing {
        return text + &format!("NOT MEASURED: {why}\n");
    }
    let columns = section.columns();
    let heads = columns.iter().map(|f| f.heading(section.case.unit()));
    let heads: Vec<String> = heads.collect();
    if !columns.is_empty() {
        let head = std::iter::once("peer".to_owned()).chain(heads.clone());
        let rows = section.rows.iter().map(|row| figures(row, &columns));
        text += &grid(head.collect(), rows.collect());
    }
    for row in &section.rows {
        text += &remarks(section, row);
    }
    text + &ratios(section, &columns, &heads)
}

fn figures(row: &Row, columns: &[Figure]) -> Vec<String> {
    let first = row.peer.name().to_owned();
    let cells = columns.iter().map(|f| match row.summary(*f) {
        Some(summary) => cell(&summary),
        None if row.rounds.is_empty() => match row.absent {
            Some(Absent::Unsuited(_)) => "left out".to_owned(),
            Some(_) => "missing".to_owned(),
            None => "FAILED".to_owned(),
        },
        None => "–".to_owned(),
    });
    std::iter::once(first).chain(cells).collect()
}

fn remarks(section: &Section, row: &Row) -> String {
    let name = row.peer.name();
    let mut text = match &row.absent {
        Some(Absent::Missing(why) | Absent::Needed(why)) => format!("\n{name} is missing: {why}\n"),
        Some(Absent::Unsuited(why)) => format!("\n{name} is left out: {why}\n"),
        None => String::new(),
    };
    if let Some(first) = row.failures.first() {
        let (failed, rounds) = (row.failures.len(), section.rounds);
        text += &format!("\n{name} FAILED in {failed} of {rounds} rounds: {first}\n");
    }
    text
}

fn ratios(section: &Section, columns: &[Figure], heads: &[String]) -> String {
    let Some(subject) = section.subject() else {
        return String::new();
    };
    let rows: Vec<Vec<String>> = section
        .rows
        .iter()
        .filter(|row| row.peer != subject.peer && !row.rounds.is_empty())
        .map(|row| {
            let cells = columns.iter().map(|f| match subject.ratio(row, *f) {
                Some(ratio) => format!("x {}", cell(&ratio)),
                None => "–".to_owned(),
            });
            std::iter::once(row.peer.name().to_owned())
                .chain(cells)
                .collect()
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let first = format!("{} against", subject.peer.name());
    let head = std::iter::once(first).chain(heads.iter().cloned());
    format!("\n{}", grid(head.collect(), rows))
}

/// The median with its spread; a single round has none.
pub(crate) fn cell(summary: &Summary) -> String {
    let Summary { median, min, max } = summary;
    if min == max {
        return number(*median);
    }
    format!("{} ({}–{})", number(*median), number(*min), number(*max))
}

/// A Markdown table whose columns line up; the first is text, the others are numbers.
pub(crate) fn grid(head: Vec<String>, rows: Vec<Vec<String>>) -> String {
    let count = head.len();
    let all = || std::iter::once(&head).chain(&rows);
    let width = |column: usize| {
        let cells = all().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate();
        let padded = cells.map(|(column, (cell, &width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        format!("| {} |\n", padded.collect::<Vec<_>>().join(" | "))
    };
    let rule = widths
        .iter()
        .enumerate()
        .map(|(column, width)| match column {
            0 => "-".repeat(width + 2),
            _ => format!("{}:", "-".repeat(width + 1)),
        });
    let rule = format!("|{}|\n", rule.collect::<Vec<_>>().join("|"));
    let body: String = rows.iter().map(line).collect();
    format!("{}{rule}{body}", line(&head))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::Peer;
    use crate::report::tests::{report, row, section};

    #[test]
    fn a_table_lines_up_and_says_everything() {
        let mut missing = row(Peer::Nginx, &[]);
        missing.absent = Some(Absent::Missing("nginx is not installed".into()));
        let mut broken = row(Peer::Copy, &[(0, 2.0)]);
        broken.failures.push("it ended".into());
        let ours = row(Peer::Netsocket, &[(0, 0.5), (1, 0.75), (2, 1.0)]);
        let text = render_section(&section(vec![missing, broken, ours]));
        let expected = "
## bulk1 upload: 1 flow (iperf3)

3 rounds of 5 s; median (min–max)

| peer      |  Gbit/s |     proxy CPU s/GB |
|-----------|--------:|-------------------:|
| nginx     | missing |            missing |
| copy      |    10.0 |               2.00 |
| netsocket |    10.0 | 0.750 (0.500–1.00) |

nginx is missing: nginx is not installed

copy FAILED in 1 of 3 rounds: it ended

| netsocket against | Gbit/s | proxy CPU s/GB |
|-------------------|-------:|---------------:|
| copy              | x 1.00 |        x 0.250 |
";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_case_without_its_load_says_so() {
        let mut section = section(Vec::new());
        section.missing = Some("iperf3 is not installed".into());
        let text = render(&report(vec![section]));
        assert!(text.contains("NOT MEASURED: iperf3 is not installed\n"));
    }
}
