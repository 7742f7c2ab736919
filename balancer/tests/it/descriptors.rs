//! More clients than there are descriptors for.

use std::process::Command;
use std::time::Duration;

use netsocket_balancer::metrics::names;
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::peers::{Echo, Puppet, converse};
use crate::process::{Program, program};
use crate::running::soon;

/// The hard limit, which a process cannot raise.
const LIMIT: u64 = 98;
/// Sessions that it leaves room for, with one worker.
const SESSIONS: u64 = 8;

/// A balancer with one worker under [`LIMIT`].
async fn start(echo: &Echo) -> Program {
    let mut command = Command::new("sh");
    let program = env!("CARGO_BIN_EXE_netsocket-balancer");
    let script = format!("ulimit -n {LIMIT}; exec {program} \"$@\"");
    command.env_clear().args(["-c", &script, "sh"]);
    command.env("NETSOCKET_WORKERS", "1");
    command.env("NETSOCKET_CHECK_INTERVAL", "1h");
    let program = Program::start_as(command, echo.address);
    program.ready().await;
    program
}

/// A client that has been answered, and keeps its connection.
async fn served(program: &Program) -> TcpStream {
    let mut client = TcpStream::connect(program.address).await.unwrap();
    client.write_all(b"x").await.unwrap();
    soon(client.read_u8()).await.unwrap();
    client
}

#[tokio::test]
async fn clients_beyond_the_limit_wait_for_one_that_leaves() {
    let echo = Echo::start("echo").await;
    let program = start(&echo).await;
    let mut served_now = Vec::new();
    for _ in 0..SESSIONS {
        served_now.push(served(&program).await);
    }
    let mut next = TcpStream::connect(program.address).await.unwrap();
    next.write_all(b"x").await.unwrap();
    let wait = timeout(Duration::from_millis(300), next.read_u8());
    assert!(wait.await.is_err(), "one more than there is room for");
    assert_eq!(program.metric(names::SESSIONS_ACTIVE.name).await, SESSIONS);
    // It is told once, and nothing spins: the socket is not even looked at meanwhile.
    assert_eq!(program.metric(names::ACCEPT_ERRORS.name).await, 1);
    assert_eq!(program.metric(&shortages("descriptors")).await, 1);

    drop(served_now.pop());
    soon(next.read_u8()).await.unwrap();
    drop((served_now, next));
    let last = TcpStream::connect(program.address).await.unwrap();
    assert_eq!(converse(last).await, "echo");
}

/// The counter of that resource.
fn shortages(resource: &str) -> String {
    format!("{}{{resource=\"{resource}\"}}", names::SHORTAGES.name)
}

#[tokio::test]
async fn where_there_is_no_pipe_bytes_are_copied_and_it_is_told() {
    let puppet = Puppet::start().await;
    let mut command = program();
    command.env("NETSOCKET_WORKERS", "1");
    command.env("NETSOCKET_CHECK_INTERVAL", "1h");
    let program = Program::start_as(command, puppet.address);
    drop(puppet.accept().await); // the first check
    program.ready().await;
    let mut client = TcpStream::connect(program.address).await.unwrap();
    let mut backend = puppet.accept().await;

    // What it has open stays open, and nothing can be added.
    let pid = Pid::from_raw(program.child.id().cast_signed());
    let few = Rlimit {
        current: Some(3),
        maximum: getrlimit(Resource::Nofile).maximum,
    };
    let before = prlimit(pid, Resource::Nofile, few).unwrap();
    // Enough to be worth a pipe.
    let data = vec![7; 8 << 20];
    let sent = data.clone();
    let sending = tokio::spawn(async move { backend.write_all(&sent).await.unwrap() });
    let mut received = vec![0; data.len()];
    soon(client.read_exact(&mut received)).await.unwrap();
    sending.await.unwrap();
    assert!(received == data);
    prlimit(pid, Resource::Nofile, before).unwrap();
    assert!(program.metric(&shortages("pipes")).await > 0);
    program
        .said(&["no pipe for splicing, bytes are copied"])
        .await;
}
