//! What the name of an archive says about its format.

use std::path::Path;

use netsocket_protocol::message::Compression;

/// The formats that there are, for messages.
pub(crate) const OURS: &str = ".tar.gz, .tar.zst or .tar";

/// Formats that this program does not make: their name, and the endings of such files.
const OTHERS: [(&str, &[&str]); 11] = [
    ("zip", &["zip", "zipx"]),
    ("7z", &["7z"]),
    ("rar", &["rar"]),
    ("bzip2", &["bz2", "bz", "tbz", "tbz2", "tb2"]),
    ("xz", &["xz", "txz"]),
    ("lzip", &["lz", "tlz"]),
    ("lzma", &["lzma"]),
    ("lz4", &["lz4"]),
    ("lzop", &["lzo", "tzo"]),
    ("brotli", &["br"]),
    ("cpio", &["cpio"]),
];

/// What a name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// One that this program makes.
    Ours(Compression),
    /// Another one, with its name.
    Other(&'static str),
    /// Nothing.
    Unknown,
}

impl Format {
    /// The format that the name of a file says, in whatever case.
    #[must_use]
    pub(crate) fn of_name(path: &Path) -> Self {
        let ending = path.extension().and_then(|ending| ending.to_str());
        let ending = ending.unwrap_or_default().to_ascii_lowercase();
        match ending.as_str() {
            "gz" | "tgz" => Self::Ours(Compression::Gzip),
            "zst" | "tzst" | "zstd" => Self::Ours(Compression::Zstd),
            "tar" => Self::Ours(Compression::None),
            ending => OTHERS
                .iter()
                .find(|(_, endings)| endings.contains(&ending))
                .map_or(Self::Unknown, |(name, _)| Self::Other(name)),
        }
    }
}

/// What a format is called in messages.
#[must_use]
pub(crate) fn name(compression: Compression) -> &'static str {
    match compression {
        Compression::Gzip => "tar.gz",
        Compression::Zstd => "tar.zst",
        Compression::None => "tar",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_says_the_format() {
        for (given, says) in [
            ("x.tar.gz", Format::Ours(Compression::Gzip)),
            ("x.tgz", Format::Ours(Compression::Gzip)),
            ("dir.zip/x.TGZ", Format::Ours(Compression::Gzip)),
            ("x.tar.zst", Format::Ours(Compression::Zstd)),
            ("x.tzst", Format::Ours(Compression::Zstd)),
            ("X.TAR", Format::Ours(Compression::None)),
            ("x.zip", Format::Other("zip")),
            ("x.ZIP", Format::Other("zip")),
            ("a/x.tar.bz2", Format::Other("bzip2")),
            ("x.tar.xz", Format::Other("xz")),
            ("y.7z", Format::Other("7z")),
            ("x.rar", Format::Other("rar")),
            ("x", Format::Unknown),
            ("zip", Format::Unknown),
            ("-", Format::Unknown),
            ("dir.zip/x", Format::Unknown),
            ("backup.2026-11-29", Format::Unknown),
            ("/dev/stdout", Format::Unknown),
        ] {
            assert_eq!(Format::of_name(Path::new(given)), says, "{given}");
        }
    }
}
