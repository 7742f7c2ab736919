//! Programs of Debian that unpack or decompress.

use crate::readers::format::{ALL, GZ, GZ_ZST, TAR, TAR_GZ, ZST};
use crate::readers::kind::{Fault, Kind};
use crate::readers::reader::{Gives, Need, OCTAL_TIMES, Reader, UTF8_ONLY};

const BUSYBOX: &[Need] = &[Need::Program("busybox", "busybox")];
const SEVEN_ZIP: &[Need] = &[Need::Program("7zz", "7zip")];
const LIBARCHIVE: &[Need] = &[Need::Program("bsdtar", "libarchive-tools")];
const PIGZ: &[Need] = &[Need::Program("pigz", "pigz")];
const ZSTD: &[Need] = &[Need::Program("zstd", "zstd")];
const UNAR: &[Need] = &[Need::Program("unar", "unar")];
const PAX: &[Need] = &[Need::Program("pax", "pax")];
const CPIO: &[Need] = &[Need::Program("cpio", "cpio")];

pub(super) const READERS: &[Reader] = &[
    Reader::new(
        "GNU tar",
        ALL,
        Gives::Files,
        r#"tar -xf "$ARCHIVE" -C "$DIR""#,
    )
    .of(ZSTD, "tar --version")
    .quick(),
    Reader::new(
        "bsdtar",
        ALL,
        Gives::Files,
        r#"bsdtar -xf "$ARCHIVE" -C "$DIR""#,
    )
    .of(LIBARCHIVE, "bsdtar --version")
    .quick(),
    Reader::new(
        "bsdcpio",
        ALL,
        Gives::Files,
        r#"cd "$DIR" && bsdcpio -idm --quiet < "$ARCHIVE""#,
    )
    .of(LIBARCHIVE, "bsdcpio --version"),
    Reader::new("bsdcat", GZ_ZST, Gives::Tar, r#"bsdcat "$ARCHIVE""#)
        .of(LIBARCHIVE, "bsdcat --version"),
    Reader::new(
        "busybox tar",
        TAR,
        Gives::Files,
        r#"busybox tar -xf "$ARCHIVE" -C "$DIR""#,
    )
    .of(BUSYBOX, "busybox")
    .quick(),
    Reader::new(
        "busybox tar",
        GZ,
        Gives::Files,
        r#"busybox tar -xzf "$ARCHIVE" -C "$DIR""#,
    )
    .of(BUSYBOX, "busybox")
    .quick(),
    Reader::new(
        "busybox gunzip",
        GZ,
        Gives::Tar,
        r#"busybox gunzip -c "$ARCHIVE""#,
    )
    .of(BUSYBOX, "busybox"),
    Reader::new(
        "7-Zip",
        TAR,
        Gives::Files,
        r#"7zz x -bd -bso0 -o"$DIR" "$ARCHIVE""#,
    )
    .of(SEVEN_ZIP, "7zz"),
    Reader::new(
        "7-Zip",
        GZ_ZST,
        Gives::Files,
        r#"7zz x -bd -so "$ARCHIVE" | 7zz x -bd -bso0 -si -ttar -o"$DIR""#,
    )
    .of(SEVEN_ZIP, "7zz")
    .quick(),
    Reader::new(
        "unar",
        TAR_GZ,
        Gives::Files,
        r#"unar -quiet -no-directory -output-directory "$DIR" "$ARCHIVE""#,
    )
    .except(UTF8_ONLY)
    .wrong_times(OCTAL_TIMES)
    .of(UNAR, "unar -v"),
    Reader::new(
        "pax",
        TAR,
        Gives::Files,
        r#"cd "$DIR" && pax -r -f "$ARCHIVE""#,
    )
    .wrong_times(OCTAL_TIMES)
    .of(PAX, "dpkg-query -Wf '${Version}' pax"),
    Reader::new(
        "pax",
        GZ,
        Gives::Files,
        r#"cd "$DIR" && pax -r -z -f "$ARCHIVE""#,
    )
    .wrong_times(OCTAL_TIMES)
    .of(PAX, "dpkg-query -Wf '${Version}' pax"),
    Reader::new(
        "GNU cpio",
        TAR,
        Gives::Files,
        r#"cd "$DIR" && cpio -idm --quiet < "$ARCHIVE""#,
    )
    .except_and(
        &[
            (Kind::LongName, Fault::Renamed),
            (Kind::LongPath, Fault::Renamed),
            (Kind::LongerPath, Fault::Renamed),
        ],
        1,
    )
    .wrong_times(OCTAL_TIMES)
    .of(CPIO, "cpio --version"),
    Reader::new("gzip", GZ, Gives::Tar, r#"gzip -dc "$ARCHIVE""#)
        .of(&[Need::Program("gzip", "gzip")], "gzip --version")
        .quick(),
    Reader::new("pigz", GZ, Gives::Tar, r#"pigz -dc "$ARCHIVE""#)
        .of(PIGZ, "pigz --version")
        .quick(),
    Reader::new("zstd", ZST, Gives::Tar, r#"zstd -dc "$ARCHIVE""#)
        .of(ZSTD, "zstd --version")
        .quick(),
    Reader::new("pzstd", ZST, Gives::Tar, r#"pzstd -dc "$ARCHIVE""#)
        .of(&[Need::Program("pzstd", "zstd")], "pzstd --version"),
];
