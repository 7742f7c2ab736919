//! A session with the service: a connection that the first command opens, later ones reuse, and that is opened again if
//! the server has closed it.
//!
//! Belongs here: requests and their answers, lists in parts, parallel downloads, and the working directories. Does not
//! belong here: opening a connection (`connection`), one download (`transfer`), and the steps of a command (`cmd`).

pub(crate) mod directories;
pub(crate) mod listing;
pub(crate) mod lists;
pub mod parallel;
pub(crate) mod remote_path;
pub mod working_directories;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use netsocket_protocol::frame::Frame;
use netsocket_protocol::message::{
    ErrorKind, FileEntry, Hello, Lacking, Message as _, Reply, Request,
};
use netsocket_protocol::name::Name;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::connection::address::{ServerAddress, Servers};
use crate::connection::dial::{Dialer, MAX_INITIAL_ATTEMPTS, Service, Stream};
use crate::connection::framed::Connection;
use crate::outcome::answer::Answer;
use crate::outcome::error::Error;
use crate::output::listener::Listener;
use crate::transfer::copy_mark::is_half_copy;
use crate::transfer::destination::OutputOptions;
use crate::transfer::extract::directory::ExtractOptions;
use crate::transfer::partial_file::{Kept, kept};
use crate::transfer::run::{Job, SharedListener, transfer};
use crate::transfer::target::Target;

/// A session with the service.
///
/// # Examples
///
/// ```
/// use clap::Parser as _;
/// use netsocket_client::command_line::args::Args;
/// use netsocket_client::config::settings;
/// use netsocket_client::config::user_directories::UserDirectories;
/// use netsocket_client::session::Session;
///
/// let args = Args::parse_from(["netsocket", "--server", "a.example:1,b.example:2"]);
/// let settings = settings::load(&args, &UserDirectories::default(), |_| None)?;
/// let session = Session::new(settings.service);
/// assert_eq!(session.servers().to_string(), "a.example:1,b.example:2");
/// assert!(session.peer().is_none(), "not connected yet");
/// # Ok::<(), netsocket_settings::Problems>(())
/// ```
#[derive(Debug)]
pub struct Session {
    pub(crate) dialer: Dialer,
    /// The targets of the latest transfers.
    pub(crate) targets: Vec<Target>,
    /// Whether the latest transfer has completed a file in a directory, where the same command goes on.
    goes_on: Arc<AtomicBool>,
    /// What the latest answer lacks because the server may not read it.
    pub(crate) lacking: Lacking,
}

impl Session {
    /// A session that connects on the first command.
    #[must_use]
    pub fn new(service: Service) -> Self {
        Self {
            dialer: Dialer::new(service, 0),
            targets: Vec::new(),
            goes_on: Arc::default(),
            lacking: Lacking::default(),
        }
    }

    /// The service and the time limits.
    #[must_use]
    pub fn service(&self) -> &Service {
        self.dialer.service()
    }

    /// The addresses of the service.
    #[must_use]
    pub fn servers(&self) -> &Servers {
        &self.dialer.service().servers
    }

    /// The address last connected to, or tried first.
    #[must_use]
    pub fn server(&self) -> Option<&ServerAddress> {
        let first = self.dialer.first();
        let mut servers = self.servers().round_from(first);
        servers.next().map(|(_, server)| server)
    }

    /// The greeting of the connected server, if any.
    #[must_use]
    pub fn peer(&self) -> Option<&Hello> {
        self.dialer.peer()
    }

    /// The partial files of the latest transfers, which can be resumed.
    #[must_use]
    pub fn kept(&self) -> Vec<Kept> {
        let files = self.targets.iter().filter_map(|target| match target {
            Target::File { path, .. } => kept(path),
            _ => None,
        });
        files.filter(|kept| kept.bytes > 0).collect()
    }

    /// Forgets what earlier commands left.
    pub(crate) fn begins_command(&mut self) {
        self.targets.clear();
    }

    /// The directories that the latest transfers left half unpacked, and with which the same commands go on.
    #[must_use]
    pub(crate) fn half_unpacked(&self) -> Vec<PathBuf> {
        let directories = self.targets.iter().filter_map(|target| match target {
            Target::Directory(path) => Some(path),
            _ => None,
        });
        let goes_on = self.goes_on.load(Ordering::Relaxed);
        let half = directories.filter(|path| goes_on || is_half_copy(path));
        half.cloned().collect()
    }

    /// Sends a request and receives its answer. Dropping the future closes the connection and keeps what was received of
    /// a file.
    ///
    /// `options` applies to archives and plain files; requests for lists ignore it.
    ///
    /// # Errors
    /// Any [`Error`] except those of text output.
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
            Err(Error::Server(reply)) if reply.kind == ErrorKind::NotFound => {
                self.lacking = reply.lacking;
                Ok(match request {
                    Request::Directories { .. } => Answer::Names(Vec::new()),
                    Request::Find { .. } | Request::List { .. } => Answer::File(None),
                    Request::Archive { .. } => Answer::Archive(None),
                    Request::Get { .. } => Answer::Saved(None),
                })
            }
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
        self.goes_on = Arc::default();
        self.lacking = Lacking::default();
        let target = Target::of(options)?;
        let has_complete = Arc::default();
        if !options.force {
            // Otherwise all would be replaced once more.
            self.goes_on = Arc::clone(&has_complete);
        }
        self.targets.push(target.clone());
        let job = Job {
            request,
            target: &target,
            resume: options.resume,
            extract: ExtractOptions {
                overwrites: options.force,
                preserves_permissions: options.preserve_permissions,
                strip: options.strip,
                has_complete,
            },
            attributes: options.attributes,
            name: "",
        };
        let listener = SharedListener::new(listener);
        let result = transfer(&mut self.dialer, &job, &listener).await;
        match result {
            // What is kept there is another program's.
            Err(Error::Taken(_))
            // The same would be in the way of the same command; all others are there.
            | Err(Error::Exists { .. }) => self.targets.clear(),
            Ok(_) => self.goes_on = Arc::default(),
            Err(_) => {}
        }
        result
    }

    /// Requests a list and waits for its first frame.
    pub(crate) async fn begin(
        &mut self,
        request: &Request,
        listener: &mut impl Listener,
    ) -> Result<(Connection<Stream>, Frame), Error> {
        self.targets.clear();
        self.lacking = Lacking::default();
        let notice = |text: &str| listener.notice(text);
        self.dialer
            .ask(request, &|_| (), MAX_INITIAL_ATTEMPTS, notice)
            .await
    }

    /// Connects, if that has not been done, so that the first command need not.
    ///
    /// # Errors
    /// Any error of connecting.
    pub(crate) async fn connect(&mut self) -> Result<(), Error> {
        let connection = self.dialer.connection(1, |_| ()).await?;
        self.dialer.keep(connection);
        Ok(())
    }

    async fn answer(
        &mut self,
        request: &Request,
        listener: &mut impl Listener,
    ) -> Result<Answer, Error> {
        let (mut connection, first) = self.begin(request, listener).await?;
        let (answer, lacking) = receive(&mut connection, request, first).await?;
        self.lacking = lacking;
        // After a failure, data may still be in flight, so the connection is dropped.
        self.dialer.keep(connection);
        Ok(answer)
    }
}

async fn receive(
    connection: &mut Connection<Stream>,
    request: &Request,
    first: Frame,
) -> Result<(Answer, Lacking), Error> {
    match request {
        Request::Find { .. } | Request::List { .. } => {
            let (files, lacking) = receive_files(connection, first).await?;
            Ok((Answer::File(files.into_iter().next()), lacking))
        }
        _ => {
            let names = receive_names(connection, first).await?;
            Ok((Answer::Names(names), Lacking::default()))
        }
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
) -> Result<(Vec<FileEntry>, Lacking), Error> {
    let mut lacks = Lacking::default();
    let files = receive_list(connection, first, |reply| match reply {
        Reply::Files {
            files,
            more,
            lacking,
        } => {
            lacks = lacking;
            Some((files, more))
        }
        Reply::Directories { .. } => None,
    })
    .await?;
    Ok((files, lacks))
}

/// Collects the parts of a list.
async fn receive_list<S: AsyncRead + AsyncWrite + Unpin, T>(
    connection: &mut Connection<S>,
    first: Frame,
    mut part_of: impl FnMut(Reply) -> Option<(Vec<T>, bool)>,
) -> Result<Vec<T>, Error> {
    let (mut list, mut frame) = (Vec::new(), first);
    loop {
        let (part, more) = part_of(Reply::from_frame(&frame)?)
            .ok_or_else(|| Error::Protocol("the list has the wrong type".to_owned()))?;
        // Otherwise a server could keep the client busy forever.
        if more && part.is_empty() {
            return Err(Error::Protocol(
                "an empty part in the middle of a list".to_owned(),
            ));
        }
        list.extend(part);
        if !more {
            return Ok(list);
        }
        frame = connection.frame(&|_| ()).await?;
    }
}
