//! Rust: crates.

use crate::readers::format::{ALL, GZ, TAR_GZ, ZST};
use crate::readers::reader::{Gives, Language, NONE_BEFORE_1970, Need, Reader};

const RUST: &[Need] = &[
    Need::Program("cargo", "cargo"),
    Need::Libraries(Language::Rust),
];

macro_rules! way {
    ($name:literal, $package:literal, $formats:expr, $gives:expr, $way:literal) => {
        Reader::new(
            $name,
            $formats,
            $gives,
            concat!(
                r#""$TOOLS/rust/target/release/read" "#,
                $way,
                r#" "$ARCHIVE""#
            ),
        )
        .of(
            RUST,
            concat!(r#""$TOOLS/rust/target/release/read" version "#, $package),
        )
    };
}

pub(super) const READERS: &[Reader] = &[
    way!("flate2 read::GzDecoder", "flate2", GZ, Gives::Tar, "gz"),
    way!(
        "flate2 bufread::GzDecoder",
        "flate2",
        GZ,
        Gives::Tar,
        "gz-bufread"
    ),
    way!(
        "flate2 write::GzDecoder",
        "flate2",
        GZ,
        Gives::Tar,
        "gz-write"
    ),
    way!(
        "flate2 MultiGzDecoder",
        "flate2",
        GZ,
        Gives::Tar,
        "multi-gz"
    ),
    way!(
        "async-compression GzipDecoder",
        "async-compression",
        GZ,
        Gives::Tar,
        "async-gzip"
    ),
    way!(
        "async-compression ZstdDecoder",
        "async-compression",
        ZST,
        Gives::Tar,
        "async-zstd"
    ),
    way!("zune-inflate", "zune-inflate", GZ, Gives::Tar, "zune"),
    way!(
        "ruzstd StreamingDecoder",
        "ruzstd",
        ZST,
        Gives::Tar,
        "ruzstd"
    ),
    way!(
        "ruzstd FrameDecoder",
        "ruzstd",
        ZST,
        Gives::Tar,
        "ruzstd-all"
    ),
    way!("zstd crate Decoder", "zstd", ZST, Gives::Tar, "zstd"),
    way!("zstd crate decode_all", "zstd", ZST, Gives::Tar, "zstd-all"),
    way!(
        "zstd crate bulk::decompress",
        "zstd",
        ZST,
        Gives::Tar,
        "zstd-bulk"
    ),
    way!("tar crate", "tar", TAR_GZ, Gives::Lines, "tar").wrong_times(NONE_BEFORE_1970),
    way!(
        "astral-tokio-tar",
        "astral-tokio-tar",
        ALL,
        Gives::Lines,
        "tokio-tar"
    )
    .wrong_times(NONE_BEFORE_1970),
];
