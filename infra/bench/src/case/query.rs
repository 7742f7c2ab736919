//! Queries over a million files: the file server's index beside `find` and `fd`.
//!
//! Every answer is counted and compared with that of `find`: a fast wrong answer is a failure.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use bytes::BytesMut;
use netsocket_protocol::frame::{Frame, FrameCodec, FrameType};
use netsocket_protocol::message::{Hello, Message, Reply, Request};
use netsocket_protocol::query::{Query, Sort};
use netsocket_protocol::{MAGIC, MAX_FRAME, VERSION};
use tokio::time::{Instant, sleep};
use tokio_util::codec::{Decoder as _, Encoder as _};

use crate::cpu;
use crate::failure::{Explain as _, Failure, Outcome};
use crate::file_server::blocking;
use crate::host::Host;
use crate::million::{self, FILES};
use crate::port::listening;
use crate::process::Process;
use crate::stats::percentile;

/// The program under test, beside this one.
const FILESERVER: &str = "netsocket-fileserver";

/// Queries of each kind to the server, in each round.
const QUERIES: usize = 300;

/// How long the first survey may take.
const READY_LIMIT: Duration = Duration::from_secs(300);

/// How long the server may be silent.
const PATIENCE: Duration = Duration::from_secs(60);

/// More than any of these queries finds.
const LIMIT: u64 = 10 * FILES as u64;

/// The targets of the design: p99 in ms, and times faster than `find`.
const TARGET: (f64, f64) = (5.0, 200.0);

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Name,
    Glob,
    Size,
    Extension,
    Age,
    Largest,
}

const KINDS: [Kind; 6] = [
    Kind::Name,
    Kind::Glob,
    Kind::Size,
    Kind::Extension,
    Kind::Age,
    Kind::Largest,
];

/// One question in the words of everyone.
#[derive(Debug, Clone)]
struct Question {
    query: Query,
    sort: Sort,
    reverse: bool,
    limit: u64,
    /// Behind `find DIR -type f`.
    find: String,
    /// Behind `fd --type f`, if it can be asked.
    fd: Option<String>,
}

impl Kind {
    fn title(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Glob => "glob",
            Self::Size => "size range",
            Self::Extension => "extension and size",
            Self::Age => "modified after",
            Self::Largest => "10 largest",
        }
    }

    fn question(self, random: &mut fastrand::Rng) -> Question {
        let name = million::name(random.usize(..FILES));
        let number = random.usize(..FILES / 1_000);
        let all = Query::default();
        let by_path = |query, find: String, fd: Option<String>| Question {
            query,
            sort: Sort::Path,
            reverse: false,
            limit: LIMIT,
            find,
            fd,
        };
        match self {
            Self::Name => by_path(
                Query {
                    name: Some(name.as_str().into()),
                    ..all
                },
                format!("-name '{name}'"),
                Some(format!("--glob '{name}'")),
            ),
            Self::Glob => {
                let glob = format!("*-{number:04}?5*.p[dn]?");
                let query = Query {
                    glob: Some(glob.clone()),
                    ..all
                };
                by_path(
                    query,
                    format!("-name '{glob}'"),
                    Some(format!("--glob '{glob}'")),
                )
            }
            Self::Size => {
                let min = 900_000 + number as u64 * 10;
                let query = Query {
                    size_min: Some(min),
                    size_max: Some(min + 999),
                    ..all
                };
                let find = format!("-size +{}c -size -{}c", min - 1, min + 1_000);
                by_path(
                    query,
                    find,
                    Some(format!("--size +{min}b --size -{}b", min + 999)),
                )
            }
            Self::Extension => {
                let min = 1_000_000 + number as u64;
                let query = Query {
                    size_min: Some(min),
                    extensions: vec!["pdf".into()],
                    ..all
                };
                let find = format!("-name '*.pdf' -size +{}c", min - 1);
                by_path(query, find, Some(format!("--extension pdf --size +{min}b")))
            }
            Self::Age => {
                // Nothing is that new: a pass over everything, and an answer of nothing.
                let moment = format!("2200-01-01T00:00:{:02}Z", number % 60);
                let query = Query {
                    modified_from: moment.parse().ok(),
                    ..all
                };
                by_path(query, format!("-newermt {moment}"), None)
            }
            Self::Largest => Question {
                query: all,
                sort: Sort::Size,
                reverse: true,
                limit: 10,
                find: "-printf '%s %P\\n' | sort -rn | head -10".to_owned(),
                fd: None,
            },
        }
    }
}

/// What was measured of one contestant with one kind of question.
#[derive(Debug, Default)]
struct Laps {
    /// µs by the clock, a query each.
    latencies: Vec<u32>,
    /// Seconds of CPU time of all of them.
    cpu: f64,
}

impl Laps {
    fn line(&mut self, kind: &str, who: &str, against: Option<f64>) -> String {
        let ms = |share, laps: &mut Self| {
            percentile(&mut laps.latencies, share).map_or(f64::NAN, |us| f64::from(us) / 1e3)
        };
        let (p50, p99) = (ms(0.5, self), ms(0.99, self));
        let count = self.latencies.len();
        let cpu = self.cpu * 1e3 / count as f64;
        let ratio = against.map_or_else(String::new, |ours| format!("{:.0}", p50 / ours));
        format!("{kind:<20}{who:<12}{count:>8}{p50:>12.2}{p99:>12.2}{cpu:>14.2}{ratio:>12}\n")
    }
}

/// Measures; the table, and how the targets stand.
///
/// # Errors
/// Where the tree cannot be made, the server fails, or an answer is wrong.
pub async fn run(host: &Host, rounds: usize) -> Outcome<String> {
    let bench = host.launcher.bench().to_owned();
    let tree = blocking(move || million::prepare(&bench)).await?;
    let mut server = Server::start(host, &tree).await?;
    let mut text = format!("\nqueries over {FILES} files\n{}\n", server.about);
    text += &format!(
        "{:<20}{:<12}{:>8}{:>12}{:>12}{:>14}{:>12}\n",
        "", "", "queries", "p50 ms", "p99 ms", "CPU ms/query", "times ours"
    );
    let fd = ["fd", "fdfind"]
        .into_iter()
        .find(|name| said(&format!("{name} --version")).is_ok());
    let mut verdicts = String::new();
    let mut random = fastrand::Rng::with_seed(11);
    for kind in KINDS {
        let (mut ours, mut find, mut fds) = (Laps::default(), Laps::default(), Laps::default());
        for round in 0..rounds {
            eprintln!("queries: {}, round {} of {rounds}", kind.title(), round + 1);
            let question = kind.question(&mut random);
            let found = server
                .ask(std::slice::from_ref(&question), &mut Laps::default())
                .await?;
            let expected = tool(
                &tree,
                format!("find . -type f {}", question.find),
                &mut find,
            )
            .await?;
            compare(kind, &found, &expected)?;
            if let (Some(fd), Some(words)) = (fd, &question.fd) {
                let line = format!("{fd} --no-ignore --type f {words}");
                let seen = tool(&tree, line, &mut fds).await?;
                compare(kind, &found, &seen)?;
            }
            let questions: Vec<_> = (0..QUERIES).map(|_| kind.question(&mut random)).collect();
            server.ask(&questions, &mut ours).await?;
        }
        text += &ours.line(kind.title(), "netsocket", None);
        let median =
            |laps: &mut Laps| percentile(&mut laps.latencies, 0.5).map(|us| f64::from(us) / 1e3);
        let our_median = median(&mut ours);
        text += &find.line("", "find", our_median);
        if !fds.latencies.is_empty() {
            text += &fds.line("", "fd", our_median);
        }
        let p99 = percentile(&mut ours.latencies, 0.99).map_or(f64::NAN, |us| f64::from(us) / 1e3);
        let times = median(&mut find)
            .zip(our_median)
            .map_or(f64::NAN, |(find, ours)| find / ours);
        let verdict = |holds| if holds { "holds" } else { "MISSED" };
        let (most, least) = TARGET;
        verdicts += &format!(
            "{:<20}p99 <= {most} ms: {p99:.2}, {}; >= {least} times faster than find: {times:.0}, {}\n",
            kind.title(),
            verdict(p99 <= most),
            verdict(times >= least)
        );
    }
    if fd.is_none() {
        text += "fd is missing: it is not installed\n";
    }
    Ok(format!("{text}\n{verdicts}"))
}

fn compare(kind: Kind, ours: &[Vec<u8>], theirs: &[Vec<u8>]) -> Outcome {
    let (mut ours, mut theirs) = (ours.to_vec(), theirs.to_vec());
    if kind == Kind::Largest {
        // Files of one size may come in any order there.
        return if ours.len() == theirs.len() {
            Ok(())
        } else {
            Err(Failure::new("the largest files are not as many"))
        };
    }
    ours.sort();
    theirs.sort();
    if ours == theirs {
        return Ok(());
    }
    let (ours, theirs) = (ours.len(), theirs.len());
    Err(Failure::new(format!(
        "a wrong answer to {}: {ours} files, and the other tool has {theirs}",
        kind.title()
    )))
}

/// Runs a tool in the tree and times it; the paths that it found.
async fn tool(tree: &Path, line: String, laps: &mut Laps) -> Outcome<Vec<Vec<u8>>> {
    let tree = tree.to_owned();
    let (output, us, cpu) = blocking(move || {
        let own = std::process::id();
        let (before, began) = (cpu::of_tree(own)?, Instant::now());
        let output = Command::new("sh")
            .args(["-c", &line])
            .current_dir(&tree)
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .explain(&line)?;
        let us = u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX);
        if !output.status.success() {
            return Err(Failure::new(format!("{line}: {}", output.status)));
        }
        // The child has been waited for, and this process did nothing else.
        Ok((output.stdout, us, cpu::of_tree(own)? - before))
    })
    .await?;
    laps.latencies.push(us);
    laps.cpu += cpu;
    let lines = output
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    Ok(lines
        .map(|line| line.strip_prefix(b"./").unwrap_or(line).to_vec())
        .collect())
}

/// The server over the tree, its index ready. Dropping it ends it.
struct Server {
    address: SocketAddr,
    process: Process,
    /// How long the survey took, and what the index costs.
    about: String,
}

impl Server {
    async fn start(host: &Host, root: &Path) -> Outcome<Self> {
        let program: PathBuf = host.launcher.bench().with_file_name(FILESERVER);
        if !program.is_file() {
            return Err(Failure::new(format!("{} is not built", program.display())));
        }
        let (address, admin) = (host.ports.free()?, host.ports.free()?);
        let (listen, observe) = (address.to_string(), admin.to_string());
        let words = ["--listen", &listen, "--admin", &observe, "--root"].map(std::ffi::OsStr::new);
        let arguments = words.into_iter().chain([root.as_os_str()]);
        let began = Instant::now();
        let mut process = host.launcher.start(FILESERVER, &program, arguments)?;
        listening(admin, &mut process).await?;
        let metric = |text: &str, name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().parse::<f64>().ok()
        };
        let text = loop {
            process.check_alive()?;
            let text = blocking(move || metrics(admin)).await?;
            if metric(&text, "netsocket_fileserver_index_mode{mode=\"index\"}") == Some(1.0) {
                break text;
            }
            if began.elapsed() > READY_LIMIT {
                return Err(Failure::new("the index does not become ready"));
            }
            sleep(Duration::from_millis(20)).await;
        };
        let of = |name: &str| metric(&text, &format!("netsocket_fileserver_index_{name}"));
        let (files, bytes, names) = (of("files"), of("bytes"), of("name_bytes"));
        let each = |bytes: Option<f64>| {
            files
                .zip(bytes)
                .map_or(f64::NAN, |(files, bytes)| bytes / files)
        };
        let resident = resident(process.id())?;
        let about = format!(
            "index ready after {:.1} s; {:.1} bytes a file beyond {:.1} of names; the whole process {:.0} MiB",
            began.elapsed().as_secs_f64(),
            each(bytes.zip(names).map(|(bytes, names)| bytes - names)),
            each(names),
            resident as f64 / 1_048_576.0
        );
        Ok(Self {
            address,
            process,
            about,
        })
    }

    /// Asks on one connection; the paths that the last answer has.
    async fn ask(&mut self, questions: &[Question], laps: &mut Laps) -> Outcome<Vec<Vec<u8>>> {
        self.process.check_alive()?;
        let before = cpu::of_tree(self.process.id())?;
        let (address, questions) = (self.address, questions.to_vec());
        let (latencies, paths) = blocking(move || {
            let mut client = Client::connect(address)?;
            let (mut latencies, mut paths) = (Vec::new(), Vec::new());
            for question in questions {
                let began = Instant::now();
                paths = client.find(question)?;
                latencies.push(u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX));
            }
            Ok((latencies, paths))
        })
        .await?;
        laps.latencies.extend(latencies);
        laps.cpu += cpu::of_tree(self.process.id())? - before;
        Ok(paths)
    }
}

/// Bytes of memory of a process.
fn resident(id: u32) -> Outcome<u64> {
    let path = format!("/proc/{id}/status");
    let text = fs::read_to_string(&path).explain(&path)?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kib.map(|kib| kib * 1024)
        .ok_or_else(|| Failure::new(format!("{path} has no VmRSS")))
}

fn metrics(admin: SocketAddr) -> Outcome<String> {
    let ask = || {
        let mut stream = TcpStream::connect(admin)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        std::io::Result::Ok(text)
    };
    ask().explain("the metrics of the file server")
}

/// A client of the new wire that asks for files.
struct Client {
    stream: TcpStream,
    codec: FrameCodec,
    buffer: BytesMut,
}

impl Client {
    fn connect(address: SocketAddr) -> Outcome<Self> {
        let stream = TcpStream::connect(address).explain("the file server")?;
        stream
            .set_read_timeout(Some(PATIENCE))
            .explain("a timeout")?;
        stream.set_nodelay(true).explain("a socket")?;
        let mut client = Self {
            stream,
            codec: FrameCodec::new(MAX_FRAME),
            buffer: BytesMut::new(),
        };
        client.stream.write_all(&MAGIC).explain("the file server")?;
        client.send(&Hello {
            version: VERSION,
            software: "bench".to_owned(),
            name: String::new(),
            features: Vec::new(),
            token: None,
        })?;
        let mut magic = [0; MAGIC.len()];
        client.stream.read_exact(&mut magic).explain("the magic")?;
        client.frame()?;
        Ok(client)
    }

    fn send(&mut self, message: &impl Message) -> Outcome {
        let mut bytes = BytesMut::new();
        let frame = message.to_frame().explain("a message")?;
        self.codec.encode(frame, &mut bytes).explain("a frame")?;
        self.stream.write_all(&bytes).explain("the file server")
    }

    fn frame(&mut self) -> Outcome<Frame> {
        let mut chunk = vec![0; 64 * 1024];
        loop {
            if let Some(frame) = self.codec.decode(&mut self.buffer).explain("a frame")? {
                return Ok(frame);
            }
            match self.stream.read(&mut chunk).explain("the file server")? {
                0 => return Err(Failure::new("the file server ended the connection")),
                count => self.buffer.extend_from_slice(&chunk[..count]),
            }
        }
    }

    fn find(&mut self, question: Question) -> Outcome<Vec<Vec<u8>>> {
        self.send(&Request::Find {
            query: question.query,
            limit: question.limit,
            sort: question.sort,
            reverse: question.reverse,
        })?;
        let mut paths = Vec::new();
        loop {
            let frame = self.frame()?;
            if frame.kind != FrameType::Reply {
                let said = String::from_utf8_lossy(&frame.payload).into_owned();
                return Err(Failure::new(format!("the file server says: {said}")));
            }
            match Reply::from_frame(&frame).explain("a reply")? {
                Reply::Files { files, more, .. } => {
                    paths.extend(files.into_iter().map(|file| file.path.0));
                    if !more {
                        return Ok(paths);
                    }
                }
                Reply::Directories { .. } => return Err(Failure::new("directories came")),
            }
        }
    }
}

fn said(line: &str) -> Outcome {
    let status = Command::new("sh")
        .args(["-c", line])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .explain(line)?;
    status
        .success()
        .then_some(())
        .ok_or_else(|| Failure::new(line))
}
