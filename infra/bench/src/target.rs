//! What the balancer must reach, as ratios measured side by side.

use crate::case::Case;
use crate::figure::{Better, Figure, number};
use crate::peer::Peer;
use crate::report::{Row, Section};
use crate::stats::Summary;

/// How far a figure may go.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Limit {
    /// So many times the best of these, or better.
    Times(f64, &'static [Peer]),
    /// Better than all of these.
    Beats(&'static [Peer]),
    /// This much.
    AtMost(f64),
}

const OTHERS: &[Peer] = &Peer::OTHERS;
const FLOOR: &[Peer] = &[Peer::Floor];

const TARGETS: [(Case, Figure, Limit); 13] = [
    (Case::Bulk1, Figure::ProxyPerGb, Limit::Times(0.75, OTHERS)),
    (Case::Bulk1, Figure::TotalPerGb, Limit::Times(0.85, OTHERS)),
    (Case::Bulk1, Figure::Throughput, Limit::Times(1.10, OTHERS)),
    (Case::Bulk8, Figure::ProxyPerGb, Limit::Times(0.75, OTHERS)),
    (Case::Bulk8, Figure::TotalPerGb, Limit::Times(0.85, OTHERS)),
    (Case::Bulk8, Figure::Throughput, Limit::Times(1.10, OTHERS)),
    (
        Case::Connect,
        Figure::ProxyPerOp,
        Limit::Times(1.00, OTHERS),
    ),
    (Case::Connect, Figure::ProxyPerOp, Limit::Times(1.05, FLOOR)),
    (Case::Request1, Figure::ProxyPerOp, Limit::Beats(OTHERS)),
    (Case::Request1, Figure::Rate, Limit::Beats(OTHERS)),
    (Case::Request64, Figure::ProxyPerOp, Limit::Beats(OTHERS)),
    (Case::Request64, Figure::Rate, Limit::Beats(OTHERS)),
    (Case::Idle, Figure::MemoryPerConnection, Limit::AtMost(2.0)),
];

/// One target in one section.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The section, the figure, and against whom.
    pub what: String,
    /// Such as `<= 0.75`.
    pub limit: String,
    /// The ratio, or the figure itself.
    pub measured: Summary,
    /// Whether the median keeps the limit.
    pub holds: bool,
}

/// Judges every target whose figures are there.
#[must_use]
pub fn judge(sections: &[Section]) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for section in sections {
        let of_case = TARGETS.iter().filter(|(case, ..)| *case == section.case);
        verdicts.extend(of_case.filter_map(|(_, figure, limit)| one(section, *figure, *limit)));
    }
    verdicts
}

fn one(section: &Section, figure: Figure, limit: Limit) -> Option<Verdict> {
    let ours = section.row(Peer::Netsocket)?;
    let what = format!(
        "{}: {}",
        section.name(),
        figure.heading(section.case.unit())
    );
    let higher = figure.better() == Better::Higher;
    let (times, peers, strictly) = match limit {
        Limit::AtMost(most) => {
            let measured = ours.summary(figure)?;
            return Some(Verdict {
                what,
                limit: format!("<= {}", number(most)),
                measured,
                holds: measured.median <= most,
            });
        }
        Limit::Times(times, peers) => (times, peers, false),
        Limit::Beats(peers) => (1.0, peers, true),
    };
    let best = best_of(section, figure, peers)?;
    let measured = ours.ratio(best, figure)?;
    let sign = match (higher, strictly) {
        (true, true) => ">",
        (true, false) => ">=",
        (false, true) => "<",
        (false, false) => "<=",
    };
    let holds = match sign {
        ">" => measured.median > times,
        ">=" => measured.median >= times,
        "<" => measured.median < times,
        _ => measured.median <= times,
    };
    Some(Verdict {
        what: format!("{what}, against {}", best.peer.name()),
        limit: format!("{sign} {times:.2}"),
        measured,
        holds,
    })
}

/// The peer with the best median.
fn best_of<'a>(section: &'a Section, figure: Figure, peers: &[Peer]) -> Option<&'a Row> {
    let rows = peers.iter().filter_map(|peer| section.row(*peer));
    let with_median = rows.filter_map(|row| Some((row, row.summary(figure)?.median)));
    let (row, _) = with_median.min_by(|(_, a), (_, b)| match figure.better() {
        Better::Higher => b.total_cmp(a),
        Better::Lower | Better::Neither => a.total_cmp(b),
    })?;
    Some(row)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{row, section};

    #[test]
    fn the_median_of_the_ratios_is_judged() {
        let ours = row(Peer::Netsocket, &[(0, 0.73), (1, 0.74), (2, 0.80)]);
        let splice = row(Peer::HaproxySplice, &[(0, 1.0), (1, 1.0), (2, 1.0)]);
        let verdicts = judge(&[section(vec![splice.clone(), ours])]);
        let [verdict, rate] = verdicts.as_slice() else {
            panic!("{verdicts:?}");
        };
        assert!(verdict.holds && !rate.holds);
        assert_eq!(rate.limit, ">= 1.10");
        assert_eq!(
            verdict.what,
            "bulk1 upload: proxy CPU s/GB, against haproxy-splice"
        );
        assert_eq!(verdict.limit, "<= 0.75");
        let slow = row(Peer::Netsocket, &[(0, 0.76)]);
        assert!(!judge(&[section(vec![splice, slow])])[0].holds);
    }

    #[test]
    fn the_best_of_the_others_is_the_measure() {
        let mut section = section(vec![
            row(Peer::Nginx, &[(0, 2.0)]),
            row(Peer::Haproxy, &[(0, 1.0)]),
        ]);
        let best = best_of(&section, Figure::ProxyPerGb, OTHERS).unwrap();
        assert_eq!(best.peer, Peer::Haproxy);
        section.rows.pop();
        let left = best_of(&section, Figure::ProxyPerGb, OTHERS).unwrap();
        assert_eq!(left.peer, Peer::Nginx);
        assert!(judge(&[section]).is_empty());
    }
}
