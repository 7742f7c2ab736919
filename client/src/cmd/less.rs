//! `less`: shows files page by page.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use netsocket_settings::reason;
use rustix::process::{Pid, Signal, kill_process};
use tokio::task::{JoinHandle, spawn_blocking};

use super::context::{Context, Done, missing};
use super::operands::{Directories, Meant, is_not_shown};
use crate::command_line::command::SaveOptions;
use crate::outcome::error::Error;
use crate::output::colours::is_directory;
use crate::output::console::Stdout;
use crate::transfer::destination::Destination;

impl Context {
    /// Sends files to the pager; prints them where standard output is no terminal, or there is no pager.
    pub(crate) async fn less(&mut self, word: &str, typed: &[Vec<u8>]) -> Done {
        let Some(pager) = self.console.pager.clone() else {
            return self.cat(word, typed).await;
        };
        let Meant { paths, mut exit } = self
            .meant(typed, Directories::Skipped, Stdout::Free)
            .await?;
        // An error cannot be read once the pager has the screen.
        let mut files = Vec::with_capacity(paths.len());
        for path in paths {
            let wrong = match self.entry(&path).await {
                Ok(Some(entry)) if !is_directory(&entry) => {
                    files.push(path);
                    continue;
                }
                Ok(Some(_)) => is_not_shown(&path),
                Ok(None) => missing(&path),
                Err(error) => error,
            };
            exit = exit.worse(self.pass_over(wrong.into(), &path)?);
        }
        if files.is_empty() {
            return Ok(exit);
        }
        self.console.quiet = true;
        let mut pager = Pager::start(&pager)?;
        let destination = Destination::File(pager.input());
        let save = SaveOptions::shown();
        let mut failures = Vec::new();
        let downloads = async {
            for file in &files {
                let done = self
                    .get_one(word, file, destination.clone(), &save, None)
                    .await;
                match done {
                    Ok(_) => {}
                    Err(failure) if matches!(failure.error, Error::ReaderGone { .. }) => break,
                    Err(failure) => {
                        let is_of_one = failure.error.is_of_one_operand();
                        failures.push((failure, &file[..]));
                        if !is_of_one {
                            break;
                        }
                    }
                }
            }
        };
        tokio::select! {
            biased;
            // Whoever leaves the pager has seen enough.
            () = pager.ended() => {}
            () = downloads => {}
        }
        pager.close_input();
        pager.ended().await;
        if pager.was_not_run() {
            self.console
                .warning_line("there is no such pager ($PAGER): printing instead");
            return self.print_files(word, &files, exit).await;
        }
        // What has no input any more was left before the download began.
        let input = pager.input();
        let is_left = |error: &Error| matches!(error, Error::Target { path, .. } if *path == input);
        failures.retain(|(failure, _)| !is_left(&failure.error));
        for (failure, path) in failures {
            exit = exit.worse(self.pass_over(failure, path)?);
        }
        Ok(exit)
    }
}

/// A running pager. It is ended when the value goes.
struct Pager {
    id: Pid,
    /// Open until the last file has been sent, as the pager would take its end for the end of the text.
    input: Option<std::process::ChildStdin>,
    /// `None` once it has ended.
    waiting: Option<JoinHandle<Option<i32>>>,
    /// Its exit code, once it has ended.
    code: Option<i32>,
}

/// What a shell exits with if it cannot run a command, or does not find it.
const NOT_RUN: [i32; 2] = [126, 127];

impl Pager {
    fn start(command: &OsStr) -> Result<Self, Error> {
        let failed = |error: &std::io::Error| {
            Error::Shell(format!("cannot run the pager: {}", reason(error)))
        };
        // As git does: the variable may have flags, too.
        let mut child: Child = Command::new("/bin/sh")
            .arg("-c")
            .arg(command)
            .stdin(Stdio::piped())
            .spawn()
            .map_err(|error| failed(&error))?;
        let id = Pid::from_child(&child);
        let input = child.stdin.take();
        let waiting = spawn_blocking(move || child.wait().ok()?.code());
        Ok(Self {
            id,
            input,
            waiting: Some(waiting),
            code: None,
        })
    }

    /// The path of its standard input.
    fn input(&self) -> PathBuf {
        format!("/proc/{}/fd/0", self.id.as_raw_nonzero()).into()
    }

    fn close_input(&mut self) {
        self.input = None;
    }

    /// Waits for its end.
    async fn ended(&mut self) {
        if let Some(waiting) = &mut self.waiting {
            self.code = waiting.await.ok().flatten();
            self.waiting = None;
        }
    }

    /// Whether the shell found no such program. How a pager ends otherwise is nobody's business.
    fn was_not_run(&self) -> bool {
        self.code.is_some_and(|code| NOT_RUN.contains(&code))
    }
}

impl Drop for Pager {
    fn drop(&mut self) {
        // Its process may not be waited for twice, and its number may be another's by then.
        if self
            .waiting
            .as_ref()
            .is_some_and(|waiting| !waiting.is_finished())
        {
            let _ = kill_process(self.id, Signal::TERM);
        }
    }
}
