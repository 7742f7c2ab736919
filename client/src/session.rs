//! A session with the service: one connection, opened by the first command, kept for the next, and made again where it
//! turns out to be closed.

use std::io;
use std::path::Path;

use netsocket_protocol::frame::{Frame, FrameType};
use netsocket_protocol::message::{
    ErrorKind, FileEntry, Message as _, MessageError, Plan, Reply, Request, Trailer,
};
use netsocket_protocol::name::Name;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::address::ServerAddress;
use crate::answer::{Answer, Saved};
use crate::archive::Verifier;
use crate::connection::{Connection, Timeouts};
use crate::error::{Error, reason};
use crate::progress::Progress;
use crate::sink::Sink;
use crate::target::Target;
use crate::tls::{Security, Stream};

/// What a session tells while it works.
pub trait Listener {
    /// A transfer begins: where its progress is shown.
    fn transfer(&mut self) -> Progress;
    /// Something that a person may want to know.
    fn notice(&mut self, text: &str);
}

/// The client's side of the service.
#[derive(Debug)]
pub struct Session {
    server: ServerAddress,
    timeouts: Timeouts,
    security: Security,
    kept: Option<Connection<Stream>>,
}

impl Session {
    /// A session that connects when the first command needs it.
    #[must_use]
    pub fn new(server: ServerAddress, timeouts: Timeouts, security: Security) -> Self {
        Self {
            server,
            timeouts,
            security,
            kept: None,
        }
    }

    /// Whom it talks to.
    #[must_use]
    pub fn server(&self) -> &ServerAddress {
        &self.server
    }

    /// Asks the server. Dropped in the middle, it closes the connection and leaves no temporary file.
    ///
    /// `target` is where an archive goes; the other requests do not look at it.
    ///
    /// # Errors
    /// Any [`Error`] but those of the text output.
    pub async fn perform(
        &mut self,
        request: &Request,
        target: &Target,
        listener: &mut impl Listener,
    ) -> Result<Answer, Error> {
        let progress = match request {
            Request::Archive { .. } => listener.transfer(),
            Request::Directories { .. } | Request::Find { .. } | Request::Get { .. } => {
                Progress::hidden()
            }
        };
        let (mut connection, first) = match self.ask(request, &progress, listener).await {
            Ok(answering) => answering,
            Err(Error::Server(reply)) if reply.kind == ErrorKind::NotFound => {
                return Ok(match request {
                    Request::Directories { .. } => Answer::Names(Vec::new()),
                    Request::Find { .. } => Answer::File(None),
                    Request::Archive { .. } | Request::Get { .. } => Answer::Archive(None),
                });
            }
            Err(error) => return Err(error),
        };
        let answer = match request {
            Request::Directories { .. } => receive_names(&mut connection, first)
                .await
                .map(Answer::Names),
            Request::Find { .. } => receive_files(&mut connection, first)
                .await
                .map(|files| Answer::File(files.into_iter().next())),
            Request::Archive { .. } => receive_archive(&mut connection, &first, target, &progress)
                .await
                .map(|saved| Answer::Archive(Some(saved))),
            Request::Get { .. } => Err(Error::Protocol(
                "no command of this client asks for a plain file".to_owned(),
            )),
        };
        // After any failure nobody knows what is still on its way.
        if answer.is_ok() {
            self.kept = Some(connection);
        }
        answer
    }

    /// Sends a request over the kept connection, or over a new one, and waits for the first frame of the answer.
    async fn ask(
        &mut self,
        request: &Request,
        progress: &Progress,
        listener: &mut impl Listener,
    ) -> Result<(Connection<Stream>, Frame), Error> {
        let on_bytes = |count| progress.bytes(count);
        if let Some(mut kept) = self.kept.take() {
            if kept.is_usable().await {
                match kept.ask(request, &on_bytes).await {
                    // Requests change nothing on the server, so asking twice does no harm.
                    Err(Error::Lost(_)) if !kept.is_answered() => {}
                    answer => return self.keep_if_refused(kept, answer),
                }
            }
            listener.notice(&format!(
                "the connection was closed meanwhile, connecting to {} again",
                self.server
            ));
        }
        let mut fresh = self.connect().await?;
        let answer = fresh.ask(request, &on_bytes).await;
        self.keep_if_refused(fresh, answer)
    }

    /// A server that refuses one request goes on with the next.
    fn keep_if_refused(
        &mut self,
        connection: Connection<Stream>,
        answer: Result<Frame, Error>,
    ) -> Result<(Connection<Stream>, Frame), Error> {
        match answer {
            Ok(frame) => Ok((connection, frame)),
            Err(error) => {
                if matches!(error, Error::Server(_)) {
                    self.kept = Some(connection);
                }
                Err(error)
            }
        }
    }

    async fn connect(&self) -> Result<Connection<Stream>, Error> {
        let failed = |reason: String| Error::Connect {
            server: self.server.clone(),
            reason,
        };
        let limit = self.timeouts.connect;
        let stream = timeout(
            limit,
            TcpStream::connect((self.server.host.as_str(), self.server.port)),
        )
        .await
        .map_err(|_| failed(format!("no answer within {limit:?}")))?
        .map_err(|error| match error.kind() {
            // Accepted and reset, before this side had seen that it was accepted.
            io::ErrorKind::ConnectionReset => Error::ClosedAtOnce(self.server.clone()),
            _ => failed(reason(&error)),
        })?;
        // Requests are small and wait for their answer. Without it they only get slower.
        let _ = stream.set_nodelay(true);
        let stream = self.security.secure(stream, &self.server, limit).await?;
        let token = self.security.token();
        Connection::open(stream, &self.server, self.timeouts, token).await
    }
}

async fn receive_names<S: AsyncRead + AsyncWrite + Unpin>(
    connection: &mut Connection<S>,
    first: Frame,
) -> Result<Vec<Name>, Error> {
    receive_list(connection, first, |reply| match reply {
        Reply::Directories { names, more } => Some((names, more)),
        Reply::Files { .. } => None,
    })
    .await
}

async fn receive_files<S: AsyncRead + AsyncWrite + Unpin>(
    connection: &mut Connection<S>,
    first: Frame,
) -> Result<Vec<FileEntry>, Error> {
    receive_list(connection, first, |reply| match reply {
        Reply::Files { files, more } => Some((files, more)),
        Reply::Directories { .. } => None,
    })
    .await
}

/// Puts the parts of a list together.
async fn receive_list<S: AsyncRead + AsyncWrite + Unpin, T>(
    connection: &mut Connection<S>,
    first: Frame,
    part_of: impl Fn(Reply) -> Option<(Vec<T>, bool)>,
) -> Result<Vec<T>, Error> {
    let (mut list, mut frame) = (Vec::new(), first);
    loop {
        let (part, more) = part_of(Reply::from_frame(&frame)?).ok_or_else(|| {
            Error::Protocol("a list of something else than was asked for".to_owned())
        })?;
        // Without this a server could keep a client busy for ever with nothing.
        if more && part.is_empty() {
            return Err(Error::Protocol(
                "an empty part of a list, and more".to_owned(),
            ));
        }
        list.extend(part);
        if !more {
            return Ok(list);
        }
        frame = connection.frame(&|_| ()).await?;
    }
}

/// Receives, verifies and saves an archive.
async fn receive_archive<S: AsyncRead + AsyncWrite + Unpin>(
    connection: &mut Connection<S>,
    first: &Frame,
    target: &Target,
    progress: &Progress,
) -> Result<Saved, Error> {
    let plan = Plan::from_frame(first)?;
    let mut verifier = Verifier::new(&plan)?;
    progress.planned(&plan);
    tracing::debug!(
        plan = plan.plan,
        files = plan.files,
        blocks = plan.blocks,
        "archive planned"
    );
    let mut sink = Sink::open(target).await?;
    let on_bytes = |count| progress.bytes(count);
    loop {
        let frame = connection.frame(&on_bytes).await?;
        match frame.kind {
            FrameType::Data => {
                sink.write(verifier.block(frame.payload)?).await?;
                progress.block();
            }
            FrameType::Trailer => {
                let trailer = Trailer::from_frame(&frame)?;
                verifier.finish(&trailer)?;
                sink.commit()?;
                return Ok(saved(target.name(), &plan, trailer));
            }
            got => {
                let expected = FrameType::Data;
                return Err(MessageError::Unexpected { expected, got }.into());
            }
        }
    }
}

fn saved(path: &Path, plan: &Plan, trailer: Trailer) -> Saved {
    Saved {
        path: path.to_owned(),
        files: plan.files,
        bytes: trailer.bytes,
        digest: trailer.digest,
        warnings: trailer.warnings,
        unlisted: trailer.unlisted,
    }
}
