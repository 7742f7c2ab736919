//! Servers that accept a connection and serve nobody on it: behind a balancer, the next connection meets another one.

use std::time::Duration;

use netsocket_client::outcome::exit::Exit;
use tokio::net::TcpListener;

use crate::client::Client;
use crate::peer::{Fake, Peer};

/// How long a client waits for a greeting.
const SHORT: Duration = Duration::from_millis(400);
const DEADLINE: Duration = Duration::from_secs(60);

const LINES: [&str; 3] = ["dirlist -a", "w24ft pdf", "get notes.txt -o -"];

#[derive(Clone, Copy, Debug)]
enum Bad {
    Silent,
    Closes,
}

/// A service behind a balancer: the first connections meet a bad server.
async fn service(bad: Bad, bad_ones: usize) -> Fake {
    Fake::start(move |number, mut peer: Peer| async move {
        match bad {
            _ if number >= bad_ones => {
                peer.greet().await;
                peer.serve().await;
            }
            Bad::Silent => peer.until_gone().await,
            Bad::Closes => {}
        }
    })
    .await
}

#[tokio::test]
async fn another_server_is_met_by_every_command() {
    for bad in [Bad::Silent, Bad::Closes] {
        for line in LINES {
            let most = match bad {
                Bad::Silent => 1,
                Bad::Closes => 2,
            };
            for bad_ones in 1..=most {
                let server = service(bad, bad_ones).await;
                let address = server.address.to_string();
                let mut client = Client::surviving(&address, SHORT, DEADLINE);
                let exit = client.run(line).await;
                let said = client.err.text();
                assert_eq!(exit, Exit::Done, "{bad:?} {line}: {said}");
                assert_eq!(server.accepted(), bad_ones + 1, "{bad:?} {line}");
                let notices = said.matches("sent nothing for 400ms; retrying").count();
                assert_eq!(notices, usize::from(matches!(bad, Bad::Silent)), "{said}");
            }
        }
    }
}

#[tokio::test]
async fn three_of_them_are_enough() {
    for bad in [Bad::Silent, Bad::Closes] {
        for line in LINES {
            let server = service(bad, usize::MAX).await;
            let address = server.address.to_string();
            let mut client = Client::surviving(&address, SHORT, DEADLINE);
            assert_eq!(
                client.run(line).await,
                Exit::CannotConnect,
                "{bad:?} {line}"
            );
            assert_eq!(server.accepted(), 3, "{bad:?} {line}");
        }
    }
}

#[tokio::test]
async fn of_several_addresses_only_those_that_accept_are_tried_again() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refuses = closed.local_addr().unwrap();
    drop(closed);
    let server = service(Bad::Closes, 2).await;
    let addresses = format!("{refuses},{}", server.address);
    let mut client = Client::surviving(&addresses, SHORT, DEADLINE);
    assert_eq!(client.run("dirlist -a").await, Exit::Done);
    assert_eq!(server.accepted(), 3);

    let server = service(Bad::Closes, usize::MAX).await;
    let addresses = format!("{refuses},{}", server.address);
    let mut client = Client::surviving(&addresses, SHORT, DEADLINE);
    assert_eq!(client.run("dirlist -a").await, Exit::CannotConnect);
    let said = client.err.text();
    assert_eq!(said.matches("cannot connect").count(), 2, "{said}");
}
