//! Node: its own zlib, and packages of npm.

use crate::readers::format::{GZ, TAR_GZ, ZST};
use crate::readers::kind::{Fault, Kind};
use crate::readers::reader::{
    Gives, Language, NONE_BEFORE_1970, Need, OCTAL_TIMES, Reader, UTF8_ONLY,
};

const NODE: &[Need] = &[
    Need::Program("node", "nodejs"),
    Need::Program("npm", "npm"),
    Need::Libraries(Language::Node),
];

/// A way of a package, or of Node itself.
macro_rules! way {
    ($name:literal, $package:literal, $formats:expr, $gives:expr, $way:literal) => {
        Reader::new(
            $name,
            $formats,
            $gives,
            concat!(r#"node "$TOOLS/node/read.mjs" "#, $way, r#" "$ARCHIVE""#),
        )
        .of(
            NODE,
            concat!(r#"node "$TOOLS/node/read.mjs" version "#, $package),
        )
    };
}

pub(super) const READERS: &[Reader] = &[
    way!("Node zlib.gunzipSync", "node", GZ, Gives::Tar, "gunzipSync"),
    way!(
        "Node zlib.createGunzip",
        "node",
        GZ,
        Gives::Tar,
        "createGunzip"
    ),
    way!(
        "Node DecompressionStream",
        "node",
        GZ,
        Gives::Tar,
        "DecompressionStream"
    ),
    way!(
        "fflate gunzipSync",
        "fflate",
        GZ,
        Gives::Tar,
        "fflate-gunzipSync"
    ),
    way!("fflate Gunzip", "fflate", GZ, Gives::Tar, "fflate-Gunzip"),
    way!("pako ungzip", "pako", GZ, Gives::Tar, "pako-ungzip"),
    way!(
        "gunzip-maybe",
        "gunzip-maybe",
        GZ,
        Gives::Tar,
        "gunzip-maybe"
    ),
    way!(
        "fzstd decompress",
        "fzstd",
        ZST,
        Gives::Tar,
        "fzstd-decompress"
    ),
    way!("zstddec", "zstddec", ZST, Gives::Tar, "zstddec"),
    way!("npm tar", "tar", TAR_GZ, Gives::Lines, "tar").except(UTF8_ONLY),
    way!(
        "tar-stream",
        "tar-stream",
        TAR_GZ,
        Gives::Lines,
        "tar-stream"
    )
    .except(UTF8_ONLY)
    .wrong_times(NONE_BEFORE_1970),
    way!("tar-fs", "tar-fs", TAR_GZ, Gives::Files, "tar-fs")
        .except(UTF8_ONLY)
        .wrong_times(NONE_BEFORE_1970),
    way!(
        "modern-tar",
        "modern-tar",
        TAR_GZ,
        Gives::Lines,
        "modern-tar"
    )
    .except_and(
        &[
            (Kind::NotUtf8, Fault::Renamed),
            (Kind::Before1970, Fault::Missing),
        ],
        1,
    ),
    way!("nanotar", "nanotar", TAR_GZ, Gives::Lines, "nanotar")
        .except(UTF8_ONLY)
        .wrong_times(OCTAL_TIMES),
];
