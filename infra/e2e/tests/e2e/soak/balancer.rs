//! The balancer of the soak and its successors: where its log goes and who reads it, its access log on a small disk of
//! its own, and what its counters said before each restart.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use e2e::admin::Admin;
use e2e::process::{Process, clean_command};
use e2e::program::Program;
use e2e::scratch::Scratch;
use e2e::{PATIENCE, access_log, eventually, tool};
use rustix::fs::OFlags;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// What the reader of the log does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    Reads,
    /// The pipe fills up.
    Stalls,
    /// Nobody has the other end of the pipe.
    Gone,
}

/// The process that serves, the one that was started first, and those between.
pub(super) struct Serving {
    pub(super) address: SocketAddr,
    first: Process,
    admin: Admin,
    dir: PathBuf,
    reader: Arc<AtomicU8>,
    log: Arc<Mutex<String>>,
    /// Ends that are not `--`, of the processes before.
    ended_badly: f64,
    settings: String,
    reloads: usize,
}

/// The access log and its disk, as the balancer sees them.
const DISK: &str = "disk";

impl Serving {
    pub(super) fn start(settings: &str, backends: &str) -> Self {
        let scratch = Scratch::new("soak-balancer");
        let dir = scratch.path().to_path_buf();
        let disk = dir.join(DISK);
        fs::create_dir(&disk).unwrap();
        let config = dir.join("balancer.toml");
        let settings = format!(
            "{settings}pid_file = '{}'\naccess_log_target = '{}'\n{backends}",
            dir.join("pid").display(),
            disk.join("access.log").display(),
        );
        fs::write(&config, &settings).unwrap();
        let fifo = dir.join("log.pipe");
        tool::output(tool::tool("mkfifo").arg(&fifo));
        let (reader, log) = (Arc::new(AtomicU8::new(0)), Arc::default());
        // Before anybody writes: an end for writing can only be opened while there is one for reading.
        let end = reading_end(&fifo);
        let writer = OpenOptions::new().write(true).open(&fifo).unwrap();
        thread::spawn({
            let (reader, log, fifo) = (Arc::clone(&reader), Arc::clone(&log), fifo.clone());
            move || read(&fifo, end, &reader, &log)
        });
        // The disk is in a namespace of its own, and gone with the last process.
        let mut command = clean_command("unshare");
        let script = format!(
            "mount -t tmpfs -o size=256k tmpfs '{}' && exec \"$@\"",
            disk.display()
        );
        command
            .env(access_log::JSON_FORMAT.0, access_log::JSON_FORMAT.1)
            .env("NETSOCKET_LOG", "info,netsocket_balancer=debug")
            .args(["--mount", "--", "sh", "-c", &script, "sh"])
            .arg(Program::Balancer.path())
            .arg("--config")
            .arg(&config)
            // Successors are in it, too.
            .process_group(0);
        let log_end = Stdio::from(writer);
        let first = Process::start_with_log("soak-balancer", command, scratch, log_end);
        let mut serving = Self {
            address: ([127, 0, 0, 1], 0).into(),
            admin: Admin(([127, 0, 0, 1], 0).into()),
            first,
            dir,
            reader,
            log,
            ended_badly: 0.0,
            settings,
            reloads: 0,
        };
        serving.address = serving.told("address");
        serving.admin = Admin(serving.told("admin"));
        serving
    }

    fn told(&self, field: &str) -> SocketAddr {
        eventually(PATIENCE, "the address of the balancer", || {
            let log = self.log.lock().unwrap();
            let events = access_log::events(&log, "listening");
            events.first()?[field].as_str()?.parse().ok()
        })
    }

    /// The number of the process that serves.
    fn pid(&self) -> Option<i32> {
        let text = fs::read_to_string(self.dir.join("pid")).ok()?;
        text.trim().parse().ok()
    }

    fn signal(&self, signal: Signal) {
        let pid = self
            .pid()
            .and_then(Pid::from_raw)
            .expect("the number of the balancer");
        kill_process(pid, signal).expect("a signal to the balancer");
    }

    pub(super) fn is_alive(&mut self) -> bool {
        self.pid().is_some_and(|pid| self.runs(pid))
    }

    /// Whether that process has not ended; one that nobody has waited for yet has.
    fn runs(&mut self, pid: i32) -> bool {
        // Waits for it, if it is the first.
        let _ = self.first.has_ended();
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let state = stat.rsplit(") ").next().unwrap_or_default().chars().next();
        !matches!(state, None | Some('Z' | 'X'))
    }

    pub(super) fn up(&self) -> usize {
        self.admin.up()
    }

    pub(super) fn active(&self, backend: &str) -> f64 {
        let backends = self.admin.backends();
        let mut active = backends.iter().filter(|it| it["address"] == backend);
        active
            .next()
            .and_then(|it| it["active"].as_f64())
            .unwrap_or(0.0)
    }

    /// What its log is read by.
    pub(super) fn read_by(&self, reader: Reader) {
        self.reader.store(reader as u8, Ordering::SeqCst);
    }

    /// A file on its disk, seen from outside.
    fn on_disk(&self, name: &str) -> PathBuf {
        let pid = self.pid().expect("the number of the balancer");
        let path = self.dir.join(DISK).join(name);
        let path = path.strip_prefix("/").expect("a whole path");
        Path::new(&format!("/proc/{pid}/root")).join(path)
    }

    /// Leaves no room on its disk.
    pub(super) fn fill_disk(&self) {
        let mut file = File::create(self.on_disk("filling")).unwrap();
        loop {
            match file.write_all(&[0; 4096]) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => return,
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Makes room again, as whoever rotates logs does.
    pub(super) fn free_disk(&self) {
        let _ = fs::remove_file(self.on_disk("filling"));
        if fs::metadata(self.on_disk("access.log")).is_ok_and(|it| it.len() > 128 << 10) {
            fs::rename(self.on_disk("access.log"), self.on_disk("access.log.1")).unwrap();
            self.signal(Signal::HUP);
        }
    }

    /// Other settings, by SIGHUP; waits until they are in force.
    pub(super) fn reload(&mut self) {
        let generation = || self.admin.metrics().sum("netsocket_config_generation", &[]);
        let before = generation();
        self.reloads += 1;
        let balance = ["round-robin", "least-connections"][self.reloads % 2];
        let settings = format!("balance = '{balance}'\n{}", self.settings);
        fs::write(self.dir.join("balancer.toml"), settings).unwrap();
        self.signal(Signal::HUP);
        eventually(PATIENCE, "the settings in force", || {
            (generation() > before).then_some(())
        });
    }

    /// A new process in its place; waits until the old one has drained and gone.
    pub(super) fn restart(&mut self) {
        let old = self.pid().expect("the number of the balancer");
        let counted = self.count_bad_ends();
        self.signal(Signal::USR2);
        eventually(PATIENCE, "a successor", || {
            self.pid().filter(|&pid| pid != old)
        });
        self.ended_badly += counted;
        eventually(PATIENCE, "the end of the old process", || {
            (!self.runs(old)).then_some(())
        });
    }

    fn count_bad_ends(&self) -> f64 {
        let metrics = self.admin.metrics();
        let all = metrics.sum("netsocket_sessions_total", &[]);
        let well = metrics.sum("netsocket_sessions_total", &["termination=\"--\""]);
        all - well
    }

    /// Stops it as systemd does, and gives back the ends that were not `--`, of all processes.
    pub(super) fn stop(mut self) -> f64 {
        let ended_badly = self.ended_badly + self.count_bad_ends();
        let pid = self.pid().expect("the number of the balancer");
        self.signal(Signal::TERM);
        eventually(PATIENCE, "the end of the balancer", || {
            (!self.runs(pid)).then_some(())
        });
        let log = self.log.lock().unwrap();
        assert!(!log.contains("panicked at"), "{log}");
        ended_badly
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Nobody is left where all went well.
        if let Some(group) = Pid::from_raw(self.first.id().cast_signed()) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

fn reading_end(fifo: &Path) -> File {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(flags).open(fifo).unwrap()
}

/// Reads the log as it is told, for as long as the test runs.
fn read(fifo: &Path, end: File, reader: &AtomicU8, log: &Mutex<String>) {
    let mut end = Some(end);
    let mut chunk = vec![0; 1 << 16];
    loop {
        let what = reader.load(Ordering::SeqCst);
        if what == Reader::Gone as u8 {
            end = None;
        } else if what == Reader::Reads as u8 {
            if !fifo.exists() {
                return;
            }
            let from = end.get_or_insert_with(|| reading_end(fifo));
            while let Ok(count @ 1..) = from.read(&mut chunk) {
                let text = String::from_utf8_lossy(&chunk[..count]);
                log.lock().unwrap().push_str(&text);
            }
        }
        thread::park_timeout(Duration::from_millis(5));
    }
}
