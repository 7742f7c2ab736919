//! Files, listings and archives over HTTP: the file server, nginx as its experts set it up, hyper alone, and servers that
//! people start by hand.
//!
//! Nobody writes an access log. Each answer is asked for by the same client with the same requests.

mod contestant;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

use crate::failure::{Explain as _, Failure, Outcome};
use crate::file_server::{Server, blocking};
use crate::host::Host;
use crate::sources::{PLAIN, PLAIN_BYTES, Sources};
use crate::stats::Summary;
use crate::wrk::{self, Load};
pub use contestant::Contestant;

/// The words on the command line that choose this group.
pub const SUBCOMMAND: &str = "http";

/// How long a server may be silent.
const PATIENCE: Duration = Duration::from_secs(60);

/// Times that the large file is asked for in a lap.
const TIMES: u32 = 4;

/// Entries of the large directory, and files of the other one.
const ENTRIES: usize = 10_000;
const SMALL_FILES: usize = 1_000;
const SMALL_BYTES: usize = 1024;

/// Seconds of load.
const SECONDS: u64 = 5;

/// What is measured, and in what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Large,
    Small,
    Listing,
    Resume,
}

const WORK: [(&str, Work); 4] = [
    ("1 GiB file, CPU s per GB", Work::Large),
    (
        "1 KiB files over 64 kept connections, requests per CPU s",
        Work::Small,
    ),
    ("listing of 10,000 entries, per CPU s", Work::Listing),
    (
        "the middle of a tar of 20 GB, ms to the first byte",
        Work::Resume,
    ),
];

/// Measures everything; the tables, and whether all was measured.
///
/// # Errors
/// Where the trees cannot be made.
pub async fn run(host: &Host, rounds: usize) -> Outcome<(String, bool)> {
    let sources = Sources::prepare(host.launcher.bench())?;
    let tree = plant(host.dir())?;
    let (mut text, mut is_whole) = (String::new(), true);
    let mut here = Vec::new();
    for who in Contestant::ALL {
        match who.missing(host) {
            None => here.push(who),
            Some(why) => text += &format!("{} is missing: {why}\n", who.name()),
        }
    }
    for (title, work) in WORK {
        text += &format!(
            "\n{title}\n{:<12}{:>12}{:>22}\n",
            "", "median", "least to most"
        );
        let mut rows: Vec<(&str, Contestant, Vec<f64>)> = here
            .iter()
            .filter(|who| has(**who, work))
            .map(|who| (who.name(), *who, Vec::new()))
            .collect();
        for round in 0..rounds {
            let count = rows.len();
            for at in (0..count).map(|at| (at + round) % count) {
                let (name, who, figures) = &mut rows[at];
                eprintln!("{title}: {name}");
                match lap(host, &sources, &tree, *who, work).await {
                    Ok(figure) => figures.push(figure),
                    Err(failure) => {
                        text += &format!("{name:<12}failed: {failure}\n");
                        is_whole = false;
                    }
                }
            }
        }
        for (name, _, figures) in rows {
            if let Some(summary) = Summary::of(figures) {
                let Summary {
                    median, min, max, ..
                } = summary;
                let range = format!("{} to {}", shown(min), shown(max));
                text += &format!("{name:<12}{:>12}{range:>22}\n", shown(median));
            }
        }
    }
    Ok((text, is_whole))
}

fn shown(figure: f64) -> String {
    match figure < 100.0 {
        true => format!("{figure:.3}"),
        false => format!("{figure:.0}"),
    }
}

/// Whether a contestant has it.
fn has(who: Contestant, work: Work) -> bool {
    match who {
        Contestant::Netsocket => true,
        Contestant::Hyper => work == Work::Small,
        Contestant::Nginx | Contestant::Miniserve | Contestant::Dufs => work != Work::Resume,
    }
}

/// The trees with many entries.
fn plant(dir: &Path) -> Outcome<PathBuf> {
    let tree = dir.join("http-tree");
    for (name, count, bytes) in [("small", SMALL_FILES, SMALL_BYTES), ("listing", ENTRIES, 0)] {
        let place = tree.join(name);
        fs::create_dir_all(&place).explain("a tree")?;
        for at in 0..count {
            fs::write(place.join(format!("file-{at:05}.txt")), vec![b'x'; bytes])
                .explain("a file")?;
        }
    }
    Ok(tree)
}

async fn lap(
    host: &Host,
    sources: &Sources,
    tree: &Path,
    who: Contestant,
    work: Work,
) -> Outcome<f64> {
    let root = match work {
        Work::Large => &sources.plain,
        Work::Small | Work::Listing => tree,
        Work::Resume => &sources.sparse,
    };
    let mut server = who.start(host, root).await?;
    let address = server.address;
    match work {
        Work::Large => {
            let ask = move || get(address, &format!("/{PLAIN}"), "").map(|answer| answer.bytes);
            blocking(ask).await?;
            let before = server.cpu()?;
            let mut bytes = 0;
            for _ in 0..TIMES {
                bytes += blocking(ask).await?;
            }
            if bytes != u64::from(TIMES) * PLAIN_BYTES {
                return Err(Failure::new(format!("{bytes} bytes came")));
            }
            Ok((server.cpu()? - before) / (bytes as f64 / 1e9))
        }
        Work::Small => {
            let path = "/small/file-00500.txt";
            let warm = load(64, 1);
            wrk::run_at(host, address, path, warm).await?;
            rate(host, &mut server, path, load(64, SECONDS)).await
        }
        // One at a time: some take a second for each, and those not answered at the end are not counted.
        Work::Listing => {
            let path = "/listing/";
            blocking(move || get(address, path, "")).await?;
            rate(host, &mut server, path, load(1, 2 * SECONDS)).await
        }
        Work::Resume => {
            let head = blocking(move || get(address, "/?archive=tar", "bytes=0-0")).await?;
            let middle = format!("bytes={}-{}", head.length / 2, head.length / 2 + 1_000_000);
            let answer = blocking(move || get(address, "/?archive=tar", &middle)).await?;
            Ok(answer.first_byte.as_secs_f64() * 1e3)
        }
    }
}

fn load(connections: u16, seconds: u64) -> Load {
    Load {
        connections,
        close: false,
        seconds,
    }
}

/// Requests per second of CPU time.
async fn rate(host: &Host, server: &mut Server, path: &str, load: Load) -> Outcome<f64> {
    let before = server.cpu()?;
    let answered = wrk::run_at(host, server.address, path, load).await?;
    Ok(answered.requests as f64 / (server.cpu()? - before))
}

/// What came.
struct Answer {
    /// Bytes of the body.
    bytes: u64,
    /// Bytes of the whole, of which this is a part.
    length: u64,
    /// From the request to the first byte of the body.
    first_byte: Duration,
}

/// Asks for a path, or for a range of it. Blocks the thread.
fn get(address: SocketAddr, path: &str, range: &str) -> Outcome<Answer> {
    let stream = TcpStream::connect(address).explain("the server")?;
    stream
        .set_read_timeout(Some(PATIENCE))
        .explain("a timeout")?;
    let range = match range {
        "" => String::new(),
        range => format!("Range: {range}\r\n"),
    };
    let began = Instant::now();
    let head =
        format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{range}Connection: close\r\n\r\n");
    (&stream)
        .write_all(head.as_bytes())
        .explain("the request")?;
    let mut reader = BufReader::with_capacity(1 << 20, &stream);
    let (mut line, mut length) = (String::new(), 0);
    while reader.read_line(&mut line).explain("the head")? > 2 {
        let (name, value) = line.split_once(':').unwrap_or_default();
        if name.eq_ignore_ascii_case("content-range") {
            length = value
                .rsplit('/')
                .next()
                .and_then(|all| all.trim().parse().ok())
                .unwrap_or(0);
        }
        line.clear();
    }
    let mut bytes = reader.fill_buf().explain("the body")?.len() as u64;
    let first_byte = began.elapsed();
    reader.consume(usize::try_from(bytes).unwrap_or_default());
    let mut buffer = vec![0; 1 << 20];
    loop {
        match reader.read(&mut buffer).explain("the body")? {
            0 => break,
            count => bytes += count as u64,
        }
    }
    Ok(Answer {
        bytes,
        length,
        first_byte,
    })
}
