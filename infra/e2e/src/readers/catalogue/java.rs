//! Java: its own gzip, and libraries of Maven Central.

use crate::readers::format::{GZ, GZ_ZST, TAR, TAR_GZ, ZST};
use crate::readers::kind::{Fault, Kind};
use crate::readers::reader::{Gives, Language, Need, OCTAL_TIMES, Reader, UTF8_ONLY};

const JAVA: &[Need] = &[Need::Program("javac", "default-jdk-headless")];
const LIBRARIES: &[Need] = &[
    JAVA[0],
    Need::Program("mvn", "maven"),
    Need::Libraries(Language::Java),
];
const VERSION: &str = r#"java "$SCRIPTS/java/Gunzip.java" version"#;

/// A way of a library, with the beginning of the name of its jar.
macro_rules! library {
    ($name:literal, $jar:literal, $formats:expr, $gives:expr, $way:literal) => {
        Reader::new(
            $name,
            $formats,
            $gives,
            concat!(
                r#"java -cp "$TOOLS/java/classes:$TOOLS/java/lib/*" Read "#,
                $way,
                r#" "$ARCHIVE""#
            ),
        )
        .of(
            LIBRARIES,
            concat!(
                "basename -s .jar \"$TOOLS\"/java/lib/",
                $jar,
                "-[0-9]*.jar | sed 's/.*-\\([0-9]\\+\\.\\)/\\1/'"
            ),
        )
    };
}

pub(super) const READERS: &[Reader] = &[
    Reader::new(
        "Java GZIPInputStream",
        GZ,
        Gives::Tar,
        r#"java "$SCRIPTS/java/Gunzip.java" file "$ARCHIVE""#,
    )
    .of(JAVA, VERSION),
    Reader::new(
        "Java GZIPInputStream, available() 0",
        GZ,
        Gives::Tar,
        r#"java "$SCRIPTS/java/Gunzip.java" socket "$ARCHIVE""#,
    )
    .of(JAVA, VERSION)
    .quick(),
    library!(
        "commons-compress GzipCompressorInputStream",
        "commons-compress",
        GZ,
        Gives::Tar,
        "commons-gzip"
    ),
    library!(
        "commons-compress GzipCompressorInputStream, concatenated",
        "commons-compress",
        GZ,
        Gives::Tar,
        "commons-gzip-concatenated"
    ),
    library!(
        "commons-compress CompressorStreamFactory",
        "commons-compress",
        GZ_ZST,
        Gives::Tar,
        "commons-factory"
    ),
    library!(
        "commons-compress TarArchiveInputStream",
        "commons-compress",
        TAR_GZ,
        Gives::Lines,
        "commons-tar"
    )
    .except(UTF8_ONLY),
    library!(
        "commons-compress ArchiveStreamFactory",
        "commons-compress",
        TAR_GZ,
        Gives::Lines,
        "commons-archive-factory"
    )
    .except(UTF8_ONLY),
    library!(
        "commons-compress TarFile",
        "commons-compress",
        TAR,
        Gives::Lines,
        "commons-tarfile"
    )
    .except(UTF8_ONLY),
    library!("zstd-jni", "zstd-jni", ZST, Gives::Tar, "zstd-jni"),
    library!(
        "aircompressor",
        "aircompressor",
        ZST,
        Gives::Tar,
        "aircompressor"
    ),
    library!("okio GzipSource", "okio-jvm", GZ, Gives::Tar, "okio"),
    library!("jtar", "jtar", TAR_GZ, Gives::Lines, "jtar")
        .except_and(
            &[
                (Kind::LongName, Fault::Renamed),
                (Kind::LongPath, Fault::Renamed),
                (Kind::LongerPath, Fault::Renamed),
                (Kind::Letters, Fault::Renamed),
                (Kind::NotUtf8, Fault::Renamed),
            ],
            5,
        )
        .wrong_times(OCTAL_TIMES),
    library!("Ant TarInputStream", "ant", TAR_GZ, Gives::Lines, "ant").except(UTF8_ONLY),
];
