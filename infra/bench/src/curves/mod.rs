//! `bench curves`: what a unit of work costs the balancer as something grows, beside HAProxy as its experts run it.
//!
//! Owns: the rounds. Does not own: the work (`connect`, `streams`), who does it (`contestant`), the tables (`curve`) and
//! the pictures (`picture`).

mod connect;
mod contestant;
mod curve;
mod picture;
mod streams;

use std::path::Path;

use crate::failure::{Explain as _, Outcome};
use crate::host::Host;
use crate::machine::Description;
use crate::peer::Peer;
use curve::Curve;

/// The word on the command line that chooses this group.
pub const SUBCOMMAND: &str = "curves";

/// What is done again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    WithIdle,
    AmongBackends,
    Streams,
}

impl Work {
    const ALL: [Self; 3] = [Self::WithIdle, Self::AmongBackends, Self::Streams];

    /// Its curve, without a value.
    fn curve(self) -> Curve {
        let (name, title, x, y) = match self {
            Self::WithIdle => (
                "connection-by-idle-sessions",
                "A new connection beside idle sessions",
                "open idle sessions",
                "CPU µs for a new connection",
            ),
            Self::AmongBackends => (
                "connection-by-backends",
                "A new connection among backends",
                "backends",
                "CPU µs for a new connection",
            ),
            Self::Streams => (
                "gigabyte-by-flows",
                "A gigabyte in many flows",
                "flows at a time",
                "CPU s for a GB",
            ),
        };
        Curve {
            name,
            title,
            x,
            y,
            lines: Vec::new(),
        }
    }

    /// One round of one contestant: by what has grown, what it costs.
    async fn round(self, host: &Host, peer: Peer) -> Outcome<Vec<(usize, f64)>> {
        match self {
            Self::WithIdle => connect::with_idle(host, peer).await,
            Self::AmongBackends => connect::among_backends(host, peer).await,
            Self::Streams => streams::run(host, peer).await,
        }
    }
}

/// Measures everything; the tables, and whether all was measured. Draws pictures into `plot`.
///
/// # Errors
/// Where a picture cannot be written.
pub async fn run(host: &Host, rounds: usize, plot: Option<&Path>) -> Outcome<(String, bool)> {
    let machine = Description::of(host);
    let mut curves = Work::ALL.map(Work::curve);
    let (mut remarks, mut whole) = (String::new(), true);
    let mut contestants = contestant::ALL.to_vec();
    contestants.retain(|peer| {
        let missing = peer.missing(host);
        if let Some(why) = &missing {
            remarks += &format!("\n{} is missing: {why}\n", peer.name());
            whole &= *peer != Peer::Netsocket;
        }
        missing.is_none()
    });
    if let Some(why) = connect::left_out(host) {
        remarks += &format!("\n{why}\n");
    }
    for round in 0..rounds {
        // Everyone is first once.
        contestants.rotate_left(usize::from(round > 0));
        for (work, curve) in Work::ALL.into_iter().zip(&mut curves) {
            for peer in &contestants {
                eprintln!("round {}: {}: {}", round + 1, curve.title, peer.name());
                match work.round(host, *peer).await {
                    Ok(costs) => curve.add(peer.name(), &costs),
                    Err(failure) => {
                        remarks +=
                            &format!("\n{}: {} failed: {failure}\n", curve.title, peer.name());
                        whole = false;
                    }
                }
            }
        }
    }
    let mut text: String = curves.iter().map(Curve::table).collect();
    text += &remarks;
    if let Some(dir) = plot {
        let caption = format!("{}, {}", machine.cpu, machine.date);
        draw(&curves, dir, &caption)?;
    }
    Ok((text, whole))
}

fn draw(curves: &[Curve], dir: &Path, caption: &str) -> Outcome {
    std::fs::create_dir_all(dir).explain(&dir.display().to_string())?;
    for curve in curves.iter().filter(|curve| !curve.lines.is_empty()) {
        let path = dir.join(format!("{}.svg", curve.name));
        std::fs::write(&path, picture::draw(curve, caption))
            .explain(&path.display().to_string())?;
        eprintln!("drawn: {}", path.display());
    }
    Ok(())
}
