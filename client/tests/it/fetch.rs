//! Several plain files over several connections.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use netsocket_client::outcome::answer::Saved;
use netsocket_client::outcome::error::Error;
use netsocket_client::outcome::exit::Exit;
use netsocket_client::session::parallel::FileToFetch;
use netsocket_client::transfer::destination::Destination;
use netsocket_protocol::message::Request;
use netsocket_protocol::name::Name;
use tokio::net::TcpListener;
use tokio::sync::Barrier;

use crate::client::{Client, files_in};
use crate::peer::{Fake, archive_bytes};

const PATIENCE: Duration = Duration::from_secs(60);

async fn fetch(
    client: &mut Client,
    files: Vec<(Name, PathBuf)>,
    parallel: usize,
) -> Vec<(Name, Result<Saved, Error>)> {
    let parallel = NonZeroUsize::new(parallel).unwrap();
    let files = files.into_iter().map(|(path, local)| FileToFetch {
        path,
        destination: Destination::File(local),
        attributes: None,
    });
    let files = files.collect();
    let context = &mut client.program.context;
    let fetching = context
        .session
        .fetch(files, parallel, true, &mut context.console);
    tokio::time::timeout(PATIENCE, fetching).await.unwrap()
}

fn files(client: &Client, names: &[&str]) -> Vec<(Name, PathBuf)> {
    let home = client.home();
    names
        .iter()
        .map(|name| (Name::from(*name), home.join(format!("of-{name}"))))
        .collect()
}

#[tokio::test]
async fn results_come_in_the_order_asked_for_and_one_failure_keeps_nobody() {
    let server = Fake::good().await;
    let mut client = Client::new(server.address);
    let names = ["a", "b", "none", "c", "d"];
    let mut asked = files(&client, &names);
    asked.push((Name::from("e"), client.home().join("of-a")));
    let fetched = fetch(&mut client, asked, 2).await;
    let came: Vec<(String, bool)> = fetched
        .iter()
        .map(|(name, result)| (name.to_string(), result.is_ok()))
        .collect();
    let expected = [
        ("a", true),
        ("b", true),
        ("none", false),
        ("c", true),
        ("d", true),
        ("e", false),
    ];
    assert_eq!(came, expected.map(|(name, is_ok)| (name.to_owned(), is_ok)));
    let failed = |number: usize| fetched[number].1.as_ref().unwrap_err();
    assert_eq!(failed(2).exit(), Exit::NothingFound);
    assert!(
        failed(5)
            .to_string()
            .ends_with("another of these files would be saved there")
    );
    assert_eq!(files_in(client.home()), ["of-a", "of-b", "of-c", "of-d"]);
    for name in ["of-a", "of-d"] {
        assert_eq!(
            std::fs::read(client.home().join(name)).unwrap(),
            archive_bytes()
        );
    }
    assert!(server.accepted() <= 2, "{}", server.accepted());
}

#[tokio::test]
async fn so_many_at_once_as_were_asked_for() {
    // No answer begins before three requests are there.
    let barrier = Arc::new(Barrier::new(3));
    let most = Arc::new(AtomicUsize::new(0));
    let (now, seen) = (Arc::new(AtomicUsize::new(0)), Arc::clone(&most));
    let server = Fake::start(move |_, mut peer| {
        let (barrier, now, seen) = (Arc::clone(&barrier), Arc::clone(&now), Arc::clone(&seen));
        async move {
            peer.greet().await;
            while let Some(request) = peer.request().await {
                assert!(matches!(request, Request::Get { .. }));
                seen.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                barrier.wait().await;
                now.fetch_sub(1, Ordering::SeqCst);
                peer.answer(&request).await;
            }
        }
    })
    .await;
    let mut client = Client::new(server.address);
    let asked = files(&client, &["a", "b", "c", "d", "e", "f"]);
    let fetched = fetch(&mut client, asked, 3).await;
    assert!(
        fetched.iter().all(|(_, result)| result.is_ok()),
        "{fetched:?}"
    );
    assert_eq!(most.load(Ordering::SeqCst), 3);
    assert_eq!(
        server.accepted(),
        3,
        "each connection carries several files"
    );
}

#[tokio::test]
async fn where_nothing_is_there_every_file_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = listener.local_addr().unwrap();
    drop(listener);
    let mut client = Client::new(nobody);
    let asked = files(&client, &["a", "b", "c"]);
    let fetched = fetch(&mut client, asked, 2).await;
    for (name, result) in &fetched {
        assert_eq!(
            result.as_ref().unwrap_err().exit(),
            Exit::CannotConnect,
            "{name}"
        );
    }
    assert_eq!(fetched.len(), 3);
}
