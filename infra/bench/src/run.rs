//! A whole run: every case, in rounds in which the peers take turns.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::case::{Case, Effort, Parts};
use crate::cpu;
use crate::failure::{Failure, Outcome};
use crate::host::Host;
use crate::machine::Description;
use crate::options::Options;
use crate::peer::Peer;
use crate::report::{Absent, Report, Row, Section};

/// Over the time of its load, for a peer to start, warm up and end, and for flows that have begun. It is an end for what
/// is stuck; nothing else comes near it.
const SLACK: Duration = Duration::from_secs(180);

/// Measures what the options say. What fails is in the report, and the rest goes on.
///
/// Run it on the main thread (see [`crate::process::Launcher::start`]).
///
/// # Errors
/// Where the machine's own counters cannot be read.
pub async fn run(host: &Host, options: &Options) -> Outcome<Report> {
    let machine = Description::of(host);
    let (begin, counters) = (Instant::now(), cpu::Machine::now()?);
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(..));
    let mut sections = Vec::new();
    for case in options.cases() {
        sections.extend(run_case(host, options, case, seed).await);
    }
    let possible = begin.elapsed().as_secs_f64() * host.cores as f64;
    let stolen = cpu::Machine::now()?.stolen_since(counters);
    Ok(Report {
        machine,
        stolen_percent: 100.0 * stolen / possible,
        sections,
    })
}

async fn run_case(host: &Host, options: &Options, case: Case, seed: u64) -> Vec<Section> {
    let peers = options.peers(case);
    let rounds = options.rounds(case);
    let missing = case.missing(host);
    let new_row = |peer| Row {
        peer,
        absent: absent(host, options, case, peer),
        rounds: Default::default(),
        failures: Vec::new(),
    };
    let rows: Vec<Row> = peers.into_iter().map(new_row).collect();
    let new_section = |part: &&'static str| Section {
        case,
        part,
        rounds,
        seconds: options.seconds,
        seed,
        missing: missing.clone(),
        rows: rows.clone(),
    };
    let mut sections: Vec<Section> = case.parts().iter().map(new_section).collect();
    if missing.is_some() {
        return sections;
    }
    let present: Vec<Peer> = rows
        .iter()
        .filter(|row| row.absent.is_none())
        .map(|row| row.peer)
        .collect();
    for round in 0..rounds {
        for peer in in_turn(&present, round) {
            eprintln!(
                "{} {}, round {} of {rounds}",
                case.name(),
                peer.name(),
                round + 1
            );
            let effort = Effort {
                seconds: options.seconds,
                seed: seed.wrapping_add(round as u64),
            };
            let outcome = run_round(host, case, peer, effort).await;
            record(&mut sections, peer, round, outcome);
        }
    }
    sections
}

/// Everyone is first once, so that what a peer leaves behind does not always meet the same one.
fn in_turn(peers: &[Peer], round: usize) -> impl Iterator<Item = Peer> + '_ {
    let first = round.checked_rem(peers.len()).unwrap_or(0);
    let (before, from) = peers.split_at(first);
    from.iter().chain(before).copied()
}

async fn run_round(host: &Host, case: Case, peer: Peer, effort: Effort) -> Outcome<Parts> {
    let load = Duration::from_secs(effort.seconds.saturating_mul(case.parts().len() as u64));
    let limit = load.saturating_add(SLACK);
    match timeout(limit, case.run(host, peer, effort)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Failure::new(format!(
            "it was stuck for {} s",
            SLACK.as_secs()
        ))),
    }
}

fn record(sections: &mut [Section], peer: Peer, round: usize, outcome: Outcome<Parts>) {
    if let Err(failure) = &outcome {
        eprintln!("  failed: {failure}");
    }
    for section in sections {
        let Some(row) = section.rows.iter_mut().find(|row| row.peer == peer) else {
            continue;
        };
        match &outcome {
            Err(failure) => row.failures.push(failure.to_string()),
            Ok(parts) => {
                let part = parts.iter().find(|(name, _)| *name == section.part);
                row.rounds
                    .extend(part.map(|(_, figures)| (round, figures.clone())));
            }
        }
    }
}

fn absent(host: &Host, options: &Options, case: Case, peer: Peer) -> Option<Absent> {
    if let Some(why) = case.unsuited(peer) {
        return Some(Absent::Unsuited(why));
    }
    let why = peer.missing(host)?;
    Some(if options.needs(peer) {
        Absent::Needed(why)
    } else {
        Absent::Missing(why)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everyone_is_first_once() {
        let peers = [Peer::Direct, Peer::Nginx, Peer::Netsocket];
        let turn = |round| in_turn(&peers, round).collect::<Vec<_>>();
        assert_eq!(turn(0), peers);
        assert_eq!(turn(1), [Peer::Nginx, Peer::Netsocket, Peer::Direct]);
        assert_eq!(turn(3), peers);
        assert_eq!(in_turn(&[], 1).count(), 0);
    }
}
