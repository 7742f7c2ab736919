//! Ends what the test run started, also when the run itself is killed.
//!
//! Each process is killed by its owner's `Drop`. For a run that dies without dropping (SIGKILL, a time limit), a small
//! shell keeps the ids and kills what is left once its standard input ends, which the kernel closes in every case. The
//! kernel's own parent-death signal would not do: it fires when the *thread* that started the child ends, and needs
//! `unsafe` code.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock};

const SCRIPT: &str = r#"
trap '' INT TERM HUP
ids=
while read -r verb id; do
    case $verb in
        add) ids="$ids $id" ;;
        del) left=; for known in $ids; do [ "$known" = "$id" ] || left="$left $known"; done; ids=$left ;;
    esac
done
for id in $ids; do kill -KILL "$id" 2>/dev/null; done
"#;

static REAPER: OnceLock<Mutex<Child>> = OnceLock::new();

/// Watches over a process.
pub(crate) fn watch(id: u32) {
    tell("add", id);
}

/// The process has been waited for; its id may soon be another's.
pub(crate) fn forget(id: u32) {
    tell("del", id);
}

fn tell(verb: &str, id: u32) {
    let reaper = REAPER.get_or_init(|| Mutex::new(start()));
    let mut shell = reaper
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(stdin) = &mut shell.stdin {
        // A reaper that is gone is no reason to fail.
        let _ = stdin.write_all(format!("{verb} {id}\n").as_bytes());
    }
}

fn start() -> Child {
    Command::new("sh")
        .args(["-c", SCRIPT])
        // A Ctrl-C at the terminal is for the test run and its servers.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("`sh` starts")
}
