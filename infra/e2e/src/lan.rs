//! A network with several machines in it, on this one: a network namespace for each, all on one bridge. A machine that is in
//! two of them can be a router.
//!
//! A machine sees the files of this one, or a file system of its own, as a container does. Needs root.

use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use crate::netns::inside;
use crate::process::{Process, clean_command};
use crate::scratch::Scratch;
use crate::tool;

/// What a machine says when it is ready.
const READY: &str = "the machine is ready";

/// Runs first in every machine; `$0` is its name, the rest what its file system needs.
const BOOT: &str = r#"
set -e
ip link set lo up
hostname "$0"
if [ $# -gt 0 ]; then sh -e "$@"; root=$2; else root=/; fi
echo "the machine is ready"
exec chroot "$root" sleep infinity
"#;

/// The bridge, and who has which address.
#[derive(Debug)]
pub struct Lan {
    bridge: Process,
    number: u8,
    machines: u8,
}

/// A machine in the network, which lives as long as its value.
#[derive(Debug)]
pub struct Machine {
    /// What it is called, and calls itself.
    pub name: String,
    /// Its address.
    pub address: Ipv4Addr,
    holder: Process,
}

/// A file system of a machine's own. What runs there finds the libraries of this machine, and nothing else of it.
#[derive(Debug)]
pub struct FileSystem {
    root: Scratch,
    script: String,
}

impl Lan {
    /// An empty network, of the addresses 10.77.0.0/24.
    ///
    /// # Panics
    /// Where this process may not make one.
    #[must_use]
    pub fn new() -> Self {
        Self::numbered(77)
    }

    /// The same of the addresses 10.`number`.0.0/24, for one beside another.
    ///
    /// # Panics
    /// As [`Lan::new`].
    #[must_use]
    pub fn numbered(number: u8) -> Self {
        let script = format!("{BRIDGE}echo {READY}\nexec sleep infinity");
        let mut command = clean_command("unshare");
        command.args(["--net", "--", "sh", "-ec", &script]);
        let mut bridge = Process::start("bridge", command, Scratch::new("bridge"));
        bridge.logs(READY);
        Self {
            bridge,
            number,
            machines: 0,
        }
    }

    /// A machine with the files of this one.
    #[must_use]
    pub fn machine(&mut self, name: &str) -> Machine {
        self.boot(name, None)
    }

    /// A machine with a file system of its own.
    #[must_use]
    pub fn machine_with(&mut self, name: &str, files: FileSystem) -> Machine {
        self.boot(name, Some(files))
    }

    fn boot(&mut self, name: &str, files: Option<FileSystem>) -> Machine {
        let mut command = clean_command("unshare");
        command.args(["--net", "--mount", "--uts", "--", "sh", "-c", BOOT, name]);
        let dir = match files {
            None => Scratch::new(name),
            Some(FileSystem { root, script }) => {
                let tree = root.path().join("tree");
                command.arg(root.write("mount", script)).arg(tree);
                root
            }
        };
        let mut holder = Process::start(name, command, dir);
        holder.logs(READY);
        Machine {
            name: name.to_owned(),
            address: self.plug(&holder, "eth0"),
            holder,
        }
    }

    /// Puts a machine of another network into this one, too, and gives back its address here.
    pub fn join(&mut self, machine: &Machine, interface: &str) -> Ipv4Addr {
        self.plug(&machine.holder, interface)
    }

    fn plug(&mut self, holder: &Process, interface: &str) -> Ipv4Addr {
        self.machines += 1;
        let address = Ipv4Addr::new(10, self.number, 0, self.machines);
        let (bridge, own) = (self.bridge.id().to_string(), holder.id().to_string());
        let port = format!("port{}", self.machines);
        let in_bridge: [&[&str]; 2] = [
            &[
                "link", "add", &port, "type", "veth", "peer", "name", interface, "netns", &own,
            ],
            &["link", "set", &port, "master", "bridge", "up"],
        ];
        for words in in_bridge {
            ip(&bridge, words);
        }
        ip(
            &own,
            &["address", "add", &format!("{address}/24"), "dev", interface],
        );
        ip(&own, &["link", "set", interface, "up"]);
        address
    }
}

impl Default for Lan {
    fn default() -> Self {
        Self::new()
    }
}

const BRIDGE: &str = "ip link add bridge type bridge\nip link set bridge up\n";

/// Runs `ip` in the network of a process.
fn ip(process: &str, words: &[&str]) {
    let mut command = tool::tool("nsenter");
    command
        .args(["--target", process, "--net", "--", "ip"])
        .args(words);
    tool::output(&mut command);
}

impl Machine {
    /// A command that runs on it. The process that is started becomes the program itself.
    #[must_use]
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        self.command_as(None, program)
    }

    /// The same as a user of that number and group.
    #[must_use]
    pub fn command_as(&self, user: Option<(u32, u32)>, program: impl AsRef<Path>) -> Command {
        let mut command = clean_command("nsenter");
        let target = self.holder.id().to_string();
        command.args([
            "--target", &target, "--net", "--mount", "--uts", "--root", "--wd",
        ]);
        if let Some((user, group)) = user {
            command.arg(format!("--setuid={user}"));
            command.arg(format!("--setgid={group}"));
        }
        command.arg("--").arg(program.as_ref());
        command
    }

    /// Does something in its network.
    pub fn inside<T: Send>(&self, action: impl FnOnce() -> T + Send) -> T {
        inside(self.holder.id(), action)
    }

    /// An address of it.
    #[must_use]
    pub fn at(&self, port: u16) -> SocketAddr {
        SocketAddr::from((self.address, port))
    }

    /// Runs `ip` on it.
    pub fn ip(&self, words: &[&str]) {
        ip(&self.holder.id().to_string(), words);
    }

    /// Whoever connects to `listen` on this machine talks to `target` of the machine of the tests, for as long as the run.
    ///
    /// # Panics
    /// Where the address is taken.
    pub fn forward(&self, listen: SocketAddr, target: SocketAddr) {
        let listener = self
            .inside(|| TcpListener::bind(listen))
            .unwrap_or_else(|error| panic!("{listen} on {}: {error}", self.name));
        // The thread is in the network of the tests, the listener stays where it was bound.
        thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                if let Ok(server) = TcpStream::connect(target) {
                    let _ = pump(client, server);
                }
            }
        });
    }
}

/// Two threads that copy until both sides have ended.
fn pump(client: TcpStream, server: TcpStream) -> io::Result<()> {
    let copy = |mut from: TcpStream, mut to: TcpStream| {
        move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        }
    };
    thread::spawn(copy(client.try_clone()?, server.try_clone()?));
    thread::spawn(copy(server, client));
    Ok(())
}

impl FileSystem {
    /// Empty but for the system's libraries, `/proc`, `/sys` and `/dev`.
    ///
    /// # Panics
    /// Where it cannot be made.
    #[must_use]
    pub fn new(purpose: &str) -> Self {
        let root = Scratch::new(purpose);
        std::fs::create_dir(root.path().join("tree")).expect("the root of a file system");
        Self {
            root,
            script: SYSTEM.to_owned(),
        }
    }

    /// A file in it.
    pub fn write(&mut self, path: &str, bytes: impl AsRef<[u8]>) {
        let name = path.trim_start_matches('/').replace('/', "%");
        let file = self.root.write(&name, bytes);
        self.bind(&file, path);
    }

    /// A file or directory of this machine at another place, read-only.
    pub fn bind(&mut self, source: &Path, path: &str) {
        let source = source.canonicalize().unwrap_or_else(|error| {
            panic!("{} in a file system: {error}", source.display());
        });
        let source = source.to_str().expect("a path in UTF-8");
        let make = match Path::new(source).is_dir() {
            true => format!("mkdir -p \"$root{path}\""),
            false => format!("mkdir -p \"$(dirname \"$root{path}\")\" && touch \"$root{path}\""),
        };
        self.script.push_str(&format!(
            "{make}\nmount --bind '{source}' \"$root{path}\"\nmount -o remount,bind,ro \"$root{path}\"\n"
        ));
    }

    /// An empty file system in memory with such options.
    pub fn memory(&mut self, path: &str, options: &str) {
        self.script.push_str(&format!(
            "mkdir -p \"$root{path}\"\nmount -t tmpfs -o '{options}' tmpfs \"$root{path}\"\n"
        ));
    }

    /// Nobody writes to it from here on, but into what is in memory.
    pub fn read_only(&mut self) {
        self.script.push_str("mount -o remount,bind,ro \"$root\"\n");
    }
}

/// The beginning of the script that makes a file system; `$1` is its root.
const SYSTEM: &str = r#"root=$1
mount --bind "$root" "$root"
for name in bin sbin lib lib64 usr; do
    if [ -L "/$name" ]; then cp -P "/$name" "$root/"
    elif [ -d "/$name" ]; then mkdir "$root/$name"; mount --rbind "/$name" "$root/$name"
    fi
done
for name in proc sys dev; do mkdir "$root/$name"; mount --rbind "/$name" "$root/$name"; done
"#;

/// Where a program of ours is in a [`FileSystem`] that has the folder of the programs.
#[must_use]
pub fn program_path(name: &str) -> PathBuf {
    Path::new("/netsocket").join(name)
}
