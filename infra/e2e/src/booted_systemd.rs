//! A systemd that is booted for a test: the first process of namespaces of its own, with units of the test. Needs root.
//!
//! It shares the network and the files of this machine, but not `/run`, `/var/log`, `/dev`, `/sys/fs/cgroup` and the list of
//! units.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;

use crate::process::{Process, clean_command};
use crate::scratch::Scratch;
use crate::{PATIENCE, eventually, tool};

/// Where units find the files of [`Booted::file`].
pub const FILES: &str = "/run/netsocket-e2e";

/// What is started at boot: nothing.
const TARGET: &str = "[Unit]\nDescription=Nothing\nDefaultDependencies=no\n";

/// Makes what systemd expects of a container, then becomes it. `$1` has `units` and `files`, `$2` is the program.
const BOOT: &str = r#"
set -e
mount --make-rprivate /
mount -t proc -o nosuid,nodev,noexec proc /proc
mount --bind /proc/sys /proc/sys
mount -o remount,bind,ro /proc/sys
umount -R /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs /dev
for device in null:3 zero:5 full:7 random:8 urandom:9; do
    mknod -m 666 "/dev/${device%:*}" c 1 "${device#*:}"
done
mkdir /dev/pts /dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts /dev/pts
ln -s pts/ptmx /dev/ptmx
mount -t tmpfs tmpfs /dev/shm
ln -s /proc/self/fd /dev/fd
touch /dev/console
mount --bind "$1/console" /dev/console
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=755 tmpfs /var/log
mkdir /run/netsocket-e2e
mount --bind "$1/files" /run/netsocket-e2e
mount --bind "$1/units" /etc/systemd/system
export container=netsocket-e2e
exec "$2" --unit=netsocket-e2e.target --log-target=console --show-status=no
"#;

/// A running systemd. It and all of its services are killed when the value goes.
#[derive(Debug)]
pub struct Booted {
    // Dropped before the group that it is in.
    _manager: Process,
    leader: u32,
    dir: PathBuf,
    _group: ControlGroup,
}

impl Booted {
    /// Boots it with these units: names and texts.
    ///
    /// # Panics
    /// Where this process may not, or systemd does not come up.
    #[must_use]
    pub fn with(units: &[(&str, String)]) -> Self {
        let scratch = Scratch::new("systemd");
        let dir = scratch.path().to_path_buf();
        for folder in ["units", "files"] {
            fs::create_dir(dir.join(folder)).expect("a folder");
        }
        scratch.write("units/netsocket-e2e.target", TARGET);
        scratch.write("console", "");
        for (name, text) in units {
            let path = dir.join("units").join(name);
            fs::create_dir_all(path.parent().expect("a folder of units")).expect("a folder");
            fs::write(path, text).expect("a unit");
        }
        let name = dir.file_name().expect("the name of a directory");
        let group = ControlGroup::new(Path::new(name));
        let mut command = clean_command("sh");
        command.args(["-c", "echo $$ > \"$0/cgroup.procs\" && exec \"$@\""]);
        command.arg(&group.0);
        command.args(["unshare", "--fork", "--kill-child", "--pid", "--mount"]);
        command.args(["--cgroup", "--ipc", "--uts", "sh", "-c", BOOT, "sh"]);
        command.arg(&dir).arg(program().expect("systemd"));
        let mut manager = Process::start("systemd", command, scratch);
        let children = format!("/proc/{0}/task/{0}/children", manager.id());
        let leader = eventually(PATIENCE, "the first process", || {
            assert!(!manager.has_ended(), "systemd did not start");
            let children = fs::read_to_string(&children).ok()?;
            children.split_whitespace().next()?.parse().ok()
        });
        let booted = Self {
            _manager: manager,
            leader,
            dir,
            _group: group,
        };
        eventually(PATIENCE, "systemd", || {
            let state = booted.try_systemctl(&["is-active", "netsocket-e2e.target"]);
            (state.stdout == b"active\n").then_some(())
        });
        booted
    }

    /// The place here of a file that units find in [`FILES`].
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.join("files").join(name)
    }

    /// What `systemctl` says, and how it ends.
    ///
    /// # Panics
    /// Where it cannot be started.
    #[must_use]
    pub fn try_systemctl(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("nsenter")
    }

    /// Starts a unit.
    ///
    /// # Panics
    /// Where it does not become active; what systemd and the unit say of it goes to standard error.
    pub fn start(&self, unit: &str) {
        let started = self.try_systemctl(&["start", unit]);
        if !started.status.success() {
            let status = self.try_systemctl(&["status", "--full", unit]);
            let console = fs::read(self.dir.join("console")).expect("the console");
            for said in [status.stdout, console] {
                eprintln!("{}", String::from_utf8_lossy(&said));
            }
            panic!("{unit} does not start");
        }
    }

    /// What `systemctl` says.
    ///
    /// # Panics
    /// Where it fails.
    pub fn systemctl(&self, arguments: &[&str]) -> String {
        let said = tool::output(&mut self.command(arguments));
        String::from_utf8(said).expect("text")
    }

    /// A property of a unit.
    ///
    /// # Panics
    /// Where there is none.
    #[must_use]
    pub fn property(&self, unit: &str, name: &str) -> String {
        let said = self.systemctl(&["show", "--value", "--property", name, unit]);
        said.trim_end().to_owned()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = tool::tool("nsenter");
        command
            .arg(format!("--target={}", self.leader))
            .args(["--pid", "--mount", "--cgroup", "--", "systemctl"])
            .args(arguments);
        command
    }
}

impl Drop for Booted {
    fn drop(&mut self) {
        if !thread::panicking() {
            return;
        }
        for entry in fs::read_dir(self.dir.join("files"))
            .into_iter()
            .flatten()
            .flatten()
        {
            let text = fs::read(entry.path()).map(String::from_utf8);
            if let Ok(Ok(text)) = text {
                eprintln!("--- {}\n{text}\n---", entry.path().display());
            }
        }
    }
}

/// Where systemd is, on merged and on older systems.
#[must_use]
pub fn program() -> Option<PathBuf> {
    let places = ["/usr/lib/systemd/systemd", "/lib/systemd/systemd"];
    places
        .map(PathBuf::from)
        .into_iter()
        .find(|path| path.is_file())
}

/// A control group for all of it, below the root of the unified hierarchy.
#[derive(Debug)]
struct ControlGroup(PathBuf);

impl ControlGroup {
    fn new(name: &Path) -> Self {
        let mounts = fs::read_to_string("/proc/mounts").expect("the mounts");
        let root = mounts.lines().find_map(|line| {
            let mut words = line.split(' ');
            let (place, kind) = (words.nth(1)?, words.next()?);
            (kind == "cgroup2").then_some(place)
        });
        let root = Path::new(root.expect("a unified hierarchy of control groups"));
        let group = root.join(name);
        fs::create_dir(&group).expect("a control group");
        Self(group)
    }
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        // The last of its processes may still be on its way out.
        eventually(PATIENCE, "the end of a control group", || {
            remove(&self.0).ok()
        });
    }
}

/// Removes a control group and those in it.
fn remove(group: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(group)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove(&entry.path())?;
        }
    }
    fs::remove_dir(group)
}
