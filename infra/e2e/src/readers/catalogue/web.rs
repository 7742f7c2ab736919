//! Clients that decode `Content-Encoding`, and a browser.

use crate::readers::format::{GZ, GZ_ZST};
use crate::readers::reader::{Gives, Language, Need, Reader};

const PYTHON: Need = Need::Program("python3", "python3");
const PACKAGES: &[Need] = &[PYTHON, Need::Libraries(Language::Python)];
const NODE: &[Need] = &[
    PYTHON,
    Need::Program("node", "nodejs"),
    Need::Libraries(Language::Node),
];
const GO: &[Need] = &[
    PYTHON,
    Need::Program("go", "golang-go"),
    Need::Libraries(Language::Go),
];
const CHROMIUM: &[Need] = &[PYTHON, Need::Program("chromium", "chromium")];

/// A command that gets the address of the archive.
macro_rules! served {
    ($name:literal, $needs:expr, $version:expr, $formats:expr, $command:expr) => {
        Reader::new(
            $name,
            $formats,
            Gives::Tar,
            concat!(r#"python3 "$SCRIPTS/served.py" "$ARCHIVE" "#, $command),
        )
        .of($needs, $version)
    };
}

/// A package of Python.
macro_rules! python {
    ($name:literal, $package:literal, $formats:expr) => {
        served!(
            $name,
            PACKAGES,
            concat!(
                r#""$TOOLS/python/venv/bin/python" "$SCRIPTS/python/read.py" version "#,
                $package
            ),
            $formats,
            concat!(
                r#""$TOOLS/python/venv/bin/python" "$SCRIPTS/python/read.py" "#,
                $package,
                " -"
            )
        )
    };
}

/// A page in a browser.
macro_rules! page {
    ($name:literal, $formats:expr, $page:literal) => {
        served!(
            $name,
            CHROMIUM,
            "chromium --version",
            $formats,
            concat!(
                r#"chromium --headless --no-sandbox --disable-gpu --no-first-run --user-data-dir="$DIR" "#,
                $page
            )
        )
    };
}

pub(super) const READERS: &[Reader] = &[
    served!(
        "curl --compressed",
        &[PYTHON, Need::Program("curl", "curl")],
        "curl --version",
        GZ_ZST,
        r#"bash -c 'curl --silent --show-error --fail --compressed "$URL"'"#
    )
    .quick(),
    served!(
        "wget --compression=auto",
        &[PYTHON, Need::Program("wget", "wget")],
        "wget --version",
        GZ,
        r#"bash -c 'wget --quiet --compression=auto -O - "$URL"'"#
    ),
    page!("Chromium DecompressionStream", GZ, "/page").quick(),
    page!("Chromium, Content-Encoding", GZ_ZST, "/page?encoded"),
    python!("httpx", "httpx", GZ_ZST),
    python!("aiohttp", "aiohttp", GZ_ZST),
    python!("requests", "requests", GZ_ZST),
    python!("urllib3", "urllib3", GZ_ZST),
    served!(
        "Node fetch",
        NODE,
        r#"node "$TOOLS/node/read.mjs" version node"#,
        GZ,
        r#"node "$TOOLS/node/read.mjs" fetch -"#
    ),
    served!(
        "Go net/http",
        GO,
        r#""$TOOLS/go/read" version go"#,
        GZ,
        r#""$TOOLS/go/read" http "$ARCHIVE""#
    ),
];
