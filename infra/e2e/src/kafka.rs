//! A real Apache Kafka: one node that is broker and controller, on loopback.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;

use crate::process::{Process, Ran, clean_command};
use crate::requirement::in_path;
use crate::scratch::Scratch;
use crate::{eventually, loopback, tool};

/// The topic that our programs write to, as in the original system.
pub const TOPIC: &str = "system_stats";

/// What is fetched.
const POM: &str = include_str!("../kafka/pom.xml");

/// Kafka needs seconds for its start, more where other tests run.
const START: Duration = Duration::from_secs(90);

/// The memory that one broker may have.
const HEAP: &str = "-Xmx512m";

/// The directory of Kafka's jars, fetched once and kept in the user's cache directory.
///
/// # Errors
/// Why there are none, in one line.
pub fn jars() -> Result<PathBuf, String> {
    static JARS: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    JARS.get_or_init(|| {
        in_path("java").ok_or("Kafka needs `java`, which is not installed")?;
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let home = std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
        let cache = cache
            .or(home)
            .ok_or("neither XDG_CACHE_HOME nor HOME is set")?;
        // The name holds what was asked for: another pom is another directory.
        let key = blake3::hash(POM.as_bytes()).to_hex();
        let jars = cache
            .join("netsocket")
            .join(format!("kafka-{}", &key[..16]));
        if !jars.is_dir() {
            fetch(&jars)?;
        }
        Ok(jars)
    })
    .clone()
}

fn fetch(jars: &Path) -> Result<(), String> {
    in_path("mvn").ok_or("Kafka's jars are fetched by `mvn`, which is not installed")?;
    let parent = jars.parent().unwrap_or(jars);
    let failed = |error: std::io::Error| format!("{}: {error}", parent.display());
    fs::create_dir_all(parent).map_err(failed)?;
    // Into a directory beside it, renamed when complete: a run that is ended half-way leaves nothing that looks whole.
    let part = tempfile::tempdir_in(parent).map_err(failed)?;
    let pom = part.path().join("pom.xml");
    fs::write(&pom, POM).map_err(failed)?;
    let lib = part.path().join("lib");
    eprintln!("fetching Apache Kafka from Maven Central");
    let mvn = Command::new("mvn")
        .args([
            "-q",
            "-B",
            "dependency:copy-dependencies",
            "-DincludeScope=runtime",
        ])
        .arg(format!("-DoutputDirectory={}", lib.display()))
        .arg("-f")
        .arg(pom)
        .output();
    let said = mvn.map_err(|error| format!("`mvn` does not start: {error}"))?;
    if !said.status.success() {
        let text = String::from_utf8_lossy(&said.stdout).into_owned();
        let first = text.lines().next().unwrap_or("no word about it");
        return Err(format!("Kafka's jars cannot be fetched: {first}"));
    }
    // Another run may have been first; its jars are the same.
    if let Err(error) = fs::rename(&lib, jars)
        && !jars.is_dir()
    {
        return Err(failed(error));
    }
    Ok(())
}

/// A running broker.
#[derive(Debug)]
pub struct Kafka {
    /// What producers and consumers connect to; the same after a restart.
    pub broker: SocketAddr,
    process: Process,
    jars: PathBuf,
    dir: Scratch,
}

impl Kafka {
    /// Starts a broker with an empty log.
    ///
    /// # Panics
    /// Where it does not come up.
    #[must_use]
    pub fn start() -> Self {
        let jars = jars().unwrap_or_else(|reason| panic!("{reason}"));
        let dir = Scratch::new("kafka");
        let [broker, controller] = free_addresses();
        let config = dir.write(
            "server.properties",
            properties(broker, controller, dir.path()),
        );
        let storage = |words: &[&str]| {
            let mut command = java(&jars);
            command.arg("kafka.tools.StorageTool").args(words);
            let said = tool::output(&mut command);
            String::from_utf8_lossy(&said).trim().to_owned()
        };
        let cluster = storage(&["random-uuid"]);
        let config = config.to_str().expect("a temporary path is UTF-8");
        storage(&["format", "-t", &cluster, "-c", config]);
        let process = launch(&jars, dir.path());
        let mut kafka = Self {
            broker,
            process,
            jars,
            dir,
        };
        kafka.wait_until_up();
        kafka
    }

    /// An address where a broker could be, and none is.
    #[must_use]
    pub fn nobody() -> SocketAddr {
        let [broker, _] = free_addresses();
        broker
    }

    /// Ends it as `kill -9` does.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again on its old address, with its old log.
    pub fn restart(&mut self) {
        self.process = launch(&self.jars, self.dir.path());
        self.wait_until_up();
    }

    /// Every record of [`TOPIC`] as a consumer other than ours reads it; none while the topic is not there.
    ///
    /// # Panics
    /// Where a record is no JSON.
    #[must_use]
    pub fn records(&self) -> Vec<Value> {
        let ran = Ran::of(self.consumer(), START);
        let text = String::from_utf8(ran.stdout).expect("records are UTF-8");
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
            .collect()
    }

    /// Waits until a record is there that `wanted` accepts.
    pub fn record(&self, what: &str, mut wanted: impl FnMut(&Value) -> bool) -> Value {
        eventually(START, what, || {
            self.records().into_iter().find(|record| wanted(record))
        })
    }

    /// Writes one record as a producer other than ours.
    ///
    /// # Panics
    /// Where the broker does not take it.
    pub fn produce(&self, record: &str) {
        let broker = self.broker.to_string();
        let command = match in_path("kcat") {
            Some(kcat) => {
                let mut command = clean_command(kcat);
                command.args(["-P", "-t", TOPIC, "-b", &broker]);
                command
            }
            None => {
                let mut command = java(&self.jars);
                command.arg("org.apache.kafka.tools.ConsoleProducer").args([
                    "--topic",
                    TOPIC,
                    "--bootstrap-server",
                    &broker,
                ]);
                command
            }
        };
        let ran = Ran::with_input(command, format!("{record}\n").as_bytes(), START);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    }

    fn consumer(&self) -> Command {
        let broker = self.broker.to_string();
        if let Some(kcat) = in_path("kcat") {
            let mut command = clean_command("timeout");
            command.arg("30").arg(kcat).args([
                "-C",
                "-q",
                "-e",
                "-o",
                "beginning",
                "-t",
                TOPIC,
                "-b",
                &broker,
            ]);
            return command;
        }
        let mut command = java(&self.jars);
        command
            .arg("org.apache.kafka.tools.consumer.ConsoleConsumer")
            .args(["--topic", TOPIC, "--bootstrap-server", &broker])
            .args(["--from-beginning", "--timeout-ms", "4000"]);
        command
    }

    fn wait_until_up(&mut self) {
        eventually(START, "Kafka", || {
            assert!(!self.process.has_ended(), "Kafka ended at its start");
            TcpStream::connect(self.broker).ok().map(drop)
        });
    }
}

fn java(jars: &Path) -> Command {
    let mut command = clean_command("java");
    command
        .arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
        .args([HEAP, "-cp"])
        .arg(jars.join("*"));
    command
}

fn launch(jars: &Path, dir: &Path) -> Process {
    let mut command = java(jars);
    // A broker that is killed leaves its unpacked libraries behind: in its own directory, not in everybody's.
    let temporary = format!("-Djava.io.tmpdir={}", dir.display());
    command
        .env("JDK_JAVA_OPTIONS", temporary)
        .arg("kafka.Kafka")
        .arg(dir.join("server.properties"));
    Process::start("kafka", command, Scratch::new("kafka-log"))
}

/// Two ports that nobody has, on a loopback address that nobody else uses: Kafka cannot tell a port that it chose.
fn free_addresses() -> [SocketAddr; 2] {
    let host = loopback::own_address();
    let listeners = [0, 0].map(|port| TcpListener::bind((host, port)).expect("a free port"));
    listeners.map(|listener| listener.local_addr().expect("its address"))
}

fn properties(broker: SocketAddr, controller: SocketAddr, dir: &Path) -> String {
    let data = dir.join("data");
    [
        "process.roles=broker,controller".to_owned(),
        "node.id=1".to_owned(),
        format!("controller.quorum.voters=1@{controller}"),
        format!("listeners=PLAINTEXT://{broker},CONTROLLER://{controller}"),
        format!("advertised.listeners=PLAINTEXT://{broker}"),
        "controller.listener.names=CONTROLLER".to_owned(),
        "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT".to_owned(),
        "inter.broker.listener.name=PLAINTEXT".to_owned(),
        format!("log.dirs={}", data.display()),
        // More than one, so that readers and writers must look at every partition.
        "num.partitions=3".to_owned(),
        "default.replication.factor=1".to_owned(),
        "offsets.topic.replication.factor=1".to_owned(),
        "transaction.state.log.replication.factor=1".to_owned(),
        "transaction.state.log.min.isr=1".to_owned(),
        // Our producer creates its topic itself.
        "auto.create.topics.enable=false".to_owned(),
    ]
    .join("\n")
}
