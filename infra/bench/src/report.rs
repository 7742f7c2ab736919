//! The results of a run: what each peer did in each round of each case.

use std::collections::{BTreeMap, BTreeSet};

use crate::case::Case;
use crate::figure::{Better, Figure, Figures};
use crate::machine::Description;
use crate::peer::Peer;
use crate::stats::Summary;

/// A whole run.
#[derive(Debug, Clone)]
pub struct Report {
    /// Where it was.
    pub machine: Description,
    /// CPU time that a hypervisor kept back during the run, in per cent of what the cores could do.
    pub stolen_percent: f64,
    /// A section for each part of each case.
    pub sections: Vec<Section>,
}

/// One part of a case.
#[derive(Debug, Clone)]
pub struct Section {
    /// The case.
    pub case: Case,
    /// The name of the part; empty where there is only one.
    pub part: &'static str,
    /// Rounds that were to be done.
    pub rounds: usize,
    /// Seconds of load in each.
    pub seconds: u64,
    /// What random numbers started from.
    pub seed: u64,
    /// Why there is not a single figure, such as a missing load generator.
    pub missing: Option<String>,
    /// The peers, in the order in which they were asked for.
    pub rows: Vec<Row>,
}

/// One peer in a section.
#[derive(Debug, Clone)]
pub struct Row {
    /// The peer.
    pub peer: Peer,
    /// Why it was not asked at all.
    pub absent: Option<Absent>,
    /// Its figures by round.
    pub rounds: BTreeMap<usize, Figures>,
    /// Why other rounds have none.
    pub failures: Vec<String>,
}

/// Why a peer is not in a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Absent {
    /// It is not on this machine.
    Missing(String),
    /// It is not on this machine, and the run is not whole without it.
    Needed(String),
    /// It cannot do that.
    Unsuited(&'static str),
}

impl Report {
    /// Whether everything that should have been measured was measured.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let failed =
            |row: &Row| !row.failures.is_empty() || matches!(row.absent, Some(Absent::Needed(_)));
        let mut sections = self.sections.iter();
        !sections.any(|section| section.missing.is_some() || section.rows.iter().any(failed))
    }
}

impl Section {
    /// The case and the part in one.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{} {}", self.case.name(), self.part)
            .trim_end()
            .to_owned()
    }

    /// The figures that any peer has.
    #[must_use]
    pub fn columns(&self) -> Vec<Figure> {
        let all = self.rows.iter().flat_map(|row| row.rounds.values());
        let figures: BTreeSet<Figure> = all.flat_map(Figures::iter).map(|(f, _)| f).collect();
        figures.into_iter().collect()
    }

    /// The row of a peer that has figures.
    #[must_use]
    pub fn row(&self, peer: Peer) -> Option<&Row> {
        let mut rows = self.rows.iter();
        rows.find(|row| row.peer == peer && !row.rounds.is_empty())
    }

    /// Ours, where it has figures: ratios compare it with the others.
    #[must_use]
    pub fn subject(&self) -> Option<&Row> {
        [
            Peer::Netsocket,
            Peer::NetsocketCopy,
            Peer::NetsocketSplice,
            Peer::NetsocketFastOpen,
        ]
        .into_iter()
        .find_map(|peer| self.row(peer))
    }
}

impl Row {
    /// A figure over all rounds.
    #[must_use]
    pub fn summary(&self, figure: Figure) -> Option<Summary> {
        Summary::of(self.rounds.values().filter_map(|f| f.get(figure)))
    }

    /// This peer's figure divided by the other's. The two are divided round by round, so that a machine that gets slower
    /// during the run changes nothing.
    #[must_use]
    pub fn ratio(&self, other: &Self, figure: Figure) -> Option<Summary> {
        if figure.better() == Better::Neither {
            return None;
        }
        Summary::of(self.rounds.iter().filter_map(|(round, figures)| {
            let below = other.rounds.get(round)?.get(figure)?;
            (below > 0.0).then_some(figures.get(figure)? / below)
        }))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A row with the proxy's CPU time in some rounds.
    pub(crate) fn row(peer: Peer, rounds: &[(usize, f64)]) -> Row {
        let figures = |value| {
            Figures::new()
                .with(Figure::Throughput, 10.0)
                .with(Figure::ProxyPerGb, value)
        };
        Row {
            peer,
            absent: None,
            rounds: rounds.iter().map(|(r, v)| (*r, figures(*v))).collect(),
            failures: Vec::new(),
        }
    }

    /// A section with some rows.
    pub(crate) fn section(rows: Vec<Row>) -> Section {
        Section {
            case: Case::Bulk1,
            part: "upload",
            rounds: 3,
            seconds: 5,
            seed: 1,
            missing: None,
            rows,
        }
    }

    /// A report with some sections.
    pub(crate) fn report(sections: Vec<Section>) -> Report {
        Report {
            machine: Description {
                date: "2026-11-22 11:44 UTC".into(),
                cpu: "A <fast> one".into(),
                cores: 2,
                virtual_machine: false,
                memory_mib: 1024,
                kernel: "6.18".into(),
                load: "0.00 0.01 0.02".into(),
                versions: vec!["haproxy 2.6".into()],
            },
            stolen_percent: 0.5,
            sections,
        }
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        let ours = row(Peer::Netsocket, &[(0, 1.0), (1, 4.0), (2, 9.0)]);
        let other = row(Peer::Haproxy, &[(0, 2.0), (2, 10.0)]);
        let ratio = ours.ratio(&other, Figure::ProxyPerGb).unwrap();
        assert_eq!((ratio.min, ratio.max), (0.5, 0.9));
        assert_eq!(ours.ratio(&other, Figure::Rate), None);
    }

    #[test]
    fn a_run_is_whole_without_a_peer_that_nobody_asked_for() {
        let mut absent = row(Peer::Nginx, &[]);
        absent.absent = Some(Absent::Missing("not installed".into()));
        let mut section = section(vec![absent, row(Peer::Netsocket, &[(0, 1.0)])]);
        assert!(report(vec![section.clone()]).is_whole());
        section.rows[0].absent = Some(Absent::Needed("not installed".into()));
        assert!(!report(vec![section.clone()]).is_whole());
        section.rows[0].absent = None;
        section.rows[0].failures.push("it ended".into());
        assert!(!report(vec![section]).is_whole());
    }
}
