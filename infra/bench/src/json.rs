//! The report for machines: every value of every round, and what the tables make of them.

use serde_json::{Map, Value, json};

use crate::report::{Absent, Report, Row, Section};
use crate::stats::Summary;
use crate::target;

/// The whole report.
#[must_use]
pub fn render(report: &Report) -> Value {
    let machine = &report.machine;
    let targets = target::judge(&report.sections).into_iter().map(|verdict| {
        json!({
            "target": verdict.what,
            "limit": verdict.limit,
            "measured": summary(&verdict.measured),
            "holds": verdict.holds,
        })
    });
    json!({
        "machine": {
            "date": machine.date,
            "cpu": machine.cpu,
            "cores": machine.cores,
            "virtual_machine": machine.virtual_machine,
            "memory_mib": machine.memory_mib,
            "kernel": machine.kernel,
            "load_before": machine.load,
            "stolen_percent": report.stolen_percent,
            "versions": machine.versions,
        },
        "cases": report.sections.iter().map(section).collect::<Vec<_>>(),
        "targets": targets.collect::<Vec<_>>(),
        "whole": report.is_whole(),
    })
}

fn section(section: &Section) -> Value {
    json!({
        "case": section.case.name(),
        "part": section.part,
        "summary": section.case.summary(),
        "unit": section.case.unit(),
        "rounds": section.rounds,
        "seconds": section.seconds,
        "seed": section.seed,
        "missing": section.missing,
        "peers": section.rows.iter().map(|row| peer(section, row)).collect::<Vec<_>>(),
    })
}

fn peer(section: &Section, row: &Row) -> Value {
    let (missing, left_out) = match &row.absent {
        Some(Absent::Missing(why) | Absent::Needed(why)) => (Some(why.as_str()), None),
        Some(Absent::Unsuited(why)) => (None, Some(*why)),
        None => (None, None),
    };
    let mut figures = Map::new();
    let mut ratios = Map::new();
    for figure in section.columns() {
        if let Some(found) = row.summary(figure) {
            let rounds = row.rounds.values().map(|figures| figures.get(figure));
            let mut value = summary(&found);
            value["rounds"] = rounds.collect();
            figures.insert(figure.key().to_owned(), value);
        }
        let subject = section.subject().filter(|subject| subject.peer != row.peer);
        if let Some(ratio) = subject.and_then(|subject| subject.ratio(row, figure)) {
            ratios.insert(figure.key().to_owned(), summary(&ratio));
        }
    }
    json!({
        "peer": row.peer.name(),
        "missing": missing,
        "left_out": left_out,
        "failures": row.failures,
        "figures": figures,
        "ours_against_it": ratios,
    })
}

fn summary(summary: &Summary) -> Value {
    json!({ "median": summary.median, "min": summary.min, "max": summary.max })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::Peer;
    use crate::report::tests::{report, row, section};

    #[test]
    fn values_and_ratios_are_there() {
        let ours = row(Peer::Netsocket, &[(0, 0.5), (2, 1.0)]);
        let other = row(Peer::HaproxySplice, &[(0, 1.0), (2, 1.0)]);
        let report = render(&report(vec![section(vec![other, ours])]));
        let peers = &report["cases"][0]["peers"];
        assert_eq!(
            peers[1]["figures"]["proxy_cpu_s_per_gb"],
            json!({"median": 0.75, "min": 0.5, "max": 1.0, "rounds": [0.5, 1.0]})
        );
        assert_eq!(
            peers[0]["ours_against_it"]["proxy_cpu_s_per_gb"]["median"],
            0.75
        );
        assert_eq!(report["targets"][0]["holds"], true);
        assert_eq!(report["whole"], true);
    }
}
