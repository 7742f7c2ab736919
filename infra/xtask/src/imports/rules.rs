//! Which folder may import which: the architecture of each crate as a table, from the lowest part to the highest.
//! `docs/contributing.md` shows the same tables.

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

const fn part(name: &'static str, may_import: &'static [&'static str]) -> Part {
    Part { name, may_import }
}

/// A crate that is small enough to do without rules.
const fn small(folder: &'static str) -> Crate {
    Crate { folder, parts: &[] }
}

/// Every member of the workspace that has sources.
pub(crate) const CRATES: [Crate; 11] = [
    Crate {
        folder: "balancer",
        parts: &[
            part("core", &[]),
            part("observe", &["core"]),
            part("config", &["core", "observe"]),
            part("data_path", &["core", "observe", "config"]),
            part("control", &["core", "observe", "config", "data_path"]),
            part(
                "admin",
                &["core", "observe", "config", "data_path", "control"],
            ),
            part("ctl", &["core", "observe", "config"]),
            part("command_line", &["ctl"]),
            part("tips", &["command_line"]),
        ],
    },
    Crate {
        folder: "client",
        parts: &[
            part("text", &[]),
            part("outcome", &["text"]),
            part("command_line", &["outcome"]),
            part("output", &["text", "outcome", "command_line"]),
            part("connection", &["outcome"]),
            part("config", &["command_line", "connection"]),
            part("transfer", &["text", "outcome", "output", "connection"]),
            part(
                "session",
                &["text", "outcome", "output", "connection", "transfer"],
            ),
            part(
                "cmd",
                &[
                    "text",
                    "outcome",
                    "command_line",
                    "output",
                    "config",
                    "transfer",
                    "session",
                ],
            ),
            part("prompt", &["text", "command_line", "output", "session"]),
            part(
                "program",
                &[
                    "text",
                    "outcome",
                    "command_line",
                    "output",
                    "config",
                    "transfer",
                    "session",
                    "cmd",
                    "prompt",
                ],
            ),
        ],
    },
    Crate {
        folder: "fileserver",
        parts: &[
            part("tree", &[]),
            part("security", &[]),
            part("compress", &[]),
            part("query", &["tree"]),
            part("index", &["tree", "query"]),
            part("archive", &["tree", "compress", "query"]),
            part("config", &["security", "index"]),
            part(
                "service",
                &[
                    "tree", "security", "compress", "query", "index", "archive", "config",
                ],
            ),
            part("observe", &["security", "index", "service"]),
            part(
                "http",
                &[
                    "tree", "security", "compress", "query", "archive", "service",
                ],
            ),
            part(
                "session",
                &[
                    "tree", "security", "compress", "query", "archive", "service", "http",
                ],
            ),
            part(
                "server",
                &[
                    "tree", "security", "config", "service", "observe", "session",
                ],
            ),
        ],
    },
    Crate {
        folder: "telemetry",
        parts: &[
            part("backoff", &[]),
            part("names", &[]),
            part("sampler", &[]),
            part("kafka", &[]),
            part("schema", &["names"]),
            part("messages", &["names", "sampler", "schema"]),
            part("history", &["messages"]),
            part("producer", &["backoff", "names", "kafka", "messages"]),
            part("settings", &["kafka", "producer"]),
            part("sinks", &["messages", "history", "producer"]),
            part("heartbeat", &["sampler", "messages", "producer", "sinks"]),
            part(
                "collector",
                &[
                    "backoff", "names", "kafka", "schema", "messages", "settings",
                ],
            ),
        ],
    },
    small("balancer/proxy-protocol"),
    small("fileserver/protocol"),
    small("telemetry/credentials"),
    small("telemetry/settings"),
    small("infra/xtask"),
    small("infra/e2e"),
    small("infra/bench"),
];
