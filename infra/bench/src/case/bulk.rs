//! Flows of as many bytes as go through, first up, then down.

use super::round::{Effort, Parts};
use crate::failure::Outcome;
use crate::figure::{Figure, Figures};
use crate::host::Host;
use crate::iperf::{self, Direction};
use crate::measure::measure;
use crate::peer::{Peer, Traffic};

pub(super) const PARTS: [&str; 2] = ["upload", "download"];
const DIRECTIONS: [Direction; 2] = [Direction::Upload, Direction::Download];

pub(super) async fn run(host: &Host, peer: Peer, effort: Effort, flows: u16) -> Outcome<Parts> {
    let backend = host.ports.free()?;
    let mut relay = peer.start(host, backend, Traffic::Bulk).await?;
    let mut parts = Parts::new();
    for (name, direction) in PARTS.into_iter().zip(DIRECTIONS) {
        let server = iperf::serve_once(host, backend).await?;
        let load = (flows, direction, effort.seconds);
        let test = iperf::run(host, server, relay.address, load);
        let measured = measure(&mut relay, effort.seconds, test).await?;
        let arrived = measured.result;
        let gbit = arrived.bytes as f64 * 8.0 / 1e9 / arrived.seconds;
        let figures = Figures::new()
            .with(Figure::Throughput, gbit)
            .per_gb(&measured.spent, arrived.bytes)
            .memory(measured.memory);
        parts.push((name, figures));
    }
    Ok(parts)
}
