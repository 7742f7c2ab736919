//! The program around a session: one command, a batch or a prompt; what is printed, and how it ends.

pub(crate) mod batch;
pub mod signals;

use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use netsocket_protocol::message::Request;
use netsocket_settings::reason;

use crate::cmd::{Done, Failure};
use crate::command_line::command::{Asked, Task};
use crate::command_line::commands::CommandSpec;
use crate::command_line::help;
use crate::command_line::manual;
use crate::command_line::shell_words;
use crate::config::user_directories::Places;
use crate::outcome::answer::Answer;
use crate::outcome::error::Error;
use crate::outcome::exit::Exit;
use crate::output::console::{Console, Form, Stdout, Told};
use crate::output::json;
use crate::output::listener::Listener as _;
use crate::prompt::line_editor::{Prompt, Typed, Where};
use crate::prompt::remote_completion::RemoteNames;
use crate::session::Session;
use crate::text::{shown, size};
use crate::transfer::destination::{Delivery, Destination};
use signals::{Interrupt, Interrupts};

/// What stands before a command of the shell.
const SHELL_MARK: u8 = b'!';

/// Everything that a command needs.
///
/// # Examples
///
/// ```
/// use clap::Parser as _;
/// use netsocket_client::command_line::args::Args;
/// use netsocket_client::output::console::{Console, Form};
/// use netsocket_client::outcome::exit::Exit;
/// use netsocket_client::config::user_directories::Places;
/// use netsocket_client::program::Program;
/// use netsocket_client::session::Session;
/// use netsocket_client::Where;
/// use netsocket_client::config::settings;
/// use netsocket_client::command_line::shell_words;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let settings = settings::load(&Args::parse_from(["netsocket"]), &Places::default(), |_| None)?;
/// let (out, err) = (tempfile::NamedTempFile::new()?, tempfile::NamedTempFile::new()?);
/// let mut program = Program {
///     session: Session::new(settings.service),
///     console: Console {
///         out: Box::new(out.reopen()?),
///         err: Box::new(err.reopen()?),
///         ..Console::of_process(Form::Text, true)
///     },
///     places: Places::default(),
///     output: None,
///     at: Where::default(),
/// };
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
    /// The service.
    pub session: Session,
    /// The outputs.
    pub console: Console,
    /// The user's directories.
    pub places: Places,
    /// The `-o` before the command, or for every command of a prompt or a batch.
    pub output: Option<PathBuf>,
    /// Where the session is, on the server and on this machine.
    pub at: Where,
}

/// How a command went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Its exit code.
    pub exit: Exit,
    /// Whether the session is over with it.
    pub is_end: bool,
}

impl Outcome {
    fn goes_on(exit: Exit) -> Self {
        Self {
            exit,
            is_end: false,
        }
    }
}

impl Program {
    /// Carries out the words of a command until they are done or `stop` says so, and prints what comes of it.
    pub async fn perform(
        &mut self,
        words: &[Vec<u8>],
        stop: impl Future<Output = Interrupt>,
    ) -> Outcome {
        match Asked::parse(words) {
            Ok(asked) => self.perform_asked(words, asked, stop).await,
            Err(error) => self.failed(&error, Stdout::Free),
        }
    }

    async fn perform_asked(
        &mut self,
        words: &[Vec<u8>],
        asked: Asked,
        stop: impl Future<Output = Interrupt>,
    ) -> Outcome {
        let Asked { task, json, quiet } = asked;
        if task == Task::Quit {
            return Outcome {
                exit: Exit::Done,
                is_end: true,
            };
        }
        let before = (self.console.form, self.console.quiet);
        if json {
            self.console.form = Form::Json;
        }
        self.console.quiet |= quiet;
        let word = words.first().map(|word| String::from_utf8_lossy(word));
        let word = word.unwrap_or_default();
        let stdout = self.stdout(&task);
        let done = tokio::select! {
            biased;
            interrupt = stop => Err(interrupt),
            done = self.carry_out(&word, task) => Ok(done),
        };
        let outcome = match done {
            Ok(Ok(exit)) => Outcome::goes_on(exit),
            Ok(Err(Failure { error, stdout })) => self.failed(&error, stdout),
            Err(interrupt) => Outcome {
                is_end: interrupt == Interrupt::Program,
                ..self.failed(&Error::Interrupted, stdout)
            },
        };
        if outcome.exit != Exit::Done {
            self.tell_kept();
        }
        (self.console.form, self.console.quiet) = before;
        outcome
    }

    /// Says what the latest transfers have left: nobody looks for hidden files.
    fn tell_kept(&mut self) {
        for kept in self.session.kept() {
            let (bytes, target) = (size(kept.bytes), shown(&kept.target));
            self.console.notice(&format!(
                "{bytes} of {target} are kept, the same command goes on from there"
            ));
        }
    }

    /// Who has standard output while a task is carried out.
    fn stdout(&self, task: &Task) -> Stdout {
        let output = match task {
            Task::Ask {
                request: Request::Archive { .. },
                output,
                ..
            } => output,
            Task::Archive(archive) if archive.extract.is_none() => &archive.fetching.output,
            Task::Get(get) => &get.fetching.output,
            _ => return Stdout::Free,
        };
        let output = output.as_deref().or(self.output.as_deref());
        if output == Some(crate::transfer::target::STDOUT.as_ref()) {
            Stdout::Archive
        } else {
            Stdout::Free
        }
    }

    async fn carry_out(&mut self, word: &str, task: Task) -> Done {
        match task {
            Task::Quit => Ok(Exit::Done),
            Task::Help(topic) => self.help(topic.as_ref()),
            Task::Ask {
                word,
                request,
                output,
            } => self.ask(word, &request, output).await,
            Task::List(list) => self.ls(word, &list).await,
            Task::Find(find) => self.find(word, find).await,
            Task::Stat(paths) => self.stat(word, &paths).await,
            Task::Get(get) => self.get(word, &get).await,
            Task::Archive(archive) => self.archive(word, archive).await,
            Task::Status => self.status(word).await,
            Task::GoTo(directory) => self.go_to(word, directory).await,
            Task::Where => self.tell_where(word),
            Task::GoToHere(directory) => self.go_to_here(word, directory.as_deref()),
            Task::WhereHere => self.tell_where_here(word),
            Task::Completions(shell) => self.print(&manual::completions(shell)),
            Task::Man => self.print(&manual::page()),
        }
    }

    fn print(&mut self, bytes: &[u8]) -> Done {
        self.console.print(bytes)?;
        Ok(Exit::Done)
    }

    fn help(&mut self, topic: Option<&CommandSpec>) -> Done {
        let text = topic.map_or_else(help::list, help::of).into_bytes();
        let json = json::help_line(topic);
        self.console.tell(&Told { text, json })?;
        Ok(Exit::Done)
    }

    /// One of the original commands.
    async fn ask(&mut self, word: &str, request: &Request, output: Option<PathBuf>) -> Done {
        let delivery = match request {
            Request::Archive { .. } => self.delivery(output)?,
            // These write nothing but their answer.
            _ => Delivery::to(Destination::Stdout),
        };
        let stdout = match (request, &delivery.destination) {
            (Request::Archive { .. }, Destination::Stdout) => Stdout::Archive,
            _ => Stdout::Free,
        };
        let performed = self
            .session
            .perform(request, &delivery, &mut self.console)
            .await;
        let answered = performed.and_then(|answer| {
            self.console.answer(word, &answer, stdout)?;
            Ok(Answer::exit(&answer))
        });
        answered.map_err(|error| Failure { error, stdout })
    }

    /// Where the archive of an original command goes.
    fn delivery(&self, output: Option<PathBuf>) -> Result<Delivery, Error> {
        if let Some(output) = output.or_else(|| self.output.clone()) {
            return self.destination(&output).map(Delivery::to);
        }
        let path = self.places.archive().ok_or_else(|| {
            Error::Usage("There is no home directory to save to: give -o FILE".to_owned())
        })?;
        Ok(Delivery {
            make_directory: true,
            ..Delivery::to(Destination::File(path))
        })
    }

    fn failed(&mut self, error: &Error, stdout: Stdout) -> Outcome {
        self.console.error(error, stdout);
        Outcome {
            exit: error.exit(),
            is_end: matches!(error, Error::ReaderGone { .. }),
        }
    }

    /// Carries out a line of a prompt or a batch, where no shell has seen the words before.
    async fn perform_line(
        &mut self,
        line: &[u8],
        has_terminal: bool,
        interrupts: &mut Interrupts,
    ) -> Outcome {
        if let Some((&SHELL_MARK, command)) = line.trim_ascii().split_first() {
            let shell = std::env::var_os("SHELL").filter(|shell| !shell.is_empty());
            let done = self.shell(command, shell, has_terminal, interrupts).await;
            // What the command was to be ended by has ended it.
            interrupts.forget().await;
            return match done {
                Ok(exit) => Outcome::goes_on(exit),
                Err(Failure { error, stdout }) => Outcome {
                    is_end: matches!(error, Error::Interrupted),
                    ..self.failed(&error, stdout)
                },
            };
        }
        let words = match shell_words::split(line) {
            Ok(words) if words.is_empty() => return Outcome::goes_on(Exit::Done),
            Ok(words) => words,
            Err(error) => return self.failed(&Error::Usage(error.to_string()), Stdout::Free),
        };
        match Asked::parse(&words) {
            Ok(mut asked) => {
                asked.task.map_local(|path| self.places.expand_tilde(path));
                self.perform_asked(&words, asked, interrupts.next()).await
            }
            Err(error) => self.failed(&error, Stdout::Free),
        }
    }

    /// One command from the command line.
    pub async fn one_shot(&mut self, words: Vec<OsString>, interrupts: &mut Interrupts) -> Exit {
        let words: Vec<Vec<u8>> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
        if self.output.is_some()
            && Asked::parse(&words).is_ok_and(|asked| !asked.task.takes_output())
        {
            let names = manual::commands_with("output").join(", ");
            let error = Error::Usage(format!("-o is for {names}"));
            return self.failed(&error, Stdout::Free).exit;
        }
        self.perform(&words, interrupts.next()).await.exit
    }

    /// Commands from standard input; see `batch`.
    pub async fn batch(&mut self, interrupts: &mut Interrupts) -> Exit {
        loop {
            let reading = tokio::task::spawn_blocking(|| batch::next_line(&mut io::stdin().lock()));
            let read = tokio::select! {
                biased;
                _ = interrupts.next() => return Exit::Interrupted,
                read = reading => read,
            };
            let line = read.unwrap_or_else(|error| Err(io::Error::other(error)));
            let line = match line {
                Ok(Some(line)) => line,
                Ok(None) => return Exit::Done,
                Err(error) => return self.unreadable(&reason(&error)),
            };
            let outcome = self.perform_line(&line.text, false, interrupts).await;
            let forgiven = line.may_fail && outcome.exit != Exit::Interrupted;
            if outcome.is_end || (outcome.exit != Exit::Done && !forgiven) {
                return outcome.exit;
            }
        }
    }

    /// The prompt, until its end is asked for. What failed in it has been seen, so its exit code says nothing of it.
    pub async fn prompt(&mut self, interrupts: &mut Interrupts) -> Exit {
        self.console.prefix = "";
        let names = RemoteNames::over(Session::new(self.session.service().clone()));
        let has_colours = self.console.colours.is_some();
        let mut prompt = match Prompt::open(self.places.history_file(), names, has_colours) {
            Ok(prompt) => prompt,
            Err(error) => return self.unreadable(&error),
        };
        let server = self.session.servers();
        let welcome =
            format!("NetSocket at {server}. help lists the commands, quitc or Ctrl-D ends.");
        self.console.notice(&welcome);
        loop {
            let typed = tokio::select! {
                biased;
                () = interrupts.program() => {
                    prompt.restore_terminal();
                    return Exit::Interrupted;
                }
                typed = prompt.read(self.at.clone()) => typed,
            };
            match typed {
                Typed::Line(text) => {
                    interrupts.forget().await;
                    if let Some(exit) = self.perform_lines(&text, interrupts).await {
                        return exit;
                    }
                }
                Typed::Cleared => {}
                Typed::End => return Exit::Done,
                Typed::Failed(said) => return self.unreadable(&said),
            }
        }
    }

    /// Carries out what was typed, or pasted: each line, until one is interrupted. Where the session is over with one, its exit
    /// code comes back.
    async fn perform_lines(&mut self, text: &str, interrupts: &mut Interrupts) -> Option<Exit> {
        for line in shell_words::lines(text.as_bytes()) {
            let outcome = self.perform_line(line, true, interrupts).await;
            if outcome.is_end {
                return Some(outcome.exit);
            }
            if outcome.exit == Exit::Interrupted {
                break;
            }
        }
        None
    }

    fn unreadable(&mut self, said: &dyn std::fmt::Display) -> Exit {
        let error = Error::Input(said.to_string());
        self.failed(&error, Stdout::Free).exit
    }

    /// The prompt where a person sits in front of it, else a batch.
    pub async fn prompt_or_batch(&mut self, interrupts: &mut Interrupts) -> Exit {
        if io::stdin().is_terminal() && io::stdout().is_terminal() {
            self.prompt(interrupts).await
        } else {
            self.batch(interrupts).await
        }
    }
}
