//! The figures for the telemetry record, once a second. It only copies counters.

use std::sync::atomic::Ordering;

use netsocket_telemetry::{CommandRecord, Figures, FileserverFigures};

use crate::index::Mode;
use crate::service::counters::{OK, Tally};
use crate::service::file_service::Service;

/// The current figures.
pub(crate) fn figures(service: &Service) -> Figures {
    let requests = service.requests.all();
    let index_entries = match service.index.mode() {
        Mode::Index { snapshot, .. } => {
            let directories = &service.index.gauges().directories;
            Some(snapshot.files() + directories.load(Ordering::Relaxed))
        }
        Mode::Scanning | Mode::Walking => None,
    };
    Figures {
        client_count: service.sessions.since_start(),
        active_clients: service.sessions.open(),
        session_limit: service.max_sessions as u64,
        fileserver: Some(FileserverFigures {
            bytes_sent: service.sent.load(Ordering::Relaxed),
            archives: service.archives_begun(),
            request_errors: errors(&requests),
            request_ms: milliseconds(&requests),
            index_entries,
            commands: commands(&requests),
        }),
        ..Figures::default()
    }
}

/// Tallies as [`crate::service::counters::Requests::all`] gives them: by command, then by result.
type Tallies = [((&'static str, &'static str), Tally)];

/// Requests with a result other than `ok`, as on `/metrics`.
fn errors(requests: &Tallies) -> u64 {
    let failed = requests.iter().filter(|((_, result), _)| *result != OK);
    failed.map(|(_, tally)| tally.requests).sum()
}

/// The total duration of finished requests.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a sum of durations: never negative, and a float beyond the range of an integer becomes the largest"
)]
fn milliseconds(requests: &Tallies) -> u64 {
    let seconds: f64 = requests.iter().map(|(_, tally)| tally.seconds).sum();
    (seconds * 1_000.0).round() as u64
}

fn commands(requests: &Tallies) -> Vec<CommandRecord> {
    let of_one_command = requests.chunk_by(|((one, _), _), ((other, _), _)| one == other);
    of_one_command
        .filter_map(|tallies| {
            let ((command, _), _) = tallies.first()?;
            Some(CommandRecord {
                name: (*command).into(),
                requests: tallies.iter().map(|(_, tally)| tally.requests).sum(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use netsocket_protocol::query::Query;
    use netsocket_settings::Supervisor;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::time::{sleep, timeout};
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::archive::{ArchiveOptions, Start};
    use crate::config::Config;
    use crate::security::credential_store::CredentialStore;
    use crate::service::counters::{Requests, command};
    use crate::session;
    use crate::tree::root::Root;

    /// Longer than anything takes here, however busy the machine is.
    const TEST_TIMEOUT: Duration = Duration::from_secs(60);

    fn of_server(service: &Service) -> FileserverFigures {
        figures(service).fileserver.unwrap()
    }

    #[tokio::test]
    async fn they_are_those_of_the_service() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("directory")).unwrap();
        std::fs::write(dir.path().join("directory/file"), "x").unwrap();
        let root = Root::open(dir.path()).unwrap();
        let config = Config::new(dir.path());
        let credential_store = CredentialStore::open(config.credentials.clone(), None).unwrap();
        let service = Service::new(
            root,
            &config,
            credential_store,
            CancellationToken::new(),
            Supervisor::default(),
        );
        let service = Arc::new(service.unwrap());
        let indexed = async {
            while of_server(&service).index_entries.is_none() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(TEST_TIMEOUT, indexed).await.unwrap();
        let before = FileserverFigures {
            // The root, a directory, a file.
            index_entries: Some(3),
            ..FileserverFigures::default()
        };
        assert_eq!(of_server(&service), before);

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (server, peer) = listener.accept().await.unwrap();
        client
            .write_all(
                b"1\
                00000000000000000000000000000011dirlist -a\n",
            )
            .await
            .unwrap();
        client.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let (served, read) = tokio::join!(
            timeout(TEST_TIMEOUT, session::serve(server.into(), peer, &service)),
            client.read_to_end(&mut answer),
        );
        served.unwrap();
        let dirlist = CommandRecord {
            name: "dirlist".into(),
            requests: 1,
        };
        let after = FileserverFigures {
            bytes_sent: read.unwrap() as u64,
            request_ms: of_server(&service).request_ms,
            commands: vec![dirlist],
            ..before
        };
        assert_eq!(of_server(&service), after);
        assert!(answer.ends_with(b"directory\n"));

        let planned = service
            .plan(Query::default(), ArchiveOptions::default())
            .await;
        assert_eq!(of_server(&service).archives, 0);
        let blocks = service.blocks(&Arc::clone(&planned.unwrap().plan), Start::default());
        assert_eq!(of_server(&service).archives, 1);
        drop(blocks);
    }

    #[test]
    fn results_of_one_command_are_one_figure_and_those_but_ok_are_errors() {
        let requests = Requests::default();
        for (told, result) in [
            ("find", OK),
            ("archive", "busy"),
            ("find", "gone"),
            ("archive", OK),
            ("find", "busy"),
            ("rm -rf", "bad_request"),
        ] {
            requests.count(command(told), result, 0, 0, 0.125);
        }
        let all = requests.all();
        assert_eq!((errors(&all), milliseconds(&all)), (4, 750));
        let commands = commands(&all);
        let commands: Vec<(&str, u64)> = commands
            .iter()
            .map(|command| (&*command.name, command.requests))
            .collect();
        assert_eq!(commands, [("archive", 2), ("find", 3), ("other", 1)]);
    }
}
