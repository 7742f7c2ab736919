//! Every command that can be typed: names, arguments, options and what help says.
//!
//! One table stands behind the parser, `help`, the completion of the prompt, the completions of shells and the man page.
//! Does not own: what the words mean ([`crate::command_line::command`]).

use netsocket_protocol::command::COMMANDS as ORIGINAL;
use netsocket_protocol::find::{CONDITIONS, FindOption, ORDER};

use crate::command_line::options::OptionSpec;

/// The original commands whose answer is an archive; these take `-o FILE` as their last words.
pub(crate) const ARCHIVE_COMMANDS: [&str; 4] = ["w24fz", "w24ft", "w24fdb", "w24fda"];

/// What the words of a command are that are no options, for completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operand {
    /// There are none, or nobody can guess them.
    Nothing,
    /// Files and directories of the server.
    RemoteFile,
    /// Directories of the server.
    RemoteDirectory,
    /// Directories of this machine.
    LocalDirectory,
    /// Names of commands.
    Command,
    /// One of these words.
    Word(&'static [&'static str]),
}

/// Where a command stands in help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    /// Asks the server, in today's words.
    Remote,
    /// About this program and this machine.
    Local,
    /// One of the eight of the original system.
    Original,
}

/// A command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CommandSpec {
    /// Its first word.
    pub(crate) name: &'static str,
    /// Other words for it.
    pub(crate) aliases: &'static [&'static str],
    /// The words behind it, for one line of help.
    pub(crate) arguments: &'static str,
    /// What it does, in a few words.
    pub(crate) about: &'static str,
    /// More of it, for `help COMMAND`.
    pub(crate) details: &'static str,
    /// Its options.
    pub(crate) options: &'static [&'static [OptionSpec]],
    /// Its other words.
    pub(crate) operand: Operand,
    /// Where it stands in help.
    pub(crate) group: Group,
}

impl CommandSpec {
    /// Every option.
    pub(crate) fn options(&self) -> impl Iterator<Item = &'static OptionSpec> + use<> {
        self.options.iter().copied().flatten()
    }

    /// How it is typed, in one line.
    #[must_use]
    pub(crate) fn usage(&self) -> String {
        match self.arguments {
            "" => format!("Usage: {}", self.name),
            arguments => format!("Usage: {} {arguments}", self.name),
        }
    }
}

const fn flag(long: &'static str, short: Option<char>, about: &'static str) -> OptionSpec {
    OptionSpec {
        long,
        short,
        value: None,
        about,
    }
}

const fn value(
    long: &'static str,
    short: Option<char>,
    value: &'static str,
    about: &'static str,
) -> OptionSpec {
    OptionSpec {
        long,
        short,
        value: Some(value),
        about,
    }
}

/// Options of `find` as those of every command.
const fn from_find<const N: usize>(options: [FindOption; N]) -> [OptionSpec; N] {
    let mut specs = [flag("", None, ""); N];
    let mut at = 0;
    while at < N {
        specs[at] = OptionSpec {
            long: options[at].name,
            short: None,
            value: options[at].value,
            about: options[at].about,
        };
        at += 1;
    }
    specs
}

/// Which files are meant.
pub(crate) static CONDITION_OPTIONS: [OptionSpec; CONDITIONS.len()] = from_find(CONDITIONS);
/// How files are listed.
pub(crate) static ORDER_OPTIONS: [OptionSpec; ORDER.len()] = from_find(ORDER);

static FORMAT_OPTIONS: [OptionSpec; 2] = [
    flag("long", Some('l'), "rights, size and time of each"),
    flag(
        "null",
        Some('0'),
        "a zero byte behind each name, as for xargs -0",
    ),
];

static LS: [OptionSpec; 6] = [
    flag("all", Some('a'), "also names that begin with a dot"),
    flag("one", Some('1'), "one a line"),
    flag("time", Some('t'), "last modified first"),
    flag("size", Some('S'), "largest first"),
    flag("reverse", Some('r'), "the other way round"),
    flag("human", Some('h'), "sizes with units, as they are anyway"),
];

static OUTPUT: [OptionSpec; 1] = [value(
    "output",
    Some('o'),
    "FILE",
    "where it goes; - is standard output",
)];

static OUTPUTS: [OptionSpec; 2] = [
    value(
        "output",
        Some('o'),
        "FILE|DIR",
        "- is standard output; a directory takes several",
    ),
    value(
        "parallel",
        Some('P'),
        "N",
        "so many at once, each over its own connection",
    ),
];

static TRANSFER: [OptionSpec; 2] = [
    flag(
        "no-resume",
        None,
        "begin anew where a part of it lies here already",
    ),
    flag("force", Some('f'), "write over files that are there"),
];

static ARCHIVE: [OptionSpec; 4] = [
    value(
        "extract",
        Some('x'),
        "DIR",
        "unpack it into this directory as it comes",
    ),
    value(
        "format",
        None,
        "FORMAT",
        "gz, zst or tar; else what the file's name says",
    ),
    value(
        "level",
        None,
        "N",
        "how hard to compress: gz 1-12, zst 1-19",
    ),
    flag("flat", None, "base names inside, no directories"),
];

static HELP: [OptionSpec; 1] = [flag("help", None, "all of this command")];

static GENERAL: [OptionSpec; 2] = [
    flag("json", None, "each result as one JSON object on one line"),
    flag("quiet", Some('q'), "only results, warnings and errors"),
];

/// Formats of an archive, as they are typed.
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

/// The commands beside the original ones, in the order of help.
pub(crate) static CURRENT: [CommandSpec; 15] = [
    CommandSpec {
        name: "ls",
        aliases: &["dir"],
        arguments: "[-lahtSr10] [DIR|FILE|PATTERN]...",
        about: "what is in a directory",
        details: "Directories end with a slash. A pattern has *, ?, [a-z] or {a,b} in its last\n\
                  part: ls 'music/*.mp3'. Names are in columns on a terminal, one a line elsewhere.",
        options: &[&FORMAT_OPTIONS, &LS, &GENERAL, &HELP],
        operand: Operand::RemoteFile,
        ..REMOTE
    },
    CommandSpec {
        name: "find",
        arguments: "[NAME|GLOB] [OPTION]...",
        about: "files by name, size, kind, age and place",
        details: "All conditions must hold. A NAME is the whole base name; a GLOB has *, ?, [a-z]\n\
                  or {a,b}. Sizes take k, M, G, T (powers of 1024). Times are the server's unless\n\
                  they end with an offset.",
        options: &[
            &CONDITION_OPTIONS,
            &ORDER_OPTIONS,
            &FORMAT_OPTIONS,
            &GENERAL,
            &HELP,
        ],
        ..REMOTE
    },
    CommandSpec {
        name: "stat",
        arguments: "PATH...",
        about: "all that is known of files and directories",
        options: &[&GENERAL, &HELP],
        operand: Operand::RemoteFile,
        ..REMOTE
    },
    CommandSpec {
        name: "get",
        arguments: "PATH... [-o FILE|DIR|-] [-P N] [--no-resume] [--force]",
        about: "fetch files as they are",
        details: "A PATH may be a pattern: get 'pictures/*.jpg' -o Pictures. Without -o a file goes\n\
                  into the local directory under its own name. It appears there when all of it\n\
                  has come and is verified.",
        options: &[&OUTPUTS, &TRANSFER, &GENERAL, &HELP],
        operand: Operand::RemoteFile,
        ..REMOTE
    },
    CommandSpec {
        name: "archive",
        arguments: "[NAME|GLOB] [OPTION]... [-o FILE|- | --extract DIR]",
        about: "one archive of the files that find would list",
        details: "Without -o it becomes archive.tar.gz, archive.tar.zst or archive.tar in the\n\
                  local directory. Inside, files stand under their paths below the server's root.",
        options: &[
            &CONDITION_OPTIONS,
            &OUTPUT,
            &ARCHIVE,
            &TRANSFER,
            &GENERAL,
            &HELP,
        ],
        ..REMOTE
    },
    CommandSpec {
        name: "cd",
        arguments: "[DIR]",
        about: "go to a directory of the server, or to its root",
        options: &[&GENERAL, &HELP],
        operand: Operand::RemoteDirectory,
        ..REMOTE
    },
    CommandSpec {
        name: "pwd",
        about: "the directory of the server",
        options: &[&GENERAL, &HELP],
        ..REMOTE
    },
    CommandSpec {
        name: "status",
        about: "which server answers, and how fast",
        options: &[&GENERAL, &HELP],
        ..REMOTE
    },
    CommandSpec {
        name: "lcd",
        arguments: "[DIR]",
        about: "go to a directory of this machine, or home",
        options: &[&GENERAL, &HELP],
        operand: Operand::LocalDirectory,
        ..LOCAL
    },
    CommandSpec {
        name: "lpwd",
        about: "the directory of this machine",
        options: &[&GENERAL, &HELP],
        ..LOCAL
    },
    CommandSpec {
        name: "!",
        arguments: "[COMMAND]",
        about: "a command of this machine's shell, or a shell",
        details: "Everything behind the ! goes to the shell as it is, in the local directory.\n\
                  Only in a prompt or a batch.",
        ..LOCAL
    },
    CommandSpec {
        name: "help",
        aliases: &["?"],
        arguments: "[COMMAND]",
        about: "all commands, or one of them in full",
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
        about: "completions of this program for a shell",
        options: &[&HELP],
        details: "netsocket completions bash > ~/.local/share/bash-completion/completions/netsocket",
        operand: Operand::Word(&SHELLS),
        ..LOCAL
    },
    CommandSpec {
        name: "man",
        about: "the man page of this program",
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

/// How the original commands are completed, beside what the protocol says of them.
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

/// The command of that name or alias.
#[must_use]
pub(crate) fn find(word: &[u8]) -> Option<CommandSpec> {
    all().find(|command| {
        command.name.as_bytes() == word
            || command.aliases.iter().any(|alias| alias.as_bytes() == word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_means_one_command() {
        let mut words: Vec<&str> = all()
            .flat_map(|command| [&[command.name][..], command.aliases].concat())
            .collect();
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
