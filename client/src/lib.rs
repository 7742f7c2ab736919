//! The client of the NetSocket file service: a prompt for people, commands for scripts.
//!
//! Owns: what is typed and printed, where archives go and that only whole ones arrive there, exit codes. Does not own:
//! the bytes on the wire and the rules of the commands (`netsocket-protocol`), nor which server answers (a balancer).
//!
//! The way of a command: [`words`] (in a prompt or a [`batch`]) or the command line give its words, [`task`] judges
//! them by the table of [`commands`], `cmd` carries it out: [`session`] asks the server over a [`connection`] that [`dial`]
//! has made, [`console`] prints the [`answer`] in [`wording`] or [`json`], [`exit`] is what the shell sees. [`program`]
//! ties this together.
//!
//! The way of a download: [`transfer`] asks and asks again as [`retry`] decides, [`course`] and [`archive`] hold what
//! comes against what was announced, [`sink`] writes it, into a [`part`] with its [`journal`] or by [`unpacker`] into a
//! directory; [`fetch`] does so for several at once.

pub mod address;
pub mod answer;
pub mod archive;
pub mod args;
pub mod batch;
mod cmd;
pub mod colours;
pub mod commands;
pub mod completion;
pub mod config;
pub mod connection;
pub mod console;
pub mod course;
pub mod delivery;
pub mod dial;
pub mod entries;
pub mod error;
pub mod exit;
pub mod fetch;
pub mod help;
pub mod interrupts;
pub mod journal;
pub mod json;
pub mod listing;
pub mod local_names;
pub mod manual;
pub mod options;
pub mod part;
pub mod places;
pub mod program;
pub mod progress;
pub mod prompt;
pub mod remote;
pub mod remote_names;
pub mod retry;
pub mod security;
pub mod session;
pub mod sink;
pub mod status;
pub mod suggest;
pub mod target;
pub mod task;
pub mod tls;
pub mod transfer;
pub mod unpack;
pub mod unpacker;
pub mod untar;
pub mod wording;
pub mod words;

use std::io::{self, Write as _};

use args::Args;
use config::Settings;
use console::{Console, Form};
use exit::Exit;
use interrupts::Interrupts;
use places::Places;
use program::Program;
use prompt::Where;
use session::Session;

/// Runs the program with its command line, to its exit code.
#[must_use]
pub fn run(args: Args) -> Exit {
    let places = Places::new(|name| std::env::var_os(name));
    let settings = match config::load(&args, &places, |name| std::env::var(name).ok()) {
        Ok(settings) => settings,
        Err(problems) => return refuse(&problems.to_string(), Exit::Usage),
    };
    if args.check_config {
        // A closed standard output is no reason to call the settings wrong.
        let _ = writeln!(
            io::stdout(),
            "configuration OK: server {}",
            settings.service.servers
        );
        return Exit::Done;
    }
    netsocket_settings::init_log(&settings.log, settings.log_format);
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return refuse(&error.to_string(), Exit::TransferFailed),
    };
    let exit = runtime.block_on(drive(args, settings, places));
    // A thread may still wait for a line or for a pipe; the program is over all the same.
    runtime.shutdown_background();
    exit
}

async fn drive(args: Args, settings: Settings, places: Places) -> Exit {
    let mut interrupts = match Interrupts::catch() {
        Ok(interrupts) => interrupts,
        Err(error) => return refuse(&error.to_string(), Exit::TransferFailed),
    };
    let form = if args.json { Form::Json } else { Form::Text };
    let mut program = Program {
        session: Session::new(settings.service),
        console: Console::of_process(form, args.quiet),
        places,
        output: args.output,
        at: Where::default(),
    };
    if args.words.is_empty() {
        program.prompt_or_batch(&mut interrupts).await
    } else {
        program.one_shot(args.words, &mut interrupts).await
    }
}

/// Says why there is nothing to run.
fn refuse(said: &str, exit: Exit) -> Exit {
    // There is nowhere else to say it.
    let _ = writeln!(io::stderr(), "{said}");
    exit
}
