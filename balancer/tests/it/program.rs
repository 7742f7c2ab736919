//! The program itself: exit codes, what it says, signals.

use std::io::Write as _;
use std::net::TcpListener;
use std::process::Output;

use tokio::net::TcpStream;

use crate::peers::{Echo, Puppet, converse};
use crate::process::{Program, program};
use crate::running::eventually;

fn run(arguments: &[&str]) -> Output {
    program().args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn bad_settings_are_all_named_and_the_code_is_2() {
    let output = run(&["--listen", "nowhere", "--backend", "a=b"]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert_eq!(said.lines().count(), 2, "{said}");
    assert!(
        said.contains("--listen: listen = \"nowhere\": IP:PORT"),
        "{said}"
    );
    assert!(
        said.contains("--backend: backends[0] = \"a=b\": NAME=HOST:PORT"),
        "{said}"
    );
}

#[test]
fn an_unknown_key_is_one_line_and_the_code_is_2() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"backends = ['a=127.0.0.1:9']\nlissten = 'x'\n")
        .unwrap();
    let output = run(&["--config", file.path().to_str().unwrap()]);
    assert_eq!(
        (output.status.code(), text(&output.stderr).lines().count()),
        (Some(2), 1)
    );
    assert!(text(&output.stderr).contains("lissten: unknown key"));
}

#[test]
fn an_address_in_use_is_one_line_and_the_code_is_2() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = run(&[
        "--listen",
        &address,
        "--admin",
        "127.0.0.1:0",
        "--backend",
        "a=127.0.0.1:9",
    ]);
    assert_eq!(output.status.code(), Some(2));
    let expected = format!("netsocket-balancer: listen {address}: address already in use\n");
    assert_eq!(text(&output.stderr), expected);
}

#[test]
fn settings_can_be_checked_without_a_start() {
    let output = run(&["--check-config", "--backend", "a=some-host:9"]);
    assert_eq!(
        (output.status.code(), text(&output.stdout)),
        (
            Some(0),
            "OK: 1 backend; clients at 0.0.0.0:8081, admin at 127.0.0.1:8404\n"
        )
    );
    assert_eq!(run(&["--check-config"]).status.code(), Some(2));
    let version = run(&["--version"]);
    assert!(text(&version.stdout).starts_with("netsocket-balancer "));
}

#[tokio::test]
async fn it_serves_and_a_signal_ends_it_with_code_0() {
    let echo = Echo::start("echo").await;
    let mut program = Program::start(echo.address);
    program.ready().await;
    let client = TcpStream::connect(program.address).await.unwrap();
    assert_eq!(converse(client).await, "echo");
    program.signal();
    assert_eq!(program.exit_code().await, Some(0));
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let puppet = Puppet::start().await;
    let mut program = Program::start(puppet.address);
    drop(puppet.accept().await); // the first check
    let mut clients = Vec::new();
    // Until one has a backend: the result of the check may still be on its way.
    let session = loop {
        // One that comes too early is turned away, which may already meet its connect.
        clients.extend(TcpStream::connect(program.address).await);
        let wait = std::time::Duration::from_millis(100);
        if let Ok(session) = tokio::time::timeout(wait, puppet.accept()).await {
            break session;
        }
    };
    program.signal();
    eventually("nothing is accepted", || {
        std::net::TcpStream::connect(program.address).is_err()
    })
    .await;
    assert!(
        program.child.try_wait().unwrap().is_none(),
        "it waits for its session"
    );
    program.signal();
    assert_eq!(program.exit_code().await, Some(128 + 15));
    drop((session, clients));
}
