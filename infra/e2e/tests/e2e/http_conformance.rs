//! Test programs that others wrote for servers like ours: h2spec for HTTP/2, and the file system davfs2 for WebDAV.
//!
//! litmus, for WebDAV, begins each of its suites with MKCOL, so it can say nothing about a server without writes.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use e2e::fleet::{Fleet, Plan};
use e2e::process::{Ran, clean_command};
use e2e::scratch::Scratch;

use crate::tls::Keys;
use crate::world::World;

crate::tests![
    #[needs(H2spec)]
    h2spec_finds_nothing,
    #[needs(Davfs)]
    davfs_mounts_it,
];

const LONG: Duration = Duration::from_secs(120);

/// Tests in which the client sends the beginning of a request with a body, and then something wrong. A server may answer
/// before a request has ended, and then resets it without an error (RFC 9113, section 8.1): ours reads no bodies, so
/// whether it has answered by then is a matter of time.
const ANSWERED_EARLY: [&str; 6] = [
    "1: Sends a second HEADERS frame without the END_STREAM flag",
    "1: Sends a HEADERS frame with the \"content-length\" header field which does not equal the DATA frame payload length",
    "3: Sends a HEADERS frame that contains a pseudo-header field as trailers",
    "3: Sends multiple WINDOW_UPDATE frames increasing the flow control window to above 2^31-1 on a stream",
    "8: closed: Sends a DATA frame after sending RST_STREAM frame",
    "9: closed: Sends a HEADERS frame after sending RST_STREAM frame",
];

fn fleet(world: &World, server_settings: &str) -> Fleet {
    let root = world.few_files();
    let plan = Plan {
        server_settings,
        balancer_settings: "[check]\nkind = \"tcp\"\n",
        ..Plan::over(&root)
    };
    plan.start()
}

fn h2spec_finds_nothing(world: &World) {
    let keys = Keys::new();
    let fleet = fleet(world, &keys.settings());
    let address = fleet.address();
    let mut command = clean_command("h2spec");
    command.args([
        "--host",
        "127.0.0.1",
        "--tls",
        "--insecure",
        "--timeout",
        "10",
    ]);
    command.args(["--path", "/", "--port", &address.port().to_string()]);
    let ran = Ran::of(command, LONG);
    let said = String::from_utf8_lossy(&ran.stdout);
    let total = said.lines().last().unwrap_or_default();
    assert!(
        total.starts_with("145 tests") && total.contains(" 0 skipped"),
        "{said}"
    );
    let (_, failures) = said.split_once("Failures:").unwrap_or_default();
    let failed: BTreeSet<&str> = failures
        .lines()
        .filter_map(|line| line.trim().strip_prefix("× "))
        .filter(|name| !ANSWERED_EARLY.contains(name))
        .collect();
    assert!(failed.is_empty(), "{failed:?}: {said}");
}

/// Its files are read by their names only: version 1.6.1 lists no directory of any server on Linux 6.18.
fn davfs_mounts_it(world: &World) {
    let fleet = fleet(world, "");
    let (place, settings) = (Scratch::new("davfs"), Scratch::new("davfs-settings"));
    let config = settings.path().join("davfs2.conf");
    fs::write(&config, "ask_auth 0\nuse_locks 0\n").unwrap();
    let mut mount = clean_command("mount.davfs");
    mount
        .arg("-o")
        .arg(format!("ro,conf={}", config.display()))
        .arg(format!("http://{}/", fleet.address()))
        .arg(place.path());
    let ran = Ran::of(mount, LONG);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let read = |path: &str| fs::read(place.path().join(path));
    let (one, noise) = (read("apples/one.txt"), read("pears/noise.bin"));
    let none = read("apples/none.txt");
    let mut unmount = clean_command("umount");
    unmount.arg(place.path());
    let unmounted = Ran::of(unmount, LONG);
    assert_eq!(unmounted.code, Some(0), "{}", unmounted.stderr);
    assert_eq!(one.unwrap(), b"one\n");
    let known = fs::read(world.few_files().join("pears/noise.bin")).unwrap();
    assert!(noise.unwrap() == known);
    assert_eq!(none.unwrap_err().kind(), std::io::ErrorKind::NotFound);
}
