//! The file servers, one of which is killed every ten seconds and comes back where it was.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use super::over::Over;
use super::record::{DEAD, Record};
use crate::failure::Outcome;
use crate::file_server::Server;
use crate::host::Host;

/// How many.
const SERVERS: usize = 3;
/// From one kill to the next.
const KILL_EVERY: Duration = Duration::from_secs(10);

/// Whichever of them run.
pub(super) struct Servers<'a> {
    host: &'a Host,
    root: &'a Path,
    pub(super) addresses: Vec<SocketAddr>,
    running: Vec<Option<Server>>,
}

impl<'a> Servers<'a> {
    pub(super) async fn start(host: &'a Host, root: &'a Path) -> Outcome<Self> {
        let mut servers = Self {
            host,
            root,
            addresses: Vec::new(),
            running: Vec::new(),
        };
        for _ in 0..SERVERS {
            let server = Server::start(host, root).await?;
            servers.addresses.push(server.address);
            servers.running.push(Some(server));
        }
        Ok(servers)
    }

    /// Kills one after the other until it is over. All of them run then.
    pub(super) async fn torment(&mut self, over: &Over, record: &RefCell<Record>) -> Outcome {
        let mut due = Instant::now() + KILL_EVERY;
        let victims = self.addresses.clone().into_iter().enumerate().cycle();
        for (victim, address) in victims {
            if over.by(due).await {
                break;
            }
            // With SIGKILL.
            self.running[victim] = None;
            record.borrow_mut().kills.push(Instant::now());
            over.by(due + DEAD).await;
            let server = Server::start_at(self.host, self.root, address).await?;
            self.running[victim] = Some(server);
            due += KILL_EVERY;
        }
        Ok(())
    }
}
