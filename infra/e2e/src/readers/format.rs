//! The formats of archives, and which of them readers have in common.

/// The form of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// Not compressed.
    Tar,
    /// By gzip.
    Gz,
    /// By zstd.
    Zst,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Tar, Self::Gz, Self::Zst];

    /// How the name of such an archive ends.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Tar => ".tar",
            Self::Gz => ".tar.gz",
            Self::Zst => ".tar.zst",
        }
    }
}

/// Readers of every format.
pub const ALL: &[Format] = &Format::ALL;
/// Readers that unzip by themselves, or do without.
pub const TAR_GZ: &[Format] = &[Format::Tar, Format::Gz];
/// Readers that do not decompress.
pub const TAR: &[Format] = &[Format::Tar];
/// Readers of gzip.
pub const GZ: &[Format] = &[Format::Gz];
/// Readers of zstd.
pub const ZST: &[Format] = &[Format::Zst];
/// Readers of both compressions.
pub const GZ_ZST: &[Format] = &[Format::Gz, Format::Zst];
