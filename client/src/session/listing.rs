//! A list of files or entries on its way: part by part, so that a million of them need no memory here.

use netsocket_protocol::frame::Frame;
use netsocket_protocol::message::{FileEntry, Message as _, Reply, Request};

use crate::connection::dial::Stream;
use crate::connection::framed::Connection;
use crate::outcome::error::Error;
use crate::output::listener::Listener;
use crate::session::Session;

/// The parts of one list. Dropped before its end, it closes the connection.
#[derive(Debug)]
pub struct Listing<'a> {
    session: &'a mut Session,
    /// Away when the last part has come.
    connection: Option<Connection<Stream>>,
    first: Option<Frame>,
}

impl Session {
    /// Asks for a list: [`Request::Find`] or [`Request::List`].
    ///
    /// # Errors
    /// Any [`Error`] of the way to the server, and [`Error::Server`] where it refuses.
    pub async fn list(
        &mut self,
        request: &Request,
        listener: &mut impl Listener,
    ) -> Result<Listing<'_>, Error> {
        let (connection, first) = self.begin(request, listener).await?;
        Ok(Listing {
            session: self,
            connection: Some(connection),
            first: Some(first),
        })
    }
}

impl Session {
    /// All entries of a list, to its end.
    ///
    /// # Errors
    /// As [`Self::list`] and `Listing::next`.
    pub async fn entries(
        &mut self,
        request: &Request,
        listener: &mut impl Listener,
    ) -> Result<Vec<FileEntry>, Error> {
        let mut listing = self.list(request, listener).await?;
        let mut entries = Vec::new();
        while let Some(part) = listing.next().await? {
            entries.extend(part);
        }
        Ok(entries)
    }
}

impl Listing<'_> {
    /// The next part; `None` behind the last one.
    ///
    /// # Errors
    /// [`Error::Lost`], [`Error::Stalled`], [`Error::Protocol`], [`Error::Server`].
    pub async fn next(&mut self) -> Result<Option<Vec<FileEntry>>, Error> {
        let Some(mut connection) = self.connection.take() else {
            return Ok(None);
        };
        let frame = match self.first.take() {
            Some(first) => first,
            None => connection.frame(&|_| ()).await?,
        };
        let Reply::Files { files, more } = Reply::from_frame(&frame)? else {
            return Err(Error::Protocol(
                "a list of something else than was asked for".to_owned(),
            ));
        };
        // Without this a server could keep a client busy for ever with nothing.
        if more && files.is_empty() {
            return Err(Error::Protocol(
                "an empty part of a list, and more".to_owned(),
            ));
        }
        if more {
            self.connection = Some(connection);
        } else {
            self.session.dialer.keep(connection);
        }
        Ok(Some(files))
    }
}
