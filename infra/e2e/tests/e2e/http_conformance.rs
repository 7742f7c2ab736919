//! Test programs that others wrote for servers like ours: h2spec for HTTP/2, litmus and the file system davfs2 for WebDAV.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use e2e::fleet::{Fleet, Plan};
use e2e::process::{Process, Ran, clean_command};
use e2e::scratch::Scratch;
use e2e::tree;

use crate::backend_tls::{await_listening, free};
use crate::tls::Keys;
use crate::world::World;

crate::tests![
    #[needs(H2spec)]
    h2spec_finds_nothing,
    #[needs(Litmus)]
    litmus_finds_nothing_where_it_only_reads,
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

/// The tests of litmus that write nothing, by suite.
const READING: [(&str, &[&str]); 3] = [
    ("basic", &["options"]),
    (
        "props",
        &[
            "propfind_invalid",
            "propfind_invalid2",
            "propfind_d0",
            "propextended",
            "propwformed",
        ],
    ),
    ("http", &["expect100"]),
];

/// litmus begins each suite with MKCOL, and gives up where that fails. So an nginx before the balancer says that the
/// directory was made, which is there already; all else comes from us.
fn litmus_finds_nothing_where_it_only_reads(_: &World) {
    let root = Scratch::new("litmus-tree");
    tree::put(root.path(), b"litmus/prop", b"a file\n");
    let fleet = Plan::over(root.path()).start();
    let address = free();
    let dir = Scratch::new("nginx");
    let config = format!(
        "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr error;\nevents {{ }}\nhttp {{\n access_log off;\n \
         client_body_temp_path body;\n server {{\n listen {address};\n location / {{\n if ($request_method = MKCOL) {{ return 201; }}\n \
         if ($request_method = DELETE) {{ return 404; }}\n proxy_http_version 1.1;\n proxy_set_header Connection \"\";\n \
         proxy_pass http://{};\n }}\n }}\n}}\n",
        fleet.address()
    );
    let config = dir.write("nginx.conf", config);
    let mut nginx = clean_command("nginx");
    nginx.args(["-e", "stderr", "-p"]).arg(dir.path());
    nginx.arg("-c").arg(config);
    let _nginx = Process::start("nginx", nginx, dir);
    await_listening(address);
    let place = Scratch::new("litmus");
    for (suite, names) in READING {
        let mut litmus = clean_command("litmus");
        litmus.current_dir(place.path()).env("TESTS", suite);
        litmus.arg(format!("http://{address}/"));
        let said = Ran::of(litmus, LONG).stdout;
        let said = String::from_utf8_lossy(&said).replace('\r', "\n");
        for name in names {
            let of_test = |line: &&str| line.contains(&format!(". {name}."));
            // The name alone is written before the test runs.
            let mut told = said
                .lines()
                .filter(of_test)
                .filter(|line| !line.trim_end().ends_with('.'));
            let told = told.next().unwrap_or_else(|| panic!("{name}: {said}"));
            // Class 2 is that of locks.
            let passed =
                told.ends_with(". pass") || told.ends_with("does not claim Class 2 compliance");
            assert!(passed, "{told}");
        }
    }
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
