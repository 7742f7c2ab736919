//! Python: the standard library, and packages of PyPI.

use crate::readers::format::{ALL, Format, GZ, TAR_GZ, ZST};
use crate::readers::reader::{Gives, Language, Need, Reader, UTF8_ONLY};

const PYTHON: &[Need] = &[Need::Program("python3", "python3")];
const PACKAGES: &[Need] = &[PYTHON[0], Need::Libraries(Language::Python)];
const VERSION: &str = r#"python3 "$SCRIPTS/python/read.py" version python"#;

/// A way of the standard library.
const fn standard(
    name: &'static str,
    formats: &'static [Format],
    gives: Gives,
    command: &'static str,
) -> Reader {
    Reader::new(name, formats, gives, command)
        .of(PYTHON, VERSION)
        .quick()
}

/// A way of a package.
macro_rules! package {
    ($name:literal, $package:literal, $formats:expr, $gives:expr, $way:literal) => {
        Reader::new(
            $name,
            $formats,
            $gives,
            concat!(
                r#""$TOOLS/python/venv/bin/python" "$SCRIPTS/python/read.py" "#,
                $way,
                r#" "$ARCHIVE""#
            ),
        )
        .of(
            PACKAGES,
            concat!(
                r#""$TOOLS/python/venv/bin/python" "$SCRIPTS/python/read.py" version "#,
                $package
            ),
        )
    };
}

pub(super) const READERS: &[Reader] = &[
    standard(
        "Python tarfile.open",
        TAR_GZ,
        Gives::Lines,
        r#"python3 "$SCRIPTS/python/read.py" tarfile "$ARCHIVE""#,
    ),
    standard(
        "Python tarfile, mode `r\\|*`",
        TAR_GZ,
        Gives::Lines,
        r#"python3 "$SCRIPTS/python/read.py" tarfile-stream "$ARCHIVE""#,
    ),
    standard(
        "Python gzip.open",
        GZ,
        Gives::Tar,
        r#"python3 "$SCRIPTS/python/read.py" gzip "$ARCHIVE""#,
    ),
    standard(
        "Python zlib.decompress(…, 31)",
        GZ,
        Gives::Tar,
        r#"python3 "$SCRIPTS/python/read.py" zlib "$ARCHIVE""#,
    ),
    standard(
        "Python zlib.decompressobj(31)",
        GZ,
        Gives::Tar,
        r#"python3 "$SCRIPTS/python/read.py" zlib-object "$ARCHIVE""#,
    ),
    package!(
        "zstandard decompress",
        "zstandard",
        ZST,
        Gives::Tar,
        "zstandard-decompress"
    ),
    package!(
        "zstandard decompressobj",
        "zstandard",
        ZST,
        Gives::Tar,
        "zstandard-object"
    ),
    package!(
        "zstandard read_to_iter",
        "zstandard",
        ZST,
        Gives::Tar,
        "zstandard-iterator"
    ),
    package!(
        "zstandard stream_reader",
        "zstandard",
        ZST,
        Gives::Tar,
        "zstandard-reader"
    ),
    package!(
        "zstandard.open",
        "zstandard",
        ZST,
        Gives::Tar,
        "zstandard-open"
    ),
    package!(
        "zstandard.open and tarfile",
        "zstandard",
        ZST,
        Gives::Lines,
        "zstandard-tarfile"
    ),
    package!(
        "backports.zstd decompress",
        "backports.zstd",
        ZST,
        Gives::Tar,
        "backports-zstd"
    ),
    package!(
        "backports.zstd tarfile",
        "backports.zstd",
        ZST,
        Gives::Lines,
        "backports-tarfile"
    ),
    package!("pyzstd.open", "pyzstd", ZST, Gives::Tar, "pyzstd"),
    package!("isal igzip.open", "isal", GZ, Gives::Tar, "igzip"),
    package!(
        "isal_zlib.decompress(…, 31)",
        "isal",
        GZ,
        Gives::Tar,
        "isal-zlib"
    ),
    package!("zlib-ng gzip_ng.open", "zlib-ng", GZ, Gives::Tar, "gzip-ng"),
    package!(
        "zlib_ng.decompress(…, 31)",
        "zlib-ng",
        GZ,
        Gives::Tar,
        "zlib-ng"
    ),
    package!("rapidgzip", "rapidgzip", GZ, Gives::Tar, "rapidgzip"),
    package!(
        "indexed_gzip",
        "indexed-gzip",
        GZ,
        Gives::Tar,
        "indexed-gzip"
    ),
    package!(
        "libarchive-c",
        "libarchive-c",
        ALL,
        Gives::Lines,
        "libarchive"
    ),
    package!(
        "ratarmountcore",
        "ratarmountcore",
        TAR_GZ,
        Gives::Lines,
        "ratarmount"
    )
    .except(UTF8_ONLY),
];
