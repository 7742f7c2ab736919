//! The admin address within TLS, and its clients: `ctl`, `health`, curl.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;

use e2e::access_log;
use e2e::process::{Process, Ran, clean_command};
use e2e::program::Program;
use e2e::scratch::Scratch;
use e2e::{PATIENCE, loopback};
use rustix::process::Signal;

use crate::terminated_tls::{Keys, curl, http_backend};
use crate::world::World;

crate::tests![
    #[needs(Followed)]
    everything_at_the_admin_address_is_within_tls,
];

struct Site {
    process: Process,
    admin: SocketAddr,
    config: PathBuf,
}

fn start(keys: &Keys) -> Site {
    let dir = Scratch::new("balancer");
    let file = |kind| keys.path(&format!("0.{kind}"));
    let text = format!(
        "listen = '127.0.0.1:0'\nadmin = '127.0.0.1:0'\nbackends = ['web={}']\n\
         [admin_tls]\ncertificates = {{ certificate = {:?}, key = {:?} }}\nhandshake_timeout = '1s'\n",
        http_backend(),
        file("pem"),
        file("key"),
    );
    let config = dir.write("balancer.toml", text);
    let mut command = clean_command(Program::Balancer.path());
    command
        .env(access_log::JSON_FORMAT.0, access_log::JSON_FORMAT.1)
        .arg("--config")
        .arg(&config);
    let mut process = Process::start("balancer", command, dir);
    let admin = process.listening("admin");
    Site {
        process,
        admin,
        config,
    }
}

fn command(site: &Site, words: &[&str]) -> Ran {
    let mut command = clean_command(Program::Balancer.path());
    command
        .args(["--admin", &site.admin.to_string()])
        .args(words);
    Ran::of(command, PATIENCE)
}

fn everything_at_the_admin_address_is_within_tls(_: &World) {
    let keys = Keys::new();
    let mut site = start(&keys);
    // Stalled clients keep nobody waiting, and are let go.
    let connect = || loopback::with_patience(TcpStream::connect(site.admin).unwrap()).unwrap();
    let mut silent = connect();
    let mut stalled = connect();
    stalled.write_all(b"\x16\x03\x01").unwrap();
    let healthy = |site: &Site| {
        let ran = Ran::of(curl(&keys, site.admin, "a.test", "/healthz"), PATIENCE);
        assert_eq!(ran.stdout, b"ok\n", "{}", ran.stderr);
    };
    healthy(&site);
    let mut plain = connect();
    plain.write_all(b"GET /healthz HTTP/1.0\r\n\r\n").unwrap();
    let mut said = Vec::new();
    let _ = plain.read_to_end(&mut said);
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(said.starts_with("HTTP/1.1 400 "), "{said}");
    assert!(said.ends_with("use https://\n"), "{said}");
    for client in [&mut silent, &mut stalled] {
        let mut said = Vec::new();
        let _ = client.read_to_end(&mut said);
        assert!(said.is_empty() || said[0] == 21, "{said:?}");
    }

    let config = site.config.display().to_string();
    for words in [
        &["--config", &config, "health"][..],
        &["--config", &config, "ctl", "status"],
        &["--config", &config, "ctl", "drain", "web"],
    ] {
        let ran = command(&site, words);
        assert_eq!(ran.code, Some(0), "{words:?}: {}", ran.stderr);
    }
    let ca = keys.path("ca.pem").display().to_string();
    let words = ["ctl", "--ca-file", &ca, "--tls-name", "a.test", "backends"];
    let ran = command(&site, &words);
    let text = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(text.contains("web"), "{}", ran.stderr);
    // The wrong name, nobody to trust, and no TLS at all.
    for (words, told) in [
        (&["ctl", "--ca-file", &ca, "status"][..], "--tls-name"),
        (&["ctl", "status"], "speaks TLS: give `--ca-file FILE`"),
        (&["health"], "speaks TLS: give `--config FILE`"),
    ] {
        let ran = command(&site, words);
        assert_eq!(ran.code, Some(3), "{words:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(told), "{}", ran.stderr);
    }

    // Another certificate: `ctl` that reads it before the balancer does takes the balancer for somebody else.
    keys.issue("0", "a.test");
    let ran = command(&site, &["--config", &config, "ctl", "status"]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert!(ran.stderr.contains("by SIGHUP"), "{}", ran.stderr);
    site.process.signal(Signal::HUP);
    site.process.logs("settings reloaded");
    assert!(site.process.log().contains("\"changed\":\"admin_tls\""));
    let ran = command(&site, &["--config", &config, "ctl", "status"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    healthy(&site);
}
