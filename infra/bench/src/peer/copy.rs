//! The relay that everyone writes first: tokio's threads, one task a connection, `copy_bidirectional`.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;

use crate::failure::{Explain as _, Outcome};

/// The hidden subcommand of this program that is this relay.
pub const SUBCOMMAND: &str = "copy-relay";

/// After an accept that failed, as it does when no file can be opened.
const PAUSE: Duration = Duration::from_millis(10);

/// Relays until the process ends.
///
/// # Errors
/// Where it cannot start.
pub fn run(listen: SocketAddr, backend: SocketAddr, threads: usize) -> Outcome {
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .explain("the copy relay")?;
    runtime.block_on(async {
        let listener = TcpListener::bind(listen)
            .await
            .explain(&listen.to_string())?;
        loop {
            match listener.accept().await {
                Ok((client, _)) => drop(tokio::spawn(relay(client, backend))),
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    })
}

/// One connection. Whatever ends it ends both sides; there is nobody to tell.
async fn relay(mut client: TcpStream, backend: SocketAddr) -> std::io::Result<(u64, u64)> {
    let mut backend = TcpStream::connect(backend).await?;
    client.set_nodelay(true)?;
    backend.set_nodelay(true)?;
    #[expect(
        clippy::disallowed_methods,
        reason = "this relay is here to show what that function costs"
    )]
    tokio::io::copy_bidirectional(&mut client, &mut backend).await
}
