//! File servers and a balancer that are killed and come back where they were.

use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use e2e::fleet::{Balancer, FileServer, Fleet, Plan};
use e2e::{PATIENCE, eventually, loopback};

/// So that a server that has come back is soon used again, however often it was killed: it is the client that is judged.
const CHECKS: &str = "check_interval = '200ms'\ncheck_timeout = '200ms'\nflap_hold = '0'\n";

/// The number of the balancer among the victims, behind the file servers.
const BALANCER: usize = 3;

/// A fleet whose every process may be killed and comes back where it was.
pub(super) struct Service {
    pub(super) balancer: Option<Balancer>,
    pub(super) servers: [FileServer; 3],
    settings: String,
}

impl Service {
    pub(super) fn start(root: &Path) -> Self {
        let Fleet { balancer, servers } = Plan::over(root).start();
        drop(balancer);
        let listen = format!("{}:0", loopback::own_address());
        let mut service = Self {
            balancer: None,
            servers,
            settings: format!("listen = '{listen}'\n{CHECKS}"),
        };
        service.start_balancer();
        let address = service.address();
        // From now on it comes back at the same port.
        service.settings = format!("listen = '{address}'\n{CHECKS}");
        service.wait_until_up();
        service
    }

    pub(super) fn address(&self) -> std::net::SocketAddr {
        self.balancer.as_ref().expect("a balancer").address
    }

    fn start_balancer(&mut self) {
        let backends = self.servers.each_ref().map(|s| (s.name, s.address));
        let balancer = Balancer::start_as_configured(&self.settings, &backends);
        self.balancer = Some(balancer);
    }

    pub(super) fn wait_until_up(&self) {
        let admin = self.balancer.as_ref().expect("a balancer").admin;
        let count = self.servers.len();
        eventually(PATIENCE, "every backend up", || {
            (admin.up() == count).then_some(())
        });
    }

    pub(super) fn kill(&mut self, victim: usize) {
        match self.servers.get_mut(victim) {
            Some(server) => server.process.kill(),
            None => {
                if let Some(balancer) = &mut self.balancer {
                    balancer.process.kill();
                }
            }
        }
    }

    pub(super) fn restart(&mut self, victim: usize) {
        match self.servers.get_mut(victim) {
            Some(server) => server.restart(),
            None => self.start_balancer(),
        }
    }

    /// Kills and restarts until `stop` is dropped. Returns how often each was killed, the balancer last.
    pub(super) fn torment(
        &mut self,
        victims: Victims,
        mut random: fastrand::Rng,
        stop: &Receiver<()>,
    ) -> [usize; 4] {
        let mut kills = [0; 4];
        loop {
            let victims = victims.choose(&mut random);
            let lull = Duration::from_millis(random.u64(50..400));
            let down = Duration::from_millis(random.u64(20..500));
            if passes(stop, lull) {
                return kills;
            }
            for victim in &victims {
                self.kill(*victim);
                kills[*victim] += 1;
            }
            let is_over = passes(stop, down);
            for victim in victims {
                self.restart(victim);
            }
            if is_over {
                return kills;
            }
        }
    }
}

/// Who is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Victims {
    /// One file server at a time: there is always another one to go on with.
    OneServer,
    /// Also the balancer, and now and then all file servers at once.
    Anybody,
}

impl Victims {
    fn choose(self, random: &mut fastrand::Rng) -> Vec<usize> {
        match (self, random.usize(..8)) {
            (Self::Anybody, 0) => vec![0, 1, 2],
            (Self::Anybody, 1 | 2) => vec![BALANCER],
            _ => vec![random.usize(..BALANCER)],
        }
    }
}

/// Whether the end came before the time was over.
fn passes(stop: &Receiver<()>, time: Duration) -> bool {
    !matches!(stop.recv_timeout(time), Err(RecvTimeoutError::Timeout))
}
