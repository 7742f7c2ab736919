//! CPU time and memory around a piece of work.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::cpu;
use crate::failure::Outcome;
use crate::peer::Running;

/// CPU time that a piece of work took, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spent {
    /// Of the peer's processes; `None` where the peer has none.
    pub proxy: Option<f64>,
    /// Of everything on the machine.
    pub total: f64,
    /// Seconds by the clock.
    pub wall: f64,
}

/// A stretch of work that has begun.
#[derive(Debug, Clone, Copy)]
pub struct Stretch {
    proxy: Option<f64>,
    machine: cpu::Machine,
    since: Instant,
}

impl Stretch {
    /// Begins now.
    ///
    /// # Errors
    /// Where the peer is gone.
    pub fn begin(peer: &Running) -> Outcome<Self> {
        Ok(Self {
            proxy: peer.cpu()?,
            machine: cpu::Machine::now()?,
            since: Instant::now(),
        })
    }

    /// Ends now.
    ///
    /// # Errors
    /// Where the peer is gone.
    pub fn end(self, peer: &Running) -> Outcome<Spent> {
        let wall = self.since.elapsed().as_secs_f64();
        let machine = cpu::Machine::now()?;
        let proxy = peer.cpu()?;
        Ok(Spent {
            proxy: proxy.zip(self.proxy).map(|(after, before)| after - before),
            total: machine.busy_since(self.machine),
            wall,
        })
    }
}

/// A piece of work and what it took.
#[derive(Debug)]
pub struct Measured<T> {
    /// What the work gave back.
    pub result: T,
    /// CPU time.
    pub spent: Spent,
    /// Memory of the peer half way through, in bytes.
    pub memory: Option<u64>,
}

/// Does `work`, which takes about `seconds`, through `peer`.
///
/// # Errors
/// Where the work fails, or the peer has ended, which then is the reason that is given.
pub async fn measure<T>(
    peer: &mut Running,
    seconds: u64,
    work: impl Future<Output = Outcome<T>>,
) -> Outcome<Measured<T>> {
    let stretch = Stretch::begin(peer)?;
    let half_way = async {
        sleep(Duration::from_secs(seconds) / 2).await;
        peer.memory()
    };
    let (result, memory) = match tokio::try_join!(work, half_way) {
        Ok(done) => done,
        Err(failure) => return Err(peer.reason(failure).await),
    };
    peer.check_alive()?;
    Ok(Measured {
        result,
        spent: stretch.end(peer)?,
        memory,
    })
}
