//! Real clients: each downloads one thing after the other, and what comes is read no faster than the pace says, so that
//! a server that is killed is in the middle of it.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncReadExt as _;
use tokio::time::{Instant, timeout};

use super::over::Over;
use super::record::Record;
use super::tree::{ARCHIVES, Tree, Wanted};
use crate::failure::{Explain as _, Failure, Outcome};
use crate::host::Host;

/// The program, beside this one.
const PROGRAM: &str = "netsocket";
/// For the next byte, and for the end after the last: longer than the client itself waits.
const PATIENCE: Duration = Duration::from_secs(120);
/// From the start of one download to that of the next, at least: starts of processes are not what is tested.
const LEAST: Duration = Duration::from_secs(1);
/// Exit codes of the client: it found nobody, and it gave up.
const GAVE_UP: [i32; 2] = [3, 4];
/// What is read at a time.
const PIECE: usize = 64 << 10;

/// Whoever downloads.
pub(super) struct Client<'a> {
    host: &'a Host,
    program: PathBuf,
    server: String,
    name: String,
    /// Bytes a second.
    pace: f64,
    /// An empty one: settings of the person who starts the run are not for this.
    config: PathBuf,
}

/// What came of one run of the program.
#[derive(Debug)]
pub(super) struct Came {
    code: Option<i32>,
    bytes: u64,
    digest: blake3::Hash,
    /// Connections that were lost and made up for.
    resumed: u64,
    said: String,
}

impl<'a> Client<'a> {
    pub(super) fn new(
        host: &'a Host,
        server: SocketAddr,
        number: usize,
        pace: f64,
    ) -> Outcome<Self> {
        let program = host.launcher.bench().with_file_name(PROGRAM);
        if !program.is_file() {
            return Err(Failure::new(format!("{} is not built", program.display())));
        }
        Ok(Self {
            host,
            program,
            server: server.to_string(),
            name: format!("client-{number}"),
            pace,
            config: host.write("client.toml", "")?,
        })
    }

    /// The archives as they come while nobody is killed.
    pub(super) async fn archives(&self) -> Outcome<Vec<Wanted>> {
        // Nobody waits for a pace.
        let over = Over::default();
        over.come();
        let mut all = Vec::new();
        for words in ARCHIVES {
            let words: Vec<String> = words.iter().map(ToString::to_string).collect();
            let came = self.run(&words, &over).await?;
            if came.code != Some(0) {
                return Err(Failure::new(format!("{words:?}: {}", came.said)));
            }
            let digest = came.digest;
            all.push(Wanted { words, digest });
        }
        Ok(all)
    }

    /// Downloads until it is over; what has begun comes to its end.
    pub(super) async fn work(
        &self,
        tree: &Tree,
        archives: &[Wanted],
        over: &Over,
        record: &RefCell<Record>,
    ) {
        let mut random = fastrand::Rng::new();
        while !over.has_come() {
            let Some(wanted) = tree.choose(archives, &mut random) else {
                return;
            };
            let began = Instant::now();
            let bytes = self.download(wanted, over, record).await;
            let due = self.due(began, bytes).max(began + LEAST);
            over.by(due).await;
        }
    }

    /// Repeats the command until it succeeds, which is what a person or a script does. Gives back the bytes.
    async fn download(&self, wanted: &Wanted, over: &Over, record: &RefCell<Record>) -> u64 {
        let mut bytes = 0;
        loop {
            let began = Instant::now();
            let came = match self.run(&wanted.words, over).await {
                Ok(came) => came,
                Err(failure) => {
                    record
                        .borrow_mut()
                        .fault(format!("{:?}: {failure}", wanted.words));
                    return bytes;
                }
            };
            bytes += came.bytes;
            let mut record = record.borrow_mut();
            record.bytes += came.bytes;
            record.resumed += came.resumed;
            match came.code {
                Some(0) => {
                    record.downloaded(&wanted.words, came.digest == wanted.digest);
                    return bytes;
                }
                Some(code) if GAVE_UP.contains(&code) => {
                    if !record.gave_up(&wanted.words, &came.said, began, Instant::now()) {
                        return bytes;
                    }
                }
                code => {
                    let said = came.said;
                    record.fault(format!("{:?}: exit code {code:?}: {said}", wanted.words));
                    return bytes;
                }
            }
        }
    }

    async fn run(&self, words: &[String], over: &Over) -> Outcome<Came> {
        let config = self.config.display().to_string();
        let flags = ["--config", &config, "--server", &self.server, "--json"];
        let words = words.iter().map(String::as_str);
        let arguments = flags.into_iter().chain(words).chain(["-o", "-"]);
        let launcher = &self.host.launcher;
        let (mut process, mut from) = launcher.start_piped(&self.name, &self.program, arguments)?;
        let began = Instant::now();
        let (mut hasher, mut bytes) = (blake3::Hasher::new(), 0);
        let mut buffer = vec![0; PIECE];
        loop {
            let read = timeout(PATIENCE, from.read(&mut buffer)).await;
            let read = read.map_err(|_| {
                Failure::new(format!("silent for 2 minutes: {}", process.last_words()))
            })?;
            let read = read.explain("the output of the client")?;
            if read == 0 {
                break;
            }
            hasher.update(&buffer[..read]);
            bytes += read as u64;
            over.by(self.due(began, bytes)).await;
        }
        let status = process.end(PATIENCE).await?;
        Ok(Came {
            code: status.code(),
            bytes,
            digest: hasher.finalize(),
            resumed: resumed(&process.errors()),
            said: process.last_words(),
        })
    }

    /// When the bytes should have come that have.
    fn due(&self, began: Instant, bytes: u64) -> Instant {
        began + Duration::from_secs_f64(bytes as f64 / self.pace)
    }
}

/// How often the download went on over another connection, as the JSON line of the client tells it.
fn resumed(said: &str) -> u64 {
    let line = said.lines().rfind(|line| line.starts_with('{'));
    let answer: Option<Value> = line.and_then(|line| serde_json::from_str(line).ok());
    answer.map_or(0, |answer| {
        answer["journey"]["resumed"].as_u64().unwrap_or(0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_connections_are_read_from_the_answer() {
        let said = "the connection was lost; resumed at block 3 of 9\n\
                    {\"command\":\"get\",\"journey\":{\"kept\":0,\"resumed\":2}}\n";
        assert_eq!(resumed(said), 2);
        assert_eq!(resumed("{\"command\":\"get\",\"error\":{}}"), 0);
        assert_eq!(resumed("nothing"), 0);
    }
}
