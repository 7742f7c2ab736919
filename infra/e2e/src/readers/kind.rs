//! What is special about a file of the tree, and what can be wrong with it.

use std::fmt;

/// The kinds of files; a reader treats all files of a kind alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// One of thousands with 13 bytes each: with its header it fills 1 KiB, so 1,024 of them fill a block of 1 MiB.
    Small,
    /// Several blocks that no compressor shortens.
    Noise,
    /// Several blocks that every compressor shortens.
    Words,
    /// Mostly a hole.
    Sparse,
    /// Of no bytes.
    Empty,
    /// With a name of 200 characters, which has no slash where ustar could split it.
    LongName,
    /// With a path of more than 100 bytes: more than a header has room for.
    LongPath,
    /// With a path of more than 256 bytes: more than ustar has room for.
    LongerPath,
    /// With a name in letters that are not ASCII, in UTF-8.
    Letters,
    /// With a name that is not UTF-8.
    NotUtf8,
    /// With a newline in its name.
    Newline,
    /// With a dash at the beginning of its name.
    Dash,
    /// Last modified before 1970.
    Before1970,
    /// Last modified after 2242: in more seconds than eleven octal digits hold.
    After2242,
    /// Last modified at a fraction of a second.
    Fraction,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Small,
        Self::Noise,
        Self::Words,
        Self::Sparse,
        Self::Empty,
        Self::LongName,
        Self::LongPath,
        Self::LongerPath,
        Self::Letters,
        Self::NotUtf8,
        Self::Newline,
        Self::Dash,
        Self::Before1970,
        Self::After2242,
        Self::Fraction,
    ];

    /// What it is called in a report.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Noise => "incompressible",
            Self::Words => "compressible",
            Self::Sparse => "sparse",
            Self::Empty => "empty",
            Self::LongName => "200-character name",
            Self::LongPath => "path over 100 bytes",
            Self::LongerPath => "path over 256 bytes",
            Self::Letters => "name beyond ASCII",
            Self::NotUtf8 => "name not UTF-8",
            Self::Newline => "newline in name",
            Self::Dash => "leading dash",
            Self::Before1970 => "time before 1970",
            Self::After2242 => "time after 2242",
            Self::Fraction => "fraction of a second",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// What is wrong with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// It is not there.
    Missing,
    /// It is there under another name.
    Renamed,
    /// Its bytes or its size are others.
    Changed,
}
