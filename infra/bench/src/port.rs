//! Addresses for servers that must be told their port, and when a server listens there.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::failure::{Explain as _, Failure, Outcome};
use crate::process::Process;

/// Ports below are often fixed ones.
const LOWEST: u16 = 10_000;
/// The usual lower end of the ports that the system gives to outgoing connections.
const USUAL_EPHEMERAL: u16 = 32_768;
/// How long a server may take to listen.
const START_LIMIT: Duration = Duration::from_secs(15);
/// Between two looks.
const POLL: Duration = Duration::from_millis(5);

/// Hands out free ports of 127.0.0.1, each only once in a run, so that connections in TIME_WAIT of one peer are never
/// in the way of the next.
///
/// They lie below the range from which outgoing connections take theirs: one of the many connections that are made
/// here would otherwise sit on a port between the moment it is chosen and the moment a server binds it.
#[derive(Debug)]
pub struct Ports {
    next: AtomicU16,
    end: u16,
}

impl Ports {
    /// Starts at a random port.
    #[must_use]
    pub fn new() -> Self {
        let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range");
        let end = range
            .ok()
            .and_then(|text| text.split_whitespace().next()?.parse().ok())
            .filter(|first| *first > LOWEST + 1000)
            .unwrap_or(USUAL_EPHEMERAL);
        Self {
            next: AtomicU16::new(fastrand::u16(LOWEST..end)),
            end,
        }
    }

    /// An address on which nothing listens.
    ///
    /// # Errors
    /// Where no port is free.
    pub fn free(&self) -> Outcome<SocketAddr> {
        for _ in LOWEST..self.end {
            let step = |port| {
                Some(if port + 1 < self.end {
                    port + 1
                } else {
                    LOWEST
                })
            };
            // `Err` would mean that `step` gave nothing, which it never does.
            let (Ok(port) | Err(port)) =
                self.next
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, step);
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            if TcpListener::bind(address).is_ok() {
                return Ok(address);
            }
        }
        Err(Failure::new("no port of 127.0.0.1 is free"))
    }
}

impl Default for Ports {
    fn default() -> Self {
        Self::new()
    }
}

/// Waits until something listens on `address`, without connecting to it: a relay would connect on, and a server that
/// counts its clients would count this one.
///
/// # Errors
/// Where `server` ends, or nothing listens for 15 s.
pub async fn listening(address: SocketAddr, server: &mut Process) -> Outcome {
    let end = Instant::now() + START_LIMIT;
    while !listens(address)? {
        server.check_alive()?;
        if Instant::now() > end {
            return Err(Failure::new(format!(
                "{} does not listen on {address}: {}",
                server.name(),
                server.last_words()
            )));
        }
        sleep(POLL).await;
    }
    Ok(())
}

fn listens(address: SocketAddr) -> Outcome<bool> {
    let table = fs::read_to_string("/proc/net/tcp").explain("/proc/net/tcp")?;
    let SocketAddr::V4(address) = address else {
        return Err(Failure::new("only IPv4 addresses are looked up"));
    };
    Ok(listeners(&table).any(|listener| listener == address))
}

/// The listening sockets of `/proc/net/tcp` (proc(5)): the address is a number in the byte order of the machine.
fn listeners(table: &str) -> impl Iterator<Item = SocketAddrV4> + '_ {
    const LISTEN: &str = "0A";
    table.lines().skip(1).filter_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let (ip, port) = fields.next()?.split_once(':')?;
        let state = fields.nth(1)?;
        let ip = u32::from_str_radix(ip, 16).ok()?.to_ne_bytes();
        let port = u16::from_str_radix(port, 16).ok()?;
        (state == LISTEN).then_some(SocketAddrV4::new(ip.into(), port))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listening_sockets_are_found() {
        let local = u32::from_ne_bytes([127, 0, 0, 1]);
        let table = format!(
            "  sl  local_address rem_address   st tx_queue rx_queue\n\
                0: {local:08X}:1F91 00000000:0000 0A 00000000:00000000\n\
                1: {local:08X}:1F92 {local:08X}:C000 01 00000000:00000000\n"
        );
        let found: Vec<_> = listeners(&table).collect();
        assert_eq!(found, [SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0x1F91)]);
    }

    #[test]
    fn a_listener_is_seen_while_it_is_there() {
        // Not one of the system's choice, which another process could be given right afterwards.
        let address = Ports::new().free().unwrap();
        let listener = TcpListener::bind(address).unwrap();
        assert!(listens(address).unwrap());
        drop(listener);
        assert!(!listens(address).unwrap());
    }

    #[test]
    fn no_port_comes_twice() {
        let ports = Ports::new();
        let first = ports.free().unwrap();
        let second = ports.free().unwrap();
        assert_ne!(first, second);
        assert!(first.port() < ports.end && first.port() >= LOWEST);
    }
}
