//! Several lists at once.
//!
//! Owns: that they are requested ahead of their answers, so that a far server costs one wait for all. Does not own: one list
//! in parts ([`crate::session::listing`]), and lists that lead to more lists ([`crate::session::directories`]).

use netsocket_protocol::message::{FileEntry, Lacking, Request};

use crate::connection::dial::MAX_INITIAL_ATTEMPTS;
use crate::outcome::error::Error;
use crate::output::listener::Listener;
use crate::session::directories::AHEAD;
use crate::session::{Session, receive_files};

impl Session {
    /// Requests lists, and returns the answer to each; one that the server refuses keeps no other.
    ///
    /// # Errors
    /// Those of connecting, and of a connection that is lost.
    pub(crate) async fn lists(
        &mut self,
        requests: &[Request],
        listener: &mut impl Listener,
    ) -> Result<Vec<Result<Vec<FileEntry>, Error>>, Error> {
        self.targets.clear();
        self.lacking = Lacking::default();
        let notice = |text: &str| listener.notice(text);
        let mut connection = self.dialer.connection(MAX_INITIAL_ATTEMPTS, notice).await?;
        let mut answers = Vec::with_capacity(requests.len());
        let mut unsent = requests.iter();
        let mut sent = 0;
        while answers.len() < requests.len() {
            let room = AHEAD - (sent - answers.len());
            for request in unsent.by_ref().take(room) {
                connection.send(request).await?;
                sent += 1;
            }
            let answer = match connection.frame(&|_| ()).await {
                Ok(first) => receive_files(&mut connection, first).await,
                Err(error) => Err(error),
            };
            answers.push(match answer {
                Ok((entries, lacking)) => {
                    self.lacking.warnings.extend(lacking.warnings);
                    self.lacking.unlisted += lacking.unlisted;
                    Ok(entries)
                }
                Err(refused @ Error::Server(_)) => Err(refused),
                Err(error) => return Err(error),
            });
        }
        self.dialer.keep(connection);
        Ok(answers)
    }
}
