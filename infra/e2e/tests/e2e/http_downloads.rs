//! What people have already, through the balancer, while file servers die: `curl`, `wget`, `aria2c`, `rclone`, `lftp`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use e2e::fleet::{Fleet, NAMES, Plan};
use e2e::process::{Process, Ran, clean_command};
use e2e::scratch::Scratch;
use e2e::{PATIENCE, eventually, tree};

use crate::world::World;

crate::tests![
    #[needs(Downloaders)]
    curl_goes_on_at_another_server,
    #[needs(Downloaders)]
    wget_goes_on_by_itself,
    #[needs(Downloaders)]
    aria2_loads_from_several_servers_at_once,
    #[needs(Downloaders)]
    a_tar_made_on_the_fly_goes_on_at_another_server,
    #[needs(Downloaders)]
    trees_are_copied_from_the_listings,
    #[needs(Downloaders)]
    file_managers_read_it_as_webdav,
    #[needs(Downloaders)]
    what_is_complete_is_not_loaded_again,
];

const LARGE: usize = 48 << 20;
pub(crate) const LONG: Duration = Duration::from_secs(120);
/// Slow enough to be met in the middle.
pub(crate) const RATE: &str = "12M";

/// A fleet over a tree with a large file and awkward names, and a place for downloads.
pub(crate) struct Site {
    pub(crate) fleet: Fleet,
    pub(crate) root: Scratch,
    pub(crate) place: Scratch,
}

impl Site {
    pub(crate) fn start() -> Self {
        let root = Scratch::new("site");
        tree::put(root.path(), b"large.bin", &tree::noise(b"large", LARGE));
        tree::put(root.path(), b"docs/a b.txt", b"a b\n");
        tree::put(root.path(), "docs/n\u{e9}w: 100%.txt".as_bytes(), b"new\n");
        tree::put(root.path(), b"docs/deep/er/empty", b"");
        tree::put(
            root.path(),
            b"docs/deep/q?x#y.html",
            b"<a href=\"/large.bin\">no page</a>\n",
        );
        Self::over(root)
    }

    /// The same over another tree.
    pub(crate) fn over(root: Scratch) -> Self {
        Self {
            fleet: Plan::over(root.path()).start(),
            root,
            place: Scratch::new("downloads"),
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.fleet.address())
    }

    /// The address of the balancer.
    pub(crate) fn server(&self) -> String {
        self.fleet.address().to_string()
    }

    pub(crate) fn target(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    fn command(&self, program: &str, words: &[&str]) -> Command {
        let mut command = clean_command(program);
        command
            .env("HOME", self.place.path())
            .current_dir(self.place.path())
            .args(words);
        command
    }

    pub(crate) fn run(&self, program: &str, words: &[&str]) -> Ran {
        Ran::of(self.command(program, words), LONG)
    }

    /// Starts a program, and waits until it has a part of the file.
    pub(crate) fn begun(&self, program: &str, words: &[&str], file: &Path) -> Process {
        let command = self.command(program, words);
        let process = Process::start_with_output(program, command, Stdio::null());
        eventually(LONG, "a part of the file", || {
            let length = fs::metadata(file).map_or(0, |file| file.len());
            (length > 4 << 20).then_some(())
        });
        process
    }

    /// The same, and kills the server that sends it.
    fn interrupted(&mut self, program: &str, words: &[&str], file: &Path) -> Process {
        let process = self.begun(program, words, file);
        self.kill_one();
        process
    }

    /// Kills a server that is sending.
    fn kill_one(&mut self) {
        let admin = self.fleet.balancer.admin;
        let name = eventually(PATIENCE, "a server that sends", || {
            NAMES
                .into_iter()
                .find(|name| admin.count(name, "active") > 0)
        });
        self.fleet.server(name).process.kill();
    }

    fn assert_is_large(&self, file: &Path) {
        let (got, real) = (
            fs::read(file).unwrap(),
            fs::read(self.root.path().join("large.bin")).unwrap(),
        );
        assert!(got == real, "{} of {} bytes", got.len(), real.len());
    }
}

fn curl_goes_on_at_another_server(_: &World) {
    let mut site = Site::start();
    let (url, file) = (site.url("large.bin"), site.target("large.bin"));
    let out = file.display().to_string();
    let words = ["-sS", "--limit-rate", RATE, "-o", &out, &url];
    let mut cut = site.interrupted("curl", &words, &file);
    // 18: fewer bytes than announced; 56: a reset.
    let code = cut.wait(LONG).code();
    assert!(matches!(code, Some(18 | 56)), "{code:?}");
    let had = fs::metadata(&file).unwrap().len();
    assert!(had < LARGE as u64);
    let tag = site.run("curl", &["-sSI", &url]);
    let head = String::from_utf8(tag.stdout).unwrap();
    let tag = head
        .lines()
        .find_map(|line| line.strip_prefix("etag: "))
        .expect("a tag")
        .trim();
    let condition = format!("If-Range: {tag}");
    let ran = site.run(
        "curl",
        &[
            "-sS",
            "-C",
            "-",
            "-H",
            &condition,
            "-w",
            "%{http_code}",
            "-o",
            &out,
            &url,
        ],
    );
    assert_eq!(
        (ran.code, &ran.stdout[..]),
        (Some(0), &b"206"[..]),
        "{}",
        ran.stderr
    );
    site.assert_is_large(&file);
}

fn wget_goes_on_by_itself(_: &World) {
    let mut site = Site::start();
    let (url, file) = (site.url("large.bin"), site.target("large.bin"));
    let rate = format!("--limit-rate={RATE}");
    let words = ["-q", "--tries=10", "--waitretry=1", &rate, &url];
    let mut going_on = site.interrupted("wget", &words, &file);
    assert_eq!(going_on.wait(LONG).code(), Some(0));
    site.assert_is_large(&file);
}

fn aria2_loads_from_several_servers_at_once(_: &World) {
    let mut site = Site::start();
    let url = site.url("large.bin");
    let rate = format!("--max-overall-download-limit={RATE}");
    let words = [
        "-q",
        "-x4",
        "-s4",
        "-k1M",
        "--file-allocation=none",
        "--retry-wait=1",
        "--max-tries=10",
        &rate,
        &url,
    ];
    let command = site.command("aria2c", &words);
    let mut process = Process::start_with_output("aria2c", command, Stdio::null());
    let admin = site.fleet.balancer.admin;
    eventually(LONG, "several servers at once", || {
        let active = NAMES
            .into_iter()
            .filter(|name| admin.count(name, "active") > 0)
            .count();
        (active >= 3).then_some(())
    });
    site.kill_one();
    assert_eq!(process.wait(LONG).code(), Some(0));
    site.assert_is_large(&site.target("large.bin"));
    eventually(PATIENCE, "the lines of two ranges", || {
        let servers = site.fleet.servers.iter();
        let ranges = servers.flat_map(|server| server.requests());
        let parts = ranges.filter(|request| request["status"] == 206).count();
        (parts >= 2).then_some(())
    });
}

fn a_tar_made_on_the_fly_goes_on_at_another_server(_: &World) {
    let mut site = Site::start();
    let (url, file) = (site.url("?archive=tar"), site.target("files.tar"));
    let out = file.display().to_string();
    let mut cut = site.interrupted(
        "curl",
        &["-sS", "--limit-rate", RATE, "-o", &out, &url],
        &file,
    );
    assert!(matches!(cut.wait(LONG).code(), Some(18 | 56)));
    let ran = site.run(
        "curl",
        &["-sS", "-C", "-", "-w", "%{http_code}", "-o", &out, &url],
    );
    assert_eq!(
        (ran.code, &ran.stdout[..]),
        (Some(0), &b"206"[..]),
        "{}",
        ran.stderr
    );
    let unpacked = Scratch::new("unpacked");
    let into = unpacked.path().display().to_string();
    let ran = site.run("tar", &["-xf", &out, "-C", &into]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let root = site.root.path().display().to_string();
    let ran = site.run("diff", &["-r", &root, &into]);
    assert_eq!((ran.code, ran.stdout), (Some(0), vec![]), "{}", ran.stderr);
    // By name, as browsers and `wget --content-disposition` save it.
    let ran = site.run("curl", &["-sSOJ", &site.url("docs/?archive=tar.gz")]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let ran = site.run("tar", &["-tzf", "docs.tar.gz"]);
    assert_eq!(
        ran.stdout.split(|byte| *byte == b'\n').count(),
        5,
        "{}",
        ran.stderr
    );
}

fn trees_are_copied_from_the_listings(_: &World) {
    let site = Site::start();
    let url = site.url("");
    let same = |name: &str| {
        let (root, copy) = (
            site.root.path().display().to_string(),
            site.target(name).display().to_string(),
        );
        // wget saves the listings themselves.
        let ran = site.run(
            "diff",
            &["-r", "-x", "index.html", "-x", "robots.txt", &root, &copy],
        );
        assert_eq!(
            (ran.code, String::from_utf8_lossy(&ran.stdout)),
            (Some(0), "".into()),
            "{name}"
        );
    };
    let ran = site.run(
        "rclone",
        &["copy", "--http-url", &url, ":http:", "by-rclone"],
    );
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    same("by-rclone");
    let ran = site.run(
        "rclone",
        &[
            "check",
            "--download",
            "--http-url",
            &url,
            ":http:",
            "by-rclone",
        ],
    );
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let mirror = "mirror --parallel=3 . by-lftp; exit";
    let ran = site.run("lftp", &["-e", mirror, &url]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    same("by-lftp");
    // It takes no other names than those of the files, and follows no link but those of the listings.
    let place = "--directory-prefix=by-wget";
    let ran = site.run("wget", &["-q", "-r", "-np", "-nH", place, &url]);
    assert!(matches!(ran.code, Some(0 | 8)), "{}", ran.stderr);
    same("by-wget");
}

fn file_managers_read_it_as_webdav(_: &World) {
    let site = Site::start();
    let url = site.url("");
    let remote = ["--webdav-url", url.as_str(), "--webdav-vendor", "other"];
    let ran = site.run(
        "rclone",
        &[&["lsf", "-R"], &remote[..], &[":webdav:"]].concat(),
    );
    let mut names: Vec<String> = String::from_utf8(ran.stdout)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    names.sort();
    let expected = [
        "docs/",
        "docs/a b.txt",
        "docs/deep/",
        "docs/deep/er/",
        "docs/deep/er/empty",
        "docs/deep/q?x#y.html",
        "docs/n\u{e9}w: 100%.txt",
        "large.bin",
    ];
    assert_eq!(names, expected, "{}", ran.stderr);
    let ran = site.run(
        "rclone",
        &[&["copy"], &remote[..], &[":webdav:", "by-webdav"]].concat(),
    );
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    site.assert_is_large(&site.target("by-webdav/large.bin"));
    let ran = site.run(
        "rclone",
        &[
            &["copy", "--retries=1", "--low-level-retries=1"],
            &remote[..],
            &["by-webdav/docs", ":webdav:new"],
        ]
        .concat(),
    );
    assert_ne!(ran.code, Some(0), "nothing can be written");
}

fn what_is_complete_is_not_loaded_again(_: &World) {
    let site = Site::start();
    let url = site.url("large.bin");
    for (program, words) in [
        ("curl", vec!["-sSO", &url]),
        ("curl", vec!["-sSO", "-C", "-", &url]),
        ("wget", vec!["-q", "-c", &url]),
        ("aria2c", vec!["-q", "-c", &url]),
    ] {
        let before = sent(&site.fleet);
        let ran = site.run(program, &words);
        assert_eq!(ran.code, Some(0), "{program} {words:?}: {}", ran.stderr);
        site.assert_is_large(&site.target("large.bin"));
        let again = sent(&site.fleet) - before;
        assert!(
            words == ["-sSO", &url] || again < LARGE as u64 / 3,
            "{program} {words:?}: {again} bytes"
        );
    }
    let ran = site.run(
        "curl",
        &[
            "-sS",
            "-z",
            "large.bin",
            "-R",
            "-w",
            "%{http_code}",
            "-o",
            "again",
            &url,
        ],
    );
    assert_eq!(ran.stdout, b"304", "{}", ran.stderr);
}

/// Bytes of all answers.
fn sent(fleet: &Fleet) -> u64 {
    let requests = fleet.servers.iter().flat_map(|server| server.requests());
    requests
        .map(|request| request["bytes"].as_u64().unwrap_or_default())
        .sum()
}
