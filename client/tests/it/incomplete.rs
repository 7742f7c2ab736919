//! Plain files that the server could not send as they were: what is saved, what is said, and how it ends.

use netsocket_client::outcome::exit::Exit;
use netsocket_protocol::message::{Problem, Trailer, Warning};

use crate::client::{Client, files_in};
use crate::peer::{BLOCKS, Fake, archive_bytes, file_start, trailer_of};

fn to_x(directory: &std::path::Path) -> String {
    format!("get file -o {}", directory.join("x").display())
}

/// A server whose file has that problem while it is sent.
async fn sends_with(problem: Problem) -> Fake {
    Fake::start(move |_, mut peer| async move {
        peer.greet().await;
        while peer.request().await.is_some() {
            peer.send(&file_start(0)).await;
            for (index, block) in (0..).zip(BLOCKS) {
                peer.block(index, block).await;
            }
            peer.send(&Trailer {
                blocks: 3,
                warnings: vec![Warning {
                    path: "file".into(),
                    problem,
                }],
                ..trailer_of(&archive_bytes())
            })
            .await;
        }
    })
    .await
}

#[tokio::test]
async fn a_file_with_zeros_in_place_of_data_is_a_failed_download() {
    for (problem, kind, said) in [
        (
            Problem::Shrank,
            "changed",
            "could not download all of file: it became shorter during the download",
        ),
        (
            Problem::Unreadable,
            "internal",
            "could not download all of file: the server failed to read it",
        ),
    ] {
        let server = sends_with(problem).await;
        let directory = tempfile::tempdir().unwrap();
        let line = to_x(directory.path());
        let mut client = Client::new(server.address);
        assert_eq!(client.run(&line).await, Exit::TransferFailed);
        assert_eq!(client.err.text(), format!("{said}\n"));
        assert_eq!(client.out.text(), "", "nothing was saved");
        assert!(files_in(directory.path()).is_empty(), "{problem:?}");

        let mut client = Client::new(server.address).json();
        assert_eq!(client.run(&line).await, Exit::TransferFailed);
        let object: serde_json::Value = serde_json::from_str(&client.out.text()).unwrap();
        assert_eq!(object["error"]["kind"], kind);
    }
}

#[tokio::test]
async fn a_warning_about_a_file_does_not_speak_of_an_archive() {
    for (problem, said) in [
        (
            Problem::Grew,
            "warning: file grew during the download; only the size it had at the start was downloaded\n",
        ),
        (
            Problem::Changed,
            "warning: file was modified during the download; the copy may mix old and new content\n",
        ),
    ] {
        let server = sends_with(problem).await;
        let directory = tempfile::tempdir().unwrap();
        let mut client = Client::new(server.address);
        let line = to_x(directory.path());
        assert_eq!(client.run(&line).await, Exit::Done);
        assert_eq!(client.err.text(), said);
        assert_eq!(files_in(directory.path()), ["x"]);
    }
}
