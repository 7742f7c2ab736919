//! Receives a list in parts, so that a million entries need no memory.

use netsocket_protocol::frame::Frame;
use netsocket_protocol::message::{FileEntry, Message as _, Reply, Request};

use crate::connection::dial::Stream;
use crate::connection::framed::Connection;
use crate::outcome::error::Error;
use crate::output::listener::Listener;
use crate::session::Session;

/// The parts of one list. Dropping it before the end closes the connection.
#[derive(Debug)]
pub struct Listing<'a> {
    session: &'a mut Session,
    /// `None` after the last part.
    connection: Option<Connection<Stream>>,
    first: Option<Frame>,
}

impl Session {
    /// Requests a list: [`Request::Find`] or [`Request::List`].
    ///
    /// # Errors
    /// Any error of connecting, and [`Error::Server`] if the server refuses.
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
    /// Requests a list and collects all entries.
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
    /// The next part; `None` after the last one.
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
        let Reply::Files {
            files,
            more,
            lacking,
        } = Reply::from_frame(&frame)?
        else {
            return Err(Error::Protocol("the list has the wrong type".to_owned()));
        };
        // Otherwise a server could keep the client busy forever.
        if more && files.is_empty() {
            return Err(Error::Protocol(
                "an empty part in the middle of a list".to_owned(),
            ));
        }
        if more {
            self.connection = Some(connection);
        } else {
            self.session.lacking = lacking;
            self.session.dialer.keep(connection);
        }
        Ok(Some(files))
    }
}
