//! Who is measured: the balancer as it is shipped, and HAProxy as its experts run it.

use std::net::SocketAddr;

use tokio::time::{Duration, Instant, sleep};

use crate::cpu;
use crate::failure::{Failure, Outcome};
use crate::host::Host;
use crate::peer::{Peer, Running, Traffic, haproxy_pool};
use crate::stage::balancer::{Balancer, backends};

/// No check while something is measured: other relays make none.
const CHECKS: &str = "check_interval = \"1h\"\n";
/// Connections that any of them has room for, beside those that are idle.
pub(super) const SPARE: usize = 1_500;
/// For all backends to be up.
const READY: Duration = Duration::from_secs(60);
/// Between two looks.
const POLL: Duration = Duration::from_millis(20);

/// Everyone, ours first.
pub(super) const ALL: [Peer; 2] = [Peer::Netsocket, Peer::HaproxyTuned];

/// Somebody at work. Dropping it ends it.
pub(super) struct Contestant {
    pub(super) address: SocketAddr,
    process: Program,
}

enum Program {
    Ours(Balancer),
    Other(Running),
}

impl Contestant {
    /// Starts it in front of servers that run, with room for so many idle sessions.
    pub(super) async fn start(
        host: &Host,
        peer: Peer,
        servers: &[SocketAddr],
        (traffic, idle): (Traffic, usize),
    ) -> Outcome<Self> {
        if peer != Peer::Netsocket {
            let running = haproxy_pool(host, servers, traffic, idle + SPARE).await?;
            return Ok(Self {
                address: running.address,
                process: Program::Other(running),
            });
        }
        let settings = format!("{CHECKS}{}", backends(servers, 1));
        let balancer = Balancer::start(host, &settings).await?;
        let end = Instant::now() + READY;
        while balancer.sum("netsocket_backend_up").await? < servers.len() as f64 {
            if Instant::now() > end {
                return Err(Failure::new("not all backends came up"));
            }
            sleep(POLL).await;
        }
        Ok(Self {
            address: balancer.listen,
            process: Program::Ours(balancer),
        })
    }

    /// CPU time so far, in seconds.
    pub(super) fn cpu(&mut self) -> Outcome<f64> {
        let id = match &mut self.process {
            Program::Ours(balancer) => {
                balancer.check_alive()?;
                Some(balancer.id())
            }
            Program::Other(running) => {
                running.check_alive()?;
                running.id()
            }
        };
        cpu::exact_of_tree(id.ok_or_else(|| Failure::new("there is no process"))?)
    }
}
