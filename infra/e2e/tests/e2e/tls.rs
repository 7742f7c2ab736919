//! TLS and tokens from the client through the balancer to the file servers.

use std::fs;
use std::path::Path;

use e2e::client::Client;
use e2e::fleet::{Fleet, NAMES, Plan};
use e2e::old_client::OldClient;
use e2e::process::{Process, Ran, clean_command};
use e2e::program::Program;
use e2e::scratch::Scratch;
use e2e::slow_link::SlowLink;
use e2e::{PATIENCE, archive, eventually, tree};
use netsocket_credentials::authority::{Authority, IssuedFiles};
use rustix::process::Signal;

use crate::world::World;

crate::tests![
    archives_and_lists_within_tls,
    certificates_of_clients_and_a_reload,
    checks_of_servers_with_tls_or_tokens,
    a_download_outlives_its_server_within_tls,
];

pub(crate) const TOKEN: &str = "a-token-0123456789abcdef";

/// Keys of a fleet that clients call by the balancer's address.
pub(crate) struct Keys {
    pub(crate) dir: Scratch,
    pub(crate) authority: Authority,
    server: IssuedFiles,
}

impl Keys {
    pub(crate) fn new() -> Self {
        let dir = Scratch::new("keys");
        let authority = Authority::new("e2e");
        let server = authority.issue(&["127.0.0.1"]).write(dir.path(), "server");
        dir.write("tokens", format!("# for tests\n{TOKEN}\n"));
        let _ = authority.write(dir.path(), "ca");
        Self {
            dir,
            authority,
            server,
        }
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    pub(crate) fn settings(&self) -> String {
        format!(
            "tls_certificate = {:?}\ntls_key = {:?}\n",
            self.server.certificate, self.server.key
        )
    }
}

fn fleet(root: &Path, server_settings: &str, check: &str) -> Fleet {
    let plan = Plan {
        server_settings,
        balancer_settings: &format!("[check]\nkind = {check:?}\n"),
        ..Plan::over(root)
    };
    plan.start()
}

fn run(client: &Client, flags: &[&str], words: &[&str]) -> Ran {
    client.run(&[flags, words].concat())
}

fn archives_and_lists_within_tls(world: &World) {
    let (keys, root) = (Keys::new(), world.few_files());
    let settings = format!(
        "{}token_file = {:?}\n",
        keys.settings(),
        keys.path("tokens")
    );
    let fleet = fleet(&root, &settings, "tcp");
    let client = Client::of(fleet.address());
    let (ca, tokens) = (keys.path("ca.pem"), keys.path("tokens"));
    let right = ["--ca-file", &ca, "--token-file", &tokens];
    let mut archives = Vec::new();
    // Each server in turn.
    for _ in NAMES {
        let ran = run(&client, &right, &["dirlist", "-a"]);
        assert_eq!(ran.stdout, b"apples\npears\n", "{}", ran.stderr);
        let ran = run(&client, &right, &["w24fz", "0", "99999999"]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let entries = archive::unpack(&client.default_archive());
        assert_eq!(entries.len(), 3);
        let noise = archive::of_file(&root.join("pears/noise.bin"));
        assert_eq!(entries[&b"noise.bin"[..]], noise);
        archives.push(fs::read(client.default_archive()).unwrap());
    }
    assert!(archives.iter().all(|archive| *archive == archives[0]));

    let strangers = Authority::new("strangers").write(keys.dir.path(), "strangers");
    let strangers = strangers.display().to_string();
    let other = keys.dir.write("other", "another-0123456789abcdef\n");
    let other = other.display().to_string();
    for (flags, said) in [
        (&[][..], "requires TLS: use --tls"),
        (&["--ca-file", &ca], "requires a token"),
        (
            &["--ca-file", &ca, "--token-file", &other],
            "rejects the token",
        ),
        (
            &["--ca-file", &strangers, "--token-file", &tokens],
            "from an untrusted CA",
        ),
        (
            &["--ca-file", &ca, "--tls-name", "localhost"],
            "is for 127.0.0.1, not for localhost",
        ),
    ] {
        let ran = run(&client, flags, &["dirlist", "-a"]);
        assert_eq!((ran.code, ran.stdout), (Some(3), vec![]), "{}", ran.stderr);
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    }
    let mut old = OldClient::open(fleet.address()).unwrap();
    assert!(old.text("dirlist -a").is_err());
}

fn certificates_of_clients_and_a_reload(world: &World) {
    let (keys, later) = (Keys::new(), Keys::new());
    let settings = format!(
        "{}tls_client_ca = {:?}\n",
        keys.settings(),
        keys.path("ca.pem")
    );
    let mut fleet = fleet(&world.few_files(), &settings, "tcp");
    let own = keys.authority.issue(&["me"]).write(keys.dir.path(), "me");
    let own = [own.certificate, own.key].map(|path| path.display().to_string());
    let certificate = ["--client-certificate", &own[0], "--client-key", &own[1]];
    let client = Client::of(fleet.address());
    let (ca, later_ca) = (keys.path("ca.pem"), later.path("ca.pem"));
    let with = |ca: &str| {
        let flags = [&["--ca-file", ca][..], &certificate].concat();
        run(&client, &flags, &["dirlist", "-a"])
    };
    assert_eq!(with(&ca).code, Some(0), "{}", with(&ca).stderr);
    let ran = run(&client, &["--ca-file", &ca], &["dirlist", "-a"]);
    assert_eq!(ran.code, Some(3));
    assert!(
        ran.stderr.contains("it requires a client certificate"),
        "{}",
        ran.stderr
    );

    fs::rename(&later.server.certificate, &keys.server.certificate).unwrap();
    fs::rename(&later.server.key, &keys.server.key).unwrap();
    for server in &mut fleet.servers {
        server.process.signal(Signal::HUP);
        server.process.logs("credentials reloaded");
    }
    for _ in NAMES {
        assert_eq!(with(&later_ca).code, Some(0), "{}", with(&later_ca).stderr);
        assert_eq!(with(&ca).code, Some(3));
    }
}

fn checks_of_servers_with_tls_or_tokens(world: &World) {
    let (keys, root) = (Keys::new(), world.few_files());
    let tokens = format!("token_file = {:?}\n", keys.path("tokens"));
    // Every fleet waits until all of its servers are up.
    drop(fleet(&root, &keys.settings(), "tcp"));
    drop(fleet(&root, &keys.settings(), "netsocket"));
    let without_tls = fleet(&root, &tokens, "netsocket");
    let client = Client::of(without_tls.address());
    let (ca, tokens) = (keys.path("ca.pem"), keys.path("tokens"));
    let flags = ["--ca-file", &ca, "--token-file", &tokens];
    let ran = run(&client, &flags, &["dirlist", "-a"]);
    assert_eq!(ran.code, Some(3));
    let said = "the connection was closed during the TLS handshake (a server without TLS does this";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    let ran = run(&client, &flags[2..], &["dirlist", "-a"]);
    assert_eq!(ran.stdout, b"apples\npears\n", "{}", ran.stderr);
}

fn a_download_outlives_its_server_within_tls(_: &World) {
    let keys = Keys::new();
    let root = Scratch::new("large");
    let noise = tree::noise(b"large", 24 << 20);
    tree::put(root.path(), b"large", &noise);
    let mut fleet = fleet(root.path(), &keys.settings(), "tcp");
    let link = SlowLink::to(fleet.address(), 9 << 20);
    let client = Client::of(fleet.address());
    let target = client.home().join("large");
    // The link carries one connection; the next address of the list goes past it.
    let servers = format!("{},{}", link.address(), fleet.address());
    let mut command = clean_command(Program::Client.path());
    command
        .env("HOME", client.home())
        .args(["--server", &servers, "--ca-file", &keys.path("ca.pem")])
        .args(["--tls-name", "127.0.0.1", "get", "large", "-o"])
        .arg(&target);
    let mut process = Process::start("netsocket", command, Scratch::new("client"));
    eventually(PATIENCE, "a part of the file", || {
        let mut entries = fs::read_dir(client.home()).ok()?.flatten();
        entries
            .any(|entry| entry.metadata().is_ok_and(|about| about.len() > 4 << 20))
            .then_some(())
    });
    let admin = fleet.balancer.admin;
    let serving = NAMES
        .into_iter()
        .find(|name| admin.count(name, "active") == 1);
    fleet.server(serving.expect("a session")).process.kill();
    link.release();
    assert_eq!(process.wait(PATIENCE).code(), Some(0), "{}", process.log());
    assert!(process.log().contains("resumed at"), "{}", process.log());
    assert!(fs::read(&target).unwrap() == noise);
}
