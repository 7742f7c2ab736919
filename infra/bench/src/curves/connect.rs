//! What a new connection costs: with sessions that are open, and among many backends.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::contestant::{Contestant, SPARE};
use crate::failure::{Failure, Outcome};
use crate::host::Host;
use crate::peer::{Peer, Traffic};
use crate::stage::dialer::Dialer;
use crate::stage::echoes::Echoes;
use crate::stage::sessions::Sessions;

/// Open sessions without traffic.
const IDLE: [usize; 5] = [0, 1_000, 10_000, 50_000, 100_000];
/// Backends of those: enough for the ports of all sessions.
const BEHIND_IDLE: u8 = 8;
/// Backends.
const BACKENDS: [u16; 4] = [1, 10, 100, 1_000];
/// New connections a second: few enough for whoever is the slowest, on two cores, with all sessions.
const RATE: u32 = 2_000;
/// How long nothing happens, new connections have begun, and they are counted.
const REST: Duration = Duration::from_secs(2);
const BEGIN: Duration = Duration::from_secs(1);
const COUNT: Duration = Duration::from_secs(6);

/// What cannot be measured here, and why: as many sessions as this machine has no files for.
pub(super) fn left_out(host: &Host) -> Option<String> {
    let last = *places(host).last()?;
    let failure = IDLE
        .iter()
        .filter(|idle| **idle > last)
        .find_map(|idle| host.need_open_files(files(*idle)).err())?;
    Some(format!(
        "more than {last} idle sessions are left out: {failure}"
    ))
}

/// Each count of idle sessions that is possible here; and where not all are, as many thousands as there are files for.
fn places(host: &Host) -> Vec<usize> {
    possible(|idle| host.need_open_files(files(idle)).is_ok())
}

fn possible(is_possible: impl Fn(usize) -> bool) -> Vec<usize> {
    let all = IDLE.into_iter().take_while(|idle| is_possible(*idle));
    let mut all: Vec<usize> = all.collect();
    if let Some(next) = IDLE.get(all.len()) {
        let thousands = (1..next / 1_000).rev().map(|thousands| thousands * 1_000);
        let most = thousands.into_iter().find(|idle| is_possible(*idle));
        all.extend(most.filter(|most| Some(most) > all.last()));
    }
    all
}

/// One round of one contestant with more and more idle sessions: their count, and µs of CPU time.
pub(super) async fn with_idle(host: &Host, peer: Peer) -> Outcome<Vec<(usize, f64)>> {
    host.need_open_files(files(0))?;
    let all = places(host);
    let most = all.last().copied().unwrap_or(0);
    let echoes = Echoes::start(host, BEHIND_IDLE)?;
    let traffic = (Traffic::Small, most);
    let mut contestant = Contestant::start(host, peer, &echoes.addresses, traffic).await?;
    let mut sessions = Sessions::new(contestant.address, Arc::default());
    let mut costs = Vec::new();
    for idle in all {
        sessions.open_idle(idle).await?;
        costs.push((idle, cost(&mut contestant).await?));
    }
    match sessions.lost().await {
        0 => Ok(costs),
        lost => Err(Failure::new(format!("{lost} idle sessions were lost"))),
    }
}

/// The same with more and more backends.
pub(super) async fn among_backends(host: &Host, peer: Peer) -> Outcome<Vec<(usize, f64)>> {
    host.need_open_files(files(0))?;
    let mut costs = Vec::new();
    for count in BACKENDS {
        let echoes = Echoes::start_together(host, count)?;
        let traffic = (Traffic::Small, 0);
        let mut contestant = Contestant::start(host, peer, &echoes.addresses, traffic).await?;
        costs.push((count.into(), cost(&mut contestant).await?));
    }
    Ok(costs)
}

/// Files that are open here and in a contestant, at most: one to each side of a session.
fn files(idle: usize) -> u64 {
    2 * (idle + SPARE) as u64 + 1_000
}

/// µs of CPU time for a connection, an echo of one byte and the end, less what it takes without any.
async fn cost(contestant: &mut Contestant) -> Outcome<f64> {
    // What has just been opened is looked after for a moment.
    sleep(BEGIN).await;
    let (before, began) = (contestant.cpu()?, Instant::now());
    sleep(REST).await;
    let at_rest = (contestant.cpu()? - before) / began.elapsed().as_secs_f64();

    let dialer = Dialer::start(contestant.address, RATE);
    sleep(BEGIN).await;
    let too_early = dialer.take();
    let (before, began) = (contestant.cpu()?, Instant::now());
    sleep(COUNT).await;
    let (dialed, seconds) = (dialer.take(), began.elapsed().as_secs_f64());
    let spent = contestant.cpu()? - before;
    dialer.stop().await;
    let failed = too_early.failed + dialed.failed;
    if failed > 0 || dialed.latencies.is_empty() {
        return Err(Failure::new(format!("{failed} new connections failed")));
    }
    Ok((spent - at_rest * seconds) * 1e6 / dialed.latencies.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_idle_sessions_as_are_possible() {
        assert_eq!(possible(|_| true), IDLE);
        assert_eq!(possible(|idle| idle < 8_500), [0, 1_000, 8_000]);
        assert_eq!(possible(|idle| idle <= 50_000), IDLE[..4]);
        assert_eq!(possible(|idle| idle < 500), [0]);
    }
}
