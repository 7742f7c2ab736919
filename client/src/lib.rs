//! The client of the NetSocket file service: a prompt for people, commands for scripts.
//!
//! Owns: commands and their output, where downloads are saved and that only complete ones appear there, exit codes.
//! Does not own: the wire format and the rules of the commands (`netsocket-protocol`), or which server answers (a balancer).
//!
//! A command: [`command_line`] parses its words, [`program`] runs it, on its own, in a batch or at the `prompt`; [`cmd`]
//! has its steps; [`session`] sends its requests over a [`connection`]; [`output`] prints its [`outcome`].
//!
//! A download: [`transfer`] requests it, retries and resumes it, verifies what arrives and writes it into a partial file,
//! a pipe or an unpacked directory.
//!
//! # Examples
//!
//! A session with a server that has one directory:
//!
//! ```
//! use bytes::BytesMut;
//! use futures_util::StreamExt as _;
//! use netsocket_client::outcome::answer::Answer;
//! use netsocket_client::command_line::args::Args;
//! use netsocket_client::output::console::{Console, Form};
//! use netsocket_client::transfer::destination::{OutputOptions, Destination};
//! use netsocket_client::config::user_directories::UserDirectories;
//! use netsocket_client::config::settings;
//! use netsocket_client::session::Session;
//! use netsocket_protocol::frame::FrameCodec;
//! use netsocket_protocol::message::{Hello, Message as _, Order, Reply, Request};
//! use netsocket_protocol::{MAGIC, MAX_REQUEST, VERSION};
//! use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
//! use tokio::net::TcpListener;
//! use tokio_util::codec::{Encoder as _, FramedRead};
//! # use clap::Parser as _;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let listener = TcpListener::bind("127.0.0.1:0").await?;
//! let address = listener.local_addr()?.to_string();
//! let server = async {
//!     let (mut stream, _) = listener.accept().await?;
//!     let (mut from, mut to) = stream.split();
//!     from.read_exact(&mut [0; MAGIC.len()]).await?;
//!     let software = "example/1".to_owned();
//!     let (name, features) = ("example".to_owned(), Vec::new());
//!     let hello = Hello { version: VERSION, software, name, features, token: None };
//!     let mut greeting = BytesMut::from(&MAGIC[..]);
//!     FrameCodec::new(MAX_REQUEST).encode(hello.to_frame()?, &mut greeting)?;
//!     to.write_all(&greeting).await?;
//!
//!     // The client's greeting, then its request.
//!     let mut frames = FramedRead::new(from, FrameCodec::new(MAX_REQUEST)).skip(1);
//!     let request = Request::from_frame(&frames.next().await.expect("a request")?)?;
//!     let reply = Reply::Directories { names: vec!["music".into()], more: false };
//!     let mut answer = BytesMut::new();
//!     FrameCodec::new(MAX_REQUEST).encode(reply.to_frame()?, &mut answer)?;
//!     to.write_all(&answer).await?;
//!     Ok::<Request, Box<dyn std::error::Error>>(request)
//! };
//!
//! let args = Args::parse_from(["netsocket", "--server", &address]);
//! let settings = settings::load(&args, &UserDirectories::default(), |_| None)?;
//! let mut session = Session::new(settings.service);
//! let mut console = Console::of_process(Form::Text, true);
//! let request = Request::Directories { order: Order::Name };
//! let nothing_to_save = OutputOptions::to(Destination::Stdout);
//! let client = session.perform(&request, &nothing_to_save, &mut console);
//!
//! let (asked, answer) = tokio::join!(server, client);
//! assert_eq!(answer?, Answer::Names(vec!["music".into()]));
//! assert_eq!(asked?, request);
//! # Ok(())
//! # }
//! ```

pub mod cmd;
pub mod command_line;
pub mod config;
pub mod connection;
pub mod outcome;
pub mod output;
pub mod program;
mod prompt;
pub mod session;
mod text;
pub mod transfer;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;

use netsocket_settings::{
    CLIENT, Judged, Problems, complain, misspelt_variables, report_config, unresolved,
};

use crate::cmd::context::Context;
use crate::command_line::args::Args;
use crate::command_line::command::Invocation;
use crate::command_line::parse::asks_for_json;
use crate::config::settings::{self, Settings};
use crate::config::user_directories::UserDirectories;
use crate::outcome::error::Error;
use crate::outcome::exit::Exit;
use crate::output::console::{Console, Form};
use crate::output::json;
use crate::program::run_command::Program;
use crate::program::signals::Interrupts;
use crate::session::Session;
use crate::session::working_directories::WorkingDirectories;

/// The name of the program.
const NAME: &str = "netsocket";

/// Runs the program with a command line, its own name included, and returns its exit code.
#[must_use]
pub fn run(words: &[OsString]) -> Exit {
    let words_of = |words: &[OsString]| -> Vec<Vec<u8>> {
        words.iter().map(|word| word.as_bytes().to_vec()).collect()
    };
    let args = match Args::of_words(words) {
        Ok(args) => args,
        Err(problem) => return refuse(&problem, asks_for_json(&words_of(words))),
    };
    let directories = UserDirectories::new(|name| std::env::var_os(name));
    // What is no UTF-8 is wrong for every key, and must be said of its variable.
    let variable = |name: &str| {
        let value = std::env::var_os(name)?;
        Some(value.to_string_lossy().into_owned())
    };
    if args.check_config {
        return check_config(settings::judge(&args, &directories, variable));
    }
    for warning in misspelt() {
        complain(NAME, &format!("warning: {warning}"));
    }
    let settings = match settings::load(&args, &directories, variable) {
        Ok(settings) => settings,
        Err(problems) if needs_settings(&words_of(&args.words)) => {
            let is_json = args.json || asks_for_json(&words_of(&args.words));
            return refuse(&problems.to_string(), is_json);
        }
        Err(problems) => match settings::defaults() {
            Ok(settings) => {
                complain(NAME, &format!("warning: {problems}"));
                settings
            }
            Err(problems) => return refuse(&problems.to_string(), args.json),
        },
    };
    let log = netsocket_settings::init_log(&settings.log, settings.log_format);
    log.start();
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.to_string()),
    };
    let exit = runtime.block_on(drive(args, settings, directories));
    // A thread may still be blocked on a read; do not wait for it.
    runtime.shutdown_background();
    exit
}

/// What is said of environment variables that are probably misspelt.
fn misspelt() -> Vec<String> {
    let variables = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    misspelt_variables(&settings::KEYS, &CLIENT, variables)
}

/// Says what is doubtful and what is wrong with the settings.
fn check_config(judged: Result<Judged<Settings>, Problems>) -> Exit {
    let doubts = |settings: &Settings| {
        let servers = settings.service.servers.round_from(0);
        unresolved(servers.map(|(_, server)| ("server", &server.host)))
    };
    let summary = |settings: &Settings| format!("server {}", settings.service.servers);
    match report_config(NAME, misspelt(), judged, doubts, summary) {
        true => Exit::Done,
        false => Exit::Usage,
    }
}

async fn drive(args: Args, settings: Settings, directories: UserDirectories) -> Exit {
    let mut interrupts = match Interrupts::catch() {
        Ok(interrupts) => interrupts,
        Err(error) => return fail(&error.to_string()),
    };
    let flags = settings::repeated(&args);
    let form = if args.json { Form::Json } else { Form::Text };
    let mut program = Program::new(Context {
        session: Session::new(settings.service),
        console: Console::of_process(form, args.quiet),
        directories,
        output: args.output,
        at: WorkingDirectories::default(),
    })
    .started_with(flags);
    if args.words.is_empty() {
        program.prompt_or_batch(&mut interrupts).await
    } else {
        program.one_shot(args.words, &mut interrupts).await
    }
}

/// Whether settings matter to a command; without one, they do. What is no command is refused for that.
fn needs_settings(words: &[Vec<u8>]) -> bool {
    match Invocation::parse(words) {
        Ok(invocation) => invocation.command.needs_settings(),
        Err(_) => words.is_empty(),
    }
}

/// Reports what is wrong with the command line or the settings.
fn refuse(said: &str, is_json: bool) -> Exit {
    complain(NAME, said);
    if is_json {
        let line = json::error_line(None, None, &Error::Usage(said.to_owned()));
        // It is on standard error already.
        let _ = io::stdout().write_all(&line);
    }
    Exit::Usage
}

/// Reports why the program cannot start on this system.
fn fail(said: &str) -> Exit {
    complain(NAME, said);
    Exit::TransferFailed
}
