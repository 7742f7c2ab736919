//! What `-o` means: a file, or a descriptor of this program such as standard output.

use std::io::IsTerminal as _;
use std::os::fd::RawFd;
use std::path::Path;

use super::context::Context;
use crate::outcome::error::Error;
use crate::output::console::Stdout;
use crate::transfer::descriptor;
use crate::transfer::destination::Destination;
use crate::transfer::output_path::{OutputPath, follow};
use crate::transfer::target::STDOUT;

impl Context {
    /// Interprets `-o` for an archive. Refuses to write it to a terminal.
    pub(crate) fn destination(&self, output: &Path) -> Result<Destination, Error> {
        if self
            .descriptor(output)
            .is_some_and(|number| number != descriptor::STDERR && self.is_terminal(number))
        {
            return Err(Error::Usage(
                "not writing an archive to a terminal: use -o FILE or a pipe".to_owned(),
            ));
        }
        self.file_destination(output)
    }

    /// Interprets `-o` for a file, which may be text for a terminal. Refuses to write it among the messages on standard
    /// error.
    pub(super) fn file_destination(&self, output: &Path) -> Result<Destination, Error> {
        if output.as_os_str().is_empty() {
            return Err(Error::Usage("-o needs a file name".to_owned()));
        }
        let Some(number) = self.descriptor(output) else {
            return Ok(Destination::File(self.local_path(output)));
        };
        if number == descriptor::STDERR {
            return Err(Error::Usage(
                "-o cannot be standard error, which has the messages: use -o FILE or a pipe"
                    .to_owned(),
            ));
        }
        Ok(match number {
            descriptor::STDOUT => Destination::Stdout,
            number => Destination::Descriptor {
                number,
                path: output.to_owned(),
            },
        })
    }

    /// The descriptor that `output` leads to, if it is none but one: `-`, `/dev/stdout`, `/dev/fd/3`.
    pub(crate) fn descriptor(&self, output: &Path) -> Option<RawFd> {
        if output == Path::new(STDOUT) {
            return Some(descriptor::STDOUT);
        }
        match follow(&self.local_path(output)) {
            Ok(OutputPath::Descriptor(number)) => Some(number),
            // What is wrong with the path is said when it is opened.
            _ => None,
        }
    }

    /// What standard output is used for while a download goes to `output`.
    pub(crate) fn stdout_beside(&self, output: &Path) -> Stdout {
        match self.descriptor(output) {
            Some(number) if descriptor::is_stdout(number) => Stdout::Data,
            _ => Stdout::Free,
        }
    }

    fn is_terminal(&self, number: RawFd) -> bool {
        match number {
            descriptor::STDOUT => self.console.out_is_terminal,
            number => descriptor::open(number).is_ok_and(|file| file.is_terminal()),
        }
    }
}
