//! Many services and many backends in one balancer: what a start, a reload, a look and a pick cost.
//!
//! All backends are one echo server. Checks are rare, so that they are not what is measured; each backend has its first one.

#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "one thing after the other, on real clocks and threads"
)]

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use crate::backend::{Backend, Service};
use crate::cpu;
use crate::failure::{Explain as _, Failure, Outcome};
use crate::host::Host;
use crate::memory;
use crate::process::Process;
use crate::stats::Summary;
use crate::tool::need;

/// The words on the command line that choose this group.
pub const SUBCOMMAND: &str = "services";

/// Services, and backends of each.
const SERVICES: usize = 100;
const BACKENDS: usize = 100;
/// Files that are open at the same time: sockets of checks at the start, above all.
const FILES: u64 = 20_000;
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks.
const POLL: Duration = Duration::from_millis(5);
/// Requests for each page in a round.
const LOOKS: usize = 5;
/// Sizes of a pool, and sessions, for picks.
const FEW: usize = 10;
const MANY: usize = 1_000;
const SESSIONS: u32 = 4_000;
const POLICIES: [&str; 5] = [
    "round-robin",
    "least-connections",
    "two-choices",
    "source",
    "maglev",
];

/// What is measured with many services, and at most what it should be.
const FIGURES: [(&str, f64); 7] = [
    ("start until every service serves, ms", 1_000.0),
    ("memory once all backends are up, MiB", 64.0),
    ("reload, ms", 100.0),
    ("longest stall of a session in a reload, ms", 100.0),
    ("page, ms", 100.0),
    ("pools by API, ms", 100.0),
    ("metrics, ms", 100.0),
];

/// Measures everything; the tables, and whether all was measured.
///
/// # Errors
/// The balancer is not built, or there are too few descriptors.
#[expect(
    clippy::unused_async,
    reason = "a group is called so; processes are started by the main thread, which has nothing else to do"
)]
pub async fn run(host: &Host, rounds: usize) -> Outcome<(String, bool)> {
    host.need_open_files(FILES)?;
    let echo = host.ports.free()?;
    let _backend = Backend::start(echo, Service::Echo)?;
    let mut all: Vec<Vec<f64>> = vec![Vec::new(); FIGURES.len()];
    for _ in 0..rounds {
        for (figures, figure) in all.iter_mut().zip(many_services(host, echo)?) {
            figures.push(figure);
        }
    }
    let mut text = format!(
        "\n{SERVICES} services of {BACKENDS} backends\n{:<46}{:>10}{:>20}{:>10}\n",
        "", "median", "least to most", "target"
    );
    for ((name, target), figures) in FIGURES.iter().zip(all) {
        text += &row(name, figures, &format!("<= {target:.0}"));
    }
    let _ = writeln!(
        text,
        "\nCPU of the balancer for a new connection, µs\n{:<46}{:>10}{:>20}",
        "", "median", "least to most"
    );
    for policy in POLICIES {
        for size in [FEW, MANY] {
            let mut figures = Vec::new();
            for _ in 0..rounds {
                figures.push(picks(host, echo, policy, size)?);
            }
            text += &row(&format!("{policy}, {size} backends"), figures, "");
        }
    }
    Ok((text, true))
}

fn row(name: &str, figures: Vec<f64>, target: &str) -> String {
    Summary::of(figures).map_or_else(String::new, |summary| {
        let range = format!("{:.1} to {:.1}", summary.min, summary.max);
        format!(
            "{name:<46}{:>10.1}{range:>20}{target:>10}\n",
            summary.median
        )
    })
}

/// A balancer that runs.
struct Running {
    process: Process,
    admin: SocketAddr,
    file: PathBuf,
}

impl Running {
    fn start(host: &Host, text: &str, admin: SocketAddr) -> Outcome<Self> {
        let program = need(host.tools.balancer.as_ref(), "netsocket-balancer")?;
        let file = host.write("services.toml", text)?;
        let arguments = [Path::new("--config"), &file];
        let process = host.launcher.start("balancer", program, arguments)?;
        Ok(Self {
            process,
            admin,
            file,
        })
    }

    /// Waits until it says that so many backends are up.
    fn all_up(&mut self, count: usize) -> Outcome {
        let begin = Instant::now();
        loop {
            self.process.check_alive()?;
            let metrics = ask(self.admin, "GET", "/metrics").unwrap_or_default();
            let up = metrics
                .lines()
                .filter(|line| line.starts_with("netsocket_backend_up{") && line.ends_with(" 1"));
            if up.count() == count {
                return Ok(());
            }
            if begin.elapsed() > PATIENCE {
                return Err(Failure::new("not all backends came up"));
            }
            thread::sleep(20 * POLL);
        }
    }
}

fn many_services(host: &Host, echo: SocketAddr) -> Outcome<[f64; FIGURES.len()]> {
    let admin = host.ports.free()?;
    let doors: Vec<SocketAddr> = (0..SERVICES)
        .map(|_| host.ports.free())
        .collect::<Outcome<_>>()?;
    let text = settings(admin, &doors, echo, 1);
    let begin = Instant::now();
    let mut running = Running::start(host, &text, admin)?;
    for &door in &doors {
        served(door, &mut running.process)?;
    }
    let start = millis(begin);
    running.all_up(SERVICES * BACKENDS)?;
    let memory = memory::of_tree(running.process.id())? as f64 / f64::from(1 << 20);

    let watch = Watch::begin(doors[0])?;
    let other = settings(admin, &doors, echo, 2);
    std::fs::write(&running.file, other).explain("the settings")?;
    let begin = Instant::now();
    let answer = ask(admin, "POST", "/api/v1/reload")?;
    let reload = millis(begin);
    if !answer.contains("\"altered\"") {
        return Err(Failure::new(format!("the reload failed: {answer}")));
    }
    let stall = watch.end()?;
    let look = |path: &str| -> Outcome<f64> {
        let mut longest = 0.0_f64;
        for _ in 0..LOOKS {
            let begin = Instant::now();
            ask(admin, "GET", path)?;
            longest = longest.max(millis(begin));
        }
        Ok(longest)
    };
    Ok([
        start,
        memory,
        reload,
        stall,
        look("/")?,
        look("/api/v1/pools")?,
        look("/metrics")?,
    ])
}

/// The settings; `weight` is that of one backend in each pool.
fn settings(admin: SocketAddr, doors: &[SocketAddr], echo: SocketAddr, weight: u32) -> String {
    let mut text = format!("{}admin = \"{admin}\"\n", common());
    for (number, door) in doors.iter().enumerate() {
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(
            text,
            "[[services]]\nname = \"s{number}\"\nlisten = \"{door}\"\nbackends = ["
        );
        for backend in 0..BACKENDS {
            let weight = if backend == 0 { weight } else { 1 };
            let _ = writeln!(
                text,
                "    {{ name = \"b{backend}\", address = \"{echo}\", weight = {weight} }},"
            );
        }
        text += "]\n";
    }
    text
}

fn common() -> &'static str {
    "access_log_target = \"off\"\nlog = \"error\"\ncheck_interval = \"1h\"\n"
}

/// The CPU time of the balancer for one session, in µs.
fn picks(host: &Host, echo: SocketAddr, policy: &str, size: usize) -> Outcome<f64> {
    let (admin, door) = (host.ports.free()?, host.ports.free()?);
    let backends = (0..size).map(|number| format!("\"b{number}={echo}\""));
    let backends: Vec<String> = backends.collect();
    let text = format!(
        "{}admin = \"{admin}\"\nlisten = \"{door}\"\nbalance = \"{policy}\"\nbackends = [{}]\n",
        common(),
        backends.join(", ")
    );
    let mut running = Running::start(host, &text, admin)?;
    served(door, &mut running.process)?;
    running.all_up(size)?;
    let before = cpu::of_tree(running.process.id())?;
    for _ in 0..SESSIONS {
        exchange(door).explain("a session")?;
    }
    let spent = cpu::of_tree(running.process.id())? - before;
    Ok(spent * 1e6 / f64::from(SESSIONS))
}

fn millis(begin: Instant) -> f64 {
    begin.elapsed().as_secs_f64() * 1000.0
}

/// Waits until a client at `door` is served.
fn served(door: SocketAddr, server: &mut Process) -> Outcome {
    let begin = Instant::now();
    while exchange(door).is_err() {
        server.check_alive()?;
        if begin.elapsed() > PATIENCE {
            return Err(Failure::new(format!("nobody is served at {door}")));
        }
        thread::sleep(POLL);
    }
    Ok(())
}

/// One byte there and back.
fn exchange(door: SocketAddr) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(door)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"?")?;
    stream.read_exact(&mut [0])
}

/// A request to the admin HTTP; the body of a good answer.
fn ask(admin: SocketAddr, method: &str, path: &str) -> Outcome<String> {
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    );
    let exchange = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(admin)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    let answer = exchange().explain(path)?;
    if answer.starts_with("HTTP/1.1 200 ") {
        Ok(answer)
    } else {
        let line = answer.lines().next().unwrap_or_default();
        Err(Failure::new(format!("{path}: {line}")))
    }
}

/// A session that says something all the time, and how long its answers take.
struct Watch {
    over: Arc<AtomicBool>,
    thread: thread::JoinHandle<std::io::Result<f64>>,
}

impl Watch {
    fn begin(door: SocketAddr) -> Outcome<Self> {
        let mut stream = TcpStream::connect(door).explain("a session")?;
        stream.set_nodelay(true).explain("a session")?;
        let over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&over);
        let thread = thread::spawn(move || {
            let mut longest = 0.0_f64;
            while !told.load(Relaxed) {
                let begin = Instant::now();
                stream.write_all(b"?")?;
                stream.read_exact(&mut [0])?;
                longest = longest.max(millis(begin));
                thread::sleep(Duration::from_millis(1));
            }
            Ok(longest)
        });
        // It is under way before anything is changed.
        thread::sleep(20 * POLL);
        Ok(Self { over, thread })
    }

    fn end(self) -> Outcome<f64> {
        thread::sleep(20 * POLL);
        self.over.store(true, Relaxed);
        let longest = self.thread.join();
        longest
            .map_err(|_| Failure::new("the session that was watched"))?
            .explain("the session that was watched")
    }
}
