//! TLS that ends at the balancer, with real clients: curl, `openssl s_client`, and rustls where a client has to be exact.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;

use e2e::fleet::Balancer;
use e2e::process::{Ran, clean_command};
use e2e::raw_backend::RawBackend;
use e2e::scratch::Scratch;
use e2e::{PATIENCE, eventually, loopback, tree};
use netsocket_credentials::authority::Authority;
use netsocket_credentials::{authorities, certificates, client_config, key};
use rustix::process::Signal;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::world::World;

crate::tests![
    #[needs(Followed)]
    names_choose_certificates_and_protocols_are_agreed_on,
    #[needs(Followed)]
    large_bodies_arrive_whole_both_ways,
    ends_of_directions_are_said_and_resets_are_none,
    #[needs(Followed)]
    keys_are_renewed_and_sessions_resumed,
    certificates_of_clients_are_judged,
    bad_handshakes_cost_nobody_else_anything,
    a_new_certificate_serves_new_clients_under_load,
];

const NAMES: [&str; 3] = ["a.test", "*.b.test", "c.test"];

/// An authority, and a certificate for each of [`NAMES`], in files.
pub(crate) struct Keys {
    pub(crate) dir: Scratch,
    pub(crate) authority: Authority,
}

impl Keys {
    pub(crate) fn new() -> Self {
        let dir = Scratch::new("keys");
        let authority = Authority::new("e2e");
        let _ = authority.write(dir.path(), "ca");
        let keys = Self { dir, authority };
        for (number, name) in NAMES.iter().enumerate() {
            keys.issue(&number.to_string(), name);
        }
        keys
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    /// Makes a certificate for `name`, in `FILE.pem` and `FILE.key`.
    pub(crate) fn issue(&self, file: &str, name: &str) {
        let _ = self.authority.issue(&[name]).write(self.dir.path(), file);
    }

    /// The settings of TLS; `more` are further keys.
    fn settings(&self, more: &str) -> String {
        let files = (0..NAMES.len()).map(|number| {
            let file = |kind| self.path(&format!("{number}.{kind}"));
            format!(
                "{{ certificate = {:?}, key = {:?} }}",
                file("pem"),
                file("key")
            )
        });
        let files = files.collect::<Vec<_>>().join(", ");
        format!("[tls]\ncertificates = [{files}]\n{more}\n")
    }

    pub(crate) fn trusting(&self) -> ClientConfig {
        let roots = authorities(&self.path("ca.pem")).unwrap();
        let config = client_config().unwrap().with_root_certificates(roots);
        config.with_no_client_auth()
    }
}

/// A balancer whose only backend is up.
pub(crate) fn balancer(settings: &str, backend: SocketAddr) -> Balancer {
    let balancer = Balancer::start(settings, &[("one", backend)], None);
    eventually(PATIENCE, "a backend that is up", || {
        (balancer.admin.up() == 1).then_some(())
    });
    balancer
}

/// A rustls client that asks for `name`.
pub(crate) type TlsClient = StreamOwned<ClientConnection, TcpStream>;

pub(crate) fn client(
    address: SocketAddr,
    name: &str,
    config: ClientConfig,
) -> io::Result<TlsClient> {
    let stream = loopback::with_patience(TcpStream::connect(address)?)?;
    let name = name.to_owned().try_into().unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut client = StreamOwned::new(connection, stream);
    client.conn.complete_io(&mut client.sock)?;
    Ok(client)
}

/// Serves HTTP, a request a connection: `GET /COUNT` is answered by as many bytes of noise, anything else by the digest of
/// its body. Health checks say nothing.
pub(crate) fn http_backend() -> SocketAddr {
    let listener = TcpListener::bind((loopback::own_address(), 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                // The client may have gone.
                let _ = answer(&stream);
            });
        }
    });
    address
}

fn answer(mut stream: &TcpStream) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(1 << 16, stream);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let (mut length, mut line) = (0, String::new());
    while reader.read_line(&mut line)? > 2 {
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
        line.clear();
    }
    let wanted = first.strip_prefix("GET /").and_then(|rest| {
        let number = rest.split(' ').next()?;
        number.parse::<usize>().ok()
    });
    let body = match wanted {
        Some(count) => tree::noise(b"body", count),
        None => {
            let mut hasher = blake3::Hasher::new();
            io::copy(&mut reader.take(length), &mut hasher)?;
            hasher.finalize().to_hex().as_bytes().to_vec()
        }
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(&body)
}

/// Sends back what comes, then its end.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind((loopback::own_address(), 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let _ = io::copy(&mut &stream, &mut &stream);
                let _ = stream.shutdown(Shutdown::Write);
            });
        }
    });
    address
}

/// curl, which believes the authority and finds `name` at the address.
pub(crate) fn curl(keys: &Keys, address: SocketAddr, name: &str, path: &str) -> Command {
    let mut command = clean_command("curl");
    let to = format!("{name}:{}:{}", address.port(), address.ip());
    let url = format!("https://{name}:{}{path}", address.port());
    command.args([
        "--silent",
        "--show-error",
        "--noproxy",
        "*",
        "--resolve",
        &to,
    ]);
    command.arg("--cacert").arg(keys.path("ca.pem")).arg(url);
    command
}

/// What `openssl s_client` says of a connection.
fn s_client(keys: &Keys, address: SocketAddr, more: &[&str]) -> String {
    let mut command = clean_command("openssl");
    command.args(["s_client", "-verify_return_error", "-connect"]);
    command.arg(address.to_string());
    command.arg("-CAfile").arg(keys.path("ca.pem")).args(more);
    let ran = Ran::of(command, PATIENCE);
    format!("{}{}", String::from_utf8_lossy(&ran.stdout), ran.stderr)
}

fn names_choose_certificates_and_protocols_are_agreed_on(_: &World) {
    let keys = Keys::new();
    let backend = http_backend();
    let settings = keys.settings("alpn = ['h2', 'http/1.1']");
    let balancer = balancer(&settings, backend);
    for (name, verified) in [
        ("a.test", "a.test"),
        ("C.Test", "c.test"),
        ("x.b.test", "x.b.test"),
        // The first of them.
        ("unknown.test", "a.test"),
    ] {
        for version in ["-tls1_3", "-tls1_2"] {
            let words = ["-servername", name, "-verify_hostname", verified, version];
            let said = s_client(&keys, balancer.address, &words);
            assert!(
                said.contains("Verification: OK"),
                "{name} {version}\n{said}"
            );
        }
    }
    let said = s_client(&keys, balancer.address, &["-noservername"]);
    assert!(said.contains("Verification: OK"), "{said}");
    for (offered, agreed) in [
        ("http/1.1,h2", "ALPN protocol: h2"),
        ("http/1.1", "ALPN protocol: http/1.1"),
    ] {
        let words = ["-alpn", offered, "-servername", "a.test"];
        let said = s_client(&keys, balancer.address, &words);
        assert!(said.contains(agreed), "{said}");
    }
    let said = s_client(&keys, balancer.address, &["-alpn", "other"]);
    assert!(said.contains("no application protocol"), "{said}");
    // curl takes only a certificate for the name that it asks for.
    let mut command = curl(&keys, balancer.address, "y.b.test", "/5");
    command.arg("--http1.1");
    let ran = Ran::of(command, PATIENCE);
    assert_eq!(ran.stdout, tree::noise(b"body", 5), "{}", ran.stderr);
    let ran = Ran::of(curl(&keys, balancer.address, "d.test", "/5"), PATIENCE);
    assert_ne!(ran.code, Some(0));
    let mut command = curl(&keys, balancer.address, "a.test", "/0");
    command.args(["--http2", "--verbose"]);
    let ran = Ran::of(command, PATIENCE);
    assert!(ran.stderr.contains("server accepted h2"), "{}", ran.stderr);
}

fn large_bodies_arrive_whole_both_ways(_: &World) {
    const SIZE: usize = 100 << 20;
    let keys = Keys::new();
    let settings = keys.settings("");
    let balancer = balancer(&settings, http_backend());
    let noise = tree::noise(b"body", SIZE);
    let file = keys.dir.write("large", &noise);
    for version in ["1.3", "1.2"] {
        let path = format!("/{SIZE}");
        let mut command = curl(&keys, balancer.address, "a.test", &path);
        command.args(["--tls-max", version]);
        let ran = Ran::of(command, PATIENCE);
        assert!(ran.stdout == noise, "{version}: {}", ran.stderr);
        let mut command = curl(&keys, balancer.address, "a.test", "/put");
        command.args(["--tls-max", version, "--header", "Expect:"]);
        command.arg("--upload-file").arg(&file);
        let ran = Ran::of(command, PATIENCE);
        let digest = blake3::hash(&noise).to_hex();
        let said = String::from_utf8_lossy(&ran.stdout);
        assert_eq!(said, digest.as_str(), "{version}: {}", ran.stderr);
    }
    let ended = balancer.ended_sessions(4);
    assert!(
        ended.iter().all(|it| it["termination"] == "--"),
        "{ended:#?}"
    );
    // As the backend sees them: no records of TLS.
    let head = |name: &str| ended[0][name].as_u64().unwrap();
    let down = head("bytes_down") - SIZE as u64;
    assert!(down < 200 && head("bytes_up") < 400, "{}", ended[0]);
}

fn ends_of_directions_are_said_and_resets_are_none(_: &World) {
    let keys = Keys::new();
    let backend = RawBackend::listen();
    let settings = keys.settings("");
    let balancer = balancer(&settings, backend.address());
    let open = || {
        let mut client = client(balancer.address, "a.test", keys.trusting()).unwrap();
        client.write_all(b"x").unwrap();
        client.flush().unwrap();
        let (server, first) = backend.session();
        assert_eq!(first, b'x');
        (client, server)
    };
    let mut rest = Vec::new();

    // The client ends first, and still gets its answer.
    let (mut one, mut server) = open();
    one.conn.send_close_notify();
    one.conn.complete_io(&mut one.sock).unwrap();
    assert_eq!(server.read_to_end(&mut rest).unwrap(), 0, "its end");
    server.write_all(b"late answer").unwrap();
    drop(server);
    one.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"late answer");

    // The backend ends first, and still gets more.
    let (mut one, mut server) = open();
    server.shutdown(Shutdown::Write).unwrap();
    rest.clear();
    assert_eq!(
        one.read_to_end(&mut rest).unwrap(),
        0,
        "said by close_notify"
    );
    one.write_all(b"more").unwrap();
    one.conn.send_close_notify();
    one.flush().unwrap();
    server.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"more");

    // A backend that resets does not look like one that has said all.
    let (mut one, server) = open();
    rustix::net::sockopt::set_socket_linger(&server, Some(std::time::Duration::ZERO)).unwrap();
    drop(server);
    assert!(one.read_to_end(&mut rest).is_err());

    // Nor does a client whose connection merely ends.
    let (one, mut server) = open();
    one.sock.shutdown(Shutdown::Write).unwrap();
    let error = server.read_to_end(&mut rest).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    let codes: Vec<_> = balancer.ended_sessions(4);
    let mut codes: Vec<_> = codes.iter().map(|it| it["termination"].as_str()).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["--", "--", "CD", "SD"].map(Some));
}

fn keys_are_renewed_and_sessions_resumed(_: &World) {
    let keys = Keys::new();
    let settings = keys.settings("");
    let balancer = balancer(&settings, echo());
    // What it says of its keys goes to its standard error.
    let mut command = clean_command("sh");
    command.arg("-c").arg(format!(
        "exec openssl s_client -tls1_3 -servername a.test -connect {} -CAfile {:?} 2>&1",
        balancer.address,
        keys.path("ca.pem")
    ));
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let (mut to, from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut lines = BufReader::new(from).lines();
    // `K` renews the keys and asks for new ones, `k` renews its own only; what an echo brings back needs both.
    for (command, said) in [("", "one"), ("K", "two"), ("k", "three"), ("K", "four")] {
        if !command.is_empty() {
            writeln!(to, "{command}").unwrap();
            to.flush().unwrap();
            let renewed = lines.find(|line| line.as_ref().is_ok_and(|it| it == "KEYUPDATE"));
            assert!(renewed.is_some());
        }
        writeln!(to, "{said}").unwrap();
        let back = lines.find(|line| line.as_ref().is_ok_and(|it| it == said));
        assert!(back.is_some(), "{said}");
    }
    drop(to);
    child.wait().unwrap();

    let count = |kind: &str| {
        let metrics = balancer.admin.metrics();
        let kind = format!("kind=\"{kind}\"");
        metrics.sum(
            "netsocket_tls_handshakes_total",
            &["service=\"default\"", &kind],
        )
    };
    assert_eq!((count("full"), count("resumed")), (1.0, 0.0));
    let config = keys.trusting();
    for _ in 0..3 {
        let mut client = client(balancer.address, "a.test", config.clone()).unwrap();
        client.write_all(b"x").unwrap();
        let mut back = [0];
        // The tickets come before it.
        client.read_exact(&mut back).unwrap();
    }
    assert_eq!((count("full"), count("resumed")), (2.0, 2.0));
}

fn certificates_of_clients_are_judged(_: &World) {
    let keys = Keys::new();
    let ca = keys.path("ca.pem");
    let settings = keys.settings(&format!("client_authorities = {ca:?}"));
    let balancer = balancer(&settings, echo());
    let with = |file: &str| {
        let roots = authorities(&ca).unwrap();
        let config = client_config().unwrap().with_root_certificates(roots);
        let chain = certificates(&keys.path(&format!("{file}.pem"))).unwrap();
        let own = key(&keys.path(&format!("{file}.key"))).unwrap();
        config.with_client_auth_cert(chain, own).unwrap()
    };
    // A client learns of it when it reads.
    let try_one = |config: ClientConfig, said: &[u8]| {
        let mut client = client(balancer.address, "a.test", config)?;
        client.write_all(said)?;
        client.read_exact(&mut [0])
    };
    keys.issue("me", "me.test");
    try_one(with("me"), b"x").unwrap();
    let strangers = Authority::new("strangers");
    let _ = strangers
        .issue(&["me.test"])
        .write(keys.dir.path(), "stranger");
    for (config, alert, reason) in [
        (keys.trusting(), "CertificateRequired", "no_certificate"),
        (with("stranger"), "UnknownCA", "bad_certificate"),
    ] {
        let error = try_one(config, b"").unwrap_err().to_string();
        assert!(error.contains(alert), "{error}");
        let reason = format!("reason=\"{reason}\"");
        let name = "netsocket_tls_handshake_failures_total";
        // It is counted once the alert is on its way.
        eventually(PATIENCE, "a refused certificate", || {
            (balancer.admin.metrics().sum(name, &[&reason]) >= 1.0).then_some(())
        });
        assert_eq!(balancer.admin.metrics().sum(name, &[&reason]), 1.0);
    }
    let ended = balancer.ended_sessions(3);
    let mut codes: Vec<_> = ended.iter().map(|it| it["termination"].as_str()).collect();
    codes.sort_unstable();
    // The first client just drops its connection.
    assert_eq!(codes, ["CD", "PD", "PD"].map(Some), "{ended:#?}");
}

fn bad_handshakes_cost_nobody_else_anything(_: &World) {
    let keys = Keys::new();
    let settings = keys.settings("handshake_timeout = '1s'\nmax_handshakes = 20");
    let mut balancer = balancer(&settings, echo());
    let connect =
        || loopback::with_patience(TcpStream::connect(balancer.address).unwrap()).unwrap();
    let mut good = client(balancer.address, "a.test", keys.trusting()).unwrap();
    let mut works = || {
        good.write_all(b"x").unwrap();
        good.read_exact(&mut [0]).unwrap();
    };
    works();
    let mut end = |sent: &[u8]| {
        let mut stream = connect();
        stream.write_all(sent).unwrap();
        let mut said = Vec::new();
        let ended = stream.read_to_end(&mut said);
        works();
        (said, ended.is_ok())
    };
    // No TLS at all: reset.
    assert_eq!(end(b"GET / HTTP/1.1\r\n\r\n"), (vec![], false));
    // A message that has no place there, and a record that lies about its length: an alert, then the end.
    for bad in [
        &b"\x16\x03\x01\x00\x04\x14\x00\x00\x00"[..],
        &b"\x16\x03\x01\xff\xff\x01\x00\x00\x00"[..],
    ] {
        let (alert, ended) = end(bad);
        assert!(alert.first() == Some(&21) && ended, "{alert:?}");
    }
    // Silence, at the beginning and within: cut off in time.
    assert_eq!(end(b""), (vec![], false));
    assert_eq!(
        end(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
        (vec![], false)
    );
    // One that leaves within it, and one that leaves at once, as health checks do.
    drop(connect());
    let mut stream = connect();
    stream.write_all(b"\x16\x03").unwrap();
    drop(stream);
    let codes = |count| -> Vec<_> {
        let ended = balancer.ended_sessions(count);
        let codes = ended.iter().map(|it| it["termination"].as_str());
        let mut codes: Vec<_> = codes.map(|it| it.unwrap().to_owned()).collect();
        codes.sort();
        codes
    };
    assert_eq!(codes(7), ["CH", "CH", "PD", "PD", "PD", "cH", "cH"]);
    let failed = |reason: &str| {
        let reason = format!("reason=\"{reason}\"");
        let metrics = balancer.admin.metrics();
        metrics.sum("netsocket_tls_handshake_failures_total", &[&reason])
    };
    let counts = ["no_tls", "other", "late", "cut_short", "too_many"].map(failed);
    assert_eq!(counts, [1.0, 2.0, 2.0, 1.0, 0.0]);

    // More at a time than allowed: the others are let in again once those have ended.
    let waiting: Vec<_> = (0..20).map(|_| connect()).collect();
    eventually(PATIENCE, "their sessions", || {
        let metrics = balancer.admin.metrics();
        (metrics.sum("netsocket_sessions_active", &[]) >= 21.0).then_some(())
    });
    assert!(connect().read_to_end(&mut Vec::new()).is_err());
    assert_eq!(failed("too_many"), 1.0);
    works();
    drop(waiting);
    eventually(PATIENCE, "room", || {
        client(balancer.address, "a.test", keys.trusting()).ok()
    });
    balancer.process.logs("TLS handshake failed");
}

fn a_new_certificate_serves_new_clients_under_load(_: &World) {
    let keys = Keys::new();
    let settings = keys.settings("");
    let mut balancer = balancer(&settings, echo());
    let address = balancer.address;
    let mut kept = client(address, "a.test", keys.trusting()).unwrap();
    let serial = |config: ClientConfig| {
        let client = client(address, "a.test", config).unwrap();
        client.conn.peer_certificates().unwrap()[0].to_vec()
    };
    let before = serial(keys.trusting());
    let (stop, served) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let load: Vec<_> = (0..3)
        .map(|_| {
            let (stop, served, config) = (stop.clone(), served.clone(), keys.trusting());
            thread::spawn(move || {
                while !stop.load(SeqCst) {
                    let mut client = client(address, "a.test", config.clone()).unwrap();
                    client.write_all(&[7; 30_000]).unwrap();
                    client.read_exact(&mut [0; 30_000]).unwrap();
                    served.fetch_add(1, SeqCst);
                }
            })
        })
        .collect();
    let goes_on = || {
        let start = served.load(SeqCst);
        eventually(PATIENCE, "more clients", || {
            (served.load(SeqCst) > start + 6).then_some(())
        });
    };
    goes_on();
    // A key that belongs to another: refused, and nothing changes.
    let good = fs::read(keys.path("0.key")).unwrap();
    fs::copy(keys.path("1.key"), keys.path("0.key")).unwrap();
    balancer.process.signal(Signal::HUP);
    balancer.process.logs("reload refused, nothing changed");
    let said = format!("is not the key of {}", keys.path("0.pem").display());
    assert!(
        balancer.process.log().contains(&said),
        "{}",
        balancer.process.log()
    );
    fs::write(keys.path("0.key"), good).unwrap();
    assert_eq!(serial(keys.trusting()), before);
    goes_on();

    keys.issue("0", "a.test");
    balancer.process.signal(Signal::HUP);
    balancer.process.logs("settings reloaded");
    assert_ne!(serial(keys.trusting()), before);
    assert!(balancer.process.log().contains("\"changed\":\"tls\""));
    goes_on();
    kept.write_all(b"still here").unwrap();
    kept.read_exact(&mut [0; 10]).unwrap();
    stop.store(true, SeqCst);
    for client in load {
        client.join().unwrap();
    }
    // Clients that leave without a word are no fault of a backend.
    for session in balancer.sessions() {
        let code = session["termination"].as_str().unwrap();
        assert!(["--", "CD", "CL", "CC"].contains(&code), "{session}");
    }
}
