//! Services beside a real HAProxy and a real nginx: one configuration of each with two listeners, routing by server name, a backup, source
//! addresses and PROXY headers, and the same clients through both: `openssl s_client`, `curl`, and plain TCP.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Mutex};

use e2e::process::{Process, Ran, clean_command};
use e2e::program::Program;
use e2e::scratch::Scratch;
use e2e::{PATIENCE, eventually, http};
use serde_json::Value;

use crate::world::World;

crate::tests![
    #[needs(Peers)]
    two_listeners_and_names_are_served_as_by_haproxy,
    #[needs(Peers)]
    two_listeners_and_names_are_served_as_by_nginx,
    #[needs(Peers)]
    an_agent_is_understood_as_by_haproxy,
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

    /// nginx writes a header for a listener, not for a server: the door has none.
    fn nginx(backends: &Backends) -> Self {
        let (door, plain) = (free(), free());
        let dir = Scratch::new("nginx");
        let module = "/usr/lib/nginx/modules/ngx_stream_module.so";
        let load = if Path::new(module).exists() {
            format!("load_module {module};\n")
        } else {
            String::new()
        };
        let text = format!(
            "{load}daemon off;\nmaster_process off;\npid {}/pid;\nerror_log stderr;\nevents {{ }}\nstream {{\nproxy_half_close on;\nproxy_timeout 5s;\n\
             map $ssl_preread_server_name $pool {{ a.example {}; ~\\.b\\.example$ {}; default {}; }}\n\
             upstream plain {{ server {}; server {} backup; }}\n\
             server {{ listen {door}; ssl_preread on; preread_timeout 3s; proxy_pass $pool; }}\n\
             server {{ listen {plain}; proxy_bind 127.0.0.7; proxy_protocol on; proxy_pass plain; }}\n}}\n",
            dir.path().display(),
            backends.a,
            backends.b,
            backends.second,
            backends.plain,
            backends.second,
        );
        let config = dir.write("nginx.conf", text);
        let mut command = clean_command("nginx");
        command.args(["-e", "stderr", "-c"]).arg(config);
        let process = Process::start("nginx", command, dir);
        Self::ready(door, plain, process)
    }

    fn ours_as_nginx(backends: &Backends) -> Self {
        let (door, plain) = (free(), free());
        let text = format!(
            "admin = '127.0.0.1:0'\nidle_timeout = '5s'\n\
             [[pools]]\nname = 'a'\nbackends = ['a={}']\n\
             [[pools]]\nname = 'b'\nbackends = ['b={}']\n\
             [[pools]]\nname = 'others'\nbackends = ['others={}']\n\
             [[pools]]\nname = 'plain'\nproxy_send = 'v1'\n\
             [[pools.backends]]\nname = 'first'\naddress = '{}'\nsource = '127.0.0.7'\n\
             [[pools.backends]]\nname = 'spare'\naddress = '{}'\nbackup = true\n\
             [[services]]\nname = 'door'\nlisten = '{door}'\npool = 'others'\nroute_timeout = '3s'\n\
             routes = [\n{{ server_name = 'a.example', pool = 'a' }},\n{{ server_name = '*.b.example', pool = 'b' }},\n]\n\
             [[services]]\nname = 'plain'\nlisten = '{plain}'\npool = 'plain'\n",
            backends.a, backends.b, backends.second, backends.plain, backends.second,
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

fn two_listeners_and_names_are_served_as_by_nginx(_: &World) {
    let ((_a, a), (_b, b)) = (tls_server("server-a"), tls_server("server-b"));
    let backends = Backends {
        a,
        b,
        plain: teller(),
        second: teller(),
    };
    let sites = [Site::nginx(&backends), Site::ours_as_nginx(&backends)];
    let told = sites.each_ref().map(|site| {
        let words = |said: String| said.split(' ').take(4).collect::<Vec<_>>().join(" ");
        [
            subject(site.door, "a.example", &[]),
            subject(site.door, "x.b.example", &["-tls1_2"]),
            subject(site.door, "c.example", &[]),
            words(exchange(site.plain, b"hello")),
            words(exchange(site.door, b"hello")),
        ]
    });
    let expected = [
        "subject=CN=server-a",
        "subject=CN=server-b",
        "",
        "127.0.0.7 PROXY TCP4 127.0.0.1",
        "127.0.0.1 hello",
    ];
    assert_eq!(told[0], expected, "nginx");
    assert_eq!(told[1], expected, "the balancer");
}

/// What an agent has made of a server: one of four words, and its weight in percent while it is up.
type Standing = (&'static str, u32);

/// As HAProxy shows it.
fn standing_at_haproxy(socket: &Path) -> Option<Standing> {
    let mut stream = UnixStream::connect(socket).ok()?;
    stream.write_all(b"show stat\n").ok()?;
    let mut csv = String::new();
    stream.read_to_string(&mut csv).ok()?;
    let mut lines = csv.lines();
    let columns: Vec<&str> = lines.next()?.trim_start_matches("# ").split(',').collect();
    let row: Vec<&str> = lines
        .find(|line| line.starts_with("pool,a,"))?
        .split(',')
        .collect();
    let field = |name| {
        row.get(columns.iter().position(|column| *column == name)?)
            .copied()
    };
    let status = field("status")?;
    let words = [
        ("UP", "up"),
        ("DRAIN", "drain"),
        ("MAINT", "maint"),
        ("DOWN", "down"),
    ];
    let (_, word) = words
        .into_iter()
        .find(|(start, _)| status.starts_with(start))?;
    let weight = field("weight")?.parse().ok()?;
    Some((word, if word == "up" { weight } else { 0 }))
}

/// As the balancer shows it.
fn standing_here(admin: SocketAddr) -> Option<Standing> {
    let answer = http::get(admin, "/api/v1/backends/a").ok()?;
    let backend: Value = serde_json::from_str(&answer.body).ok()?;
    let words = [
        ("up", "up"),
        ("draining", "drain"),
        ("maintenance", "maint"),
        ("down", "down"),
    ];
    let state = backend["state"].as_str()?;
    let (_, word) = words.into_iter().find(|(known, _)| *known == state)?;
    let share = backend["weight_share"].as_f64()? * 100.0;
    let percent = format!("{share:.0}").parse().ok()?;
    Some((word, if word == "up" { percent } else { 0 }))
}

fn an_agent_is_understood_as_by_haproxy(_: &World) {
    let server = teller();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let agent = listener.local_addr().unwrap();
    let line = Arc::new(Mutex::new("ready 100%\n"));
    let said = Arc::clone(&line);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let line: &str = &said.lock().unwrap();
            let _ = stream.write_all(line.as_bytes());
        }
    });
    let (port, admin, dir) = (agent.port(), free(), Scratch::new("haproxy"));
    let socket = dir.path().join("stats");
    let text = format!(
        "global\n stats socket {} level admin\n\
         defaults\n mode tcp\n timeout connect 2s\n timeout client 20s\n timeout server 20s\n\
         frontend door\n bind {}\n default_backend pool\n\
         backend pool\n server a {server} weight 100 check inter 200ms agent-check agent-port {port} agent-inter 100ms\n \
         server b {server} weight 100\n",
        socket.display(),
        free()
    );
    let config = dir.write("haproxy.cfg", text);
    let mut command = clean_command("haproxy");
    command.arg("-db").arg("-f").arg(config);
    let _haproxy = Process::start("haproxy", command, dir);
    let text = format!(
        "admin = '{admin}'\nlisten = '{}'\ncheck_interval = '200ms'\nagent_interval = '100ms'\n\
         [[backends]]\nname = 'a'\naddress = '{server}'\nweight = 100\nagent_port = {port}\n\
         [[backends]]\nname = 'b'\naddress = '{server}'\nweight = 100\n",
        free()
    );
    let dir = Scratch::new("balancer");
    let config = dir.write("balancer.toml", text);
    let mut command = clean_command(Program::Balancer.path());
    command.arg("--config").arg(config);
    let _balancer = Process::start("balancer", command, dir);
    for (said, expected) in [
        ("ready up 100%\n", ("up", 100)),
        ("50%\n", ("up", 50)),
        ("drain\n", ("drain", 0)),
        ("ready 70%\n", ("up", 70)),
        ("down #disk full\n", ("down", 0)),
        ("ready\n", ("down", 0)),
        ("up\n", ("up", 70)),
        ("maint, 20%\n", ("maint", 0)),
        ("ready\n", ("up", 20)),
        ("fail\n", ("down", 0)),
        ("up\n", ("up", 20)),
        ("stopped # by hand\n", ("down", 0)),
    ] {
        *line.lock().unwrap() = said;
        eventually(PATIENCE, said, || {
            (standing_at_haproxy(&socket) == Some(expected)).then_some(())
        });
        eventually(PATIENCE, said, || {
            (standing_here(admin) == Some(expected)).then_some(())
        });
    }
}
