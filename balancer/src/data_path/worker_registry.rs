//! The workers as they see each other: who has how many sessions, and how to reach them.
//!
//! All watch one listening socket, and the system wakes whichever it likes, often the same one. So a worker that has
//! clearly more sessions than another hands a new client on, which costs something only when it is needed.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use rustix::io::Result;

use crate::data_path::mailbox::{Mail, Mailbox};

/// Sessions more than another that a worker may have.
const SLACK: usize = 2;

/// All workers of a balancer.
#[derive(Debug)]
pub(crate) struct Crew {
    members: Vec<Member>,
}

/// One worker.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) mailbox: Mailbox,
    load: AtomicUsize,
}

impl Member {
    /// Lets the others know how many sessions it has.
    pub(crate) fn set_load(&self, sessions: usize) {
        self.load.store(sessions, Relaxed);
    }
}

impl Crew {
    /// # Errors
    /// No descriptors for so many.
    pub(crate) fn new(count: usize) -> Result<Self> {
        let member = |_| {
            Ok(Member {
                mailbox: Mailbox::new()?,
                load: AtomicUsize::new(0),
            })
        };
        Ok(Self {
            members: (0..count).map(member).collect::<Result<_>>()?,
        })
    }

    pub(crate) fn member(&self, worker: usize) -> Option<&Member> {
        self.members.get(worker)
    }

    /// How many sessions each of them has.
    pub(crate) fn loads(&self) -> impl Iterator<Item = usize> {
        self.members.iter().map(|member| member.load.load(Relaxed))
    }

    pub(crate) fn members(&self) -> &[Member] {
        &self.members
    }

    /// Ends them all, each after its sessions.
    pub(crate) fn stop(&self) {
        for member in &self.members {
            // A worker that is over has stopped.
            let _ = member.mailbox.send(Mail::Stop);
        }
    }

    /// Hands a client of worker `from`, which has so many sessions, to the one whose `turn` it is, if that one has
    /// clearly fewer. Gives it back otherwise.
    pub(crate) fn deal(
        &self,
        from: usize,
        load: usize,
        turn: usize,
        client: (OwnedFd, SocketAddr),
    ) -> Option<(OwnedFd, SocketAddr)> {
        let others = self.members.len().saturating_sub(1);
        if others == 0 {
            return Some(client);
        }
        let other = (from + 1 + turn % others) % self.members.len();
        let Some(member) = self.members.get(other) else {
            return Some(client);
        };
        let theirs = member.load.load(Relaxed);
        if load < theirs + SLACK + theirs / 8 {
            return Some(client);
        }
        // Counted at once, so that the next client finds it so.
        member.load.fetch_add(1, Relaxed);
        match member.mailbox.send(Mail::Client(client.0, client.1)) {
            Ok(()) => None,
            Err(Mail::Client(socket, address)) => Some((socket, address)),
            Err(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, UdpSocket};

    use super::*;

    fn client() -> (OwnedFd, SocketAddr) {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = socket.local_addr().unwrap();
        (socket.into(), address)
    }

    #[test]
    fn a_client_goes_to_a_worker_that_has_clearly_fewer() {
        let crew = Crew::new(3).unwrap();
        assert!(crew.deal(0, 1, 0, client()).is_some());
        assert!(crew.deal(0, 2, 0, client()).is_none());
        assert_eq!(crew.members[1].mailbox.receive().len(), 1);
        // That one has it now.
        assert!(crew.deal(0, 2, 0, client()).is_some());
        // The next in turn has none.
        assert!(crew.deal(0, 2, 1, client()).is_none());
        assert_eq!(crew.members[2].mailbox.receive().len(), 1);
        assert!(crew.members[0].mailbox.receive().is_empty());
    }

    #[test]
    fn nobody_to_deal_to() {
        assert!(Crew::new(1).unwrap().deal(0, 100, 0, client()).is_some());
        let crew = Crew::new(2).unwrap();
        drop(crew.members[1].mailbox.close());
        assert!(crew.deal(0, 100, 0, client()).is_some());
    }
}
