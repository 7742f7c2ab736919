//! The end of the balancer: what runs may end, what waits too long is ended.

use std::io;
use std::time::Duration;

use netsocket_balancer::Summary;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::peers::{Echo, Puppet, converse};
use crate::running::{Balancer, NEVER, eventually, read_to_end, soon};

async fn refuses_clients(balancer: &Balancer) {
    let refused = soon(async {
        loop {
            match TcpStream::connect(balancer.address).await {
                // Complete, but nobody will take it any more.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
                Err(error) => return error.kind(),
                Ok(stream) => drop(stream),
            }
        }
    });
    assert_eq!(refused.await, io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn a_session_that_is_open_goes_on_to_its_end() {
    let (balancer, mut client, mut backend) =
        Puppet::session(|config| config.timeouts.drain = NEVER).await;
    let address = client.local_addr().unwrap();
    balancer.shutdown.cancel();
    // Those that still get in meanwhile are sessions of their own.
    refuses_clients(&balancer).await;
    let (status, reason) = balancer.get("/readyz").await;
    assert_eq!((status, reason.as_str()), (503, "draining\n"));
    client.write_all(b"still").await.unwrap();
    let mut still = [0; 5];
    soon(backend.read_exact(&mut still)).await.unwrap();
    drop(backend);
    assert_eq!(read_to_end(&mut client).await, (vec![], false));
    drop(client);
    let mine = || {
        balancer
            .records()
            .into_iter()
            .find(|record| record.client == address)
    };
    eventually("recorded", || mine().is_some()).await;
    assert_eq!(mine().unwrap().termination.code(), "--");
    assert_eq!(balancer.ended().await.killed, 0);
}

#[tokio::test]
async fn at_the_deadline_the_rest_is_ended_and_recorded() {
    let (balancer, mut client, mut backend) =
        Puppet::session(|config| config.timeouts.drain = Duration::from_millis(200)).await;
    client.write_all(b"abc").await.unwrap();
    let mut abc = [0; 3];
    soon(backend.read_exact(&mut abc)).await.unwrap();
    balancer.shutdown.cancel();
    // By reset, so that nobody takes it for the end of an answer.
    assert_eq!(read_to_end(&mut client).await, (vec![], true));
    assert_eq!(read_to_end(&mut backend).await, (vec![], true));
    let record = balancer.record().await;
    assert_eq!((record.termination.code(), record.traffic.up), ("KD", 3));
    assert!(record.total >= Duration::from_millis(200));
    assert_eq!(
        balancer.ended().await,
        Summary {
            sessions: 1,
            killed: 1
        }
    );
}

#[tokio::test]
async fn clients_that_are_connected_at_the_stop_are_served() {
    let echo = Echo::start("echo").await;
    let balancer = Balancer::start(&[("echo", echo.address)]).await;
    balancer.up(1).await;
    let mut clients = Vec::new();
    // Fewer than the queue of the backend holds, which is not accepting while this test connects.
    for _ in 0..100 {
        clients.push(balancer.connect().await);
    }
    balancer.shutdown.cancel();
    for client in clients {
        assert_eq!(converse(client).await, "echo");
    }
    assert_eq!(
        balancer.ended().await,
        Summary {
            sessions: 100,
            killed: 0
        }
    );
}

#[tokio::test]
async fn a_dropped_balancer_stops_accepting() {
    let echo = Echo::start("echo").await;
    let balancer = Balancer::start(&[("echo", echo.address)]).await;
    let (address, records) = (balancer.address, balancer.records().len());
    assert_eq!(records, 0);
    balancer.abandon();
    let refused = || std::net::TcpStream::connect(address).is_err();
    eventually("nothing is accepted", refused).await;
}
