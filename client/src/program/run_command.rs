//! Runs one command: parses its words, runs it until it is done or interrupted, and reports how it ended.

use std::borrow::Cow;

use netsocket_protocol::message::Request;

use crate::cmd::context::{Context, Failure};
use crate::command_line::command::{Command, Invocation};
use crate::command_line::leading_options;
use crate::command_line::parse::asks_for_json;
use crate::command_line::shell_line::Place;
use crate::command_line::shell_operators;
use crate::command_line::shell_words;
use crate::outcome::error::Error;
use crate::outcome::exit::Exit;
use crate::output::console::{Form, Stdout};
use crate::output::listener::Listener as _;
use crate::program::output_flag::no_output;
use crate::program::signals::{Interrupt, Interrupts};
use crate::text::{shown, size};

/// The first character of a line for the local shell.
pub(super) const SHELL_MARK: u8 = b'!';

/// Runs commands, one after the other, in one context.
///
/// # Examples
///
/// ```
/// use clap::Parser as _;
/// use netsocket_client::cmd::context::Context;
/// use netsocket_client::command_line::args::Args;
/// use netsocket_client::output::console::{Console, Form};
/// use netsocket_client::outcome::exit::Exit;
/// use netsocket_client::config::user_directories::UserDirectories;
/// use netsocket_client::program::run_command::Program;
/// use netsocket_client::session::Session;
/// use netsocket_client::session::working_directories::WorkingDirectories;
/// use netsocket_client::config::settings;
/// use netsocket_client::command_line::shell_words;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let settings = settings::load(&Args::parse_from(["netsocket"]), &UserDirectories::default(), |_| None)?;
/// let (out, err) = (tempfile::NamedTempFile::new()?, tempfile::NamedTempFile::new()?);
/// let mut program = Program::new(Context {
///     session: Session::new(settings.service),
///     console: Console {
///         out: Box::new(out.reopen()?),
///         err: Box::new(err.reopen()?),
///         ..Console::of_process(Form::Text, true)
///     },
///     directories: UserDirectories::default(),
///     output: None,
///     at: WorkingDirectories::default(),
/// });
/// let never = std::future::pending;
/// let outcome = program.perform(&shell_words::split(b"help find")?, never()).await;
/// assert_eq!(outcome.exit, Exit::Done);
/// assert!(std::fs::read_to_string(out.path())?.contains("--larger"));
///
/// let outcome = program.perform(&shell_words::split(b"fnid a.txt")?, never()).await;
/// assert_eq!(outcome.exit, Exit::Usage);
/// assert!(std::fs::read_to_string(err.path())?.contains("find"));
/// # Ok(())
/// # }
/// ```
pub struct Program {
    /// What the commands work with.
    pub context: Context,
    /// The flags of the program, for what can be pasted into a shell.
    pub(super) flags: Vec<Vec<u8>>,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Its exit code.
    pub exit: Exit,
    /// Whether it ends the session.
    pub is_end: bool,
}

impl Outcome {
    fn completed(exit: Exit) -> Self {
        Self {
            exit,
            is_end: false,
        }
    }
}

impl Program {
    /// A program that runs commands in `context`.
    #[must_use]
    pub fn new(context: Context) -> Self {
        Self {
            context,
            flags: Vec::new(),
        }
    }

    /// The same, with the flags that it was started with: a message may suggest to start it again.
    #[must_use]
    pub fn started_with(self, flags: Vec<Vec<u8>>) -> Self {
        Self { flags, ..self }
    }

    /// Parses and runs a command until it is done or `stop` resolves, and prints its result.
    pub async fn perform(
        &mut self,
        words: &[Vec<u8>],
        stop: impl Future<Output = Interrupt>,
    ) -> Outcome {
        self.begins(words);
        match Invocation::parse(words) {
            Ok(invocation) => self.run_invocation(words, invocation, stop).await,
            Err(error) => self.not_parsed(words, &error),
        }
    }

    /// Reports what is no command, as JSON if its words ask for that.
    pub(super) fn not_parsed(&mut self, words: &[Vec<u8>], error: &Error) -> Outcome {
        let before = self.context.console.form;
        if asks_for_json(words) {
            self.context.console.form = Form::Json;
        }
        let outcome = self.failed(error, Stdout::Free);
        self.context.console.form = before;
        outcome
    }

    /// A command is going to be parsed: its errors have its name.
    pub(super) fn begins(&mut self, words: &[Vec<u8>]) {
        let word = words.first().map(|word| String::from_utf8_lossy(word));
        self.context.console.command = word.map(Cow::into_owned);
    }

    async fn run_invocation(
        &mut self,
        words: &[Vec<u8>],
        invocation: Invocation,
        stop: impl Future<Output = Interrupt>,
    ) -> Outcome {
        let Invocation {
            command,
            json,
            quiet,
        } = invocation;
        if command == Command::Quit {
            return Outcome {
                exit: Exit::Done,
                is_end: true,
            };
        }
        self.context.session.begins_command();
        let before = (self.context.console.form, self.context.console.quiet);
        if json {
            self.context.console.form = Form::Json;
        }
        self.context.console.quiet |= quiet;
        let word = words.first().map(|word| String::from_utf8_lossy(word));
        let word = word.unwrap_or_default();
        let stdout = self.stdout(&command);
        let done = tokio::select! {
            biased;
            interrupt = stop => Err(interrupt),
            done = self.context.run(&word, command) => Ok(done),
        };
        let outcome = match done {
            Ok(Ok(exit)) => Outcome::completed(exit),
            Ok(Err(Failure { error, stdout })) => self.failed(&error, stdout),
            Err(interrupt) => Outcome {
                is_end: interrupt == Interrupt::Program,
                ..self.failed(&Error::Interrupted, stdout)
            },
        };
        if outcome.exit != Exit::Done {
            self.tell_kept();
        }
        (self.context.console.form, self.context.console.quiet) = before;
        outcome
    }

    /// Reports what the latest transfers kept, as the partial files are hidden.
    fn tell_kept(&mut self) {
        for kept in self.context.session.kept() {
            let (bytes, target) = (size(kept.bytes), shown(&kept.target));
            self.context.console.notice(&format!(
                "kept {bytes} of {target}; repeat the command to resume"
            ));
        }
        for copy in self.context.session.half_unpacked() {
            let copy = shown(&copy);
            self.context.console.notice(&format!(
                "kept the complete files in {copy}; repeat the command to go on"
            ));
        }
    }

    /// What a command uses standard output for.
    fn stdout(&self, command: &Command) -> Stdout {
        let output = match command {
            Command::Original {
                request: Request::Archive { .. },
                output,
                ..
            } => output,
            Command::Archive(archive) if archive.extract.is_none() => &archive.save.output,
            Command::Get(get) => &get.save.output,
            _ => return Stdout::Free,
        };
        let output = output.as_deref().or(self.context.output.as_deref());
        output.map_or(Stdout::Free, |output| self.context.stdout_beside(output))
    }

    pub(super) fn failed(&mut self, error: &Error, stdout: Stdout) -> Outcome {
        self.context.console.error(error, stdout);
        Outcome {
            exit: error.exit(),
            is_end: matches!(error, Error::ReaderGone { stdout: true, .. }),
        }
    }

    /// Runs a line of a prompt or a batch. Expands `~`, as no shell has done so.
    pub(super) async fn run_line(
        &mut self,
        line: &[u8],
        has_terminal: bool,
        interrupts: &mut Interrupts,
    ) -> Outcome {
        self.context.console.command = None;
        if let Some((&SHELL_MARK, command)) = line.trim_ascii().split_first() {
            let shell = std::env::var_os("SHELL").filter(|shell| !shell.is_empty());
            let done = self
                .context
                .shell(command, shell, has_terminal, interrupts.program())
                .await;
            // A SIGINT meanwhile was meant for the command.
            interrupts.forget().await;
            return match done {
                Ok(exit) => Outcome::completed(exit),
                Err(Failure { error, stdout }) => Outcome {
                    is_end: matches!(error, Error::Interrupted),
                    ..self.failed(&error, stdout)
                },
            };
        }
        let place = Place {
            flags: &self.flags,
            remote: &self.context.at.remote,
            local: self.context.at.local.as_deref(),
            output: self.context.output.as_deref(),
        };
        if let Some(refusal) = shell_operators::refusal(line, &place) {
            return self.failed(&Error::Usage(refusal), Stdout::Free);
        }
        let words = match shell_words::split(line) {
            Ok(words) if words.is_empty() => return Outcome::completed(Exit::Done),
            Ok(words) => words,
            Err(error) => return self.failed(&Error::Usage(error.to_string()), Stdout::Free),
        };
        let (leading, words) = match leading_options::take(&words) {
            Ok(taken) => taken,
            Err(said) => return self.not_parsed(&words, &Error::Usage(said)),
        };
        self.begins(words);
        let console = &mut self.context.console;
        let (form, quiet) = (console.form, console.quiet);
        let output = self.context.output.clone();
        if leading.json {
            console.form = Form::Json;
        }
        console.quiet |= leading.quiet;
        let has_output = leading.output.is_some();
        if let Some(path) = leading.output {
            self.context.output = Some(self.context.directories.expand_tilde(&path));
        }
        let outcome = self.run_words(words, has_output, interrupts).await;
        (self.context.console.form, self.context.console.quiet) = (form, quiet);
        self.context.output = output;
        outcome
    }

    /// Runs the words of a line; `has_output` if `-o` stands before the command.
    async fn run_words(
        &mut self,
        words: &[Vec<u8>],
        has_output: bool,
        interrupts: &mut Interrupts,
    ) -> Outcome {
        let parsed = Invocation::parse(words).and_then(|invocation| {
            match no_output(&invocation.command, has_output) {
                Some(refusal) => Err(Error::Usage(refusal)),
                None => Ok(invocation),
            }
        });
        match parsed {
            Ok(mut invocation) => {
                invocation
                    .command
                    .map_local(|path| self.context.directories.expand_tilde(path));
                self.run_interruptible(words, invocation, interrupts).await
            }
            Err(error) => self.not_parsed(words, &error),
        }
    }

    pub(super) async fn run_interruptible(
        &mut self,
        words: &[Vec<u8>],
        invocation: Invocation,
        interrupts: &mut Interrupts,
    ) -> Outcome {
        if !invocation.command.lends_terminal() {
            return self
                .run_invocation(words, invocation, interrupts.next())
                .await;
        }
        let stop = async {
            interrupts.program().await;
            Interrupt::Program
        };
        let outcome = self.run_invocation(words, invocation, stop).await;
        // A SIGINT meanwhile was meant for the other program.
        interrupts.forget().await;
        outcome
    }

    pub(super) fn unreadable(&mut self, said: &dyn std::fmt::Display) -> Exit {
        let error = Error::Input(said.to_string());
        self.failed(&error, Stdout::Free).exit
    }
}
