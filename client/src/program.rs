//! The program around a session: one command, a batch or a prompt; what is printed, and how it ends.

use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use netsocket_protocol::message::Request;

use crate::answer::Answer;
use crate::batch;
use crate::console::{Console, Stdout};
use crate::delivery::{Delivery, Destination};
use crate::error::{Error, reason, shown};
use crate::exit::Exit;
use crate::interrupts::{Interrupt, Interrupts};
use crate::places::Places;
use crate::prompt::{Prompt, Typed};
use crate::session::{Listener as _, Session};
use crate::target::STDOUT;
use crate::task::{ARCHIVE_COMMANDS, Task};
use crate::wording::size;
use crate::words;

/// Everything that a command needs.
pub struct Program {
    /// The service.
    pub session: Session,
    /// The outputs.
    pub console: Console,
    /// The user's directories.
    pub places: Places,
    /// The `-o` before the command, or for every command of a prompt or a batch.
    pub output: Option<PathBuf>,
}

/// How a command went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Its exit code.
    pub exit: Exit,
    /// Whether the session is over with it.
    pub is_end: bool,
}

impl Program {
    /// Carries out the words of a command until they are done or `stop` says so, and prints what comes of it.
    pub async fn perform(
        &mut self,
        words: &[Vec<u8>],
        stop: impl Future<Output = Interrupt>,
    ) -> Outcome {
        match Task::parse(words) {
            Ok(Task::Quit) => Outcome {
                exit: Exit::Done,
                is_end: true,
            },
            Ok(Task::Help) => self.answered("help", &Answer::Help, Stdout::Free),
            Ok(Task::Ask {
                word,
                request,
                output,
            }) => self.ask(word, &request, output, stop).await,
            Err(error) => self.failed(&error, Stdout::Free),
        }
    }

    async fn ask(
        &mut self,
        word: &str,
        request: &Request,
        output: Option<PathBuf>,
        stop: impl Future<Output = Interrupt>,
    ) -> Outcome {
        let (delivery, stdout) = match request {
            Request::Archive { .. } | Request::Get { .. } => match self.delivery(output) {
                Ok(delivery) if delivery.destination == Destination::Stdout => {
                    (delivery, Stdout::Archive)
                }
                Ok(delivery) => (delivery, Stdout::Free),
                Err(error) => return self.failed(&error, Stdout::Free),
            },
            // These write nothing but their answer.
            Request::Directories { .. } | Request::Find { .. } => {
                (Delivery::to(Destination::Stdout), Stdout::Free)
            }
        };
        let performed = tokio::select! {
            biased;
            interrupt = stop => Err(interrupt),
            performed = self.session.perform(request, &delivery, &mut self.console) => Ok(performed),
        };
        let outcome = match performed {
            Ok(Ok(answer)) => return self.answered(word, &answer, stdout),
            Ok(Err(error)) => self.failed(&error, stdout),
            Err(interrupt) => Outcome {
                is_end: interrupt == Interrupt::Program,
                ..self.failed(&Error::Interrupted, stdout)
            },
        };
        for kept in self.session.kept() {
            let (bytes, target) = (size(kept.bytes), shown(&kept.target));
            self.console.notice(&format!(
                "{bytes} of {target} are kept, the same command goes on from there"
            ));
        }
        outcome
    }

    fn delivery(&self, output: Option<PathBuf>) -> Result<Delivery, Error> {
        let Some(path) = output.or_else(|| self.output.clone()) else {
            let path = self.places.archive().ok_or_else(|| {
                Error::Usage("There is no home directory to save to: give -o FILE".to_owned())
            })?;
            return Ok(Delivery {
                make_directory: true,
                ..Delivery::to(Destination::File(path))
            });
        };
        if path != Path::new(STDOUT) {
            return Ok(Delivery::to(Destination::File(path)));
        }
        if self.console.out_is_terminal {
            return Err(Error::Usage(
                "Standard output is a terminal, an archive would garble it: use -o FILE or a pipe"
                    .to_owned(),
            ));
        }
        Ok(Delivery::to(Destination::Stdout))
    }

    fn answered(&mut self, word: &str, answer: &Answer, stdout: Stdout) -> Outcome {
        match self.console.answer(word, answer, stdout) {
            Ok(()) => Outcome {
                exit: answer.exit(),
                is_end: false,
            },
            Err(error) => self.failed(&error, stdout),
        }
    }

    fn failed(&mut self, error: &Error, stdout: Stdout) -> Outcome {
        self.console.error(error, stdout);
        Outcome {
            exit: error.exit(),
            is_end: matches!(error, Error::ReaderGone { .. }),
        }
    }

    /// Carries out a line of a prompt or a batch, where no shell has seen the words before.
    async fn perform_line(&mut self, line: &[u8], interrupts: &mut Interrupts) -> Outcome {
        let words = match words::split(line) {
            Ok(words) if words.is_empty() => {
                return Outcome {
                    exit: Exit::Done,
                    is_end: false,
                };
            }
            Ok(words) => self.with_home(words),
            Err(error) => return self.failed(&Error::Usage(error.to_string()), Stdout::Free),
        };
        self.perform(&words, interrupts.next()).await
    }

    /// Puts the home directory for the `~` of an `-o`.
    fn with_home(&self, mut words: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        if let [_, .., flag, file] = &mut words[..]
            && flag == b"-o"
        {
            let path = PathBuf::from(OsStr::from_bytes(file));
            *file = self
                .places
                .expand_tilde(&path)
                .as_os_str()
                .as_bytes()
                .to_vec();
        }
        words
    }

    /// One command from the command line.
    pub async fn one_shot(&mut self, words: Vec<OsString>, interrupts: &mut Interrupts) -> Exit {
        let words: Vec<Vec<u8>> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
        let writes_nothing = matches!(
            Task::parse(&words),
            Ok(Task::Ask {
                request: Request::Directories { .. } | Request::Find { .. },
                ..
            })
        );
        if self.output.is_some() && writes_nothing {
            let names = ARCHIVE_COMMANDS.join(", ");
            let error = Error::Usage(format!("-o is for the archive commands: {names}"));
            return self.failed(&error, Stdout::Free).exit;
        }
        self.perform(&words, interrupts.next()).await.exit
    }

    /// Commands from standard input; see [`crate::batch`].
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
            let outcome = self.perform_line(&line.text, interrupts).await;
            let forgiven = line.may_fail && outcome.exit != Exit::Interrupted;
            if outcome.is_end || (outcome.exit != Exit::Done && !forgiven) {
                return outcome.exit;
            }
        }
    }

    /// The prompt, until its end is asked for. What failed in it has been seen, so its exit code says nothing of it.
    pub async fn prompt(&mut self, interrupts: &mut Interrupts) -> Exit {
        self.console.prefix = "";
        let mut prompt = match Prompt::open(self.places.history_file()) {
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
                typed = prompt.read() => typed,
            };
            match typed {
                Typed::Line(line) => {
                    interrupts.forget().await;
                    let outcome = self.perform_line(line.as_bytes(), interrupts).await;
                    if outcome.is_end {
                        return outcome.exit;
                    }
                }
                Typed::Cleared => {}
                Typed::End => return Exit::Done,
                Typed::Failed(said) => return self.unreadable(&said),
            }
        }
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
