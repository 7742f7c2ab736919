//! The table of commands: names, arguments, options and help texts.
//!
//! The parser, `help`, completion at the prompt, shell completions and the man page all use this table.
//! Does not own: parsing arguments ([`crate::command_line::parse`]).

use netsocket_protocol::command::COMMANDS as ORIGINAL;
use netsocket_settings::nearest;

use crate::command_line::command_options::{
    ARCHIVE, CONDITION_OPTIONS, COPY, DEPTH, FORMAT_OPTIONS, GENERAL, HELP, LEVELS, LS, NAME,
    ORDER_OPTIONS, OUTPUT, OUTPUTS, TRANSFER,
};
use crate::command_line::options::OptionSpec;

/// The original commands that produce an archive; they accept `-o FILE` at the end.
pub(crate) const ARCHIVE_COMMANDS: [&str; 4] = ["w24fz", "w24ft", "w24fdb", "w24fda"];

/// What the operands of a command are, for completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operand {
    /// No operands, or none that can be completed.
    Nothing,
    /// Files and directories on the server.
    RemoteFile,
    /// Directories on the server.
    RemoteDirectory,
    /// Local directories.
    LocalDirectory,
    /// Names of commands.
    Command,
    /// One of these words.
    Word(&'static [&'static str]),
}

/// The section of help that lists a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    /// Queries and downloads.
    Remote,
    /// Commands about the program and the local machine.
    Local,
    /// The eight commands of the original system.
    Original,
}

/// A command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CommandSpec {
    /// Its name.
    pub(crate) name: &'static str,
    /// Other names for it.
    pub(crate) aliases: &'static [&'static str],
    /// Its arguments, for the usage line.
    pub(crate) arguments: &'static str,
    /// One line of help.
    pub(crate) about: &'static str,
    /// Further help, for `help COMMAND`.
    pub(crate) details: &'static str,
    /// Its options.
    pub(crate) options: &'static [&'static [OptionSpec]],
    /// The kind of its operands.
    pub(crate) operand: Operand,
    /// Its section in help.
    pub(crate) group: Group,
}

impl CommandSpec {
    /// Every option.
    pub(crate) fn options(&self) -> impl Iterator<Item = &'static OptionSpec> + use<> {
        self.options.iter().copied().flatten()
    }

    /// The usage line.
    #[must_use]
    pub(crate) fn usage(&self) -> String {
        match self.arguments {
            "" => format!("Usage: {}", self.name),
            arguments => format!("Usage: {} {arguments}", self.name),
        }
    }
}

/// Archive formats as typed.
pub(crate) const FORMATS: [&str; 3] = ["gz", "zst", "tar"];

/// Shells with completions.
pub(crate) const SHELLS: [&str; 3] = ["bash", "zsh", "fish"];

const REMOTE: CommandSpec = CommandSpec {
    name: "",
    aliases: &[],
    arguments: "",
    about: "",
    details: "",
    options: &[],
    operand: Operand::Nothing,
    group: Group::Remote,
};

const LOCAL: CommandSpec = CommandSpec {
    group: Group::Local,
    ..REMOTE
};

/// All commands except the original ones, in the order of help.
pub(crate) static CURRENT: [CommandSpec; 21] = [
    CommandSpec {
        name: "ls",
        aliases: &["dir"],
        arguments: "[-lahtSr10] [DIR|FILE|PATTERN]...",
        about: "list directories and files",
        details: "Directories end with a slash. Every part of a path may be a pattern with *, ?,\n\
                  [a-z] or {a,b}: ls 'music/*.mp3', ls '*/*.pdf'. Output is in columns on a\n\
                  terminal.",
        options: &[&FORMAT_OPTIONS, &LS, &GENERAL, &HELP],
        operand: Operand::RemoteFile,
        ..REMOTE
    },
    CommandSpec {
        name: "find",
        arguments: "[DIR|FILE]... [NAME|GLOB] [OPTION]...",
        about: "find files by name, size, type, age and directory",
        details: "All conditions must match. GLOB has *, ?, [a-z] or {a,b}. Another word is the\n\
                  directory or file to begin at; the last one, if it is not on the server, is a\n\
                  complete base name to look for: find documents report.pdf. Sizes take the\n\
                  suffixes k, M, G, T, also as KB or KiB, all of them powers of 1024. WHEN is\n\
                  2024-01-31 or 2024-01-31T12:30, in the server's time zone unless it ends with\n\
                  an offset (Z, +02:00), or an age: 30min, 2h, 7d, 2w. What find(1) takes works\n\
                  as well: find music -iname '*.mp3' -mtime -7.",
        options: &[
            &NAME,
            &CONDITION_OPTIONS,
            &ORDER_OPTIONS,
            &FORMAT_OPTIONS,
            &GENERAL,
            &HELP,
        ],
        operand: Operand::RemoteFile,
        ..REMOTE
    },
    CommandSpec {
        name: "stat",
        arguments: "PATH...",
        about: "show details of files and directories",
        details: "A PATH may be a pattern: stat 'music/*'.",
        options: &[&GENERAL, &HELP],
        operand: Operand::RemoteFile,
        ..REMOTE
    },
    CommandSpec {
        name: "get",
        aliases: &["mget"],
        arguments: "PATH... [LOCAL | -o FILE|DIR|-] [-rp] [-P N] [--no-resume] [--force]",
        about: "download files, or directories with -r",
        details: "A PATH may be a pattern: get 'pictures/*.jpg' -o Pictures. Without -o, a file is\n\
                  saved in the local directory under its own name. It appears there only once it\n\
                  is complete and verified. A file that is there already is kept, unless you agree\n\
                  or use --force; -o FILE replaces it. LOCAL is where to save, but a file that is\n\
                  there is kept: get report.pdf mine.pdf. With -r, as with cp -r, LOCAL is a\n\
                  directory to copy into, or the copy's new name.",
        options: &[&OUTPUTS, &COPY, &TRANSFER, &GENERAL, &HELP],
        operand: Operand::RemoteFile,
        ..REMOTE
    },
    CommandSpec {
        name: "cat",
        arguments: "FILE...",
        about: "print files",
        options: &[&GENERAL, &HELP],
        operand: Operand::RemoteFile,
        ..REMOTE
    },
    CommandSpec {
        name: "less",
        aliases: &["more"],
        arguments: "FILE...",
        about: "show files page by page",
        details: "The pager is $PAGER, or else less. Without one, or without a terminal, the files\n\
                  are printed.",
        options: &[&GENERAL, &HELP],
        operand: Operand::RemoteFile,
        ..REMOTE
    },
    CommandSpec {
        name: "du",
        arguments: "[-s] [-d N] [DIR|PATTERN]...",
        about: "show how much is in directories",
        details: "Adds up the sizes of the files in each directory and below it, the innermost\n\
                  directories first. Hidden files do not count. Every part of a path may be a\n\
                  pattern.",
        options: &[&DEPTH, &GENERAL, &HELP],
        operand: Operand::RemoteDirectory,
        ..REMOTE
    },
    CommandSpec {
        name: "tree",
        arguments: "[-d] [-L N] [DIR]",
        about: "show directories and files as a tree",
        details: "Directories without a file in or below them are left out.",
        options: &[&LEVELS, &GENERAL, &HELP],
        operand: Operand::RemoteDirectory,
        ..REMOTE
    },
    CommandSpec {
        name: "archive",
        arguments: "[DIR] [NAME|GLOB] [OPTION]... [-o FILE|- | --extract DIR]",
        about: "download what find would list as one archive",
        details: "Without -o, the archive is saved in the local directory as archive.tar.gz,\n\
                  archive.tar.zst or archive.tar. Its paths are relative to the server's root.\n\
                  WHEN is 2024-01-31, 2024-01-31T12:30, or an age: 30min, 2h, 7d, 2w.",
        options: &[
            &NAME,
            &CONDITION_OPTIONS,
            &OUTPUT,
            &ARCHIVE,
            &TRANSFER,
            &GENERAL,
            &HELP,
        ],
        operand: Operand::RemoteDirectory,
        ..REMOTE
    },
    CommandSpec {
        name: "cd",
        arguments: "[DIR]",
        about: "change the directory on the server (default: root)",
        options: &[&GENERAL, &HELP],
        operand: Operand::RemoteDirectory,
        ..REMOTE
    },
    CommandSpec {
        name: "pwd",
        about: "print the directory on the server",
        options: &[&GENERAL, &HELP],
        ..REMOTE
    },
    CommandSpec {
        name: "status",
        about: "show which server answers, and how fast",
        options: &[&GENERAL, &HELP],
        ..REMOTE
    },
    CommandSpec {
        name: "lcd",
        arguments: "[DIR]",
        about: "change the local directory (default: home)",
        options: &[&GENERAL, &HELP],
        operand: Operand::LocalDirectory,
        ..LOCAL
    },
    CommandSpec {
        name: "lpwd",
        about: "print the local directory",
        options: &[&GENERAL, &HELP],
        ..LOCAL
    },
    CommandSpec {
        name: "lls",
        arguments: "[OPTION|DIR]...",
        about: "list the local directory",
        details: "Runs ls, and takes its options.",
        options: &[&HELP],
        operand: Operand::LocalDirectory,
        ..LOCAL
    },
    CommandSpec {
        name: "lmkdir",
        arguments: "DIR",
        about: "make a local directory",
        options: &[&GENERAL, &HELP],
        operand: Operand::LocalDirectory,
        ..LOCAL
    },
    CommandSpec {
        name: "!",
        arguments: "[COMMAND]",
        about: "run a command in the local shell, or open a shell",
        details: "Everything after ! is passed to the shell unchanged and runs in the local\n\
                  directory. Works only at the prompt and in a batch.",
        ..LOCAL
    },
    CommandSpec {
        name: "help",
        aliases: &["?"],
        arguments: "[COMMAND]",
        about: "list the commands, or explain one",
        options: &[&GENERAL, &HELP],
        operand: Operand::Command,
        ..LOCAL
    },
    CommandSpec {
        name: "quit",
        aliases: &["exit", "bye"],
        about: "end the session",
        options: &[&HELP],
        ..LOCAL
    },
    CommandSpec {
        name: "completions",
        arguments: "bash|zsh|fish",
        about: "print a completion script for a shell",
        options: &[&HELP],
        details: "In ~/.bashrc: source <(netsocket completions bash)",
        operand: Operand::Word(&SHELLS),
        ..LOCAL
    },
    CommandSpec {
        name: "man",
        about: "print the man page of this program",
        options: &[&HELP],
        details: "netsocket man > ~/.local/share/man/man1/netsocket.1",
        ..LOCAL
    },
];

static ARCHIVE_OUTPUT: &[&[OptionSpec]] = &[&OUTPUT];

/// Every command, in the order of help.
pub(crate) fn all() -> impl Iterator<Item = CommandSpec> {
    CURRENT.into_iter().chain(original())
}

/// The original commands as the protocol defines them, with their completion.
fn original() -> impl Iterator<Item = CommandSpec> {
    ORIGINAL.into_iter().map(|usage| CommandSpec {
        name: usage.name,
        arguments: usage.arguments,
        about: usage.about,
        options: if ARCHIVE_COMMANDS.contains(&usage.name) {
            ARCHIVE_OUTPUT
        } else {
            &[]
        },
        operand: match usage.name {
            "dirlist" => Operand::Word(&["-a", "-t"]),
            _ => Operand::Nothing,
        },
        group: Group::Original,
        ..REMOTE
    })
}

/// Every name and alias of a command.
pub(crate) fn words() -> impl Iterator<Item = &'static str> {
    all().flat_map(|command| [&[command.name][..], command.aliases].concat())
}

/// The command of that name or alias.
#[must_use]
pub(crate) fn find(word: &[u8]) -> Option<CommandSpec> {
    all().find(|command| {
        command.name.as_bytes() == word
            || command.aliases.iter().any(|alias| alias.as_bytes() == word)
    })
}

/// The name of a command that was probably meant, in any letters.
#[must_use]
pub(crate) fn near(word: &str) -> Option<&'static str> {
    let word = word.to_lowercase();
    words()
        .find(|known| *known == word)
        .or_else(|| nearest(&word, words()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_means_one_command() {
        let mut words: Vec<&str> = words().collect();
        let count = words.len();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), count, "{words:?}");
        assert_eq!(find(b"exit").map(|command| command.name), Some("quit"));
        assert_eq!(find(b"w24ft").map(|command| command.name), Some("w24ft"));
        assert_eq!(find(b"").map(|command| command.name), None);
    }

    #[test]
    fn no_command_has_an_option_twice() {
        for command in all() {
            let mut longs: Vec<&str> = command.options().map(|spec| spec.long).collect();
            let mut shorts: Vec<char> = command.options().filter_map(|spec| spec.short).collect();
            let counts = (longs.len(), shorts.len());
            longs.sort_unstable();
            longs.dedup();
            shorts.sort_unstable();
            shorts.dedup();
            assert_eq!((longs.len(), shorts.len()), counts, "{}", command.name);
        }
    }
}
