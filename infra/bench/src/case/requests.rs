//! Small requests: each on a connection of its own, or many over kept connections.

use super::round::{Effort, ONLY_PART, Parts};
use crate::backend::{Backend, Service};
use crate::failure::Outcome;
use crate::figure::{Figure, Figures};
use crate::host::Host;
use crate::measure::measure;
use crate::peer::{Peer, Traffic};
use crate::wrk::{self, Load};

/// Before the measurement, so that what a peer allocates once is not in it.
const WARM_UP_SECONDS: u64 = 1;

/// How connections are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Use {
    connections: u16,
    close: bool,
}

pub(super) const CONNECT: Use = Use {
    connections: 64,
    close: true,
};
pub(super) const KEPT_1: Use = Use {
    connections: 1,
    close: false,
};
pub(super) const KEPT_64: Use = Use {
    connections: 64,
    close: false,
};

pub(super) async fn run(host: &Host, peer: Peer, effort: Effort, how: Use) -> Outcome<Parts> {
    let address = host.ports.free()?;
    let mut relay = peer.start(host, address, Traffic::Small).await?;
    let _backend = Backend::start(address, Service::Http)?;
    let load = |seconds| Load {
        connections: how.connections,
        close: how.close,
        seconds,
    };
    wrk::run(host, relay.address, load(WARM_UP_SECONDS)).await?;
    let test = wrk::run(host, relay.address, load(effort.seconds));
    let measured = measure(&mut relay, effort.seconds, test).await?;
    let answered = measured.result;
    let figures = Figures::new()
        .with(Figure::Rate, answered.requests as f64 / answered.seconds)
        .per_op(&measured.spent, answered.requests)
        .with(Figure::P50, answered.p50)
        .with(Figure::P99, answered.p99)
        .memory(measured.memory);
    Ok(vec![(ONLY_PART, figures)])
}
