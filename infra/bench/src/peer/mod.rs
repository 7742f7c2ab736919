//! What is measured: the balancer, other relays, and no relay at all.
//!
//! Every peer relays one listening address to one backend and is tuned for that: as many threads or workers as cores,
//! no logging, room for every connection of every case.

pub mod copy;
pub mod floor;
mod haproxy;
mod netsocket;
mod nginx;
mod route;
mod sozu;
pub mod uring;

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use clap::ValueEnum;

use crate::cpu;
use crate::failure::{Explain as _, Failure, Outcome};
use crate::host::Host;
use crate::memory;
use crate::port::listening;
use crate::process::Process;
use crate::tool::{StreamModule, need};
use netsocket::Build;
use route::Route;
pub use route::Traffic;

/// The connections of a process that dies are cut a moment before it is seen to have ended.
const LAST_BREATH: Duration = Duration::from_millis(200);

/// A peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Peer {
    /// No relay: the limit of what the machine and the load can do
    Direct,
    /// A minimal epoll relay: the fewest system calls per connection
    Floor,
    /// The same on io_uring
    Uring,
    /// A plain relay with tokio's copy_bidirectional
    Copy,
    /// The stream module of nginx
    Nginx,
    /// The stream module of nginx, as its experts set it up
    NginxTuned,
    /// HAProxy in mode tcp
    Haproxy,
    /// HAProxy with option splice-auto
    HaproxySplice,
    /// HAProxy as its experts set it up
    HaproxyTuned,
    /// The same with HAProxy 3
    Haproxy3Tuned,
    /// sozu, a proxy in Rust
    Sozu,
    /// tcpproxy, a library in Go, whose copies splice
    GoRelay,
    /// The balancer as it is shipped
    Netsocket,
    /// An earlier build of the balancer, in the directory that NETSOCKET_BEFORE_DIR names
    NetsocketBefore,
    /// The balancer, told to copy only
    NetsocketCopy,
    /// The balancer, told to splice only
    NetsocketSplice,
    /// The balancer with TCP fast open and deferred accept
    NetsocketFastOpen,
    /// The balancer with telemetry to the Kafka that --kafka names
    NetsocketKafka,
    /// The balancer with telemetry to a Kafka that takes connections and never answers
    NetsocketBlackHole,
}

impl Peer {
    /// Those that are measured when nobody says otherwise.
    pub const USUAL: [Self; 11] = [
        Self::Direct,
        Self::Floor,
        Self::GoRelay,
        Self::Sozu,
        Self::Nginx,
        Self::NginxTuned,
        Self::Haproxy,
        Self::HaproxySplice,
        Self::HaproxyTuned,
        Self::Haproxy3Tuned,
        Self::Netsocket,
    ];

    /// Relays of other people, in every setup.
    pub const OTHERS: [Self; 8] = [
        Self::Nginx,
        Self::NginxTuned,
        Self::Haproxy,
        Self::HaproxySplice,
        Self::HaproxyTuned,
        Self::Haproxy3Tuned,
        Self::Sozu,
        Self::GoRelay,
    ];

    /// Its name on the command line and in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Floor => "floor",
            Self::Uring => "uring",
            Self::Copy => "copy",
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::NginxTuned => "nginx-tuned",
            Self::HaproxySplice => "haproxy-splice",
            Self::HaproxyTuned => "haproxy-tuned",
            Self::Haproxy3Tuned => "haproxy3-tuned",
            Self::Sozu => "sozu",
            Self::GoRelay => "go-relay",
            Self::Netsocket => "netsocket",
            Self::NetsocketBefore => "netsocket-before",
            Self::NetsocketCopy => "netsocket-copy",
            Self::NetsocketSplice => "netsocket-splice",
            Self::NetsocketFastOpen => "netsocket-fast-open",
            Self::NetsocketKafka => "netsocket-kafka",
            Self::NetsocketBlackHole => "netsocket-black-hole",
        }
    }

    /// Why it cannot be measured here; `None` where it can.
    #[must_use]
    pub fn missing(self, host: &Host) -> Option<String> {
        let absent = |name: &str| Some(format!("{name} is not installed"));
        let absent_peer =
            |name: &str| Some(format!("no {name}: infra/bench/install-peers installs it"));
        match self {
            Self::Haproxy | Self::HaproxySplice | Self::HaproxyTuned
                if host.tools.haproxy.is_none() =>
            {
                absent("haproxy")
            }
            Self::Haproxy3Tuned if host.tools.haproxy3.is_none() => absent_peer("haproxy3"),
            Self::Sozu if host.tools.sozu.is_none() => absent_peer("sozu"),
            Self::GoRelay if host.tools.go_relay.is_none() => absent_peer("go-relay"),
            Self::Nginx | Self::NginxTuned if host.tools.nginx.is_none() => absent("nginx"),
            Self::Nginx | Self::NginxTuned if host.tools.nginx_stream == StreamModule::Missing => {
                absent("the stream module of nginx")
            }
            Self::Netsocket => netsocket::missing(host, Build::This, ""),
            Self::NetsocketBefore => netsocket::missing(host, Build::Before, ""),
            Self::NetsocketCopy => netsocket::missing(host, Build::This, netsocket::COPY),
            Self::NetsocketSplice => netsocket::missing(host, Build::This, netsocket::SPLICE),
            Self::NetsocketFastOpen => netsocket::missing(host, Build::This, netsocket::FAST_OPEN),
            Self::NetsocketKafka if host.kafka.is_none() => {
                Some("no Kafka: name one by --kafka HOST:PORT".to_owned())
            }
            Self::NetsocketKafka | Self::NetsocketBlackHole => {
                netsocket::missing(host, Build::This, "")
            }
            Self::Direct
            | Self::Floor
            | Self::Uring
            | Self::Copy
            | Self::GoRelay
            | Self::Sozu
            | Self::Nginx
            | Self::NginxTuned
            | Self::Haproxy
            | Self::HaproxySplice
            | Self::HaproxyTuned
            | Self::Haproxy3Tuned => None,
        }
    }

    /// Starts it in front of `backend`, where nothing may listen yet: the balancer checks its backend before it serves,
    /// and the servers of some cases must not see that connection.
    ///
    /// # Errors
    /// Where it does not start, or does not listen in time.
    pub async fn start(
        self,
        host: &Host,
        backend: SocketAddr,
        traffic: Traffic,
    ) -> Outcome<Running> {
        let route = Route {
            listen: host.ports.free()?,
            backend,
            traffic,
        };
        let haproxy = host.tools.haproxy.as_ref();
        let mut black_hole = None;
        let process = match self {
            Self::Direct => {
                return Ok(Running {
                    address: backend,
                    process: None,
                    _black_hole: None,
                });
            }
            Self::Floor => own_relay(host, floor::SUBCOMMAND, &route),
            Self::Uring => own_relay(host, uring::SUBCOMMAND, &route),
            Self::Copy => own_relay(host, copy::SUBCOMMAND, &route),
            Self::GoRelay => go_relay(host, &route),
            Self::Sozu => sozu::start(host, &route),
            Self::Nginx => nginx::start(host, &route, nginx::Setup::Usual),
            Self::NginxTuned => nginx::start(host, &route, nginx::Setup::Tuned),
            Self::Haproxy => haproxy::start(host, haproxy, &route, haproxy::Setup::Copy),
            Self::HaproxySplice => haproxy::start(host, haproxy, &route, haproxy::Setup::Splice),
            Self::HaproxyTuned => haproxy::start(host, haproxy, &route, haproxy::Setup::Tuned),
            Self::Haproxy3Tuned => {
                let haproxy3 = host.tools.haproxy3.as_ref();
                haproxy::start(host, haproxy3, &route, haproxy::Setup::Tuned)
            }
            Self::Netsocket => netsocket::start(host, Build::This, &route, "").await,
            Self::NetsocketBefore => netsocket::start(host, Build::Before, &route, "").await,
            Self::NetsocketCopy => {
                netsocket::start(host, Build::This, &route, netsocket::COPY).await
            }
            Self::NetsocketSplice => {
                netsocket::start(host, Build::This, &route, netsocket::SPLICE).await
            }
            Self::NetsocketFastOpen => {
                netsocket::start(host, Build::This, &route, netsocket::FAST_OPEN).await
            }
            Self::NetsocketKafka => {
                let kafka = host.kafka.as_deref().unwrap_or_default();
                netsocket::start(host, Build::This, &route, &netsocket::kafka(kafka)).await
            }
            Self::NetsocketBlackHole => {
                let hole = TcpListener::bind(("127.0.0.1", 0)).explain("a black hole")?;
                let address = hole.local_addr().explain("a black hole")?.to_string();
                let process =
                    netsocket::start(host, Build::This, &route, &netsocket::kafka(&address)).await;
                black_hole = Some(hole);
                process
            }
        };
        let mut process = process?;
        listening(route.listen, &mut process).await?;
        Ok(Running {
            address: route.listen,
            process: Some(process),
            _black_hole: black_hole,
        })
    }
}

/// [`Peer::HaproxyTuned`] in front of several backends, with room for so many connections.
///
/// # Errors
/// Where it is missing, does not start, or does not listen in time.
pub(crate) async fn haproxy_pool(
    host: &Host,
    backends: &[SocketAddr],
    traffic: Traffic,
    connections: usize,
) -> Outcome<Running> {
    let listen = host.ports.free()?;
    let pool = haproxy::Pool {
        listen,
        backends,
        traffic,
        connections,
    };
    let program = host.tools.haproxy.as_ref();
    let mut process = haproxy::start_pool(host, program, &pool, haproxy::Setup::Tuned)?;
    listening(listen, &mut process).await?;
    Ok(Running {
        address: listen,
        process: Some(process),
        _black_hole: None,
    })
}

/// A peer at work. Dropping it ends it.
#[derive(Debug)]
pub struct Running {
    /// Where clients connect.
    pub address: SocketAddr,
    /// `None` for [`Peer::Direct`].
    process: Option<Process>,
    /// Nobody accepts there: the system takes connections, and that is all.
    _black_hole: Option<TcpListener>,
}

impl Running {
    /// CPU time of its processes so far, in seconds; `None` where there is no process.
    ///
    /// # Errors
    /// Where the process is gone.
    pub fn cpu(&self) -> Outcome<Option<f64>> {
        self.id().map(cpu::of_tree).transpose()
    }

    /// Its process; `None` where there is none.
    #[must_use]
    pub(crate) fn id(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// Memory of its processes, in bytes; `None` where there is no process.
    ///
    /// # Errors
    /// Where the process is gone.
    pub fn memory(&self) -> Outcome<Option<u64>> {
        self.id().map(memory::of_tree).transpose()
    }

    /// That it has not ended.
    ///
    /// # Errors
    /// Where it has.
    pub fn check_alive(&mut self) -> Outcome {
        self.process.as_mut().map_or(Ok(()), Process::check_alive)
    }

    /// Why work through it failed: its own end, where it has ended, else `failure`.
    pub async fn reason(&mut self, failure: Failure) -> Failure {
        if let Some(process) = &mut self.process {
            // An error says that it still runs.
            let _ = process.end(LAST_BREATH).await;
        }
        self.check_alive().err().unwrap_or(failure)
    }
}

fn go_relay(host: &Host, route: &Route) -> Outcome<Process> {
    let program = need(host.tools.go_relay.as_ref(), "go-relay")?;
    let arguments = [route.listen.to_string(), route.backend.to_string()];
    host.launcher.start("go-relay", program, arguments)
}

fn own_relay(host: &Host, subcommand: &str, route: &Route) -> Outcome<Process> {
    let arguments = [
        subcommand.to_owned(),
        route.listen.to_string(),
        route.backend.to_string(),
        host.cores.to_string(),
    ];
    host.launcher
        .start(subcommand, host.launcher.bench(), arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_command_line() {
        for peer in Peer::value_variants() {
            let value = peer.to_possible_value().unwrap();
            assert_eq!(value.get_name(), peer.name());
        }
    }
}
