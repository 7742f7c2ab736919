//! The units of `infra`: without a mistake, hardened to a figure, with the calls that the programs make let through.

use std::collections::BTreeSet;
use std::path::Path;

use e2e::client::Client;
use e2e::process::{Process, clean_command};
use e2e::program::Program;
use e2e::scratch::Scratch;
use e2e::{PATIENCE, access_log, eventually, files, tool};

use crate::world::World;

crate::tests![
    #[needs(Systemd)]
    units_have_no_mistakes,
    #[needs(Systemd)]
    a_mistake_is_found,
    #[needs(Systemd)]
    services_are_hardened,
    #[needs(Systemd)]
    every_call_of_a_server_is_allowed,
];

const UNITS: &str = "infra/systemd";

/// Of those who share an address, with the scripts that they start.
const ANYCAST: &str = "infra/anycast";

/// The most that `systemd-analyze security` may say of a service, in tenths; 100 is the worst.
const EXPOSURE: u32 = 19;

/// Copies of the units, with our programs where they are here; a template has the instance `server`.
fn units() -> (Scratch, Vec<String>) {
    let dir = Scratch::new("units");
    let programs = Program::Balancer.path();
    let programs = format!("{}/netsocket-", programs.parent().unwrap().display());
    let mut names = Vec::new();
    let scripts = format!("{}/", files::path(ANYCAST).display());
    for file in [UNITS, ANYCAST]
        .iter()
        .flat_map(|folder| files::below(&files::path(folder)))
    {
        let name = file.file_name().unwrap().to_str().unwrap();
        if ![".service", ".socket", ".target"]
            .iter()
            .any(|end| name.ends_with(end))
        {
            continue;
        }
        let text = std::fs::read_to_string(&file).unwrap();
        let text = text.replace("/usr/bin/netsocket-", &programs);
        let text = text.replace("/usr/lib/netsocket/", &scripts);
        dir.write(name, &text);
        let name = name.replace("@.", "@server.");
        dir.write(&name, &text);
        names.push(name);
    }
    assert_eq!(names.len(), 7, "{names:?}");
    (dir, names)
}

/// Everything that `systemd-analyze verify` has to say.
fn verified(unit: &Path) -> (bool, String) {
    let mut command = tool::tool("systemd-analyze");
    command
        .args(["verify", "--man=no", "--recursive-errors=yes"])
        .arg(unit);
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

fn units_have_no_mistakes(_: &World) {
    let (dir, names) = units();
    for name in names {
        assert_eq!(
            verified(&dir.path().join(&name)),
            (true, String::new()),
            "{name}"
        );
    }
}

fn a_mistake_is_found(_: &World) {
    let (dir, _) = units();
    let text = files::text("infra/systemd/netsocket-collector.service");
    let wrong = dir.write(
        "netsocket-wrong.service",
        text.replace("Restart=", "Restrat="),
    );
    let (_, said) = verified(&wrong);
    assert!(said.contains("Restrat"), "{said}");
}

fn services_are_hardened(_: &World) {
    let (dir, names) = units();
    for name in names.iter().filter(|name| name.ends_with(".service")) {
        let mut command = tool::tool("systemd-analyze");
        command
            .args(["security", "--offline=true", "--no-pager"])
            .arg(format!("--threshold={EXPOSURE}"))
            .arg(dir.path().join(name));
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}");
        assert!(said.contains("Overall exposure level"), "{said}");
    }
}

/// Balancer and file server are traced from start to end, with a session and a restart of the balancer in between: what they call is in the filter of
/// their unit, or is something that they can do without.
fn every_call_of_a_server_is_allowed(world: &World) {
    let traces = Scratch::new("traces");
    let trace = |name: &str| traces.path().join(name);
    let started = |program: Program, name: &str| {
        let mut command = clean_command("strace");
        command.args(["--follow-forks", "--quiet=all", "--seccomp-bpf"]);
        command.arg("--output").arg(trace(name)).arg(program.path());
        command.env("NETSOCKET_LOG_FORMAT", "json");
        command
    };
    let mut command = started(Program::Fileserver, "netsocket-fileserver@.service");
    command.args(["--listen", "127.0.0.1:0", "--name", "server", "--root"]);
    command
        .args([world.few_files()])
        .args(["--admin", "127.0.0.1:0"]);
    let mut server = Process::start("traced-server", command, Scratch::new("traced"));
    let address = server.listening("address");
    let mut command = started(Program::Balancer, "netsocket-balancer.service");
    command.args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
    command.args(["--backend", &format!("server={address}")]);
    let mut balancer = Process::start("traced-balancer", command, Scratch::new("traced"));
    let client = Client::of(balancer.listening("address"));
    // 3 MiB: more than the relay copies before it splices.
    eventually(PATIENCE, "an archive", || {
        (client.run(&["w24ft", "bin", "txt"]).code == Some(0)).then_some(())
    });
    // Another balancer takes over from the first one.
    signal("-USR2", &only_child(balancer.id()));
    let successor = eventually(PATIENCE, "a successor", || {
        let log = balancer.log();
        let events = access_log::events(&log, "handed over");
        events.first()?["successor"].as_u64()
    });
    let served = only_child(server.id());
    for (traced, program) in [
        (&mut balancer, successor.to_string()),
        (&mut server, served),
    ] {
        signal("-TERM", &program);
        assert_eq!(traced.wait(PATIENCE).code(), Some(0));
    }
    for unit in [
        "netsocket-balancer.service",
        "netsocket-fileserver@.service",
    ] {
        let allowed = allowed(unit);
        let text = std::fs::read_to_string(trace(unit)).unwrap();
        let called: BTreeSet<&str> = text.lines().filter_map(call).collect();
        assert!(
            called.contains("accept4") && called.contains("execve"),
            "{called:?}"
        );
        let refused: Vec<_> = called
            .iter()
            .filter(|name| !allowed.contains(**name))
            .collect();
        assert!(refused.is_empty(), "{unit} would refuse {refused:?}");
    }
}

/// A signal to `strace` would not be for the program.
fn signal(which: &str, process: &str) {
    tool::output(tool::tool("kill").args([which, process]));
}

fn only_child(parent: u32) -> String {
    let path = format!("/proc/{parent}/task/{parent}/children");
    let children = std::fs::read_to_string(path).unwrap();
    let mut children = children.split_whitespace();
    children.next().expect("a traced program").to_owned()
}

/// The name in a line such as `4711  openat(AT_FDCWD, …) = 3`.
fn call(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once(' ')?;
    let (name, _) = rest.trim_start().split_once('(')?;
    let is_name = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    (is_name && !name.is_empty()).then_some(name)
}

/// The calls that a unit's filters let through, in the order in which systemd applies them.
fn allowed(unit: &str) -> BTreeSet<String> {
    let text = files::text(&format!("{UNITS}/{unit}"));
    let mut allowed = BTreeSet::new();
    for filter in text
        .lines()
        .filter_map(|line| line.strip_prefix("SystemCallFilter="))
    {
        match filter.strip_prefix('~') {
            Some(denied) => {
                for name in expanded(denied) {
                    allowed.remove(&name);
                }
            }
            None => allowed.extend(expanded(filter)),
        }
    }
    // Every allow list has it.
    allowed.extend(expanded("@default"));
    allowed
}

/// Sets by what they stand for.
fn expanded(words: &str) -> BTreeSet<String> {
    let mut calls = BTreeSet::new();
    for word in words.split_whitespace() {
        if !word.starts_with('@') {
            calls.insert(word.to_owned());
            continue;
        }
        let mut command = tool::tool("systemd-analyze");
        let said = tool::output(command.args(["syscall-filter", word]));
        let said = String::from_utf8(said).unwrap();
        let members = said.lines().skip(1).map(str::trim);
        let members = members.filter(|line| !line.is_empty() && !line.starts_with('#'));
        for member in members {
            calls.extend(expanded(member));
        }
    }
    calls
}
