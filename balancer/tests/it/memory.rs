//! What the balancer holds for those who send more than others take.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::peers::Puppet;
use crate::process::{Program, program};

/// What the clients together want to get rid of.
const PUSHED: u64 = 10 << 30;
const CLIENTS: u64 = 8;
/// A write that takes longer is stopped.
const STOPPED: Duration = Duration::from_millis(200);
/// Each direction holds at most a buffer of 256 KiB, or a pipe, which is not this process's memory.
const GROWTH: usize = 4 << 20;

#[tokio::test]
async fn stays_flat_while_ten_gigabytes_are_pushed_at_readers_that_stall() {
    for relay in ["auto", "copy", "splice"] {
        let puppet = Puppet::start().await;
        let mut command = program();
        command.env("NETSOCKET_RELAY", relay);
        command.env("NETSOCKET_CHECK_INTERVAL", "1h");
        let program = Program::start_as(command, puppet.address);
        drop(puppet.accept().await); // the first check
        program.ready().await;
        let before = program.memory();
        let mut open = Vec::new();
        for _ in 0..CLIENTS {
            let mut client = TcpStream::connect(program.address).await.unwrap();
            let backend = puppet.accept().await;
            let mut taken = 0;
            let chunk = vec![7; 1 << 20];
            while taken < PUSHED / CLIENTS {
                match timeout(STOPPED, client.write(&chunk)).await {
                    Ok(count) => taken += count.unwrap() as u64,
                    Err(_) => break,
                }
            }
            assert!(taken < 64 << 20, "{relay}: {taken} bytes were taken");
            open.push((client, backend));
        }
        let growth = program.memory().saturating_sub(before);
        assert!(growth < GROWTH, "{relay}: {growth} bytes more");
    }
}
