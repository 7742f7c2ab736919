//! `bench scale`: one balancer with a hundred thousand sessions, and what it does meanwhile: take new ones, reload, hand
//! over to a successor, drain, and show its page.
//!
//! Owns: the steps and their order. Does not own: the balancer, the sessions and the new connections
//! (`crate::stage`), the tables (`report`).

mod report;
mod size;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::failure::Outcome;
use crate::host::Host;
use crate::stage::balancer::{Balancer, backends};
use crate::stage::dialer::Dialer;
use crate::stage::echoes::Echoes;
use crate::stage::sessions::{self, Latencies, Sessions};
use report::{Growth, Phase, Report};
pub use size::Size;

/// The word on the command line that chooses this group.
pub const SUBCOMMAND: &str = "scale";

/// Parts of the sessions after which memory is looked at.
const STEPS: usize = 10;

/// Runs it once. The text is the report; the flag says that nothing was lost.
///
/// # Errors
/// Where there are too few files or ports, or the balancer fails.
pub async fn run(host: &Host, size: Size) -> Outcome<(String, bool)> {
    // One to each side of a session, here and in the balancer; the new ones of a second; some to spare.
    let sessions = (size.idle + size.trickling) as u64;
    host.need_open_files(2 * (sessions + u64::from(size.rate)) + 200)?;
    let echoes = Echoes::start(host, size.backends)?;
    let mut balancer = Balancer::start(host, &backends(&echoes.addresses, 1)).await?;
    let latencies = Arc::new(Latencies::default());
    let mut report = Report::new(size);

    let mut sessions = Sessions::new(balancer.listen, Arc::clone(&latencies));
    grow(&mut sessions, &mut balancer, size, &mut report).await?;

    let dialer = Dialer::start(balancer.listen, size.rate);
    let mut phases = Phases {
        latencies: &latencies,
        dialer: &dialer,
        seconds: size.seconds,
    };
    report.add(phases.during("nothing else", async { Ok(()) }).await?);
    let heavier = backends(&echoes.addresses, 2);
    let reload = balancer.reload(&heavier);
    report.add(phases.during("reload (SIGHUP)", reload).await?);
    report.add(
        phases
            .during("drain of a backend", balancer.drain())
            .await?,
    );
    report.add(phases.during("the page", balancer.get("/")).await?);
    let status = balancer.get("/api/v1/pools");
    report.add(phases.during("the page's data", status).await?);
    report.add(
        phases
            .during("the metrics", balancer.get("/metrics"))
            .await?,
    );
    let restart = balancer.restart();
    report.add(phases.during("restart (SIGUSR2)", restart).await?);

    dialer.stop().await;
    report.lost = sessions.lost().await;
    balancer.check_alive()?;
    Ok((report.render(), report.is_whole()))
}

/// Opens all sessions, and notes the balancer's memory on the way.
async fn grow(
    sessions: &mut Sessions,
    balancer: &mut Balancer,
    size: Size,
    report: &mut Report,
) -> Outcome {
    report.growth.push(growth(0, balancer)?);
    for step in 1..=STEPS {
        sessions.open_idle(size.idle * step / STEPS).await?;
        report.growth.push(growth(sessions.count(), balancer)?);
    }
    sessions.open_trickling(size.trickling).await?;
    // Every one of them has spoken.
    sleep(sessions::INTERVAL).await;
    report.growth.push(growth(sessions.count(), balancer)?);
    Ok(())
}

fn growth(sessions: usize, balancer: &mut Balancer) -> Outcome<Growth> {
    balancer.check_alive()?;
    Ok(Growth {
        sessions,
        memory: balancer.memory()?,
        cpu: balancer.cpu()?,
    })
}

/// What is looked at while something happens to the balancer.
struct Phases<'a> {
    latencies: &'a Latencies,
    dialer: &'a Dialer,
    seconds: u64,
}

impl Phases<'_> {
    /// Lets `action` happen, and waits until the phase is over.
    async fn during(
        &mut self,
        name: &'static str,
        action: impl Future<Output = Outcome<()>>,
    ) -> Outcome<Phase> {
        self.latencies.take();
        self.dialer.take();
        let begin = Instant::now();
        action.await?;
        let took = begin.elapsed();
        sleep(Duration::from_secs(self.seconds).saturating_sub(took)).await;
        let dialed = self.dialer.take();
        Ok(Phase {
            name,
            took,
            new: dialed.latencies,
            failed: dialed.failed,
            echoes: self.latencies.take(),
            wall: begin.elapsed(),
        })
    }
}
