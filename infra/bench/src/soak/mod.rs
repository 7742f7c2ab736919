//! `bench soak`: one balancer with everything that it is for, for an hour: downloads whose servers are killed, random
//! flows, idle sessions, new ones; and whether a byte is wrong, or its memory or its descriptors grow.
//!
//! Owns: who takes part, and for how long. Does not own: the balancer and the sessions (`crate::stage`), a flow
//! ([`crate::case::integrity::flow`]), what is judged (`verdict`).

mod client;
mod flows;
mod over;
mod record;
mod report;
mod sample;
mod servers;
mod size;
mod tree;
mod verdict;

use std::cell::RefCell;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep};

use crate::backend::bind;
use crate::failure::{Explain as _, Failure, Outcome};
use crate::host::Host;
use crate::stage::balancer::{Balancer, backends};
use crate::stage::dialer::Dialer;
use crate::stage::echoes::Echoes;
use crate::stage::sessions::Sessions;
use client::Client;
use over::Over;
use record::Record;
use sample::{Descriptors, Sample};
use servers::Servers;
pub use size::Size;
use tree::{Tree, Wanted};
use verdict::Ends;

/// The word on the command line that chooses this group.
pub const SUBCOMMAND: &str = "soak";

/// Clients that download at a time.
const CLIENTS: usize = 4;
/// Between two looks at the balancer, or a sixteenth of a short run.
const LOOK_EVERY: Duration = Duration::from_secs(15);
const LOOKS: u32 = 16;
/// Between two lines that say how far it is.
const TELL_EVERY: Duration = Duration::from_secs(60);
/// For the last session to end once nobody has one.
const SETTLE: Duration = Duration::from_secs(60);
/// Looks at the descriptors of a balancer at rest: some of its checks are open now and then, never all the time.
const RESTING_LOOKS: u32 = 40;
const RESTING_POLL: Duration = Duration::from_millis(50);

/// Runs it. The text is the report; the flag says that nothing was found. SIGINT ends the load early, and what was
/// measured by then is judged.
///
/// # Errors
/// Where something does not start.
pub async fn run(host: &Host, size: Size) -> Outcome<(String, bool)> {
    host.need_open_files(4 * size.idle as u64 + 4_000)?;
    let tree = Tree::plant(&host.dir().join("tree"))?;
    let echoes = Echoes::start(host, 1)?;
    let mut servers = Servers::start(host, &tree.root).await?;
    let doors = Doors {
        echo: host.ports.free()?,
        flows: host.ports.free()?,
    };
    let behind_flows = host.ports.free()?;
    let listener = bind(behind_flows)?;
    let settings = settings(&servers.addresses, &doors, behind_flows, &echoes.addresses);
    let mut balancer = Balancer::start(host, &settings).await?;
    let door = balancer.listen;
    let client = |number| Client::new(host, door, number, half(size) / CLIENTS as f64);
    let clients = [client(0)?, client(1)?, client(2)?, client(3)?];
    let archives = clients[0].archives().await?;

    let before = at_rest(&balancer).await?;
    let record = RefCell::new(Record::default());
    let load = Load {
        size,
        tree: &tree,
        archives: &archives,
        doors: &doors,
        over: Over::default(),
        record: &record,
        began: Instant::now(),
    };
    load.bear(&mut balancer, &mut servers, listener, &clients)
        .await?;
    let ends = at_rest(&balancer).await.map(|after| Ends {
        before,
        after,
        workers: host.cores,
    });
    let mut record = record.into_inner();
    let ends = ends.map_err(|failure| record.fault(failure.to_string()));
    let verdicts = verdict::judge(&record, ends.ok());
    let holds = verdicts.iter().all(|verdict| verdict.holds);
    Ok((report::render(size, &record, &verdicts), holds))
}

/// Where clients connect, beside those that download.
struct Doors {
    echo: SocketAddr,
    flows: SocketAddr,
}

/// Three services, each with backends of its own.
fn settings(
    files: &[SocketAddr],
    doors: &Doors,
    flows: SocketAddr,
    echoes: &[SocketAddr],
) -> String {
    let mut text = backends(files, 1);
    let echoes = echoes.iter().copied();
    for (name, door, behind) in [
        ("flows", doors.flows, vec![flows]),
        ("echo", doors.echo, echoes.collect()),
    ] {
        let behind: Vec<String> = behind
            .iter()
            .enumerate()
            .map(|(number, address)| format!("\"{name}{number}={address}\""))
            .collect();
        // A `String` takes everything.
        let _ = write!(
            text,
            "[[services]]\nname = \"{name}\"\nlisten = \"{door}\"\nbackends = [{}]\n",
            behind.join(", ")
        );
    }
    text
}

/// The descriptors of the balancer once nobody has a session.
async fn at_rest(balancer: &Balancer) -> Outcome<Descriptors> {
    let end = Instant::now() + SETTLE;
    while balancer.sum("netsocket_sessions_active").await? > 0.0 {
        if Instant::now() > end {
            return Err(Failure::new("sessions of the balancer do not end"));
        }
        sleep(RESTING_POLL).await;
    }
    let mut least = Descriptors::of(balancer.id())?;
    for _ in 0..RESTING_LOOKS {
        sleep(RESTING_POLL).await;
        let now = Descriptors::of(balancer.id())?;
        if now.others < least.others {
            least = now;
        }
    }
    Ok(least)
}

/// Everything that goes on at the same time.
struct Load<'a> {
    size: Size,
    tree: &'a Tree,
    archives: &'a [Wanted],
    doors: &'a Doors,
    over: Over,
    record: &'a RefCell<Record>,
    began: Instant,
}

impl Load<'_> {
    /// From the first session to the last. All of it is one task of the main thread, which is the one that may start
    /// processes.
    async fn bear(
        &self,
        balancer: &mut Balancer,
        servers: &mut Servers<'_>,
        listener: TcpListener,
        clients: &[Client<'_>; CLIENTS],
    ) -> Outcome {
        let mut sessions = Sessions::new(self.doors.echo, Arc::default());
        sessions.open_idle(self.size.idle).await?;
        let dialer = Dialer::start(self.doors.echo, self.size.rate);
        let [one, two, three, four] = clients;
        let (over, record) = (&self.over, self.record);
        let (ended, (), (), (), (), (), (), ()) = tokio::join!(
            self.end(),
            self.watch(balancer, &dialer),
            self.torment(servers),
            flows::run(self.doors.flows, listener, half(self.size), over, record),
            one.work(self.tree, self.archives, over, record),
            two.work(self.tree, self.archives, over, record),
            three.work(self.tree, self.archives, over, record),
            four.work(self.tree, self.archives, over, record),
        );
        self.note(&dialer);
        dialer.stop().await;
        let lost = sessions.lost().await;
        self.record.borrow_mut().lost = lost;
        ended
    }

    /// Ends the load when its time is over, or when somebody says so.
    async fn end(&self) -> Outcome {
        let mut interrupt = signal(SignalKind::interrupt()).explain("SIGINT")?;
        tokio::select! {
            _ = self.over.by(self.began + self.length()) => {}
            _ = interrupt.recv() => eprintln!("interrupted: what has begun comes to its end"),
        }
        self.over.come();
        Ok(())
    }

    fn length(&self) -> Duration {
        Duration::from_secs(60 * u64::from(self.size.minutes))
    }

    /// Looks at the balancer again and again, and once more at the end.
    async fn watch(&self, balancer: &mut Balancer, dialer: &Dialer) {
        let every = LOOK_EVERY.min(self.length() / LOOKS);
        let end = self.began + self.length();
        let (mut due, mut told) = (self.began + every, self.began + TELL_EVERY);
        loop {
            // The last look is when it is over, and not just before that.
            let then = if due < end { due } else { end + TELL_EVERY };
            let is_last = self.over.by(then).await;
            due += every;
            self.note(dialer);
            match Sample::take(balancer, self.began.elapsed()).await {
                Ok(sample) => {
                    let sample = self.record.borrow_mut().looked(sample);
                    if is_last || Instant::now() >= told {
                        eprintln!("{}", report::progress(&sample));
                        told += TELL_EVERY;
                    }
                }
                Err(failure) => {
                    self.record.borrow_mut().fault(failure.to_string());
                    self.over.come();
                    return;
                }
            }
            if is_last {
                return;
            }
        }
    }

    async fn torment(&self, servers: &mut Servers<'_>) {
        if let Err(failure) = servers.torment(&self.over, self.record).await {
            self.record.borrow_mut().fault(failure.to_string());
            self.over.come();
        }
    }

    /// Notes what came of new connections.
    fn note(&self, dialer: &Dialer) {
        let dialed = dialer.take();
        let mut record = self.record.borrow_mut();
        record.dialed += dialed.latencies.len() as u64;
        record.undialed += dialed.failed;
    }
}

/// Half of the pace, in bytes a second.
fn half(size: Size) -> f64 {
    f64::from(size.pace) * 1e6 / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_service_has_backends_of_its_own() {
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let doors = Doors {
            echo: at(1),
            flows: at(2),
        };
        let text = settings(&[at(3), at(4)], &doors, at(5), &[at(6)]);
        assert!(text.contains("address = \"127.0.0.1:4\""));
        assert!(text.contains(
            "name = \"flows\"\nlisten = \"127.0.0.1:2\"\nbackends = [\"flows0=127.0.0.1:5\"]"
        ));
        assert!(text.contains(
            "name = \"echo\"\nlisten = \"127.0.0.1:1\"\nbackends = [\"echo0=127.0.0.1:6\"]"
        ));
    }
}
