//! TLS to backends: nginx and HAProxy at the other end, clients in the clear and within TLS.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;

use e2e::fleet::Balancer;
use e2e::process::{Process, Ran, clean_command};
use e2e::scratch::Scratch;
use e2e::{PATIENCE, eventually, loopback, tree};
use netsocket_credentials::authority::Authority;

use crate::terminated_tls::{Keys, curl, http_backend};
use crate::world::World;

crate::tests![
    #[needs(Peers)]
    http2_goes_to_nginx_within_tls_of_its_own,
    #[needs(Peers)]
    haproxy_behind_us_learns_the_client_and_judges_our_certificate,
    #[needs(Peers)]
    a_backend_with_a_wrong_certificate_serves_nobody,
];

const SIZE: usize = 30 << 20;

/// A port that was free a moment ago.
pub(crate) fn free() -> SocketAddr {
    let listener = TcpListener::bind((loopback::own_address(), 0)).unwrap();
    listener.local_addr().unwrap()
}

/// nginx, which serves a file within TLS and HTTP/2.
fn nginx(keys: &Keys, file: &str) -> (Process, SocketAddr) {
    let address = free();
    let dir = Scratch::new("nginx");
    tree::put(dir.path(), b"noise", &tree::noise(b"nginx", SIZE));
    let key = |kind| keys.path(&format!("{file}.{kind}"));
    let text = format!(
        "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr error;\nevents {{ }}\nhttp {{\n access_log off;\n\
         server {{\n listen {address} ssl http2;\n ssl_certificate {:?};\n ssl_certificate_key {:?};\n root {:?};\n }}\n}}\n",
        key("pem"),
        key("key"),
        dir.path(),
    );
    let config = dir.write("nginx.conf", text);
    let mut command = clean_command("nginx");
    command.args(["-e", "stderr", "-p"]).arg(dir.path());
    command.arg("-c").arg(config);
    let process = Process::start("nginx", command, dir);
    await_listening(address);
    (process, address)
}

pub(crate) fn await_listening(address: SocketAddr) {
    eventually(PATIENCE, "a listening server", || {
        TcpStream::connect(address).ok()
    });
}

fn up(balancer: &Balancer, count: usize) {
    eventually(PATIENCE, "backends that are up", || {
        (balancer.admin.up() == count).then_some(())
    });
}

fn quoted(path: &Path) -> String {
    format!("{path:?}")
}

/// The settings of TLS to clients.
fn to_clients(keys: &Keys, more: &str) -> String {
    let file = |kind| quoted(&keys.path(&format!("0.{kind}")));
    let (certificate, key) = (file("pem"), file("key"));
    format!("[tls]\ncertificates = {{ certificate = {certificate}, key = {key} }}\n{more}\n")
}

fn http2_goes_to_nginx_within_tls_of_its_own(_: &World) {
    let keys = Keys::new();
    keys.issue("web", "web.test");
    let (_nginx, address) = nginx(&keys, "web");
    let settings = format!(
        "{}[backend_tls]\nauthorities = {}\nserver_name = 'web.test'\n\
         [check]\nkind = 'http'\npath = '/noise'\n",
        to_clients(&keys, "alpn = ['h2', 'http/1.1']"),
        quoted(&keys.path("ca.pem")),
    );
    let balancer = Balancer::start(&settings, &[("web", address)], None);
    up(&balancer, 1);
    for (flag, version) in [("--http2", "2"), ("--http1.1", "1.1")] {
        let mut command = curl(&keys, balancer.address, "a.test", "/noise");
        let target = keys.path("got");
        command.args([flag, "--write-out", "%{http_version}", "--output"]);
        command.arg(&target);
        let ran = Ran::of(command, PATIENCE);
        let said = String::from_utf8_lossy(&ran.stdout).into_owned();
        assert_eq!(said, version, "{}", ran.stderr);
        let got = std::fs::read(&target).unwrap();
        assert!(got == tree::noise(b"nginx", SIZE));
    }
    let ended = balancer.ended_sessions(2);
    // With HTTP/2 nginx says good-bye to a client that has closed already.
    let codes: Vec<_> = ended.iter().map(|it| it["termination"].as_str()).collect();
    assert!(["--", "CD"].map(Some).contains(&codes[0]), "{ended:#?}");
    assert_eq!(codes[1], Some("--"), "{ended:#?}");
}

fn haproxy_behind_us_learns_the_client_and_judges_our_certificate(_: &World) {
    let keys = Keys::new();
    keys.issue("web", "web.test");
    keys.issue("me", "balancer.test");
    let both = ["web.pem", "web.key"].map(|it| std::fs::read_to_string(keys.path(it)).unwrap());
    let both = keys.dir.write("web.both", both.concat());
    let (address, behind) = (free(), http_backend());
    let text = format!(
        "defaults\n mode http\n timeout connect 2s\n timeout client 20s\n timeout server 20s\n\
         frontend f\n bind {address} accept-proxy ssl crt {} ca-file {} verify required\n\
         http-response set-header x-client %[src]\n http-response set-header x-balancer %[ssl_c_s_dn,hex]\n\
         default_backend b\nbackend b\n server s {behind}\n",
        both.display(),
        keys.path("ca.pem").display(),
    );
    let dir = Scratch::new("haproxy");
    let config = dir.write("haproxy.cfg", text);
    let mut command = clean_command("haproxy");
    command.arg("-db").arg("-f").arg(config);
    let _haproxy = Process::start("haproxy", command, dir);
    await_listening(address);
    let tls = |own: &str| {
        format!(
            "proxy_send = 'v2'\ncheck_interval = '200ms'\n[backend_tls]\nauthorities = {}\nserver_name = 'web.test'\n{own}\n",
            quoted(&keys.path("ca.pem")),
        )
    };
    let own = format!(
        "certificate = {}\nkey = {}",
        quoted(&keys.path("me.pem")),
        quoted(&keys.path("me.key"))
    );
    let balancer = Balancer::start(&tls(&own), &[("web", address)], None);
    up(&balancer, 1);
    let mut command = clean_command("curl");
    let url = format!("http://{}/7", balancer.address);
    command.args(["--silent", "--noproxy", "*", "--dump-header", "-", &url]);
    let ran = Ran::of(command, PATIENCE);
    let said = String::from_utf8_lossy(&ran.stdout).to_lowercase();
    assert!(said.contains("x-client: 127.0.0.1"), "{said}");
    assert!(said.starts_with("http/1.1 200"), "{said}");
    // Without our certificate the first byte of an answer never comes: with TLS 1.3 the handshake itself goes through.
    let without = Balancer::start(&tls(""), &[("web", address)], None);
    let url = format!("http://{}/7", without.address);
    let mut command = clean_command("curl");
    command.args(["--silent", "--noproxy", "*", &url]);
    let ran = Ran::of(command, PATIENCE);
    assert_ne!(ran.code, Some(0));
}

fn a_backend_with_a_wrong_certificate_serves_nobody(_: &World) {
    let keys = Keys::new();
    keys.issue("web", "web.test");
    let strangers = Authority::new("strangers");
    let _ = strangers
        .issue(&["web.test"])
        .write(keys.dir.path(), "stranger");
    let (_good, good) = nginx(&keys, "web");
    let (_bad, bad) = nginx(&keys, "stranger");
    let plain = http_backend();
    let settings = |checks: &str| {
        format!(
            "check_interval = '200ms'\nejection_connects = 0\n[backend_tls]\nauthorities = {}\nserver_name = 'web.test'\n{checks}\n",
            quoted(&keys.path("ca.pem")),
        )
    };
    // Checks that do not notice: sessions try the next backend.
    let backends = [("bad", bad), ("plain", plain), ("good", good)];
    let mut balancer = Balancer::start(&settings("checks = false"), &backends, None);
    up(&balancer, 3);
    for _ in 0..6 {
        let mut command = clean_command("curl");
        let url = format!("http://{}/noise", balancer.address);
        command.args(["--silent", "--noproxy", "*", "--output", "/dev/null", &url]);
        assert_eq!(Ran::of(command, PATIENCE).code, Some(0));
    }
    let ended = balancer.ended_sessions(6);
    // nginx does not say its end to a client that has.
    assert!(
        ended.iter().all(|it| it["termination"] == "--"),
        "{ended:#?}"
    );
    assert!(ended.iter().all(|it| it["backend"] == "good"), "{ended:#?}");
    balancer.process.logs("TLS handshake with a backend failed");
    // Checks that do.
    let balancer = Balancer::start(&settings(""), &backends, None);
    eventually(PATIENCE, "two that are down", || {
        let down = |name| balancer.admin.backend(name)["state"] == "down";
        (down("bad") && down("plain")).then_some(())
    });
    up(&balancer, 1);
    let reason = balancer.admin.backend("bad")["reason"].to_string();
    assert!(reason.contains("TLS handshake failed"), "{reason}");
}
