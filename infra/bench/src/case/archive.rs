//! An archive of source code, by the file server and by the tools that people use; and the memory that a large one takes.

use std::path::Path;
use std::process::{Command, Stdio};

use netsocket_protocol::message::{Compression, EntryNames, Layout, Request};
use netsocket_protocol::query::Query;
use tokio::time::Instant;

use crate::cpu;
use crate::failure::{Explain as _, Failure, Outcome};
use crate::fetch::fetch;
use crate::file_server::{Lap, Server, blocking};
use crate::host::Host;

/// Who makes an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maker {
    /// The file server.
    Server(Compression),
    /// A shell pipeline that writes to standard output, in the directory.
    Pipeline(&'static str),
}

/// Everyone, by name.
pub const MAKERS: [(&str, Maker); 7] = [
    ("netsocket gzip", Maker::Server(Compression::Gzip)),
    ("tar -cz", Maker::Pipeline("tar -cz .")),
    ("tar | pigz -6", Maker::Pipeline("tar -c . | pigz -6")),
    ("netsocket zstd", Maker::Server(Compression::Zstd)),
    (
        "tar | zstd -3 -T0",
        Maker::Pipeline("tar -c . | zstd -q -3 -T0"),
    ),
    ("netsocket none", Maker::Server(Compression::None)),
    ("tar", Maker::Pipeline("tar -c . | cat")),
];

/// Has one of them make an archive of all of `root`.
///
/// # Errors
/// Where it fails.
pub async fn run(host: &Host, root: &Path, maker: Maker) -> Outcome<Lap> {
    match maker {
        Maker::Server(compression) => {
            let mut server = Server::start(host, root).await?;
            // The first archive finds caches cold that later ones find warm, as the tools do.
            ask(&mut server, compression).await?;
            ask(&mut server, compression).await
        }
        Maker::Pipeline(line) => {
            let root = root.to_owned();
            blocking(move || pipe(&root, line)).await
        }
    }
}

async fn ask(server: &mut Server, compression: Compression) -> Outcome<Lap> {
    let request = Request::Archive {
        query: Query::default(),
        compression,
        level: None,
        names: EntryNames::Path,
        layout: Layout::Stream,
        resume: None,
    };
    let (before, began, address) = (server.cpu()?, Instant::now(), server.address);
    let fetched = blocking(move || fetch(address, &request)).await?;
    let seconds = began.elapsed().as_secs_f64();
    Ok(Lap {
        seconds,
        cpu: server.cpu()? - before,
        bytes: fetched.bytes,
        first_byte: Some(fetched.first_byte),
        memory: Some(server.peak_above_idle()?),
    })
}

/// Runs a pipeline and counts what it writes. Blocks the thread.
fn pipe(root: &Path, line: &str) -> Outcome<Lap> {
    let own = std::process::id();
    let (before, began) = (cpu::of_tree(own)?, Instant::now());
    let output = Command::new("sh")
        .args(["-c", &format!("{line} | wc -c")])
        .current_dir(root)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .explain(line)?;
    let seconds = began.elapsed().as_secs_f64();
    let count = String::from_utf8_lossy(&output.stdout).trim().parse();
    let bytes = count.ok().filter(|bytes| *bytes > 0);
    let bytes = bytes.ok_or_else(|| Failure::new(format!("{line}: nothing came")))?;
    Ok(Lap {
        seconds,
        // The children have been waited for, and this process did nothing else.
        cpu: cpu::of_tree(own)? - before,
        bytes,
        first_byte: None,
        memory: None,
    })
}
