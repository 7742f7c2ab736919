//! A reader: how it is called, and what it is expected to give.

use crate::readers::format::Format;
use crate::readers::kind::{Fault, Kind};

/// One way to read an archive.
#[derive(Debug, Clone, Copy)]
pub struct Reader {
    /// What people call it.
    pub name: &'static str,
    /// What has to be there.
    pub needs: &'static [Need],
    /// A shell line that prints its version.
    pub version: &'static str,
    /// What it can read.
    pub formats: &'static [Format],
    /// What it gives.
    pub gives: Gives,
    /// A shell line: `ARCHIVE` is the archive, `DIR` an empty folder, `SCRIPTS` is `infra/e2e/readers`, and `TOOLS` has
    /// a folder of prepared programs for each language.
    pub command: &'static str,
    /// What it gives of our archives, whatever their format.
    pub expected: Expected,
    /// The kinds of files of which it is known to tell another time than the file has.
    pub wrong_times: &'static [Kind],
    /// Whether it is quick, and needs nothing but what CI installs anyway.
    pub quick: bool,
}

/// Something that a reader needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// A program, and the package of Debian that has it.
    Program(&'static str, &'static str),
    /// A file, and the package of Debian that has it.
    File(&'static str, &'static str),
    /// Libraries of a language, and a program that uses them.
    Libraries(Language),
}

/// A language whose libraries come from its own registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// Go modules.
    Go,
    /// Maven.
    Java,
    /// npm.
    Node,
    /// PyPI.
    Python,
    /// Cargo.
    Rust,
}

/// What a reader gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gives {
    /// The tar stream on standard output.
    Tar,
    /// A line for each file on standard output, as `infra/e2e/readers/README.md` says.
    Lines,
    /// The files themselves, in a folder.
    Files,
}

/// What a reader is expected to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Everything.
    Whole,
    /// Everything but these, and as many files that are not in the tree.
    Except(&'static [(Kind, Fault)], usize),
    /// An error with these words.
    Refuses(&'static str),
}

/// What GNU headers have no room for.
pub const NO_FRACTION: &[Kind] = &[Kind::Fraction];
/// What readers lack that take a time for unsigned.
pub const NONE_BEFORE_1970: &[Kind] = &[Kind::Before1970, Kind::Fraction];
/// What readers lack that read octal digits only.
pub const OCTAL_TIMES: &[Kind] = &[Kind::Before1970, Kind::After2242, Kind::Fraction];
/// What readers lack that leave the time of unpacking.
pub const NO_TIMES: &[Kind] = &Kind::ALL;
/// What readers lack that take every name for UTF-8.
pub const UTF8_ONLY: &[(Kind, Fault)] = &[(Kind::NotUtf8, Fault::Renamed)];

impl Reader {
    /// A reader that is expected to read everything, of a program that is in its first word.
    #[must_use]
    pub const fn new(
        name: &'static str,
        formats: &'static [Format],
        gives: Gives,
        command: &'static str,
    ) -> Self {
        Self {
            name,
            needs: &[],
            version: "",
            formats,
            gives,
            command,
            expected: Expected::Whole,
            wrong_times: NO_FRACTION,
            quick: false,
        }
    }

    /// What it needs, and a shell line that prints its version.
    #[must_use]
    pub const fn of(mut self, needs: &'static [Need], version: &'static str) -> Self {
        self.needs = needs;
        self.version = version;
        self
    }

    /// It does not give all of it.
    #[must_use]
    pub const fn except(mut self, faults: &'static [(Kind, Fault)]) -> Self {
        self.expected = Expected::Except(faults, 0);
        self
    }

    /// It does not give all of it, but some files that are not in the tree.
    #[must_use]
    pub const fn except_and(mut self, faults: &'static [(Kind, Fault)], strange: usize) -> Self {
        self.expected = Expected::Except(faults, strange);
        self
    }

    /// It gives an error with these words.
    #[must_use]
    pub const fn refuses(mut self, words: &'static str) -> Self {
        self.expected = Expected::Refuses(words);
        self
    }

    /// It tells another time for these, or none for any.
    #[must_use]
    pub const fn wrong_times(mut self, kinds: &'static [Kind]) -> Self {
        self.wrong_times = kinds;
        self
    }

    /// It is a part of every test run.
    #[must_use]
    pub const fn quick(mut self) -> Self {
        self.quick = true;
        self
    }
}
