//! A session with the service: one connection, opened by the first command, kept for the next, and made again where it
//! turns out to be closed.

pub(crate) mod listing;
pub(crate) mod parallel;
pub(crate) mod remote_path;
pub mod working_directories;

use netsocket_protocol::frame::Frame;
use netsocket_protocol::message::{ErrorKind, FileEntry, Hello, Message as _, Reply, Request};
use netsocket_protocol::name::Name;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::connection::address::{ServerAddress, Servers};
use crate::connection::dial::{Dialer, Service, Stream};
use crate::connection::framed::Connection;
use crate::outcome::answer::Answer;
use crate::outcome::error::Error;
use crate::output::listener::Listener;
use crate::transfer::destination::OutputOptions;
use crate::transfer::partial_file::{Kept, kept};
use crate::transfer::run::{Job, SharedListener, transfer};
use crate::transfer::target::Target;

/// The client's side of the service.
#[derive(Debug)]
pub struct Session {
    pub(crate) dialer: Dialer,
    /// Where the latest transfers go.
    pub(crate) targets: Vec<Target>,
}

impl Session {
    /// A session that connects when the first command needs it.
    #[must_use]
    pub fn new(service: Service) -> Self {
        Self {
            dialer: Dialer::new(service, 0),
            targets: Vec::new(),
        }
    }

    /// What it talks to, and how long it waits.
    #[must_use]
    pub fn service(&self) -> &Service {
        self.dialer.service()
    }

    /// Whom it talks to.
    #[must_use]
    pub fn servers(&self) -> &Servers {
        &self.dialer.service().servers
    }

    /// The address that was connected to last, or is tried first.
    #[must_use]
    pub fn server(&self) -> Option<&ServerAddress> {
        let first = self.dialer.first();
        let mut servers = self.servers().round_from(first);
        servers.next().map(|(_, server)| server)
    }

    /// The greeting of the server that is connected now, if one is.
    #[must_use]
    pub fn peer(&self) -> Option<&Hello> {
        self.dialer.peer()
    }

    /// What the latest transfers have left and is not whole: they go on from there next time.
    #[must_use]
    pub fn kept(&self) -> Vec<Kept> {
        let files = self.targets.iter().filter_map(|target| match target {
            Target::File { path, .. } => kept(path),
            _ => None,
        });
        files.filter(|kept| kept.bytes > 0).collect()
    }

    /// Asks the server. Dropped in the middle, it closes the connection, and leaves of a file that was to be written
    /// what has come of it.
    ///
    /// `options` is where an archive or a plain file goes; requests for lists do not look at it.
    ///
    /// # Errors
    /// Any [`Error`] but those of the text output.
    pub async fn perform(
        &mut self,
        request: &Request,
        options: &OutputOptions,
        listener: &mut impl Listener,
    ) -> Result<Answer, Error> {
        let performed = match request {
            Request::Archive { .. } => {
                let saved = self.transfer(request, options, listener).await;
                saved.map(|saved| Answer::Archive(Some(saved)))
            }
            Request::Get { .. } => {
                let saved = self.transfer(request, options, listener).await;
                saved.map(|saved| Answer::Saved(Some(saved)))
            }
            Request::Directories { .. } | Request::Find { .. } | Request::List { .. } => {
                self.answer(request, listener).await
            }
        };
        match performed {
            Err(Error::Server(reply)) if reply.kind == ErrorKind::NotFound => Ok(match request {
                Request::Directories { .. } => Answer::Names(Vec::new()),
                Request::Find { .. } | Request::List { .. } => Answer::File(None),
                Request::Archive { .. } => Answer::Archive(None),
                Request::Get { .. } => Answer::Saved(None),
            }),
            performed => performed,
        }
    }

    async fn transfer(
        &mut self,
        request: &Request,
        options: &OutputOptions,
        listener: &mut impl Listener,
    ) -> Result<crate::outcome::answer::Saved, Error> {
        self.targets.clear();
        let target = Target::of(options)?;
        self.targets.push(target.clone());
        let job = Job {
            request,
            target: &target,
            resume: options.resume,
            force: options.force,
            name: "",
        };
        transfer(&mut self.dialer, &job, &SharedListener::new(listener)).await
    }

    /// Asks for a list, to its first frame.
    pub(crate) async fn begin(
        &mut self,
        request: &Request,
        listener: &mut impl Listener,
    ) -> Result<(Connection<Stream>, Frame), Error> {
        self.targets.clear();
        let closed = |servers: &Servers| {
            listener.notice(&format!(
                "the connection was closed meanwhile, connecting to {servers} again"
            ));
        };
        self.dialer.ask(request, &|_| (), closed).await
    }

    async fn answer(
        &mut self,
        request: &Request,
        listener: &mut impl Listener,
    ) -> Result<Answer, Error> {
        let (mut connection, first) = self.begin(request, listener).await?;
        let answer = receive(&mut connection, request, first).await?;
        // After any failure nobody knows what is still on its way.
        self.dialer.keep(connection);
        Ok(answer)
    }
}

async fn receive(
    connection: &mut Connection<Stream>,
    request: &Request,
    first: Frame,
) -> Result<Answer, Error> {
    match request {
        Request::Find { .. } | Request::List { .. } => receive_files(connection, first)
            .await
            .map(|files| Answer::File(files.into_iter().next())),
        _ => receive_names(connection, first).await.map(Answer::Names),
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
