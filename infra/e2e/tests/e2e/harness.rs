//! The harness itself: what it promises even when the run is killed.

use std::io::{Read as _, stdin};
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use e2e::process::Process;
use e2e::scratch::Scratch;
use e2e::{PATIENCE, eventually, tool};

use crate::world::World;

crate::tests![a_killed_run_leaves_no_process];

/// Set for a run that starts one process and waits to be killed.
const HOLD: &str = "E2E_HOLD";

pub(crate) fn is_asked_to_hold() -> bool {
    std::env::var_os(HOLD).is_some()
}

/// Starts a process, says its id, and holds it until standard input ends.
pub(crate) fn hold() -> ExitCode {
    let mut sleeper = tool::tool("sleep");
    sleeper.arg("600");
    let sleeper = Process::start("sleeper", sleeper, Scratch::new("sleeper"));
    println!("started {}.", sleeper.id());
    let _ = stdin().read(&mut [0]);
    ExitCode::SUCCESS
}

fn a_killed_run_leaves_no_process(_: &World) {
    let (input, _open) = std::io::pipe().unwrap();
    let temporary = Scratch::new("killed-run");
    let mut run = Command::new(std::env::current_exe().unwrap());
    run.env(HOLD, "1").env("TMPDIR", temporary.path());
    let mut run = Process::start_with_input("run", run, input.into());
    let held: PathBuf = eventually(PATIENCE, "the process of the run", || {
        let said = run.log();
        let id = said.strip_prefix("started ")?.strip_suffix(".\n")?;
        Some(["/proc", id].iter().collect())
    });
    assert!(held.exists());
    run.kill();
    eventually(PATIENCE, "the end of its process", || {
        (!held.exists()).then_some(())
    });
}
