//! hyper alone: a server with one answer, a small file from memory with the headers that the file server sends.
//!
//! It opens, looks up, counts and logs nothing, so it shows what hyper and tokio take for themselves.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderValue,
    LAST_MODIFIED, X_CONTENT_TYPE_OPTIONS,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Response, body::Incoming};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;

use crate::failure::{Explain as _, Outcome};

/// The hidden subcommand of this program that is this server.
pub const SUBCOMMAND: &str = "hyper-alone";

static BODY: [u8; 1024] = [b'x'; 1024];

/// Serves until the process ends.
///
/// # Errors
/// Where it cannot listen.
pub fn run(listen: SocketAddr) -> Outcome {
    let runtime = runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .explain("the runtime")?;
    runtime.block_on(async {
        let listener = TcpListener::bind(listen).await.explain("the address")?;
        loop {
            let (stream, _) = listener.accept().await.explain("a client")?;
            stream.set_nodelay(true).explain("a client")?;
            tokio::spawn(serve(stream));
        }
    })
}

async fn serve(stream: TcpStream) {
    let answering =
        service_fn(|_: hyper::Request<Incoming>| async { Ok::<_, Infallible>(answer()) });
    let serving = http1::Builder::new().serve_connection(TokioIo::new(stream), answering);
    // However it ends, the client is gone.
    let _ = serving.await;
}

fn answer() -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(Bytes::from_static(&BODY)));
    for (name, value) in [
        (ETAG, "\"1024-1700000000.000000000\""),
        (LAST_MODIFIED, "Tue, 14 Nov 2023 22:13:20 GMT"),
        (CACHE_CONTROL, "no-cache"),
        (ACCEPT_RANGES, "bytes"),
        (CONTENT_TYPE, "text/plain; charset=utf-8"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CONTENT_SECURITY_POLICY, "sandbox"),
    ] {
        answer
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    answer
}
