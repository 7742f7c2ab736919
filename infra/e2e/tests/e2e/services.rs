//! Services beside a real HAProxy: one configuration of each with two listeners, routing by server name, a backup, source
//! addresses and PROXY headers, and the same clients through both: `openssl s_client`, `curl`, and plain TCP.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};

use e2e::process::{Process, Ran, clean_command};
use e2e::program::Program;
use e2e::scratch::Scratch;
use e2e::{PATIENCE, eventually};

use crate::world::World;

crate::tests![
    #[needs(Peers)]
    two_listeners_and_names_are_served_as_by_haproxy,
];

/// `openssl s_server` with a certificate for `name`, which answers HTTP.
fn tls_server(name: &str) -> (Process, SocketAddr) {
    let dir = Scratch::new("s_server");
    let (key, cert) = (dir.path().join("key"), dir.path().join("cert"));
    let mut command = clean_command("openssl");
    command.args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]);
    command.args(["-subj", &format!("/CN={name}")]);
    command.arg("-keyout").arg(&key).arg("-out").arg(&cert);
    assert!(Ran::of(command, PATIENCE).code == Some(0));
    let address = free();
    let mut command = clean_command("openssl");
    command.args([
        "s_server",
        "-www",
        "-quiet",
        "-accept",
        &address.to_string(),
    ]);
    command.arg("-key").arg(&key).arg("-cert").arg(&cert);
    let server = Process::start("s_server", command, dir);
    eventually(PATIENCE, "the TLS server", || {
        TcpStream::connect(address).ok()
    });
    (server, address)
}

/// A port that was free a moment ago.
fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// Answers each session with where it came from and what it said first. Checks say nothing.
fn teller() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            std::thread::spawn(move || {
                let from = stream.peer_addr().map(|from| from.ip().to_string());
                let mut all = Vec::new();
                let _ = stream.read_to_end(&mut all);
                let said = format!("{} {}", from.unwrap_or_default(), all.escape_ascii());
                let _ = stream.write_all(said.as_bytes());
            });
        }
    });
    address
}

/// Where the backends are.
struct Backends {
    a: SocketAddr,
    b: SocketAddr,
    plain: SocketAddr,
    second: SocketAddr,
}

/// Where a proxy listens.
struct Site {
    door: SocketAddr,
    plain: SocketAddr,
    _process: Process,
}

impl Site {
    fn haproxy(backends: &Backends) -> Self {
        let (door, plain) = (free(), free());
        let text = format!(
            "defaults\n mode tcp\n timeout connect 2s\n timeout client 20s\n timeout server 20s\n\
             frontend door\n bind {door}\n tcp-request inspect-delay 3s\n\
             tcp-request content accept if {{ req.ssl_hello_type 1 }}\n\
             use_backend a if {{ req.ssl_sni -i a.example }}\n\
             use_backend b if {{ req.ssl_sni -i -m end .b.example }}\n default_backend plain\n\
             frontend plain\n bind {plain}\n default_backend plain\n\
             backend a\n server a {}\n\
             backend b\n server b {}\n\
             backend plain\n server first {} send-proxy source 127.0.0.7\n server spare {} backup\n",
            backends.a, backends.b, backends.plain, backends.second,
        );
        let dir = Scratch::new("haproxy");
        let config = dir.write("haproxy.cfg", text);
        let mut command = clean_command("haproxy");
        command.arg("-db").arg("-f").arg(config);
        let process = Process::start("haproxy", command, dir);
        Self::ready(door, plain, process)
    }

    fn ours(backends: &Backends) -> Self {
        let (door, plain) = (free(), free());
        let text = format!(
            "admin = '127.0.0.1:0'\nconnect_timeout = '2s'\nidle_timeout = '20s'\n\
             [[pools]]\nname = 'a'\nbackends = ['a={}']\n\
             [[pools]]\nname = 'b'\nbackends = ['b={}']\n\
             [[pools]]\nname = 'plain'\n\
             [[pools.backends]]\nname = 'first'\naddress = '{}'\nproxy_send = 'v1'\nsource = '127.0.0.7'\n\
             [[pools.backends]]\nname = 'spare'\naddress = '{}'\nbackup = true\n\
             [[services]]\nname = 'door'\nlisten = '{door}'\npool = 'plain'\nroute_timeout = '3s'\n\
             routes = [\n{{ server_name = 'a.example', pool = 'a' }},\n{{ server_name = '*.b.example', pool = 'b' }},\n]\n\
             [[services]]\nname = 'plain'\nlisten = '{plain}'\npool = 'plain'\n",
            backends.a, backends.b, backends.plain, backends.second,
        );
        let dir = Scratch::new("balancer");
        let config = dir.write("balancer.toml", text);
        let mut command = clean_command(Program::Balancer.path());
        command.arg("--config").arg(config);
        let process = Process::start("balancer", command, dir);
        Self::ready(door, plain, process)
    }

    fn ready(door: SocketAddr, plain: SocketAddr, mut process: Process) -> Self {
        eventually(PATIENCE, "a session", || {
            assert!(!process.has_ended(), "{}", process.log());
            (!exchange(plain, b"x").is_empty()).then_some(())
        });
        Self {
            door,
            plain,
            _process: process,
        }
    }
}

/// Everything that comes back; nothing where the connection fails.
fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let Ok(mut stream) = TcpStream::connect(address) else {
        return String::new();
    };
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut said = String::new();
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let _ = stream.read_to_string(&mut said);
    said
}

/// The subject of the certificate that a client who asks for `name` gets.
fn subject(address: SocketAddr, name: &str, more: &[&str]) -> String {
    let mut command = clean_command("openssl");
    command.args([
        "s_client",
        "-connect",
        &address.to_string(),
        "-servername",
        name,
    ]);
    command.args(more);
    let output = Ran::of(command, PATIENCE);
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find(|line| line.starts_with("subject="));
    line.unwrap_or_default().replace(' ', "")
}

fn two_listeners_and_names_are_served_as_by_haproxy(_: &World) {
    let ((_a, a), (_b, b)) = (tls_server("server-a"), tls_server("server-b"));
    let backends = Backends {
        a,
        b,
        plain: teller(),
        second: teller(),
    };
    let sites = [Site::haproxy(&backends), Site::ours(&backends)];
    let alpn = vec!["x".repeat(200); 8].join(",");
    let long = ["-alpn", alpn.as_str()];
    let told = sites.each_ref().map(|site| {
        let mut told = vec![
            subject(site.door, "a.example", &[]),
            subject(site.door, "A.Example", &["-tls1_2"]),
            subject(site.door, "x.b.example", &[]),
            // Larger than a segment.
            subject(site.door, "a.example", &long),
            subject(site.door, "c.example", &[]),
        ];
        // The header has the address of the client, whose port differs.
        for address in [site.plain, site.door] {
            let said = exchange(address, b"hello");
            told.push(said.split(' ').take(4).collect::<Vec<_>>().join(" "));
            assert!(said.ends_with("hello"), "{said}");
        }
        let mut command = clean_command("curl");
        let url = format!("https://x.b.example:{}/", site.door.port());
        let to = format!("x.b.example:{}:127.0.0.1", site.door.port());
        command.args([
            "--silent",
            "--insecure",
            "--noproxy",
            "*",
            "--resolve",
            &to,
            &url,
        ]);
        let output = Ran::of(command, PATIENCE);
        told.push(
            String::from_utf8_lossy(&output.stdout)
                .contains("HTML")
                .to_string(),
        );
        told
    });
    let expected = [
        "subject=CN=server-a",
        "subject=CN=server-a",
        "subject=CN=server-b",
        "subject=CN=server-a",
        "",
        "127.0.0.7 PROXY TCP4 127.0.0.1",
        "127.0.0.7 PROXY TCP4 127.0.0.1",
        "true",
    ];
    assert_eq!(told[0], expected, "HAProxy");
    assert_eq!(told[1], expected, "the balancer");
}
