//! Our own programs: each command is given to the program itself, where nobody answers. Servers read their settings and end.

use std::process::Command;

use e2e::influx::TOKEN;
use e2e::process::{Ran, clean_command};
use e2e::program::Program;
use e2e::scratch::Scratch;
use e2e::shell::Call;
use e2e::{PATIENCE, files, netns};

use super::Verdict;

pub(super) const PROGRAMS: &[&str] = &[
    "netsocket",
    "netsocket-balancer",
    "netsocket-fileserver",
    "netsocket-collector",
];

/// Commands of the client that may stand without its name where it is the client that is told of.
pub(super) const COMMANDS: &[&str] = &[
    "archive", "cd", "dirlist", "find", "get", "help", "lcd", "ls", "stat", "w24fda", "w24fdb",
    "w24fn", "w24ft", "w24fz",
];

/// Those that mean something only where more commands follow: they are typed into a batch.
const OF_A_BATCH: [&str; 2] = ["cd", "lcd"];

/// Exit codes of a command that was understood although nobody answered: done, nothing found or refused, cannot connect.
const UNDERSTOOD: [Option<i32>; 3] = [Some(0), Some(1), Some(3)];

/// What a program answers to is the same for all that have it.
const SUBCOMMANDS: [&str; 4] = ["ctl", "health", "man", "completions"];

/// `is_named` where it is told of, and what it cannot do without may be missing.
pub(super) fn judge(call: &Call, is_named: bool) -> Verdict {
    let program = Program::ALL
        .into_iter()
        .find(|program| program.name() == call.program());
    let program = program.ok_or("no program of ours")?;
    let home = Scratch::new("typed");
    home.write("settings.toml", files::text(program_settings(program)));
    let mut words: Vec<String> = call
        .arguments()
        .iter()
        .map(|word| here(word, &home))
        .collect();
    for place in 1..words.len() {
        if words[place - 1] == "--root" {
            words[place] = home.path().display().to_string();
        }
    }
    let is_line = program == Program::Client
        && words
            .first()
            .is_some_and(|word| OF_A_BATCH.contains(&word.as_str()));
    let input = match is_line {
        true => std::mem::take(&mut words).join(" "),
        false => call.input.clone(),
    };
    let mut command = netns::isolated(unshare(call, &home));
    command.arg(program.path()).args(&words);
    let has = |word: &str| words.iter().any(|known| known == word);
    let is_asked = words
        .iter()
        .any(|word| SUBCOMMANDS.contains(&word.as_str()));
    let adds: &[&str] = match program {
        Program::Client => &[],
        _ if is_named => &["--help"],
        // It would make something in a database.
        Program::Collector if has("setup") => &["--help"],
        _ if is_asked => &[],
        _ => &["--check-config"],
    };
    let ran = Ran::with_input(with(command, adds), input.as_bytes(), PATIENCE);
    let is_right = match program {
        Program::Client => UNDERSTOOD.contains(&ran.code),
        _ if is_asked => UNDERSTOOD.contains(&ran.code),
        _ => ran.code == Some(0),
    };
    match is_right {
        true => Ok(()),
        false => Err(format!("{:?}: {}", ran.code, ran.stderr)),
    }
}

/// What is shipped for a program.
fn program_settings(program: Program) -> &'static str {
    match program {
        Program::Balancer => "infra/config/balancer.toml",
        Program::Fileserver => "infra/config/fileserver.toml",
        Program::Client => "infra/config/client.toml",
        Program::Collector => "infra/config/collector.toml",
    }
}

fn unshare(call: &Call, home: &Scratch) -> Command {
    let mut command = clean_command("unshare");
    command
        .current_dir(home.path())
        .env("HOME", home.path())
        // What is shared is on the reader's machine.
        .env("NETSOCKET_ROOT", home.path())
        .env("INFLUXDB_TOKEN", TOKEN);
    // What is left out is what was set above.
    for (name, value) in call
        .environment
        .iter()
        .filter(|(_, value)| !value.is_empty())
    {
        command.env(name, here(value, home));
    }
    command
}

fn with(mut command: Command, words: &[&str]) -> Command {
    // Once is enough.
    let given: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
    command.args(
        words
            .iter()
            .filter(|word| !given.iter().any(|known| known == **word)),
    );
    command
}

/// A word with what is documented to be on the reader's machine put where it is here.
fn here(word: &str, home: &Scratch) -> String {
    let own = home.path().display().to_string();
    if let Some(name) = word.strip_prefix("/etc/netsocket/") {
        return files::path(&format!("infra/config/{name}"))
            .display()
            .to_string();
    }
    if word == "FILE" {
        return format!("{own}/settings.toml");
    }
    // What a substitution gives is an address wherever it is not a name.
    let word = match (word.split_once("$("), word.rsplit_once(')')) {
        (Some((before, _)), Some((_, behind))) => format!("{before}127.0.0.1{behind}"),
        _ => word.to_owned(),
    };
    match word.as_str() {
        "~" | "$HOME" | "DIR" | "/srv/files" => own,
        _ => word,
    }
}
