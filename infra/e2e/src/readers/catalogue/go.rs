//! Go: the standard library, and modules.

use crate::readers::format::{ALL, GZ, TAR_GZ, ZST};
use crate::readers::reader::{Gives, Language, Need, Reader};

const STANDARD: &[Need] = &[Need::Program("go", "golang-go")];
const GO: &[Need] = &[STANDARD[0], Need::Libraries(Language::Go)];

macro_rules! way {
    ($name:literal, $module:literal, $formats:expr, $gives:expr, $way:literal) => {
        Reader::new(
            $name,
            $formats,
            $gives,
            concat!(r#""$TOOLS/go/read" "#, $way, r#" "$ARCHIVE""#),
        )
        .of(GO, concat!(r#""$TOOLS/go/read" version "#, $module))
    };
}

pub(super) const READERS: &[Reader] = &[
    Reader::new(
        "Go archive/tar and compress/gzip",
        TAR_GZ,
        Gives::Lines,
        r#"go run "$SCRIPTS/go/main.go" tar "$ARCHIVE""#,
    )
    .of(STANDARD, "go version")
    .quick(),
    way!("Go compress/gzip", "go", GZ, Gives::Tar, "gzip"),
    way!(
        "Go compress/gzip, Multistream(false)",
        "go",
        GZ,
        Gives::Tar,
        "gzip-multistream-off"
    ),
    way!(
        "klauspost/compress/gzip",
        "github.com/klauspost/compress",
        GZ,
        Gives::Tar,
        "klauspost-gzip"
    ),
    way!(
        "klauspost/pgzip",
        "github.com/klauspost/pgzip",
        GZ,
        Gives::Tar,
        "pgzip"
    ),
    way!(
        "klauspost/compress/zstd",
        "github.com/klauspost/compress",
        ZST,
        Gives::Tar,
        "klauspost-zstd"
    ),
    way!(
        "klauspost/compress/zstd DecodeAll",
        "github.com/klauspost/compress",
        ZST,
        Gives::Tar,
        "klauspost-zstd-all"
    ),
    way!(
        "Go archive/tar and klauspost/compress/zstd",
        "github.com/klauspost/compress",
        ZST,
        Gives::Lines,
        "klauspost-zstd-tar"
    ),
    way!(
        "mholt/archives",
        "github.com/mholt/archives",
        ALL,
        Gives::Lines,
        "archives"
    ),
];
