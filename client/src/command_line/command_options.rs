//! The options of the commands, in groups that several commands share.
//!
//! Does not own: which command has which ([`crate::command_line::commands`]), nor how they are parsed
//! ([`crate::command_line::options`]).

use netsocket_protocol::find::{CONDITIONS, FindOption, ORDER};

use crate::command_line::options::OptionSpec;

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

/// Converts the options of `find` that the protocol defines.
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

/// Options that select files.
pub(crate) static CONDITION_OPTIONS: [OptionSpec; CONDITIONS.len()] = from_find(CONDITIONS);
/// Options that order the results.
pub(crate) static ORDER_OPTIONS: [OptionSpec; ORDER.len()] = from_find(ORDER);

pub(super) static NAME: [OptionSpec; 2] = [
    value(
        "name",
        None,
        "NAME|GLOB",
        "with that base name, or matching that glob",
    ),
    value(
        "iname",
        None,
        "NAME|GLOB",
        "the same, whether letters are capital or small",
    ),
];

pub(super) static FORMAT_OPTIONS: [OptionSpec; 2] = [
    flag("long", Some('l'), "show permissions, size and time"),
    flag(
        "null",
        Some('0'),
        "end each name with a NUL byte, as for xargs -0",
    ),
];

pub(super) static LS: [OptionSpec; 6] = [
    flag("all", Some('a'), "include names that begin with a dot"),
    flag("one", Some('1'), "one name per line"),
    flag("time", Some('t'), "sort by time, newest first"),
    flag("size", Some('S'), "sort by size, largest first"),
    flag("reverse", Some('r'), "reverse the order"),
    flag(
        "human-readable",
        Some('h'),
        "ignored: sizes always have units",
    ),
];

pub(super) static OUTPUT: [OptionSpec; 1] = [value(
    "output",
    Some('o'),
    "FILE",
    "where to save it; - is standard output",
)];

pub(super) static OUTPUTS: [OptionSpec; 2] = [
    value(
        "output",
        Some('o'),
        "FILE|DIR",
        "a file, a directory for several, - for stdout",
    ),
    value(
        "parallel",
        Some('P'),
        "N",
        "fetch N files at once, each on its own connection",
    ),
];

pub(super) static COPY: [OptionSpec; 2] = [
    flag(
        "recursive",
        Some('r'),
        "download directories with all they hold",
    ),
    flag(
        "preserve",
        Some('p'),
        "keep times and permissions, whatever the umask",
    ),
];

pub(super) static TRANSFER: [OptionSpec; 2] = [
    flag(
        "no-resume",
        None,
        "start over instead of resuming a partial download",
    ),
    flag("force", Some('f'), "overwrite existing files"),
];

pub(super) static ARCHIVE: [OptionSpec; 5] = [
    value(
        "extract",
        Some('x'),
        "DIR",
        "unpack into this directory while downloading",
    ),
    flag(
        "preserve-permissions",
        Some('p'),
        "keep the server's permissions, whatever the umask",
    ),
    value(
        "format",
        None,
        "FORMAT",
        "gz, zst or tar; default: from the file name",
    ),
    value("level", None, "N", "compression level: gz 1-12, zst 1-19"),
    flag("flat", None, "store base names only, without directories"),
];

pub(super) static HELP: [OptionSpec; 1] = [flag("help", None, "show this help")];

pub(super) static GENERAL: [OptionSpec; 2] = [
    flag(
        "json",
        None,
        "print each result as one JSON object per line",
    ),
    flag(
        "quiet",
        Some('q'),
        "print only results, warnings and errors",
    ),
];

pub(super) static DEPTH: [OptionSpec; 3] = [
    flag("summarize", Some('s'), "only a line for each DIR"),
    value(
        "max-depth",
        Some('d'),
        "N",
        "only directories up to N levels below DIR",
    ),
    flag(
        "human-readable",
        Some('h'),
        "ignored: sizes always have units",
    ),
];

pub(super) static LEVELS: [OptionSpec; 2] = [
    value("levels", Some('L'), "N", "show only the first N levels"),
    flag("directories", Some('d'), "leave files out"),
];
