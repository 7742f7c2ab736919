//! A log that cannot be written to: its reader has gone or stands still, its disk is full. Nothing but log lines is lost.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use e2e::admin::Admin;
use e2e::metrics::Metrics;
use e2e::process::{Process, Ran, clean_command};
use e2e::program::Program;
use e2e::scratch::Scratch;
use e2e::{PATIENCE, access_log, eventually, http, loopback, tool};
use rustix::fs::OFlags;
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::world::World;

crate::tests![
    balancer_outlives_the_reader_of_its_log,
    balancer_outlives_its_terminal,
    balancer_does_not_wait_for_a_reader_that_stalls,
    balancer_hands_over_whatever_became_of_its_log,
    file_server_outlives_the_reader_of_its_log,
    collector_outlives_the_reader_of_its_log,
    programs_run_with_a_full_log,
    exit_codes_stay_with_a_full_log,
    #[needs(Root)]
    balancer_logs_again_when_the_disk_has_room,
];

/// The access log is another matter, and goes nowhere here.
const SETTINGS: &str = "check_interval = '200ms'\naccess_log_target = 'stdout'\n";
/// Longer than the flush at the end of a program may take.
const SOON: Duration = Duration::from_secs(10);

/// A program whose log the test reads itself, or does not.
struct Piped {
    process: Process,
    log: File,
    text: String,
}

impl Piped {
    fn start(command: Command, dir: Scratch) -> Self {
        let (log, writer) = io::pipe().unwrap();
        let log = OwnedFd::from(log).into();
        Self::start_on(log, writer.into(), command, dir)
    }

    /// The same with the ends of something else than a pipe.
    fn start_on(log: File, end: Stdio, command: Command, dir: Scratch) -> Self {
        let process = Process::start_with_log("piped", command, dir, end);
        let text = String::new();
        Self { process, log, text }
    }

    /// Reads its log up to a line with that message, and gives an address of it.
    fn address(&mut self, message: &str, field: &str) -> SocketAddr {
        loop {
            let events = access_log::events(&self.text, message);
            if let Some(event) = events.first() {
                return event[field].as_str().unwrap().parse().unwrap();
            }
            let mut chunk = [0; 4096];
            let read = self.log.read(&mut chunk).unwrap();
            assert!(read > 0, "it ended: {}", self.text);
            self.text.push_str(&String::from_utf8_lossy(&chunk[..read]));
        }
    }
}

/// A balancer whose backend is up.
struct Serving {
    process: Process,
    log: File,
    address: SocketAddr,
    admin: SocketAddr,
}

impl From<Piped> for Serving {
    fn from(mut piped: Piped) -> Self {
        let address = piped.address("listening", "address");
        let admin = piped.address("listening", "admin");
        up(Admin(admin), 1);
        let Piped { process, log, .. } = piped;
        Self {
            process,
            log,
            address,
            admin,
        }
    }
}

fn balancer(settings: &str, backend: SocketAddr) -> (Command, Scratch) {
    let dir = Scratch::new("balancer");
    let config = dir.write("balancer.toml", settings);
    let mut command = clean_command(Program::Balancer.path());
    command
        .env(access_log::JSON_FORMAT.0, access_log::JSON_FORMAT.1)
        .args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
        .arg("--backend")
        .arg(format!("only={backend}"))
        .arg("--config")
        .arg(config);
    (command, dir)
}

fn dropped(admin: SocketAddr, metric: &str) -> f64 {
    let page = http::get(admin, "/metrics").unwrap();
    Metrics::parse(&page.body).sum(metric, &[])
}

fn up(admin: Admin, count: usize) {
    eventually(PATIENCE, "the state of the backend", || {
        (admin.up() == count).then_some(())
    });
}

/// A byte from a client to the backend and one back. Health checks are accepted as well, and pass without a byte.
fn exchange(balancer: SocketAddr, backend: &TcpListener) {
    let mut client = loopback::connect(balancer).unwrap();
    client.write_all(b">").unwrap();
    loop {
        let (stream, _) = backend.accept().unwrap();
        let mut server = loopback::with_patience(stream).unwrap();
        let mut byte = [0];
        if matches!(server.read(&mut byte), Ok(1)) {
            server.write_all(b"<").unwrap();
            break;
        }
    }
    client.read_exact(&mut [0]).unwrap();
}

fn listener() -> TcpListener {
    TcpListener::bind((loopback::own_address(), 0)).unwrap()
}

fn nobody() -> SocketAddr {
    listener().local_addr().unwrap()
}

/// What has to go on whatever becomes of the log: sessions, checks and the states that they set, reloads, the admin pages.
fn works(
    balancer: SocketAddr,
    admin: Admin,
    process: &Process,
    backend: TcpListener,
) -> TcpListener {
    let address = backend.local_addr().unwrap();
    process.signal(Signal::HUP);
    exchange(balancer, &backend);
    drop(backend);
    up(admin, 0);
    assert_eq!(admin.page("/readyz").status, 503);
    assert_eq!(admin.page("/healthz").status, 200);
    let backend = TcpListener::bind(address).unwrap();
    up(admin, 1);
    exchange(balancer, &backend);
    backend
}

fn balancer_outlives_the_reader_of_its_log(_: &World) {
    let backend = listener();
    let (command, dir) = balancer(SETTINGS, backend.local_addr().unwrap());
    let Serving {
        mut process,
        log,
        address,
        admin,
    } = Piped::start(command, dir).into();
    drop(log);
    let _backend = works(address, Admin(admin), &process, backend);
    // Reload, down, up at the least.
    assert!(dropped(admin, "netsocket_log_lines_dropped_total") >= 3.0);
    let status = Admin(admin).json("/api/v1/pools");
    assert!(
        status["log_lines_dropped"].as_u64().unwrap() >= 3,
        "{status}"
    );
    let page = Admin(admin).page("/").body;
    assert!(page.contains(" log lines lost"), "{page}");
    assert_eq!(process.terminate(), Some(0));
}

/// What the terminal sends to those who run in it is another matter; here its window goes.
fn balancer_outlives_its_terminal(_: &World) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let terminal = openpt(flags).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap();
    let end = OpenOptions::new()
        .write(true)
        .custom_flags(i32::try_from(OFlags::NOCTTY.bits()).unwrap())
        .open(OsStr::from_bytes(name.to_bytes()))
        .unwrap();
    let backend = listener();
    let (command, dir) = balancer(SETTINGS, backend.local_addr().unwrap());
    let Serving {
        mut process,
        log,
        address,
        admin,
    } = Piped::start_on(terminal.into(), end.into(), command, dir).into();
    drop(log);
    let _backend = works(address, Admin(admin), &process, backend);
    assert!(dropped(admin, "netsocket_log_lines_dropped_total") >= 3.0);
    assert_eq!(process.terminate(), Some(0));
}

/// The process that took over. It is no child of this test.
struct Successor(Pid);

impl Drop for Successor {
    fn drop(&mut self) {
        // An error says that it has ended.
        let _ = kill_process(self.0, Signal::KILL);
    }
}

fn balancer_hands_over_whatever_became_of_its_log(_: &World) {
    for stalls in [false, true] {
        let backend = listener();
        let pid_dir = Scratch::new("pid");
        let pid_file = pid_dir.path().join("pid");
        let settings = format!("{SETTINGS}pid_file = '{}'\n", pid_file.display());
        let (command, dir) = balancer(&settings, backend.local_addr().unwrap());
        let Serving {
            mut process,
            log,
            address,
            admin,
        } = Piped::start(command, dir).into();
        let log = match stalls {
            true => {
                fill(&log);
                Some(log)
            }
            false => None,
        };
        process.signal(Signal::USR2);
        // The old one ends once it has no session left.
        assert_eq!(process.wait(PATIENCE).code(), Some(0));
        let pid = fs::read_to_string(&pid_file).unwrap();
        assert_ne!(pid.trim(), process.id().to_string());
        let successor = Successor(Pid::from_raw(pid.trim().parse().unwrap()).unwrap());
        up(Admin(admin), 1);
        exchange(address, &backend);
        kill_process(successor.0, Signal::TERM).unwrap();
        eventually(SOON, "the end of the successor", || {
            http::get(admin, "/healthz").is_err().then_some(())
        });
        drop(log);
    }
}

/// Until nothing more goes in. It is opened anew: the program's end stays one that waits.
fn fill(pipe: &File) {
    let mut end = OpenOptions::new()
        .write(true)
        .custom_flags(i32::try_from(OFlags::NONBLOCK.bits()).unwrap())
        .open(format!("/proc/self/fd/{}", pipe.as_raw_fd()))
        .unwrap();
    for size in [4096, 1] {
        while end.write(&vec![b'\n'; size]).is_ok() {}
    }
}

fn balancer_does_not_wait_for_a_reader_that_stalls(_: &World) {
    for reads_again in [false, true] {
        let backend = listener();
        let (command, dir) = balancer(SETTINGS, backend.local_addr().unwrap());
        let Serving {
            mut process,
            mut log,
            address,
            admin,
        } = Piped::start(command, dir).into();
        fill(&log);
        let _backend = works(address, Admin(admin), &process, backend);
        let text = match reads_again {
            false => None,
            true => Some(thread::spawn(move || {
                let mut text = String::new();
                log.read_to_string(&mut text).map(|_| text)
            })),
        };
        process.signal(Signal::TERM);
        assert_eq!(process.wait(SOON).code(), Some(0));
        if let Some(text) = text {
            let text = text.join().unwrap().unwrap();
            // What waited has come, to the end: each line whole.
            let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
            assert!(lines.len() >= 4, "{text}");
            for line in lines {
                serde_json::from_str::<serde_json::Value>(line).unwrap();
            }
        }
    }
}

fn file_server_outlives_the_reader_of_its_log(world: &World) {
    let mut command = clean_command(Program::Fileserver.path_for_everybody());
    command
        .env(access_log::JSON_FORMAT.0, access_log::JSON_FORMAT.1)
        .args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
        .arg("--root")
        .arg(world.few_files());
    tool::as_server_user(&mut command);
    let mut piped = Piped::start(command, Scratch::new("fileserver"));
    let address = piped.address("listening", "address");
    let admin = piped.address("admin", "address");
    let Piped {
        mut process, log, ..
    } = piped;
    drop(log);
    process.signal(Signal::HUP);
    let ran = e2e::client::Client::of(address).run(&["dirlist", "-a"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    eventually(PATIENCE, "lines that are counted", || {
        let lines = dropped(admin, "netsocket_fileserver_log_lines_dropped_total");
        (lines >= 1.0).then_some(())
    });
    assert_eq!(process.terminate(), Some(0));
}

fn collector_outlives_the_reader_of_its_log(_: &World) {
    let mut command = clean_command(Program::Collector.path());
    command
        .env(access_log::JSON_FORMAT.0, access_log::JSON_FORMAT.1)
        .env("INFLUXDB_TOKEN", "secret")
        .args(["--admin", "127.0.0.1:0"])
        .args(["--kafka", &nobody().to_string()])
        .args(["--influx-url", &format!("http://{}", nobody())]);
    let mut piped = Piped::start(command, Scratch::new("collector"));
    let admin = piped.address("collecting", "admin");
    let Piped {
        mut process, log, ..
    } = piped;
    drop(log);
    assert_eq!(http::get(admin, "/healthz").unwrap().status, 200);
    // The end says a line at the least.
    assert_eq!(process.terminate(), Some(0));
}

/// The process with its log on `/dev/full`, once its admin page says that it is well.
fn with_full_log(mut command: Command, admin: SocketAddr) -> Process {
    command.args(["--admin", &admin.to_string()]);
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut process = Process::start_with_log("full", command, Scratch::new("full"), full.into());
    eventually(PATIENCE, "an admin page", || {
        assert!(!process.has_ended(), "it ended");
        let page = http::get(admin, "/healthz").ok()?;
        (page.status == 200).then_some(())
    });
    process
}

fn programs_run_with_a_full_log(world: &World) {
    let backend = listener();
    let mut command = clean_command(Program::Balancer.path());
    command
        .args(["--listen", "127.0.0.1:0", "--backend"])
        .arg(format!("only={}", backend.local_addr().unwrap()));
    let admin = nobody();
    let mut balancer = with_full_log(command, admin);
    up(Admin(admin), 1);
    balancer.signal(Signal::HUP);
    assert!(dropped(admin, "netsocket_log_lines_dropped_total") >= 2.0);
    assert_eq!(balancer.terminate(), Some(0));

    let mut command = clean_command(Program::Fileserver.path_for_everybody());
    command
        .args(["--listen", "127.0.0.1:0", "--root"])
        .arg(world.few_files());
    tool::as_server_user(&mut command);
    assert_eq!(with_full_log(command, nobody()).terminate(), Some(0));

    let mut command = clean_command(Program::Collector.path());
    command
        .env("INFLUXDB_TOKEN", "secret")
        .args(["--kafka", &nobody().to_string()])
        .args(["--influx-url", &format!("http://{}", nobody())]);
    assert_eq!(with_full_log(command, nobody()).terminate(), Some(0));
}

fn exit_codes_stay_with_a_full_log(_: &World) {
    let ended = |command: Command| {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let dir = Scratch::new("full");
        let mut process = Process::start_with_log("full", command, dir, Stdio::from(full));
        process.wait(PATIENCE).code()
    };
    for program in [Program::Balancer, Program::Fileserver, Program::Collector] {
        let mut command = clean_command(program.path());
        command.args(["--config", "/nonexistent/x.toml"]);
        assert_eq!(ended(command), Some(2), "{program:?}");
    }
    let mut command = clean_command(Program::Client.path());
    command.env("NETSOCKET_LOG", "trace").args([
        "--server",
        &nobody().to_string(),
        "dirlist",
        "-a",
    ]);
    assert_eq!(ended(command), Some(3));
}

/// A file system of a few pages in memory, unmounted when it goes.
struct SmallDisk(Scratch);

impl SmallDisk {
    fn mount() -> Self {
        let dir = Scratch::new("disk");
        let mut mount = tool::tool("mount");
        mount
            .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
            .arg(dir.path());
        let ran = Ran::of(mount, PATIENCE);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        Self(dir)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// A file that takes all the room there is.
    fn fill(&self) {
        let mut filler = File::create(self.path().join("filler")).unwrap();
        let error = loop {
            if let Err(error) = filler.write_all(&[0; 4096]) {
                break error;
            }
        };
        assert_eq!(error.kind(), ErrorKind::StorageFull);
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let mut umount = tool::tool("umount");
        umount.arg("-l").arg(self.path());
        let _ = umount.status();
    }
}

fn balancer_logs_again_when_the_disk_has_room(_: &World) {
    let disk = SmallDisk::mount();
    let path = disk.path().join("log");
    let log = OpenOptions::new()
        .append(true)
        .create(true)
        .open(&path)
        .unwrap();
    let backend = listener();
    let (command, dir) = balancer(SETTINGS, backend.local_addr().unwrap());
    let mut process = Process::start_with_log("balancer", command, dir, log.into());
    let text = || String::from_utf8(fs::read(&path).unwrap()).unwrap();
    let (address, admin) = eventually(PATIENCE, "its addresses", || {
        let events = access_log::events(&text(), "listening");
        let field = |name: &str| events.first()?[name].as_str()?.parse().ok();
        Some((field("address")?, field("admin")?))
    });
    up(Admin(admin), 1);
    disk.fill();
    let metric = "netsocket_log_lines_dropped_total";
    let mut backend = backend;
    // What is left of the log's last page takes a few lines.
    while dropped(admin, metric) < 1.0 {
        backend = works(address, Admin(admin), &process, backend);
    }
    fs::remove_file(disk.path().join("filler")).unwrap();
    let before = text().lines().count();
    let _backend = works(address, Admin(admin), &process, backend);
    eventually(PATIENCE, "a line about lost ones", || {
        let message = "log lines were dropped because they could not be written";
        let events = access_log::events(&text(), message);
        (!events.is_empty()).then_some(())
    });
    assert_eq!(process.terminate(), Some(0));
    let text = text();
    assert!(text.lines().count() > before);
    // One line may have broken off where the disk was full.
    let broken = text
        .lines()
        .filter(|line| serde_json::from_str::<serde_json::Value>(line).is_err());
    assert!(broken.count() <= 1, "{text}");
}
