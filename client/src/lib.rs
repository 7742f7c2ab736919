//! The client of the NetSocket file service: a prompt for people, commands for scripts.
//!
//! Owns: what is typed and printed, where archives go and that only whole ones arrive there, exit codes. Does not own:
//! the bytes on the wire and the rules of the commands (`netsocket-protocol`), nor which server answers (a balancer).
//!
//! The way of a command: [`words`] (in a prompt or a `batch`) or the command line give its words, `task` judges
//! them by the table of `commands`, `cmd` carries it out: [`session`] asks the server over a [`connection`] that [`dial`]
//! has made, [`console`] prints the [`answer`] in `wording` or `json`, [`exit`] is what the shell sees. [`program`]
//! ties this together.
//!
//! The way of a download: `transfer` asks and asks again as `retry` decides, `course` and `archive` hold what
//! comes against what was announced, `sink` writes it, into a [`part`] with its `journal` or by `unpacker` into a
//! directory; `fetch` does so for several at once.
//!
//! # Examples
//!
//! A session with a server that has one directory:
//!
//! ```
//! use bytes::BytesMut;
//! use futures_util::StreamExt as _;
//! use netsocket_client::answer::Answer;
//! use netsocket_client::args::Args;
//! use netsocket_client::console::{Console, Form};
//! use netsocket_client::delivery::{Delivery, Destination};
//! use netsocket_client::places::Places;
//! use netsocket_client::{config, session::Session};
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
//! let settings = config::load(&args, &Places::default(), |_| None)?;
//! let mut session = Session::new(settings.service);
//! let mut console = Console::of_process(Form::Text, true);
//! let request = Request::Directories { order: Order::Name };
//! let nothing_to_save = Delivery::to(Destination::Stdout);
//! let client = session.perform(&request, &nothing_to_save, &mut console);
//!
//! let (asked, answer) = tokio::join!(server, client);
//! assert_eq!(answer?, Answer::Names(vec!["music".into()]));
//! assert_eq!(asked?, request);
//! # Ok(())
//! # }
//! ```

pub mod address;
pub mod answer;
mod archive;
pub mod args;
mod batch;
mod cmd;
mod colours;
mod commands;
mod completion;
pub mod config;
pub mod connection;
pub mod console;
mod course;
pub mod delivery;
pub mod dial;
mod entries;
pub mod error;
pub mod exit;
mod fetch;
mod help;
pub mod interrupts;
mod journal;
mod json;
mod listing;
mod local_names;
mod manual;
mod options;
pub mod part;
pub mod places;
pub mod program;
pub mod progress;
mod prompt;
mod remote;
mod remote_names;
mod retry;
mod security;
pub mod session;
mod sink;
mod status;
mod suggest;
mod target;
mod task;
pub mod tls;
mod transfer;
mod unpack;
mod unpacker;
mod untar;
mod wording;
pub mod words;

use std::io::{self, Write as _};

use args::Args;
use config::Settings;
use console::{Console, Form};
use exit::Exit;
use interrupts::Interrupts;
use places::Places;
use program::Program;
pub use prompt::Where;
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
    let log = netsocket_settings::init_log(&settings.log, settings.log_format);
    log.start();
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
