//! Who may import whom: the architecture of each crate as a table. `docs/contributing.md` shows the same tables.

/// A library crate of the project.
#[derive(Debug)]
pub(crate) struct Crate {
    /// Its directory.
    pub(crate) folder: &'static str,
    /// What its `src` consists of, beside `lib.rs` and `main.rs`; nothing for a crate without folders.
    pub(crate) parts: &'static [Part],
}

/// A folder of `src`, or a file that stands directly in it.
#[derive(Debug)]
pub(crate) struct Part {
    /// Without `.rs`.
    pub(crate) name: &'static str,
    /// The parts whose items it may use.
    pub(crate) may_import: &'static [&'static str],
}

/// Every member of the workspace.
pub(crate) const CRATES: [Crate; 11] = [
    Crate {
        folder: "balancer",
        parts: &[],
    },
    Crate {
        folder: "balancer/proxy-protocol",
        parts: &[],
    },
    Crate {
        folder: "client",
        parts: &[],
    },
    Crate {
        folder: "fileserver",
        parts: &[],
    },
    Crate {
        folder: "fileserver/protocol",
        parts: &[],
    },
    Crate {
        folder: "telemetry",
        parts: &[],
    },
    Crate {
        folder: "telemetry/credentials",
        parts: &[],
    },
    Crate {
        folder: "telemetry/settings",
        parts: &[],
    },
    Crate {
        folder: "infra/xtask",
        parts: &[],
    },
    Crate {
        folder: "infra/e2e",
        parts: &[],
    },
    Crate {
        folder: "infra/bench",
        parts: &[],
    },
];
