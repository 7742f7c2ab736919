//! A DNS server on a machine of a [`Lan`](crate::lan::Lan), with names that change.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use rustix::process::Signal;

use crate::lan::Machine;
use crate::process::Process;
use crate::scratch::Scratch;

/// `dnsmasq` with a file of hosts. Like Docker's own, it names every address of a name.
#[derive(Debug)]
pub struct Dns {
    process: Process,
    hosts: PathBuf,
}

impl Dns {
    /// Starts it on port 53 of the machine.
    ///
    /// # Panics
    /// Where it does not start.
    #[must_use]
    pub fn start(machine: &Machine, names: &[(&str, Ipv4Addr)]) -> Self {
        let dir = Scratch::new("dns");
        let hosts = dir.write("hosts", lines(names));
        let mut command = machine.command("/usr/sbin/dnsmasq");
        command
            .args([
                "--keep-in-foreground",
                "--conf-file=/dev/null",
                "--pid-file",
            ])
            // Nobody is asked further; a name that is not here does not exist.
            .args(["--no-resolv", "--no-hosts", "--local=/#/", "--user=root"])
            .args(["--log-facility=-", "--log-queries"])
            .arg(format!("--addn-hosts={}", hosts.display()));
        let mut process = Process::start("dns", command, dir);
        process.logs("started");
        Self { process, hosts }
    }

    /// Names these from now on, and no others.
    ///
    /// # Panics
    /// Where the file cannot be written.
    pub fn name(&mut self, names: &[(&str, Ipv4Addr)]) {
        std::fs::write(&self.hosts, lines(names)).expect("the file of hosts");
        self.process.signal(Signal::HUP);
    }

    /// Whether it was asked for that name.
    #[must_use]
    pub fn was_asked(&self, name: &str) -> bool {
        self.process.log().contains(&format!("query[A] {name} "))
    }
}

fn lines(names: &[(&str, Ipv4Addr)]) -> String {
    let line = |(name, address): &(&str, Ipv4Addr)| format!("{address} {name}\n");
    names.iter().map(line).collect()
}
