//! TLS that ends at the balancer, beside HAProxy that ends the same with the same certificate: bytes of one cipher in both
//! directions, and new handshakes.
//!
//! The load is curl and `openssl s_time`, which are no faster for one than for the other; what counts is the CPU time of who
//! ends TLS.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;

use crate::failure::{Explain as _, Failure, Outcome};
use crate::file_server::{Server, blocking};
use crate::host::Host;
use crate::process::said_by;
use crate::stats::Summary;
use crate::tool::{in_path, need};

/// The word on the command line that chooses this group.
pub const SUBCOMMAND: &str = "tls";

/// Bytes of a body.
const BODY: u64 = 1 << 30;
/// The cipher of the bulk: what HAProxy would agree on for one of its own.
const CIPHER: &str = "TLS_AES_128_GCM_SHA256";

/// Who ends TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Contestant {
    Netsocket,
    Haproxy,
}

const ALL: [(&str, Contestant); 2] = [
    ("netsocket", Contestant::Netsocket),
    ("haproxy", Contestant::Haproxy),
];

/// What is measured, and in what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Download,
    Upload,
    Handshakes,
}

const WORK: [(&str, Work); 3] = [
    ("aes-128-gcm down, CPU s per GB", Work::Download),
    ("aes-128-gcm up, CPU s per GB", Work::Upload),
    (
        "new handshakes (TLS 1.3, P-256) per CPU s",
        Work::Handshakes,
    ),
];

/// Measures everything; the tables, and whether all was measured.
///
/// # Errors
/// Where a tool is missing, or no certificate can be made.
pub async fn run(host: &Host, rounds: usize, seconds: u64) -> Outcome<(String, bool)> {
    let certificate = certificate(host)?;
    let backend = backend()?;
    let (mut text, mut is_whole) = (String::new(), true);
    for (title, work) in WORK {
        text += &format!(
            "\n{title}\n{:<12}{:>12}{:>22}\n",
            "", "median", "least to most"
        );
        let mut rows = ALL.map(|(name, who)| (name, who, Vec::new()));
        for round in 0..rounds {
            let count = rows.len();
            for at in (0..count).map(|at| (at + round) % count) {
                let (name, who, figures) = &mut rows[at];
                eprintln!("{title}: {name}");
                let lap = lap(host, *who, work, (&certificate, backend), seconds);
                match lap.await {
                    Ok(figure) => figures.push(figure),
                    Err(failure) => {
                        text += &format!("{name:<12}failed: {failure}\n");
                        is_whole = false;
                    }
                }
            }
        }
        for (name, _, figures) in rows {
            if let Some(summary) = Summary::of(figures) {
                let Summary {
                    median, min, max, ..
                } = summary;
                let range = format!("{} to {}", shown(min), shown(max));
                text += &format!("{name:<12}{:>12}{range:>22}\n", shown(median));
            }
        }
    }
    Ok((text, is_whole))
}

fn shown(figure: f64) -> String {
    match figure < 100.0 {
        true => format!("{figure:.3}"),
        false => format!("{figure:.0}"),
    }
}

/// A certificate for a P-256 key, and the key, in one file.
fn certificate(host: &Host) -> Outcome<PathBuf> {
    let openssl = tool("openssl")?;
    let file = |name: &str| host.dir().join(name).display().to_string();
    let (key, certificate) = (file("tls.key"), file("tls.crt"));
    let arguments = [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=bench",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-keyout",
        &key,
        "-out",
        &certificate,
    ];
    let said = said_by(&openssl, arguments)?;
    if !said.success {
        return Err(Failure::new(format!("openssl: {}", said.text)));
    }
    let read = |path: &str| std::fs::read_to_string(path).explain(path);
    host.write("tls.pem", &(read(&certificate)? + &read(&key)?))
}

fn tool(name: &str) -> Outcome<PathBuf> {
    in_path(name).ok_or_else(|| Failure::new(format!("{name} is not installed")))
}

/// Serves HTTP, a request a connection: [`BODY`] bytes, or it takes a body. Whoever only connects and goes is no client.
fn backend() -> Outcome<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).explain("a backend")?;
    let address = listener.local_addr().explain("a backend")?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || drop(answer(&stream)));
        }
    });
    Ok(address)
}

fn answer(mut stream: &TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::with_capacity(1 << 18, stream);
    let (mut first, mut line, mut length) = (String::new(), String::new(), 0);
    reader.read_line(&mut first)?;
    while reader.read_line(&mut line)? > 2 {
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
        line.clear();
    }
    std::io::copy(&mut reader.take(length), &mut std::io::sink())?;
    let body = if first.starts_with("GET") { BODY } else { 0 };
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Length: {body}\r\nConnection: close\r\n\r\n"
    )?;
    let piece = vec![0; 1 << 18];
    for _ in 0..body / piece.len() as u64 {
        stream.write_all(&piece)?;
    }
    Ok(())
}

async fn lap(
    host: &Host,
    who: Contestant,
    work: Work,
    (certificate, backend): (&Path, SocketAddr),
    seconds: u64,
) -> Outcome<f64> {
    let mut server = start(host, who, certificate, backend).await?;
    let address = server.address;
    let certificate = certificate.to_path_buf();
    if work == Work::Handshakes {
        let before = server.cpu()?;
        let count = blocking(move || handshakes(address, seconds)).await?;
        return Ok(count / (server.cpu()? - before));
    }
    let body = host.dir().join("tls.body");
    if work == Work::Upload {
        let file = std::fs::File::create(&body).explain("a body")?;
        // Without blocks on the disk: reading it costs nobody anything.
        file.set_len(BODY).explain("a body")?;
    }
    let upload = (work == Work::Upload).then_some(body);
    let transfer = move || transfer(address, &certificate, upload.as_deref());
    let before = server.cpu()?;
    let bytes = blocking(transfer).await?;
    if bytes != BODY {
        return Err(Failure::new(format!("{bytes} bytes came through")));
    }
    Ok((server.cpu()? - before) / (bytes as f64 / 1e9))
}

async fn start(
    host: &Host,
    who: Contestant,
    certificate: &Path,
    backend: SocketAddr,
) -> Outcome<Server> {
    let listen = host.ports.free()?;
    let (name, program, arguments) = match who {
        Contestant::Netsocket => {
            let admin = host.ports.free()?;
            let text = format!(
                "listen = \"{listen}\"\nadmin = \"{admin}\"\nbackends = [\"backend={backend}\"]\nlog = \"warn\"\n\
                 access_log_target = \"off\"\n[tls]\ncertificates = {certificate:?}\n"
            );
            let file = host.write("tls.toml", &text)?;
            let program = need(host.tools.balancer.as_ref(), "netsocket-balancer")?;
            let arguments = vec!["--config".to_owned(), file.display().to_string()];
            ("netsocket-tls", program, arguments)
        }
        Contestant::Haproxy => {
            let threads = host.cores;
            let text = format!(
                "global\n    nbthread {threads}\n    maxconn 4000\n    ssl-default-bind-ciphersuites {CIPHER}\n\
                 defaults\n    mode tcp\n    timeout connect 5s\n    timeout client 1h\n    timeout server 1h\n\
                 listen relay\n    bind {listen} ssl crt {}\n    server backend {backend}\n",
                certificate.display()
            );
            let file = host.write("tls.cfg", &text)?;
            let program = need(host.tools.haproxy.as_ref(), "haproxy")?;
            let arguments = [
                "-db".to_owned(),
                "-f".to_owned(),
                file.display().to_string(),
            ];
            ("haproxy-tls", program, arguments.into())
        }
    };
    let process = host.launcher.start(name, program, arguments)?;
    Server::listening(process, listen).await
}

/// One body by curl; how many bytes that were. Blocks the thread.
fn transfer(address: SocketAddr, certificate: &Path, upload: Option<&Path>) -> Outcome<u64> {
    let url = format!("https://{address}/");
    let certificate = certificate.display().to_string();
    let upload = upload.map(|path| path.display().to_string());
    let mut arguments = vec![
        "--silent",
        "--show-error",
        "--fail",
        "--noproxy",
        "*",
        "--tls13-ciphers",
        CIPHER,
        "--cacert",
        &certificate,
        "--output",
        "/dev/null",
        "--write-out",
        "%{size_download} %{size_upload}",
    ];
    if let Some(path) = &upload {
        arguments.extend(["--header", "Expect:", "--upload-file", path]);
    }
    arguments.push(&url);
    let said = said_by(&tool("curl")?, arguments)?;
    if !said.success {
        return Err(Failure::new(format!("curl: {}", said.text.trim())));
    }
    let numbers = said.text.split_whitespace().map(str::parse::<u64>);
    let numbers: Result<Vec<u64>, _> = numbers.collect();
    let numbers = numbers.explain("what curl says")?;
    Ok(numbers.into_iter().max().unwrap_or(0))
}

/// Handshakes that `openssl s_time` did, one after the other. Blocks the thread.
fn handshakes(address: SocketAddr, seconds: u64) -> Outcome<f64> {
    let (address, seconds) = (address.to_string(), seconds.to_string());
    let arguments = [
        "s_time", "-new", "-tls1_3", "-connect", &address, "-time", &seconds,
    ];
    let said = said_by(&tool("openssl")?, arguments)?;
    counted(&said.text).ok_or_else(|| Failure::new(format!("s_time: {}", said.text.trim())))
}

/// Of `1234 connections in 6 real seconds, 0 bytes read per connection`.
fn counted(text: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.contains("real seconds"))?;
    let count = line.split_whitespace().next()?.parse::<f64>().ok()?;
    (count > 0.0).then_some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_s_time_says_is_understood() {
        let text = "t******\n\n2190 connections in 1.55s; 1412.90 connections/user sec, bytes read 0\n\
                    2190 connections in 3 real seconds, 0 bytes read per connection\n";
        assert_eq!(counted(text), Some(2190.0));
        assert_eq!(counted("ERROR\n"), None);
    }
}
