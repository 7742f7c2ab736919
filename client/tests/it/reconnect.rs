//! A kept connection that turns out to be closed is made again, once.

use netsocket_client::outcome::exit::Exit;
use netsocket_protocol::message::ErrorKind;
use tokio::sync::mpsc;

use crate::client::Client;
use crate::peer::Fake;

const NOTICE: &str = "the connection was closed, reconnecting to";

#[tokio::test]
async fn a_connection_closed_at_rest_is_made_again_with_one_line() {
    // Each connection answers one request and closes.
    let (closed, mut is_closed) = mpsc::unbounded_channel();
    let server = Fake::start(move |_, mut peer| {
        let closed = closed.clone();
        async move {
            peer.greet().await;
            if let Some(request) = peer.request().await {
                peer.answer(&request).await;
            }
            drop(peer);
            closed.send(()).unwrap();
        }
    })
    .await;
    let mut client = Client::new(server.address);
    for connections in 1..=3 {
        assert_eq!(client.run("dirlist -a").await, Exit::Done);
        is_closed.recv().await;
        assert_eq!(server.accepted(), connections);
        let notices = usize::from(connections > 1);
        let said = client.err.text();
        assert_eq!(said.matches(NOTICE).count(), notices, "{said}");
        assert_eq!(said.lines().count(), notices, "{said}");
    }
}

#[tokio::test]
async fn one_that_closes_on_the_next_request_is_made_again_too() {
    let server = Fake::start(|number, mut peer| async move {
        peer.greet().await;
        if number > 0 {
            return peer.serve().await;
        }
        let request = peer.request().await.unwrap();
        peer.answer(&request).await;
        // The next request is read, and not answered.
        peer.request().await;
    })
    .await;
    let mut client = Client::new(server.address);
    assert_eq!(client.run("dirlist -a").await, Exit::Done);
    assert_eq!(client.run("w24ft pdf").await, Exit::Done);
    assert_eq!(client.err.text().matches(NOTICE).count(), 1);
    assert_eq!(server.accepted(), 2);
}

#[tokio::test]
async fn what_a_server_said_before_it_closed_is_not_the_next_answer() {
    let (said, mut is_said) = mpsc::unbounded_channel();
    let server = Fake::start(move |number, mut peer| {
        let said = said.clone();
        async move {
            peer.greet().await;
            if number > 0 {
                return peer.serve().await;
            }
            let request = peer.request().await.unwrap();
            peer.answer(&request).await;
            peer.error(ErrorKind::Busy, "idle for too long").await;
            drop(peer);
            said.send(()).unwrap();
        }
    })
    .await;
    let mut client = Client::new(server.address);
    assert_eq!(client.run("dirlist -a").await, Exit::Done);
    is_said.recv().await;
    assert_eq!(client.run("dirlist -a").await, Exit::Done);
    assert_eq!(server.accepted(), 2);
}

#[tokio::test]
async fn a_server_that_always_closes_is_tried_once_more_and_not_for_ever() {
    let server = Fake::start(|number, mut peer| async move {
        peer.greet().await;
        let request = peer.request().await.unwrap();
        if number == 0 {
            peer.answer(&request).await;
            peer.request().await;
        }
    })
    .await;
    let mut client = Client::new(server.address);
    assert_eq!(client.run("dirlist -a").await, Exit::Done);
    assert_eq!(client.run("dirlist -a").await, Exit::TransferFailed);
    assert_eq!(server.accepted(), 2);
}

#[tokio::test]
async fn an_answer_that_has_begun_is_not_asked_for_again() {
    let server = Fake::start(|_, mut peer| async move {
        peer.greet().await;
        let request = peer.request().await.unwrap();
        peer.answer(&request).await;
        peer.request().await;
        peer.send(&crate::peer::plan()).await;
    })
    .await;
    let mut client = Client::new(server.address);
    assert_eq!(client.run("dirlist -a").await, Exit::Done);
    assert_eq!(client.run("w24ft pdf").await, Exit::TransferFailed);
    assert!(
        client
            .err
            .text()
            .contains("lost before the answer was complete")
    );
    assert_eq!(server.accepted(), 1);
}
