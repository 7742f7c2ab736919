//! The archives that are read: ours, from a real file server by the real client, and those that GNU tar, gzip and zstd make
//! of the same files.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::client::Client;
use crate::fleet::{FileServer, Plan};
use crate::readers::format::Format;
use crate::readers::sample::Sample;
use crate::scratch::Scratch;
use crate::tool;

/// How long an archive may take.
const LONG: Duration = Duration::from_secs(120);

/// Who made an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maker {
    /// Our file server.
    Ours,
    /// GNU tar: an ordinary archive, for comparison.
    GnuTar,
}

/// An archive of each maker in each format.
#[derive(Debug)]
pub struct Archives {
    ours: Scratch,
    gnu: Scratch,
}

impl Archives {
    /// Makes ours.
    ///
    /// # Panics
    /// Where the file server or the client does not do what it is asked.
    #[must_use]
    pub fn make(sample: &Sample) -> Self {
        let archives = Self {
            ours: Scratch::in_memory("archives"),
            gnu: Scratch::in_memory("archives"),
        };
        let root = sample.root();
        let any = (crate::loopback::own_address(), 0).into();
        let server = FileServer::start_at(&Plan::over(&root), "server", any);
        let client = Client::of(server.address);
        for format in Format::ALL {
            let path = archives.path(Maker::Ours, format);
            let words = [
                "--quiet".as_ref(),
                "archive".as_ref(),
                "-o".as_ref(),
                path.as_os_str(),
            ];
            let ran = client.run_within(&words, LONG);
            assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        }
        archives
    }

    /// Makes those of GNU tar as well, of the same files in the same order.
    ///
    /// # Panics
    /// Where a tool fails.
    #[must_use]
    pub fn with_ordinary_ones(self, sample: &Sample) -> Self {
        let names: Vec<&[u8]> = sample.files.iter().map(|p| &p.file.name[..]).collect();
        let list = self.gnu.write("names", names.join(&0));
        let tar = self.path(Maker::GnuTar, Format::Tar);
        tool::output(
            tool::tool("tar")
                .args(["--create", "--format=gnu", "--file"])
                .arg(&tar)
                .arg("--directory")
                .arg(sample.root())
                .args(["--null", "--verbatim-files-from", "--files-from"])
                .arg(list),
        );
        for (program, format) in [("gzip", Format::Gz), ("zstd", Format::Zst)] {
            let compressed = File::create(self.path(Maker::GnuTar, format)).expect("a new file");
            let mut command = tool::tool(program);
            command.arg("--stdout").arg(&tar).stdout(compressed);
            let status = command.status().expect("a tool that starts");
            assert!(status.success(), "{program}: {status}");
        }
        self
    }

    /// Where an archive is.
    #[must_use]
    pub fn path(&self, maker: Maker, format: Format) -> PathBuf {
        let dir: &Path = match maker {
            Maker::Ours => self.ours.path(),
            Maker::GnuTar => self.gnu.path(),
        };
        dir.join(format!("tree{}", format.extension()))
    }
}
